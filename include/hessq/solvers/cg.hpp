#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <optional>

#pragma GCC visibility push(default)
namespace hessq {

struct CgOptions {
    double tolerance = 1e-10;    ///< on |b - A x| / |b|, at least 0
    Index max_iterations = 1000; ///< at least 1
    /// P^-1, symmetric positive definite, where P is close to A and easily inverted: the iterations then number about
    /// ln(2 / tolerance) / 2 times the root of the condition number of P^(-1/2) A P^(-1/2). None: the identity.
    std::optional<SymmetricOperator> preconditioner = std::nullopt;
};

enum class CgStatus {
    converged,
    iteration_limit,
    negative_curvature ///< a direction p with p'Ap <= n eps |p|^2 max |Ap| / |p|: negative, or zero to rounding
};

struct CgResult {
    Vector x; ///< the last iterate: the one with the least 1/2 x'Ax - b'x so far
    CgStatus status = CgStatus::iteration_limit;
    double residual = 0.0; ///< |b - A x|, measured with a product of its own
    Index iterations = 0;
    Index products = 0;        ///< with A; there are as many with P^-1, but one
    Vector negative_curvature; ///< that direction p, of length 1; empty unless the status says so
};

/// Solves A x = b for a positive definite A by conjugate gradients from x = 0. On a matrix that is not positive
/// definite it stops where it notices; x is then still a direction of descent of 1/2 x'Ax - b'x, or zero.
///
/// Convergence is decided on the measured residual b - A x, preconditioned or not: where the recursion has drifted away
/// from it, the iteration starts again from the truth.
///
/// Cost       One product an iteration and one for the residual; 6 n doubles.
/// Throws     std::invalid_argument if b or P^-1 does not fit, an option is out of range, r'P^-1 r <= 0 for a residual
///            r, or |p'A q - q'A p| > 1e-6 |A| |p| |q| for two directions in a row: A is not symmetric;
///            NumericalError if b, a product or x is not finite.
/// Source     Hestenes and Stiefel (1952), J. Res. Natl. Bur. Stand. 49(6), 409-436.
[[nodiscard]] CgResult conjugate_gradients(const SymmetricOperator& a, VectorView b, const CgOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
