#pragma once

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/solvers/cg.hpp"
#include "hessq/solvers/minres.hpp"

#include <optional>

#pragma GCC visibility push(default)
namespace hessq {

/// What the matrix A of A step = g is like. An eigenvalue is zero when it is at most n eps max_k |lambda_k|, where
/// lambda_k are the eigenvalues of H: below that rounding decides.
enum class NewtonStatus {
    ok,         ///< positive definite: the step is the minimiser of the quadratic model
    indefinite, ///< negative eigenvalues and no zero ones: the step heads for a saddle point
    singular    ///< zero eigenvalues, and perhaps negative ones: the step is the pseudo-inverse's
};

/// The solution of A step = g. The sign: a Newton iteration goes from w to w - step.
struct NewtonStep {
    Vector step;
    NewtonStatus status = NewtonStatus::ok;
    Index negative_eigenvalues = 0; ///< of H, below zero in the sense of NewtonStatus
    Index zero_eigenvalues = 0;     ///< of H
    double residual = 0.0;          ///< |A step - g|; for a singular A about the part of g that A cannot reach
    double damping = 0.0;
};

/// A = H. On a singular H the step is the shortest one that minimises |H step - g|: zero along the zero eigenvalues.
///
/// Cost       8 n^2 flops. So for all three.
/// Throws     std::invalid_argument if g does not fit H or damping < 0; NumericalError if g or an eigenvalue is not
///            finite. So for all three.
[[nodiscard]] NewtonStep newton_step(const SymmetricEigen& h, VectorView g);

/// A = H + damping I.
[[nodiscard]] NewtonStep damped_newton_step(const SymmetricEigen& h, VectorView g, double damping);

/// A = |H| + damping I: Newton's step sizes, and always downhill. Equal to damped_newton_step on a positive
/// semidefinite H.
///
/// Source     Dauphin et al. (2014), arXiv 1406.2572.
[[nodiscard]] NewtonStep saddle_free_newton_step(const SymmetricEigen& h, VectorView g, double damping = 0.0);

/// max(0, -lambda_min) + 1e-4 max_k |lambda_k|: the first term makes H + damping I positive semidefinite, the second
/// keeps its condition number at or below 2e4 + 1, so that flat directions move at most 2e4 times as far for the same
/// gradient as the steepest one. On a positive definite H it shortens the step along lambda by 1e-4 lambda_max /
/// lambda, to first order. Zero only for H = 0.
double default_damping(const SymmetricEigen& h);

/// The matrix that a Newton method divides by.
enum class NewtonMetric {
    shifted, ///< H + damping I with damping > -lambda_min
    absolute ///< |H| + damping I: saddle-free
};

/// The full step, of length one, whose damping lowers the loss most: what a perfect trust region would take. Tried
/// are max(0, -lambda_min) + 10^(-k/2) max |lambda| for k = 0, ..., 16 (absolute: without the first term), and no
/// damping at all where H is positive definite, so that on a quadratic with a minimum this is Newton's step. Of losses
/// equal to rounding the one with less damping is taken. Where H = 0 the step is 0.
///
/// A fixed small shift will not do as a reference on an indefinite H: the step then runs along the most negative
/// direction, where H + damping I is almost singular.
///
/// Cost       18 losses and 40 n^2 flops.
/// Throws     As damped_newton_step.
[[nodiscard]] NewtonStep best_damped_step(const Objective& objective, VectorView w, const SymmetricEigen& h,
                                          VectorView g, NewtonMetric metric);

struct NewtonCgOptions {
    double tolerance = 1e-10;    ///< on |A step - g| / |g|, at least 0
    Index max_iterations = 1000; ///< at least 1
    double damping = 0.0;        ///< at least 0
    /// P^-1 with P close to H + damping I: nystrom_preconditioner of the Gauss-Newton matrix, or an optimizer's.
    std::optional<SymmetricOperator> preconditioner = std::nullopt;
};

/// The step (H + damping I)^-1 g by conjugate gradients, from products alone: `x` is the step, to be subtracted. Where
/// H + damping I has negative curvature along a direction visited, the iteration ends and says so; `x` is the last step
/// before, along which the quadratic model still falls.
///
/// Cost       As conjugate_gradients.
/// Throws     std::invalid_argument if g does not fit or an option is out of range; NumericalError if g or a product
///            is not finite.
[[nodiscard]] CgResult newton_step_cg(const SymmetricOperator& h, VectorView g, const NewtonCgOptions& options = {});

struct NewtonMinresOptions {
    double tolerance = 1e-10;    ///< on |A step - g| / |g|, and on singularity: see minres; at least 0
    Index max_iterations = 1000; ///< at least 1
    double damping = 0.0;        ///< at least 0
    std::optional<SymmetricOperator> inverse_sqrt = std::nullopt; ///< P^(-1/2) for A = H + damping I: see minres
};

/// The step of an indefinite A = H + damping I by minres, from products alone: `x` solves A step = g where that has a
/// solution and is the pseudo-inverse's step where A is singular. Like every Newton step on an indefinite H it may head
/// for a saddle point; `negative_curvature` is a way down from there, if one was met.
///
/// Cost       As minres.
/// Throws     As newton_step_cg.
[[nodiscard]] MinresResult newton_step_minres(const SymmetricOperator& h, VectorView g,
                                              const NewtonMinresOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
