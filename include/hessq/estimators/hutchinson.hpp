#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/core/symmetric_operator.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

/// An estimate with an interval that contains the truth with a probability of `confidence`, rounding included. It need
/// not be symmetric about the value.
struct IntervalEstimate : Estimate {
    Interval interval;
    double confidence = 0.0;
};

struct HutchinsonOptions {
    Index samples = 64;     ///< random sign vectors, at least 2
    std::uint64_t seed = 0; ///< probe i depends on (seed, i) alone
    Index block = 16;       ///< probes multiplied at a time: memory, never the result beyond rounding
};

/// Estimates tr A as the mean of z' A z over m random sign vectors z.
///
/// Shapes     A is n x n, symmetric.
/// Cost       m products with A; 3 n block doubles.
/// Error bar  One sigma, from the spread of the m samples (divisor m - 1). The true variance is
///            2 sum_{i != j} A_ij^2 / m: zero for a diagonal A.
/// Throws     std::invalid_argument if samples < 2, block < 1 or the products show that A is not symmetric;
///            NumericalError if a product is not finite, with its number.
/// Source     Hutchinson (1990), Commun. Stat. Simul. Comput. 19(2), 433-450.
[[nodiscard]] Estimate hutchinson_trace(const SymmetricOperator& a, const HutchinsonOptions& options = {});

/// Estimates the diagonal of A, entry by entry, as the mean of z_i (A z)_i.
///
/// Cost       As hutchinson_trace.
/// Error bar  One sigma of each entry. The true variance of entry i is sum_{j != i} A_ij^2 / m.
/// Throws     As hutchinson_trace.
/// Source     Bekas, Kokiopoulou and Saad (2007), Appl. Numer. Math. 57, 1214-1229.
[[nodiscard]] VectorEstimate hutchinson_diagonal(const SymmetricOperator& a, const HutchinsonOptions& options = {});

/// Estimates the diagonal of A^2, whose entry i is sum_j A_ij^2, as the mean of (A z)_i^2: for sign vectors
/// E (A z)_i^2 = (A^2)_ii exactly. A must be one fixed matrix; for a mini-batch Hessian, whose square is biased, it is
/// the square of that batch's Hessian that is estimated.
///
/// Cost       As hutchinson_trace.
/// Error bar  One sigma of each entry. The true variance of entry i is 2 [(sum_j A_ij^2)^2 - sum_j A_ij^4] / m.
/// Throws     As hutchinson_trace.
[[nodiscard]] VectorEstimate hutchinson_squared_diagonal(const SymmetricOperator& a,
                                                         const HutchinsonOptions& options = {});

/// Estimates the diagonal of (A B + B A) / 2 as the mean of (A z)_i (B z)_i. With the Hessians A and B of two
/// independent halves of a sample it is unbiased for the squared diagonal (H^2)_ii of the expected Hessian H, which the
/// squared diagonal of one mini-batch Hessian exceeds by the variance sum_j Var(A_ij) of its row.
///
/// Cost       m products with each of A and B.
/// Error bar  One sigma of each entry over probes: A and B are fixed. The variance over batches comes on top.
/// Throws     As hutchinson_trace, and std::invalid_argument if the dimensions differ.
[[nodiscard]] VectorEstimate hutchinson_squared_diagonal(const SymmetricOperator& a, const SymmetricOperator& b,
                                                         const HutchinsonOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
