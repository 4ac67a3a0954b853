#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>
#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

/// The mean of independent samples with its standard error: their standard deviation (divisor m - 1) over sqrt(m).
///
/// Throws     std::invalid_argument for fewer than 2 samples.
[[nodiscard]] Estimate mean_estimate(VectorView samples);

/// y = intercept + slope x by ordinary least squares.
struct LineFit {
    double slope = 0.0;
    double intercept = 0.0;
    double slope_std_error = 0.0; ///< residual_sd / sqrt(sum (x - mean x)^2)
    double r_squared = 0.0;       ///< 1 - residual over total sum of squares; 0 when y is constant
    double residual_sd = 0.0;     ///< divisor points - 2
    Index points = 0;
};

/// Fits a line through the points (x_i, y_i).
///
/// Error bar  slope_std_error is one sigma for independent errors of equal variance in y and none in x.
/// Throws     std::invalid_argument for fewer than 3 points, unequal sizes, or x constant to rounding;
///            NumericalError if an entry is not finite.
[[nodiscard]] LineFit fit_line(VectorView x, VectorView y);

struct Interval {
    double lower = 0.0;
    double upper = 0.0;
};

/// The two-sided confidence interval slope +- t slope_std_error, t the Student quantile with points - 2 degrees of
/// freedom. It covers the true slope with exactly this probability when the errors are normal.
///
/// Throws     std::invalid_argument unless 0 < confidence < 1 and the fit has at least 3 points.
[[nodiscard]] Interval slope_interval(const LineFit& fit, double confidence);

/// value +- t std_error, t the Student quantile with samples - 1 degrees of freedom: exact for the mean of normal
/// samples, and the usual choice for a jackknife.
///
/// Throws     std::invalid_argument unless 0 < confidence < 1 and the estimate has at least 2 samples.
[[nodiscard]] Interval student_interval(const Estimate& estimate, double confidence);

/// An estimate that also knows by how much its value is off on average.
struct JackknifeEstimate : Estimate {
    double bias = 0.0; ///< subtract it, and what is left of the bias is of order 1 / samples^2
};

/// The error of f(mean of the replicates), from leaving out one replicate at a time. With blocks of a time series as
/// replicates this is the block jackknife: the blocks must be long against the time over which the series is
/// correlated.
///
/// Assumed    The replicates are independent with one law, and f is smooth at their mean: it is not for an extreme, a
///            median, or an eigenvalue that crosses another.
/// Shapes     Replicates are the columns, n x r; f takes their mean, n entries. `samples` is r.
/// Error bar  sqrt((r - 1) / r sum_i (f_i - mean f_i)^2), f_i from all replicates but the i-th: for f linear the usual
///            standard error of a mean; otherwise right to first order in 1 / r, and on average slightly too large.
/// Cost       r + 1 calls of f.
/// Throws     std::invalid_argument for fewer than 2 replicates; NumericalError if f is not finite for one of them.
/// Source     Efron and Stein (1981), Ann. Stat. 9(3), 586-596; Kuensch (1989), Ann. Stat. 17(3), 1217-1241, for
/// blocks.
[[nodiscard]] JackknifeEstimate jackknife(MatrixView replicates, const std::function<double(VectorView)>& f);

struct BootstrapOptions {
    double confidence = 0.95;
    Index resamples = 1000; ///< at least 20: too few blur the ends of the interval
    std::uint64_t seed = 0; ///< resample b is a pure function of (seed, b)
};

/// Efron's percentile interval for f(mean of the replicates): r replicates are drawn with replacement, f is evaluated
/// at their mean, and the interval holds the middle share `confidence` of the values.
///
/// Assumed    As jackknife; moreover that f is not much biased: one that cannot be negative, such as a distance, and is
///            near zero is better served by the jackknife, which knows its bias.
/// Shapes     Replicates are the columns, n x r.
/// Coverage   Of normal means P(|t| < z sqrt((r - 1) / r)), t with r - 1 degrees of freedom and z the normal quantile:
///            92.9 % for r = 20 and 95 % asked for. The deficit falls with 1 / r.
/// Cost       `resamples` calls of f, in parallel: f must be callable from several threads.
/// Throws     std::invalid_argument for fewer than 2 replicates or an option out of range; NumericalError if f is not
///            finite for a resample.
/// Source     Efron (1979), Ann. Stat. 7(1), 1-26.
[[nodiscard]] Interval bootstrap_interval(MatrixView replicates, const std::function<double(VectorView)>& f,
                                          const BootstrapOptions& options = {});

/// w_k ~ a s_k + b c_k with a, b >= 0: how much of a second moment w is signal s and how much is noise c.
struct TwoSourceFit {
    double a = 0.0;
    double b = 0.0;
    Vector signal_shares;      ///< phi_k = a s_k / (a s_k + b c_k); 0 where the fit is 0
    double residual_rms = 0.0; ///< root mean square of the relative errors (a s_k + b c_k) / w_k - 1
    double separation = 0.0;   ///< sine of the angle between the columns s_k / w_k and c_k / w_k
    bool identifiable = false; ///< separation >= 0.1: below it a relative error of 10 % in w moves a and b by 100 %
};

/// Minimises the relative errors sum_k ((a s_k + b c_k) / w_k - 1)^2 over a, b >= 0, exactly. With eigenpairs
/// (lambda_k, u_k) of the Hessian, w_k = u_k' E[gg'] u_k, s_k = lambda_k^2 and c_k = u_k' C u_k this is metric M2
/// of the theory. When s and c are proportional (C ~ H^2) only a mixture of a and b is known: see `identifiable`.
///
/// Shapes     w, s, c have one entry for each direction, at least 2.
/// Throws     std::invalid_argument for unequal sizes, fewer than 2 entries, w_k <= 0, s_k < 0, c_k < 0, or s and c
///            both zero; NumericalError if an entry is not finite.
[[nodiscard]] TwoSourceFit fit_two_sources(VectorView w, VectorView s, VectorView c);

} // namespace hessq
#pragma GCC visibility pop
