#include "hessq/core/statistics.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace hessq {
namespace {

constexpr std::uint64_t bootstrap_stream = 0x626f6f7473; // "boots"; resample b draws from the b-th stream behind it

/// Half the width of a two-sided interval, in standard errors.
double student_quantile(Index degrees_of_freedom, double confidence) {
    const boost::math::students_t student(static_cast<double>(degrees_of_freedom));
    return boost::math::quantile(boost::math::complement(student, 0.5 * (1.0 - confidence)));
}

/// The p-quantile of sorted values, linear between order statistics.
double quantile_of(const Vector& sorted, double p) {
    const double place = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<Index>(place);
    const Index above = std::min(below + 1, sorted.size() - 1);
    return sorted(below) + (place - static_cast<double>(below)) * (sorted(above) - sorted(below));
}

} // namespace

Estimate mean_estimate(VectorView samples) {
    const Index m = samples.size();
    require(m >= 2, "mean_estimate", "an error needs at least 2 samples", m);
    const double mean = samples.mean();
    const double variance = (samples.array() - mean).square().sum() / static_cast<double>(m - 1);
    return {.value = mean, .std_error = std::sqrt(variance / static_cast<double>(m)), .samples = m};
}

LineFit fit_line(VectorView x, VectorView y) {
    const Index n = x.size();
    require_size(y.size(), n, "fit_line", "y");
    require(n >= 3, "fit_line", "a line and its error need at least 3 points", n);
    require_finite(x, "fit_line: x");
    require_finite(y, "fit_line: y");

    const double x_mean = x.mean(), y_mean = y.mean();
    const Vector dx = x.array() - x_mean;
    const Vector dy = y.array() - y_mean;
    const double rounding = static_cast<double>(n) * std::numeric_limits<double>::epsilon();
    require(dx.cwiseAbs().maxCoeff() > rounding * x.cwiseAbs().maxCoeff(), "fit_line", "x must not be constant", x(0));

    const double sxx = dx.squaredNorm();
    LineFit fit;
    fit.points = n;
    fit.slope = dx.dot(dy) / sxx;
    fit.intercept = y_mean - fit.slope * x_mean;
    const double residual = (dy - fit.slope * dx).squaredNorm();
    fit.residual_sd = std::sqrt(residual / static_cast<double>(n - 2));
    fit.slope_std_error = fit.residual_sd / std::sqrt(sxx);
    if (dy.cwiseAbs().maxCoeff() > rounding * y.cwiseAbs().maxCoeff())
        fit.r_squared = 1.0 - residual / dy.squaredNorm();
    return fit;
}

Interval slope_interval(const LineFit& fit, double confidence) {
    require(confidence > 0.0 && confidence < 1.0, "slope_interval", "confidence must lie between 0 and 1", confidence);
    require(fit.points >= 3, "slope_interval", "the fit must have at least 3 points", fit.points);
    const double half = fit.slope_std_error * student_quantile(fit.points - 2, confidence);
    return {fit.slope - half, fit.slope + half};
}

Interval student_interval(const Estimate& estimate, double confidence) {
    require(confidence > 0.0 && confidence < 1.0, "student_interval", "confidence must lie between 0 and 1",
            confidence);
    require(estimate.samples >= 2, "student_interval", "the estimate must have at least 2 samples", estimate.samples);
    const double half = estimate.std_error * student_quantile(estimate.samples - 1, confidence);
    return {estimate.value - half, estimate.value + half};
}

JackknifeEstimate jackknife(MatrixView replicates, const std::function<double(VectorView)>& f) {
    const Index r = replicates.cols();
    require(r >= 2, "jackknife", "an error needs at least 2 replicates", r);
    const auto count = static_cast<double>(r);
    const Vector mean = replicates.rowwise().mean();
    JackknifeEstimate result;
    result.value = f(mean);
    result.samples = r;
    require_finite(result.value, "jackknife: f at the mean");
    Vector without(r);
    for (Index i = 0; i < r; ++i) {
        const Vector others = mean + (mean - replicates.col(i)) / (count - 1.0);
        without(i) = f(others);
    }
    require_finite(without, "jackknife: f without one replicate");
    const double center = without.mean();
    result.std_error = std::sqrt((count - 1.0) / count * (without.array() - center).square().sum());
    result.bias = (count - 1.0) * (center - result.value);
    return result;
}

Interval bootstrap_interval(MatrixView replicates, const std::function<double(VectorView)>& f,
                            const BootstrapOptions& options) {
    const Index r = replicates.cols();
    require(r >= 2, "bootstrap_interval", "an interval needs at least 2 replicates", r);
    require(options.confidence > 0.0 && options.confidence < 1.0, "bootstrap_interval",
            "confidence must lie between 0 and 1", options.confidence);
    require(options.resamples >= 20, "bootstrap_interval", "resamples must be at least 20", options.resamples);
    Vector values(options.resamples);
    parallel_for(options.resamples, [&](Index b) {
        const RandomStream stream(options.seed, bootstrap_stream + static_cast<std::uint64_t>(b));
        Vector mean = Vector::Zero(replicates.rows());
        for (Index i = 0; i < r; ++i) mean += replicates.col(stream.integer(static_cast<std::uint64_t>(i), r));
        mean /= static_cast<double>(r);
        values(b) = f(mean);
    });
    require_finite(values, "bootstrap_interval: f at a resample");
    std::sort(values.begin(), values.end());
    const double tail = 0.5 * (1.0 - options.confidence);
    return {quantile_of(values, tail), quantile_of(values, 1.0 - tail)};
}

TwoSourceFit fit_two_sources(VectorView w, VectorView s, VectorView c) {
    const Index n = w.size();
    require_size(s.size(), n, "fit_two_sources", "s");
    require_size(c.size(), n, "fit_two_sources", "c");
    require(n >= 2, "fit_two_sources", "two weights need at least 2 directions", n);
    require_finite(w, "fit_two_sources: w");
    require_finite(s, "fit_two_sources: s");
    require_finite(c, "fit_two_sources: c");
    require(w.minCoeff() > 0.0, "fit_two_sources", "every w_k must be positive", w.minCoeff());
    require(s.minCoeff() >= 0.0, "fit_two_sources", "no s_k may be negative", s.minCoeff());
    require(c.minCoeff() >= 0.0, "fit_two_sources", "no c_k may be negative", c.minCoeff());

    const Vector p = s.cwiseQuotient(w);
    const Vector q = c.cwiseQuotient(w);
    const double pp = p.squaredNorm(), qq = q.squaredNorm();
    require(pp > 0.0 || qq > 0.0, "fit_two_sources", "s and c must not both be zero", "zero");
    const auto misfit = [&](double a, double b) { return ((a * p + b * q).array() - 1.0).square().sum(); };

    // The objective is convex: its minimum is the free one if that is feasible, else the better of the two edges.
    TwoSourceFit fit;
    const double a_alone = pp > 0.0 ? p.sum() / pp : 0.0;
    const double b_alone = qq > 0.0 ? q.sum() / qq : 0.0;
    if (misfit(a_alone, 0.0) <= misfit(0.0, b_alone))
        fit.a = a_alone;
    else
        fit.b = b_alone;

    if (pp > 0.0 && qq > 0.0) {
        const double overlap = p.dot(q) / pp;
        const Vector across = q - overlap * p;
        fit.separation = std::min(1.0, across.norm() / std::sqrt(qq));
        if (fit.separation > static_cast<double>(n) * std::numeric_limits<double>::epsilon()) {
            const double b = across.sum() / across.squaredNorm();
            const double a = a_alone - overlap * b;
            if (a >= 0.0 && b >= 0.0) {
                fit.a = a;
                fit.b = b;
            }
        }
    }
    fit.identifiable = fit.separation >= 0.1;

    fit.signal_shares = Vector::Zero(n);
    for (Index k = 0; k < n; ++k) {
        const double signal = fit.a * s(k), total = signal + fit.b * c(k);
        if (total > 0.0) fit.signal_shares(k) = signal / total;
    }
    fit.residual_rms = std::sqrt(misfit(fit.a, fit.b) / static_cast<double>(n));
    return fit;
}

} // namespace hessq
