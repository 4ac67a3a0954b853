#include "hessq/theory/batch_size.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/statistics.hpp"
#include "step_problem.hpp"

#include <algorithm>
#include <boost/math/special_functions/owens_t.hpp>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

namespace hessq {
namespace {

double kappa_1(double beta1) { return (1.0 - beta1) / (1.0 + beta1); }

/// (1 + noise_batch / B)^(-1/2).
double attenuation_at(double noise_batch, double batch) { return 1.0 / std::sqrt(1.0 + noise_batch / batch); }

void require_runs(VectorView steps, VectorView samples, const char* function) {
    require(steps.size() >= 3, function, "a hyperbola needs at least 3 runs", steps.size());
    require_size(samples.size(), steps.size(), function, "samples");
    require_finite(steps, std::string(function) + ": steps");
    require_finite(samples, std::string(function) + ": samples");
    require_positive(steps.minCoeff(), function, "the least number of steps");
    require_positive(samples.minCoeff(), function, "the least number of samples");
}

void require_range(const BatchRange& range, const char* function) {
    require_positive(range.least, function, "least");
    require(range.largest > range.least && range.largest < infinity, function, "largest must be finite and above least",
            range.largest);
    require(range.points >= 3, function, "points must be at least 3", range.points);
}

/// The points of the grid, in ln B.
std::vector<double> log_grid(const BatchRange& range) {
    const double first = std::log(range.least);
    const double step = (std::log(range.largest) - first) / static_cast<double>(range.points - 1);
    std::vector<double> grid;
    for (Index k = 0; k < range.points; ++k) grid.push_back(first + step * static_cast<double>(k));
    return grid;
}

double finite_value(const BatchCurve& curve, double batch, const char* function) {
    const double value = curve(batch);
    require_finite(value, std::string(function) + ": the curve");
    return value;
}

/// Argument and value of the largest f inside [a, b]; 26 bits are as much of a maximum as a double knows.
template <class F>
std::pair<double, double> maximum(const F& f, double a, double b) {
    const auto least = boost::math::tools::brent_find_minima([&](double x) { return -f(x); }, a, b, 26);
    return {least.first, -least.second};
}

double sign_excess(const StepProblem& problem) {
    const Vector s = problem.gradient.unaryExpr([](double g) { return sign_of(g); });
    return s.dot(problem.hessian * s);
}

} // namespace

double scaled_rate(ScalingRule rule, double rate, double factor) {
    require_positive(rate, "scaled_rate", "rate");
    require_positive(factor, "scaled_rate", "factor");
    return rate * (rule == ScalingRule::linear ? factor : std::sqrt(factor));
}

AdamSettings malladi_rule(const AdamSettings& settings, double factor) {
    const char* function = "malladi_rule";
    require_positive(settings.rate, function, "rate");
    require_share(settings.beta1, function, "beta1");
    require_share(settings.beta2, function, "beta2");
    require_not_negative(settings.eps, function, "eps");
    require_positive(factor, function, "factor");
    const double memory = std::max(1.0 - settings.beta1, 1.0 - settings.beta2);
    require(factor * memory <= 1.0, function, "factor (1 - beta) must be at most 1", factor * memory);
    return {.rate = scaled_rate(ScalingRule::square_root, settings.rate, factor),
            .beta1 = 1.0 - factor * (1.0 - settings.beta1),
            .beta2 = 1.0 - factor * (1.0 - settings.beta2),
            .eps = settings.eps / std::sqrt(factor)};
}

BestStep best_step(VectorView gradient, MatrixView hessian, VectorView mean, MatrixView second_moment) {
    const char* function = "best_step";
    const Index n = gradient.size();
    require_finite(gradient, "best_step: gradient");
    require_symmetric(hessian, n, function, "hessian");
    require_size(mean.size(), n, function, "mean");
    require_finite(mean, "best_step: mean");
    require_symmetric(second_moment, n, function, "second_moment");
    return best_step_of(mean.dot(gradient), second_moment.cwiseProduct(hessian).sum());
}

BestStep best_uncorrelated_step(VectorView gradient, MatrixView hessian, VectorView mean, VectorView variance) {
    const char* function = "best_uncorrelated_step";
    const Index n = gradient.size();
    require_finite(gradient, "best_uncorrelated_step: gradient");
    require_symmetric(hessian, n, function, "hessian");
    require_size(mean.size(), n, function, "mean");
    require_finite(mean, "best_uncorrelated_step: mean");
    require_size(variance.size(), n, function, "variance");
    for (Index i = 0; i < n; ++i) require_not_negative(variance(i), function, "variance");
    const Vector curved = hessian * mean;
    return best_step_of(mean.dot(gradient), mean.dot(curved) + hessian.diagonal().dot(variance));
}

NoiseScales noise_scales(VectorView gradient, MatrixView hessian, MatrixView noise) {
    const char* function = "noise_scales";
    require_finite(gradient, "noise_scales: gradient");
    require_symmetric(hessian, gradient.size(), function, "hessian");
    require_symmetric(noise, gradient.size(), function, "noise");
    const double square = gradient.squaredNorm();
    require(square > 0.0, function, "gradient must not be zero; its norm", square);
    const Vector curved = hessian * gradient;
    const double curvature = gradient.dot(curved);
    const BestStep noiseless = best_step_of(square, curvature);
    const bool bounded = noiseless.status == StepStatus::bounded;
    return {.rate_max = noiseless.rate,
            .decrease_max = noiseless.decrease,
            .noise_batch =
                bounded ? hessian.cwiseProduct(noise).sum() / curvature : std::numeric_limits<double>::quiet_NaN(),
            .simple_batch = noise.trace() / square,
            .status = noiseless.status};
}

BestStep sgd_best_step(const NoiseScales& scales, double batch) {
    require_any_batch(batch, "sgd_best_step");
    // For an indefinite H the noise can make the curvature negative.
    const double share = 1.0 + scales.noise_batch / batch;
    if (scales.status == StepStatus::unbounded || !(share > 0.0)) return best_step_of(1.0, 0.0);
    return {.rate = scales.rate_max / share, .decrease = scales.decrease_max / share};
}

double momentum_batch(double batch, double beta1) {
    require_any_batch(batch, "momentum_batch");
    require_share(beta1, "momentum_batch", "beta1");
    return batch / kappa_1(beta1);
}

HyperbolaFit fit_inverse_hyperbola(VectorView steps, VectorView samples) {
    require_runs(steps, samples, "fit_inverse_hyperbola");
    const LineFit line = fit_line(samples.cwiseInverse(), steps.cwiseInverse());
    if (!(line.intercept > 0.0)) throw NumericalError("fit_inverse_hyperbola: the line has no positive intercept");
    const double steps_min = 1.0 / line.intercept, critical_batch = -line.slope;
    return {.steps_min = steps_min,
            .samples_min = critical_batch * steps_min,
            .critical_batch = critical_batch,
            .r_squared = line.r_squared};
}

HyperbolaFit fit_log_hyperbola(VectorView steps, VectorView samples) {
    require_runs(steps, samples, "fit_log_hyperbola");
    const Vector log_steps = steps.array().log();
    const Vector batches = samples.cwiseQuotient(steps);
    const double total = (log_steps.array() - log_steps.mean()).square().sum();
    // ln S - ln(1 + b / B) has the mean ln S_min, and its scatter about it is the residual.
    const auto rest = [&](double log_b) -> Vector {
        return log_steps.array() - (std::exp(log_b) / batches.array()).log1p();
    };
    const auto residual = [&](double log_b) {
        const Vector r = rest(log_b);
        return (r.array() - r.mean()).square().sum();
    };
    // Far below the least and above the largest batch the curve is constant or a straight line: nothing more to find.
    const double from = std::log(batches.minCoeff()) - 12.0, to = std::log(batches.maxCoeff()) + 12.0;
    constexpr Index cells = 200;
    double best = from;
    for (Index k = 0; k <= cells; ++k) {
        const double x = from + (to - from) * static_cast<double>(k) / static_cast<double>(cells);
        if (residual(x) < residual(best)) best = x;
    }
    const double cell = (to - from) / static_cast<double>(cells);
    best = maximum([&](double x) { return -residual(x); }, best - cell, best + cell).first;
    const double steps_min = std::exp(rest(best).mean()), critical_batch = std::exp(best);
    return {.steps_min = steps_min,
            .samples_min = critical_batch * steps_min,
            .critical_batch = critical_batch,
            .r_squared = total > 0.0 ? 1.0 - residual(best) / total : 0.0};
}

Vector sign_means(VectorView gradient, VectorView noise_sd, double batch) {
    require_noisy_gradient(gradient, noise_sd, "sign_means");
    require_any_batch(batch, "sign_means");
    return gradient.binaryExpr(noise_sd, [&](double g, double sigma) {
        if (sigma == 0.0 || batch == infinity) return sign_of(g);
        return std::erf(g / sigma * std::sqrt(0.5 * batch));
    });
}

BestStep sign_best_step(const StepProblem& problem, double batch) {
    require_problem(problem, "sign_best_step");
    require_any_batch(batch, "sign_best_step");
    const Vector mean = sign_means(problem.gradient, problem.noise_sd, batch);
    const Vector variance = problem.noise_sd.binaryExpr(
        mean, [&](double sigma, double m) { return sigma == 0.0 || batch == infinity ? 0.0 : (1.0 - m) * (1.0 + m); });
    return best_uncorrelated_step(problem.gradient, problem.hessian, mean, variance);
}

double bivariate_normal_cdf(double h, double k, double r) {
    const double product = sign_product_mean(h, k, r);
    // 4 Phi2 = E sign sign + 2 Phi(h) + 2 Phi(k) - 1, which cannot be negative.
    return std::max(0.0, 0.25 * (product + 2.0 * normal_cdf(h) + 2.0 * normal_cdf(k) - 1.0));
}

double sign_product_mean(double h, double k, double r) {
    require_finite(h, "sign_product_mean: h");
    require_finite(k, "sign_product_mean: k");
    require(r >= -1.0 && r <= 1.0, "sign_product_mean", "r must be in [-1, 1]", r);
    const double root = std::sqrt((1.0 - r) * (1.0 + r));
    if (root == 0.0) {
        // y = r x: the signs differ where x lies between the two thresholds.
        const double between = std::abs(normal_cdf(h) - normal_cdf(r * k));
        return r * (1.0 - 2.0 * between);
    }
    if (h == 0.0 && k == 0.0) return 2.0 / std::numbers::pi * std::asin(r);
    using boost::math::owens_t;
    if (h == 0.0) return 4.0 * owens_t(k, r / root);
    if (k == 0.0) return 4.0 * owens_t(h, r / root);
    const double opposite = (h > 0.0) == (k > 0.0) ? 0.0 : 2.0;
    return 1.0 - 4.0 * owens_t(h, (k / h - r) / root) - 4.0 * owens_t(k, (h / k - r) / root) - opposite;
}

Matrix sign_second_moment(VectorView gradient, MatrixView noise, double batch) {
    const char* function = "sign_second_moment";
    const Index n = gradient.size();
    require_finite(gradient, "sign_second_moment: gradient");
    require_symmetric(noise, n, function, "noise");
    require_positive(batch, function, "batch");
    for (Index i = 0; i < n; ++i) require_not_negative(noise(i, i), function, "the variance of a coordinate");
    const Vector sd = noise.diagonal().cwiseSqrt();
    const Vector mean = sign_means(gradient, sd, batch);
    const double root = std::sqrt(batch);
    Matrix moment(n, n);
    parallel_for(n, [&](Index j) {
        moment(j, j) = sd(j) > 0.0 ? 1.0 : mean(j) * mean(j);
        for (Index i = j + 1; i < n; ++i) {
            const double scale = sd(i) * sd(j);
            if (scale == 0.0) { // one of the two signs is known
                moment(i, j) = mean(i) * mean(j);
                continue;
            }
            const double r = noise(i, j) / scale, rounding = 8.0 * std::numeric_limits<double>::epsilon();
            require(std::abs(r) <= 1.0 + rounding, function, "a correlation must be in [-1, 1]", r);
            moment(i, j) =
                sign_product_mean(gradient(i) / sd(i) * root, gradient(j) / sd(j) * root, std::clamp(r, -1.0, 1.0));
        }
    });
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < j; ++i) moment(i, j) = moment(j, i);
    return moment;
}

BestStep correlated_sign_best_step(VectorView gradient, MatrixView hessian, MatrixView noise, double batch) {
    const Matrix moment = sign_second_moment(gradient, noise, batch);
    return best_step(gradient, hessian, sign_means(gradient, noise.diagonal().cwiseSqrt(), batch), moment);
}

Vector attenuated_means(VectorView gradient, VectorView noise_sd, double batch, Attenuation attenuation) {
    require_noisy_gradient(gradient, noise_sd, "attenuated_means");
    require_any_batch(batch, "attenuated_means");
    const double noise = std::sqrt(attenuation_constant(attenuation) / batch);
    return gradient.binaryExpr(noise_sd, [&](double g, double sigma) {
        if (g == 0.0) return 0.0;
        return g / std::hypot(g, noise * sigma);
    });
}

BestStep attenuated_sign_best_step(const StepProblem& problem, double batch, Attenuation attenuation) {
    require_problem(problem, "attenuated_sign_best_step");
    require_any_batch(batch, "attenuated_sign_best_step");
    for (Index i = 0; i < problem.gradient.size(); ++i)
        require(problem.gradient(i) != 0.0 || problem.noise_sd(i) > 0.0, "attenuated_sign_best_step",
                "a coordinate must have a gradient or noise; index of one that has neither", i);
    const Vector mean = attenuated_means(problem.gradient, problem.noise_sd, batch, attenuation);
    return best_uncorrelated_step(problem.gradient, problem.hessian, mean, (1.0 - mean.array()) * (1.0 + mean.array()));
}

double noise_ratio(VectorView gradient, VectorView noise_sd, NoiseRatio convention, double eps) {
    require_noisy_gradient(gradient, noise_sd, "noise_ratio");
    require_not_negative(eps, "noise_ratio", "eps");
    const Vector signal = gradient.array().square() + eps * eps;
    const Vector noise = noise_sd.array().square();
    const auto ratio = [](double top, double bottom) { return top == 0.0 ? 0.0 : top / bottom; };
    if (convention == NoiseRatio::ratio_of_sums) return ratio(noise.sum(), signal.sum());
    return noise.binaryExpr(signal, ratio).mean();
}

BestStep attenuated_step(const AttenuatedCurve& curve, double batch) {
    require_not_negative(curve.noise_batch, "attenuated_step", "noise_batch");
    require_any_batch(batch, "attenuated_step");
    const double beta = attenuation_at(curve.noise_batch, batch);
    return best_step_of(beta * curve.slope, curve.flat + beta * beta * curve.excess);
}

RatePeak surge(const AttenuatedCurve& curve) {
    require_positive(curve.noise_batch, "surge", "noise_batch");
    if (!(curve.flat > 0.0) || !(curve.excess > curve.flat)) return {};
    const double rate = 0.5 * curve.slope / std::sqrt(curve.flat * curve.excess);
    return {.exists = true,
            .batch = curve.noise_batch * curve.flat / (curve.excess - curve.flat),
            .rate = rate,
            .height = 0.5 * (curve.flat + curve.excess) / std::sqrt(curve.flat * curve.excess) - 1.0};
}

DecreaseLaw decrease_law(const AttenuatedCurve& curve) {
    require_not_negative(curve.noise_batch, "decrease_law", "noise_batch");
    const BestStep noiseless = best_step_of(curve.slope, curve.flat + curve.excess);
    return {.decrease_max = noiseless.decrease,
            .noise_batch = curve.noise_batch * curve.flat / (curve.flat + curve.excess),
            .status = noiseless.status};
}

AttenuatedCurve sign_curve(const StepProblem& problem, Attenuation attenuation, NoiseRatio convention) {
    require_problem(problem, "sign_curve");
    const double flat = problem.hessian.trace(), ratio = noise_ratio(problem.gradient, problem.noise_sd, convention);
    require(ratio < infinity, "sign_curve", "the noise ratio must be finite", ratio);
    return {.slope = problem.gradient.lpNorm<1>(),
            .flat = flat,
            .excess = sign_excess(problem) - flat,
            .noise_batch = attenuation_constant(attenuation) * ratio};
}

AttenuatedCurve adam_curve(const StepProblem& problem, double beta1) {
    require_problem(problem, "adam_curve");
    require_share(beta1, "adam_curve", "beta1");
    const double ratio = noise_ratio(problem.gradient, problem.noise_sd, NoiseRatio::ratio_of_sums);
    require(ratio < infinity, "adam_curve", "the noise ratio must be finite", ratio);
    const double flat = kappa_1(beta1) * problem.hessian.trace();
    return {.slope = problem.gradient.lpNorm<1>(),
            .flat = flat,
            .excess = sign_excess(problem) - flat,
            .noise_batch = ratio};
}

double muon_attenuation(Index rows, Index cols, double noise_sd, double gradient_norm, double batch) {
    const char* function = "muon_attenuation";
    require(rows >= 1 && rows <= cols, function, "rows must be at least 1 and at most cols", rows);
    require_not_negative(noise_sd, function, "noise_sd");
    require_positive(gradient_norm, function, "gradient_norm");
    require_any_batch(batch, function);
    const double ratio = noise_sd / gradient_norm;
    return attenuation_at(static_cast<double>(rows * cols) * ratio * ratio, batch);
}

BestStep muon_best_step(const BestStep& noiseless, double simple_batch, double batch) {
    require_not_negative(simple_batch, "muon_best_step", "simple_batch");
    require_any_batch(batch, "muon_best_step");
    if (noiseless.status == StepStatus::unbounded) return noiseless;
    const double left = attenuation_at(simple_batch, batch);
    return {.rate = noiseless.rate * left, .decrease = noiseless.decrease * left * left};
}

SmallBatchLaw small_batch_law(const StepProblem& problem) {
    const char* function = "small_batch_law";
    require_problem(problem, function);
    require_positive(problem.noise_sd.minCoeff(), function, "the least noise_sd");
    const double trace = problem.hessian.trace();
    require_positive(trace, function, "the trace of the hessian");
    const Vector ratio = problem.gradient.cwiseQuotient(problem.noise_sd);
    const Vector curved = problem.hessian * ratio;
    const double pairs = ratio.dot(curved) - problem.hessian.diagonal().dot(ratio.cwiseAbs2());
    if (!(pairs > 0.0)) return {.rate_max = infinity, .batch = infinity, .status = StepStatus::unbounded};
    const double batch = 0.5 * std::numbers::pi * trace / pairs;
    return {.rate_max = std::sqrt(0.5 * batch / std::numbers::pi) * problem.gradient.dot(ratio) / trace,
            .batch = batch};
}

double small_batch_rate(const SmallBatchLaw& law, double batch) {
    require_positive(batch, "small_batch_rate", "batch");
    if (law.status == StepStatus::unbounded) return infinity;
    const double root = std::sqrt(law.batch / batch);
    return 2.0 * law.rate_max / (root + 1.0 / root);
}

RatePeak find_rate_peak(const BatchCurve& rate, const BatchRange& range) {
    const char* function = "find_rate_peak";
    require_range(range, function);
    const std::vector<double> grid = log_grid(range);
    std::vector<double> values;
    for (const double x : grid) values.push_back(finite_value(rate, std::exp(x), function));
    const double limit = finite_value(rate, infinity, function);
    constexpr double visible = 1e-9;
    std::size_t best = 0; // 0: none
    for (std::size_t k = 1; k + 1 < values.size(); ++k) {
        if (values[k] < values[k - 1] || values[k] < values[k + 1] || (best != 0 && values[k] <= values[best]))
            continue;
        const double floor = values[k] - visible * std::abs(values[k]);
        const double before = *std::min_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k));
        const double after = *std::min_element(values.begin() + static_cast<std::ptrdiff_t>(k), values.end());
        if (before < floor && after < floor) best = k;
    }
    if (best == 0) return {};
    const auto [log_batch, value] =
        maximum([&](double x) { return finite_value(rate, std::exp(x), function); }, grid[best - 1], grid[best + 1]);
    return {.exists = true, .batch = std::exp(log_batch), .rate = value, .height = value / limit - 1.0};
}

double local_slope(const BatchCurve& curve, double batch) {
    require_positive(batch, "local_slope", "batch");
    constexpr double step = 5e-3; // the error of the four-point rule is of the order step^4
    const auto at = [&](double shift) {
        return std::log(finite_value(curve, batch * std::exp(shift * step), "local_slope"));
    };
    return (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step);
}

SteepestSlope steepest_slope(const BatchCurve& curve, const BatchRange& range) {
    require_range(range, "steepest_slope");
    const std::vector<double> grid = log_grid(range);
    const auto slope = [&](double x) { return local_slope(curve, std::exp(x)); };
    std::size_t best = 0;
    double largest = -infinity;
    for (std::size_t k = 0; k < grid.size(); ++k) {
        const double found = slope(grid[k]);
        if (found > largest) {
            largest = found;
            best = k;
        }
    }
    const auto [log_batch, value] =
        maximum(slope, grid[best == 0 ? 0 : best - 1], grid[std::min(best + 1, grid.size() - 1)]);
    if (value < largest) return {.batch = std::exp(grid[best]), .slope = largest};
    return {.batch = std::exp(log_batch), .slope = value};
}

DecreaseFit fit_decrease_law(const BatchCurve& decrease, const BatchRange& range) {
    const char* function = "fit_decrease_law";
    require_range(range, function);
    const double limit = finite_value(decrease, infinity, function);
    if (!(limit > 0.0)) throw NumericalError("fit_decrease_law: the curve is not above 0 for an infinite batch");
    const std::vector<double> grid = log_grid(range);
    std::vector<double> shares;
    for (const double x : grid) shares.push_back(finite_value(decrease, std::exp(x), function) / limit);
    const auto deviation = [&](double log_b) {
        double largest = 0.0;
        for (std::size_t k = 0; k < grid.size(); ++k)
            largest = std::max(largest, std::abs(shares[k] - 1.0 / (1.0 + std::exp(log_b - grid[k]))));
        return largest;
    };
    // Each deviation is monotone between its zero and either side, so that their maximum has a single valley.
    double below = grid.front() - 10.0, above = grid.back() + 10.0;
    while (above - below > 1e-10) {
        const double third = (above - below) / 3.0;
        if (deviation(below + third) < deviation(above - third))
            above -= third;
        else
            below += third;
    }
    const double middle = 0.5 * (below + above);
    return {.noise_batch = std::exp(middle), .max_deviation = deviation(middle)};
}

double update_rms(double snr, double beta1) {
    require_not_negative(snr, "update_rms", "snr");
    require_share(beta1, "update_rms", "beta1");
    return std::sqrt((snr + kappa_1(beta1)) / (snr + 1.0));
}

double snr_from_update_rms(double rms, double beta1) {
    require(rms >= 0.0 && rms < 1.0, "snr_from_update_rms", "rms must be in [0, 1)", rms);
    require_share(beta1, "snr_from_update_rms", "beta1");
    return (rms * rms - kappa_1(beta1)) / ((1.0 - rms) * (1.0 + rms));
}

double uncorrected_first_update(double beta1, double beta2) {
    require_share(beta1, "uncorrected_first_update", "beta1");
    require_share(beta2, "uncorrected_first_update", "beta2");
    return (1.0 - beta1) / std::sqrt(1.0 - beta2);
}

SimpleNoiseEstimate estimate_simple_noise(VectorView small_squares, VectorView large_squares, double small_batch,
                                          double large_batch) {
    const char* function = "estimate_simple_noise";
    const Index pairs = small_squares.size();
    require(pairs >= 2, function, "an error needs at least 2 pairs", pairs);
    require_size(large_squares.size(), pairs, function, "large_squares");
    require_positive(small_batch, function, "small_batch");
    require(large_batch > small_batch && large_batch < infinity, function,
            "large_batch must be finite and above small_batch", large_batch);
    Matrix parts(2, pairs);
    parts.row(0) = (large_batch * large_squares - small_batch * small_squares) / (large_batch - small_batch);
    parts.row(1) = (small_squares - large_squares) / (1.0 / small_batch - 1.0 / large_batch);
    SimpleNoiseEstimate result{.squared_gradient = mean_estimate(parts.row(0).transpose()),
                               .noise_trace = mean_estimate(parts.row(1).transpose()),
                               .simple_batch = {}};
    const JackknifeEstimate ratio = jackknife(parts, [](VectorView mean) { return mean(1) / mean(0); });
    result.simple_batch = ratio;
    result.simple_batch.value -= ratio.bias;
    return result;
}

} // namespace hessq
