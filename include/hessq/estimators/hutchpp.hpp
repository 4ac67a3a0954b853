#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/estimators/hutchinson.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

struct HutchppOptions {
    Index products = 96; ///< a third each for the sketch, for A times its range, and for what is left; at least 24
    double confidence = 0.95;
    std::uint64_t seed = 0;
    Index block = 16; ///< vectors multiplied at a time, at least 2
};

/// tr A = tr Q'A Q + tr (I - P) A (I - P), P = Q Q' the projection onto a range of A Omega. The first term is exact,
/// the second Hutchinson's estimate with probes that the sketch has not seen: given the sketch they are independent.
///
/// Cost       `products`; 2 n k + 4 n block doubles and about 12 n k^2 flops for k = products / 3.
/// Error bar  As hutchinson_trace of what is left, but from the variances of the n numbers z_i ((I - P) A (I - P) z)_i,
///            with Student's t: the coverage is that of estimate_trace, whose method `hutchpp` this is.
/// Throws     As estimate_trace.
/// Source     Meyer, Musco, Musco and Woodruff (2021), Hutch++: optimal stochastic trace estimation, SOSA.
[[nodiscard]] IntervalEstimate hutchpp_trace(const SymmetricOperator& a, const HutchppOptions& options = {});

/// The diagonal of A the same way: diag(P A) is exact, z o (I - P) A z estimates the rest.
///
/// Error bar  One sigma of each entry, given the sketch; `student_interval` of an entry covers as it says (`samples`
///            counts the probes of the rest).
/// Throws     As hutchpp_trace.
/// Source     Baston and Nakatsukasa (2022), Stochastic diagonal estimation: probabilistic bounds and an improved
///            algorithm, arXiv 2201.10684.
[[nodiscard]] VectorEstimate diagpp(const SymmetricOperator& a, const HutchppOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
