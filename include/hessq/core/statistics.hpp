#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"

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
