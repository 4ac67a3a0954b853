#pragma once

#include "hessq/preconditioners/preconditioner.hpp"

#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// What a Newton method divides the gradient by; top = max_k |lambda_k(H)|, d the relative damping.
enum class NewtonMethod {
    diagonal,   ///< diag(max(|H_ii|, d max_j |H_jj|))
    damped,     ///< H + (max(0, -lambda_min) + d top) I: Newton's method, made positive definite by a shift
    saddle_free ///< |H| + d top I
};

struct NewtonPreconditionerOptions {
    NewtonMethod method = NewtonMethod::saddle_free;
    double relative_damping = 1e-4; ///< d, in [0, 1]
};

/// One of these for a fixed H, "diagonal_newton", "damped_newton", "saddle_free_newton". For H = 0, or without damping
/// a zero diagonal, it is the identity. Without damping the matrix may be singular: along its zero eigenvalues, those
/// within n eps top, the inverses are 0.
///
/// Cost       One eigendecomposition unless diagonal; then 4 n^2 flops a product.
/// Throws     std::invalid_argument if H is empty or not square or the damping is out of range; NumericalError if an
///            entry is not finite.
/// Source     Dauphin et al. (2014), arXiv 1406.2572, for saddle_free.
std::unique_ptr<Preconditioner> newton_preconditioner(MatrixView hessian,
                                                      const NewtonPreconditionerOptions& options = {});

/// The same for the Hessian last observed.
///
/// Cost       That of the dense Hessian, too, for every step.
/// Throws     std::invalid_argument if dimension < 1 or the damping is out of range; asking for the matrix, before any
///            curvature was observed.
std::unique_ptr<Preconditioner> newton_preconditioner(Index dimension, const NewtonPreconditionerOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
