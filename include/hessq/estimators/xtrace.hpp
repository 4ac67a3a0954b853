#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/estimators/hutchinson.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

/// The mean of estimates that leave out one probe each. value +- (t std_error + rounding) is the interval, t the
/// Student quantile with samples - 1 degrees of freedom: at least as wide as it must be.
struct LeaveOneOutEstimate : IntervalEstimate {
    /// The spread of the leave-one-out estimates over sqrt(samples), which is what others call the error of XTrace. It
    /// is too small, by up to a factor 2 (docs/estimators.md): std_error is the jackknife's.
    double spread = 0.0;
};

struct XTraceOptions {
    Index samples = 32; ///< probes, at least 3 (2 products each for XTrace, 1 for XNysTrace)
    /// Normal probes, and what is outside the range scaled to the length that it should have: less error on a spectrum
    /// with a step. Signs do not see the diagonal of what is left, normal probes do. XTrace only.
    bool resphered = false;
    double confidence = 0.95;
    std::uint64_t seed = 0;
    Index block = 16; ///< vectors multiplied at a time
};

/// Estimates tr A with each probe in two roles: all but one span a range Q_i of A in which the trace is exact, the one
/// left out measures the rest,
///   t_i = tr Q_i'A Q_i + omega_i'(I - Q_i Q_i') A (I - Q_i Q_i') omega_i.
/// Each t_i has mean tr A, and so has their mean. It beats Hutchinson's estimate when the eigenvalues decay within the
/// number of probes, and loses to it when they do not. Exact when the rank is below the number of probes.
///
/// Shapes     A is n x n, symmetric. With 2 m >= n the trace is computed exactly, by n products. Among the signs of
///            an n below about 10 two probes can be the same up to their sign, which leaves a range too small.
/// Cost       2 m products for m probes; 2 n m + 3 n block doubles; about 8 n m^2 flops.
/// Error bar  std_error is the jackknife's over probes. By the inequality of Efron and Stein its square is on average
///            at least the variance with one probe less, whatever A is; so the interval covers at least as often as it
///            says, and how much wider than need be it is grows with the decay of the spectrum.
/// Throws     std::invalid_argument if samples is out of range, block < 1, confidence is outside (0, 1) or the operator
///            is not symmetric; NumericalError if a product is not finite, with its number.
/// Source     Epperly, Tropp and Webber (2024), SIAM J. Matrix Anal. Appl. 45(1), 1-23; Efron and Stein (1981), Ann.
///            Stat. 9(3), 586-596.
[[nodiscard]] LeaveOneOutEstimate xtrace(const SymmetricOperator& a, const XTraceOptions& options = {});

/// The same for a positive semidefinite A, with the Nystrom approximation in place of the range: one product a probe.
/// With m >= n the trace is computed exactly.
///
/// Cost       m products; 4 n m doubles; about 6 n m^2 flops.
/// Throws     As xtrace, and std::invalid_argument if a product shows a negative eigenvalue.
/// Source     As xtrace; the shift is that of Tropp, Yurtsever, Udell and Cevher (2017), NeurIPS.
[[nodiscard]] LeaveOneOutEstimate xnystrace(const SymmetricOperator& a, const XTraceOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
