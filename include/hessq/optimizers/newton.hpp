#pragma once

#include "hessq/objectives/objective.hpp"
#include "hessq/preconditioners/newton.hpp"

#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

struct NewtonOptions {
    NewtonMethod method = NewtonMethod::saddle_free;
    Index iterations = 50;          ///< at least 0
    double relative_damping = 1e-4; ///< d, in (0, 1]. Near a minimum, smaller is faster: the error along lambda shrinks
                                    ///< by d top / (lambda + d top) an iteration
    double gradient_tolerance = 1e-8; ///< stops when |g| is at most this; at least 0
    Index halvings = 40;              ///< of the step length before giving up; at least 0
    /// Called with k and the loss before iteration k, and once more at the end.
    std::function<void(Index, double)> observer = {};
};

enum class NewtonOutcome {
    converged,       ///< |g| <= gradient_tolerance
    iteration_limit, ///< iterations made
    no_decrease      ///< no step length lowered the loss enough: rounding level, or a kink
};

/// Entry k of loss and gradient_norm belongs to the point before iteration k; the last to `parameters`.
struct NewtonRun {
    Vector parameters;
    Vector loss;
    Vector gradient_norm;
    Vector step_length; ///< 1 is the full step
    NewtonOutcome outcome = NewtonOutcome::iteration_limit;
};

/// Minimises by w <- w - a P^-1 g, P being newton_preconditioner at w, with full gradients and dense Hessians. The step
/// length a is halved from 1 until L(w - a p) <= L(w) - 1e-4 a g'p (Armijo); a trial whose loss is not finite counts as
/// too long.
///
/// A saddle point is left only if g has a part along a negative direction; at the saddle itself g is zero and the run
/// has converged.
///
/// Cost       One gradient, one dense Hessian and, unless diagonal, one eigendecomposition an iteration, and a loss
///            for every halving.
/// Throws     std::invalid_argument if start has the wrong size or an option is out of range; NumericalError if the
///            loss, gradient or Hessian at an accepted point is not finite.
/// Source     Armijo (1966), Pacific J. Math. 16(1), 1-3; Dauphin et al. (2014), arXiv 1406.2572, for saddle_free.
[[nodiscard]] NewtonRun minimize_newton(const Objective& objective, Vector start, const NewtonOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
