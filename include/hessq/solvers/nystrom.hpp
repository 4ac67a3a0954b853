#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

struct NystromOptions {
    Index rank = 50; ///< of the sketch, 1, ..., n
    std::uint64_t seed = 0;
};

/// A ~ U diag(values) U', from below: A minus it is positive semidefinite.
struct NystromApproximation {
    Matrix vectors; ///< U, n x rank, orthonormal
    Vector values;  ///< descending, at least 0
};

/// Nystrom's approximation (A W)(W'A W)^+ (A W)' of a positive semidefinite A with a random n x rank block W.
///
/// Cost       `rank` products in one block; 4 n rank^2 flops and 3 n rank doubles.
/// Throws     std::invalid_argument if rank lies outside 1, ..., n, or the products show that A is not symmetric to
///            1e-6 or has an eigenvalue below -1e-6 |A|; NumericalError if a product is not finite.
/// Source     Frangella, Tropp and Udell (2023), SIAM J. Matrix Anal. Appl. 44(2), 718-752, algorithm 2.1.
[[nodiscard]] NystromApproximation nystrom_approximation(const SymmetricOperator& a,
                                                         const NystromOptions& options = {});

/// P^-1 = (lambda_l + mu) U (Lambda + mu)^-1 U' + (I - U U') for systems with A + mu I, lambda_l being the smallest of
/// the approximation's eigenvalues. With nystrom_rank columns the expected condition number of
/// P^(-1/2) (A + mu I) P^(-1/2) is below 28, whatever A is.
///
/// Cost       4 n rank flops a vector; shares nothing with the approximation.
/// Throws     std::invalid_argument if damping (mu) <= 0.
[[nodiscard]] SymmetricOperator nystrom_preconditioner(const NystromApproximation& approximation, double damping);

/// P^(-1/2) of the same P, for minres. A matrix that is not semidefinite has no such approximation; take that of a
/// semidefinite one near |A|: for a Hessian, of the Gauss-Newton matrix.
///
/// Cost       As nystrom_preconditioner.
/// Throws     As nystrom_preconditioner.
[[nodiscard]] SymmetricOperator nystrom_inverse_sqrt(const NystromApproximation& approximation, double damping);

/// d = tr A (A + mu I)^-1, the number of eigenvalues above about mu, for eigenvalues that are known or approximated (a
/// sketch misses those beyond its rank: this is then a lower bound).
///
/// Throws     std::invalid_argument if damping <= 0 or an eigenvalue is negative.
double effective_dimension(VectorView eigenvalues, double damping);

/// 2 ceil(1.5 d) + 1, not more than the dimension: the sketch that the bound 28 is for.
///
/// Throws     std::invalid_argument if effective_dimension < 0.
Index nystrom_rank(double effective_dimension, Index dimension);

} // namespace hessq
#pragma GCC visibility pop
