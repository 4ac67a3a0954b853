#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/estimators/xtrace.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// Entry by entry, the mean of estimates that leave out one probe each.
struct LeaveOneOutVector {
    Vector value;
    /// The spread of the leave-one-out estimates over sqrt(samples). It is no standard error: the estimates share their
    /// ranges, and it is too small by a factor that nobody knows.
    Vector spread;
    Index samples = 0;
    Index products = 0;
};

/// The same with an error.
struct JackknifeVector : VectorEstimate {
    Vector spread; ///< as above; std_error is the jackknife's
};

/// Estimates the diagonal of A as xtrace estimates its trace: with probe i left out of the range Q_i,
///   diag(Q_i Q_i'A) + omega_i o (I - Q_i Q_i') A omega_i.
/// With 2 m >= n it is computed exactly, by n products, as by the functions below where their probes cost n.
///
/// Cost       2 m products for m probes; about 6 n m doubles and 20 n m^2 flops.
/// Error bar  std_error is the jackknife's, as in xtrace: on average at least the standard deviation. `resphered` is
///            ignored.
/// Throws     As xtrace.
/// Source     Epperly, Tropp and Webber (2024), section 2.4; as xtrace.
[[nodiscard]] JackknifeVector xdiag(const SymmetricOperator& a, const XTraceOptions& options = {});

/// The same for a positive semidefinite A from the Nystrom approximation, for one product a probe. The sum of the
/// entries is the value of xnystrace.
///
/// Error bar  None that covers: `spread` is what the leave-one-out estimates show.
/// Throws     As xnystrace.
/// Source     Epperly (2025), arXiv 2512.15929; as xnystrace.
[[nodiscard]] LeaveOneOutVector xnysdiag(const SymmetricOperator& a, const XTraceOptions& options = {});

/// Estimates the squared norms of the rows, (A^2)_kk = sum_j A_kj^2, with each probe left out of the range once:
///   |(A Q_i)_k|^2 + (A (I - Q_i Q_i') omega_i)_k^2.
///
/// Cost       As xdiag.
/// Error bar  As xnysdiag.
/// Throws     As xtrace.
/// Source     As xnysdiag.
[[nodiscard]] LeaveOneOutVector xrownorms_squared(const SymmetricOperator& a, const XTraceOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
