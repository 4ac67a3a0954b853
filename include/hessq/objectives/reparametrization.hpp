#pragma once

#include "hessq/objectives/objective.hpp"

#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// The same loss in other coordinates: phi -> L(d o phi), theta = d o phi. An optimizer that runs on it moves phi, and
/// through it theta; with one factor lambda_l for all of a layer this is the reparametrization by which layers get
/// learning rates of their own. gradient = d o g, Hessian = D H D, per-sample gradients and Gauss-Newton likewise; the
/// layout stays. A penalty is one on theta, as it is in the loss. A ModelObjective stays one.
///
/// Factors that are powers of two change no digit of any of these.
///
/// Cost       As the objective's, and n products of numbers.
/// Throws     std::invalid_argument if there is no objective, d does not fit it, or an entry is 0 or not finite.
std::shared_ptr<const FiniteSumObjective> reparametrize(std::shared_ptr<const FiniteSumObjective> objective, Vector d);

/// phi -> L(A phi) for a square A that can be inverted: gradient A'g, Hessian A'HA. The groups lose their meaning, so
/// the layout is one group "phi".
///
/// Cost       As the objective's, and n^2 flops a vector.
/// Throws     std::invalid_argument if there is no objective or A is not n x n; NumericalError if A is singular to
///            rounding or not finite.
std::shared_ptr<const FiniteSumObjective> reparametrize_linear(std::shared_ptr<const FiniteSumObjective> objective,
                                                               Matrix a);

} // namespace hessq
#pragma GCC visibility pop
