#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <optional>

#pragma GCC visibility push(default)
namespace hessq {

struct MinresOptions {
    double tolerance = 1e-10;    ///< on |b - A x| / |b|, and on |A r| / (|A| |r|) for a singular A; at least 0
    Index max_iterations = 1000; ///< at least 1
    /// P^(-1/2), symmetric positive definite, where P is close to |A|: the iterations depend on the spectrum of
    /// P^(-1/2) A P^(-1/2) then, and each costs two products with it. None: the identity.
    std::optional<SymmetricOperator> inverse_sqrt = std::nullopt;
};

enum class MinresStatus {
    converged,
    /// |A r| has fallen to max(tolerance, n eps) |A| |r|, or below sqrt(eps) |A| |r| and no further, while |r| stays:
    /// b is not within A's reach, and no x does better.
    inconsistent,
    iteration_limit ///< or rounding, where a restart no longer halves the residual
};

struct MinresResult {
    Vector x; ///< least |b - A x| of all x in the Krylov space so far
    MinresStatus status = MinresStatus::iteration_limit;
    double residual = 0.0;        ///< |r| with r = b - A x, measured with a product of its own
    double normal_residual = 0.0; ///< |A r|, so measured: zero where x minimizes |b - A x|
    Index iterations = 0;
    Index products = 0;
    /// The first residual p with p'Ap < 0, of length 1 and checked with a product of its own; empty if none was met.
    Vector negative_curvature;
};

/// Solves A x = b for a symmetric A, definite or not, from x = 0: the residual falls from step to step. Where A is
/// singular, the x of least length with the least residual is returned, the pseudo-inverse's solution, and the status
/// says whether that residual is zero. An eigenvalue below the tolerance relative to |A|, as the iteration estimates
/// it, counts as zero.
///
/// With P^(-1/2) it is this iteration on P^(-1/2) A P^(-1/2) y = P^(-1/2) b, with x = P^(-1/2) y: what falls from step
/// to step is the norm of P^(-1/2) r, and of a singular A without a solution, x has the least of these, and the least
/// norm of P^(1/2) x. The tolerance and the results are those of r = b - A x as before.
///
/// Convergence is decided on the measured residual: where the recursion has drifted away from it, the iteration starts
/// again from the truth.
///
/// Cost       One product an iteration and three at the end; 10 n doubles.
/// Throws     std::invalid_argument if b or P^(-1/2) does not fit, an option is out of range, or |v'A w - w'A v| >
///            1e-6 |A| for two Lanczos vectors in a row: A (or P^(-1/2)) is not symmetric; NumericalError if b, a
///            product or x is not finite.
/// Source     Paige and Saunders (1975), SIAM J. Numer. Anal. 12(4), 617-629; Liu and Roosta (2022), SIAM J. Optim.
///            32(4), 2636-2661, for the sign of p'Ap; Liu, Milzarek and Roosta (2023), arXiv 2309.17096, for the least
///            length.
[[nodiscard]] MinresResult minres(const SymmetricOperator& a, VectorView b, const MinresOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
