#include "hessq/theory/epsilon.hpp"

#include "step_problem.hpp"

#include <algorithm>
#include <array>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace hessq {
namespace {

constexpr double reach = 9.5; // the normal density there is 1e-20

double normal_density(double x) { return std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }

/// Calls use(x, weight) at the 20 Gauss-Legendre points of [from, to].
template <class Use>
void panel(double from, double to, const Use& use) {
    using Rule = boost::math::quadrature::gauss<double, 20>;
    const double middle = 0.5 * (from + to), half = 0.5 * (to - from);
    for (std::size_t k = 0; k < Rule::abscissa().size(); ++k) {
        const double x = half * Rule::abscissa()[k], weight = half * Rule::weights()[k];
        use(middle - x, weight);
        use(middle + x, weight);
    }
}

/// u and its first two derivatives at x, for eps > 0.
struct Update {
    double value, first, second;
};

Update update_with_derivatives(EpsilonForm form, double x, double eps) {
    const double square = x * x + eps * eps, root = std::sqrt(square), size = std::abs(x) + eps;
    switch (form) {
    case EpsilonForm::softsign:
        return {x / root, eps * eps / (square * root), -3.0 * eps * eps * x / (square * square * root)};
    case EpsilonForm::clip:
        return {std::clamp(x / eps, -1.0, 1.0), std::abs(x) < eps ? 1.0 / eps : 0.0, 0.0};
    case EpsilonForm::ratio:
        break;
    }
    return {x / size, eps / (size * size), -2.0 * sign_of(x) * eps / (size * size * size)};
}

/// Panels on which x -> u(x) N(x; a, 1) is smooth for 20 points, from 0 on: its singularities are at distance b of 0.
std::vector<double> panels_around_zero(double a, double b) {
    std::vector<double> ends = {0.0};
    for (double x = b; x < 2.0; x *= 3.0) ends.push_back(x);
    while (ends.back() < a + reach) ends.push_back(ends.back() + 2.0);
    return ends;
}

/// Softsign and ratio with noise of variance 1; a >= 0, b > 0.
UpdateMoments smooth_moments(EpsilonForm form, double a, double b) {
    const auto u = [&](double x) { return form == EpsilonForm::softsign ? x / std::sqrt(x * x + b * b) : x / (x + b); };
    if (a >= 10.0) { // x > 0 always: deviations from u(a), which may be small
        const double center = u(a);
        double mean = 0.0, square = 0.0;
        for (double from = -reach; from < reach; from += 1.9)
            panel(from, from + 1.9, [&](double z, double weight) {
                const double d = u(a + z) - center, p = weight * normal_density(z);
                mean += p * d;
                square += p * d * d;
            });
        const double variance = std::max(0.0, square - mean * mean);
        mean += center;
        return {.mean = mean, .second = mean * mean + variance, .variance = variance};
    }
    // u is odd: fold the negative half line onto the positive one. The variance is that of u - u(a).
    UpdateMoments result;
    const double center = u(a);
    double mean = 0.0, square = 0.0;
    const std::vector<double> ends = panels_around_zero(a, b);
    for (std::size_t k = 0; k + 1 < ends.size(); ++k)
        panel(ends[k], ends[k + 1], [&](double x, double weight) {
            const double value = u(x), p = weight * normal_density(x - a), folded = std::expm1(-2.0 * a * x);
            const double d = value - center, mirrored = value + center, negative = p * (1.0 + folded);
            result.mean -= p * folded * value;
            result.second += p * (2.0 + folded) * value * value;
            mean += p * d - negative * mirrored;
            square += p * d * d + negative * mirrored * mirrored;
        });
    result.variance = std::max(0.0, square - mean * mean);
    return result;
}

/// (E clip(a + z), E clip(a + z)^2) in units of b, a >= 0, b > 0.
UpdateMoments clip_moments(double a, double b) {
    UpdateMoments result;
    if (b <= 1.0) {
        // E clip = 1/2 int erf((a - b t) / sqrt(2)), E clip^2 = 1 - b int (1 - t^2) phi(b t - a), over [-1, 1] (y8).
        double missing = 0.0;
        panel(-1.0, 1.0, [&](double t, double weight) {
            result.mean += 0.5 * weight * std::erf((a - b * t) / std::numbers::sqrt2);
            missing += weight * (1.0 - t) * (1.0 + t) * normal_density(b * t - a);
        });
        result.second = 1.0 - b * missing;
        result.variance = result.second - result.mean * result.mean;
    } else {
        // clip = (a + y) / b, y = z clamped to [low, high]; moments about the y without noise (c3, c9).
        const double low = -(b + a), high = b - a, center = std::clamp(0.0, low, high);
        const double below = normal_cdf(low), above = normal_cdf(-high), inside = normal_cdf(high) - below;
        const double p = normal_density(low), q = normal_density(high);
        const double mean = (low - center) * below + (high - center) * above + (p - q) - center * inside;
        const double square = (low - center) * (low - center) * below + (high - center) * (high - center) * above +
                              (1.0 + center * center) * inside + (low - 2.0 * center) * p - (high - 2.0 * center) * q;
        result.mean = (a + center + mean) / b;
        result.variance = (square - mean * mean) / (b * b);
        result.second = result.mean * result.mean + result.variance;
    }
    if (a <= std::min(b, 1.0)) {
        // The mean is the integral of its derivative P(|x| < b) / b: right to eps also for a -> 0.
        double mean = 0.0;
        panel(0.0, 1.0, [&](double s, double weight) {
            mean +=
                weight * (std::erf((b - a * s) / std::numbers::sqrt2) + std::erf((b + a * s) / std::numbers::sqrt2));
        });
        result.mean = 0.5 * a / b * mean;
    }
    result.variance = std::max(0.0, result.variance);
    return result;
}

UpdateMoments moments(EpsilonForm form, double gradient, double noise_sd, double eps) {
    const double a = std::abs(gradient) / noise_sd, b = eps / noise_sd;
    UpdateMoments result;
    if (!(a < 1e150 && b < 1e150)) { // no noise
        result.mean = std::abs(epsilon_update(form, gradient, eps));
        result.second = result.mean * result.mean;
    } else if (b < 1e-18) {
        result.mean = std::erf(a / std::numbers::sqrt2);
        result.second = 1.0;
        result.variance = std::erfc(a / std::numbers::sqrt2) * (1.0 + result.mean);
    } else {
        result = form == EpsilonForm::clip ? clip_moments(a, b) : smooth_moments(form, a, b);
    }
    if (gradient < 0.0) result.mean = -result.mean;
    return result;
}

/// K of surge_threshold for clip: the least Var u / (E u (u - E u)) over all a = |g| sqrt(B) / sigma.
double clip_threshold(double ratio) {
    if (ratio <= 1.0) return 0.0;
    const double quiet = 1.0 / ratio;
    const auto needed = [&](double log_a) {
        const double a = std::exp(log_a);
        const UpdateMoments m = clip_moments(a, ratio * a);
        const double lost = quiet - m.mean;
        // Where noise hardly reaches the kink, rounding is all that is lost.
        return lost > 1e-12 * quiet ? m.variance / (m.mean * lost) : infinity;
    };
    // The kink is (ratio - 1) a standard deviations away.
    const double first = std::log(0.05 / ratio), last = std::log(8.0 / (ratio - 1.0));
    constexpr int points = 100;
    double best = infinity, at = first;
    for (int k = 0; k <= points; ++k) {
        const double x = first + (last - first) * k / points;
        if (const double value = needed(x); value < best) {
            best = value;
            at = x;
        }
    }
    const double step = (last - first) / points;
    return std::min(best, boost::math::tools::brent_find_minima(needed, at - step, at + step, 26).second);
}

Vector updates(EpsilonForm form, VectorView gradient, double eps) {
    return gradient.unaryExpr([&](double g) { return epsilon_update(form, g, eps); });
}

} // namespace

double epsilon_update(EpsilonForm form, double x, double eps) {
    require_finite(x, "epsilon_update: x");
    require_not_negative(eps, "epsilon_update", "eps");
    if (eps == 0.0 || x == 0.0) return sign_of(x);
    switch (form) {
    case EpsilonForm::softsign:
        return x / std::hypot(x, eps);
    case EpsilonForm::clip:
        return std::clamp(x / eps, -1.0, 1.0);
    case EpsilonForm::ratio:
        break;
    }
    return x / (std::abs(x) + eps);
}

UpdateMoments update_moments(EpsilonForm form, double gradient, double noise_sd, double eps) {
    require_finite(gradient, "update_moments: gradient");
    require_not_negative(noise_sd, "update_moments", "noise_sd");
    require_not_negative(eps, "update_moments", "eps");
    return moments(form, gradient, noise_sd, eps);
}

double clip_slope(double b) {
    require_not_negative(b, "clip_slope", "b");
    if (b < 1e-150) return std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
    return std::erf(b / std::numbers::sqrt2) / b;
}

UpdateMoments attenuated_moments(double gradient, double noise_sd, double eps, Attenuation attenuation) {
    const char* function = "attenuated_moments";
    require_finite(gradient, "attenuated_moments: gradient");
    require_not_negative(noise_sd, function, "noise_sd");
    require_not_negative(eps, function, "eps");
    const double noise = std::sqrt(attenuation_constant(attenuation)) * noise_sd;
    const double size = std::hypot(gradient, eps, noise);
    require(size > 0.0, function, "gradient, noise_sd and eps must not all be 0; size", size);
    const double mean = gradient / size, rest = noise / size;
    return {.mean = mean, .second = mean * mean + rest * rest, .variance = rest * rest};
}

BestStep epsilon_best_step(EpsilonForm form, const StepProblem& problem, double eps, double batch) {
    const char* function = "epsilon_best_step";
    require_problem(problem, function);
    require_not_negative(eps, function, "eps");
    require_any_batch(batch, function);
    const Index n = problem.gradient.size();
    const double root = std::sqrt(batch);
    Vector mean(n), variance(n);
    for (Index i = 0; i < n; ++i) {
        const double g = problem.gradient(i), sigma = problem.noise_sd(i);
        if (i > 0 && std::abs(g) == std::abs(problem.gradient(i - 1)) && sigma == problem.noise_sd(i - 1)) {
            mean(i) = std::copysign(mean(i - 1), g);
            variance(i) = variance(i - 1);
            continue;
        }
        const UpdateMoments m = moments(form, g, sigma / root, eps);
        mean(i) = m.mean;
        variance(i) = m.variance;
    }
    return best_uncorrelated_step(problem.gradient, problem.hessian, mean, variance);
}

AttenuatedCurve softsign_curve(const StepProblem& problem, double eps, Attenuation attenuation, NoiseRatio convention) {
    require_problem(problem, "softsign_curve");
    require_not_negative(eps, "softsign_curve", "eps");
    const Vector nu = updates(EpsilonForm::softsign, problem.gradient, eps);
    const Vector curved = problem.hessian * nu;
    const double ratio = noise_ratio(problem.gradient, problem.noise_sd, convention, eps);
    require(ratio < infinity, "softsign_curve", "the noise ratio must be finite", ratio);
    return {.slope = nu.dot(problem.gradient),
            .flat = problem.hessian.trace(),
            .excess = nu.dot(curved) - problem.hessian.trace(),
            .noise_batch = attenuation_constant(attenuation) * ratio};
}

RatePeak epsilon_rate_peak(EpsilonForm form, const StepProblem& problem, double eps, const BatchRange& range) {
    return find_rate_peak([&](double batch) { return epsilon_best_step(form, problem, eps, batch).rate; }, range);
}

double large_batch_derivative(EpsilonForm form, const StepProblem& problem, double eps) {
    const char* function = "large_batch_derivative";
    require_problem(problem, function);
    require_positive(eps, function, "eps");
    require(form != EpsilonForm::clip, function, "form must be softsign or ratio", "clip");
    const Index n = problem.gradient.size();
    Vector u(n), slope_change(n), variance(n); // per 1/B: E u = u + slope_change / B, Var u = variance / B
    for (Index i = 0; i < n; ++i) {
        const Update at = update_with_derivatives(form, problem.gradient(i), eps);
        const double noise = problem.noise_sd(i) * problem.noise_sd(i);
        u(i) = at.value;
        slope_change(i) = 0.5 * noise * at.second;
        variance(i) = noise * at.first * at.first;
    }
    const Vector curved = problem.hessian * u;
    const double curvature = u.dot(curved);
    require_positive(curvature, function, "u'H u");
    return problem.gradient.dot(slope_change) / problem.gradient.dot(u) -
           (2.0 * slope_change.dot(curved) + problem.hessian.diagonal().dot(variance)) / curvature;
}

double surge_threshold(EpsilonForm form, double ratio) {
    require_not_negative(ratio, "surge_threshold", "ratio");
    if (ratio == 0.0) return 2.0;
    switch (form) {
    case EpsilonForm::softsign:
        return ratio * ratio / 1.5;
    case EpsilonForm::clip:
        return clip_threshold(ratio);
    case EpsilonForm::ratio:
        break;
    }
    return ratio;
}

double surge_limit(EpsilonForm form, double sign_curvature) {
    require_positive(sign_curvature, "surge_limit", "sign_curvature");
    switch (form) {
    case EpsilonForm::softsign:
        return std::sqrt(1.5 * sign_curvature);
    case EpsilonForm::clip: {
        // Between 1 and where even an upper bound of the quadratic growth has passed it, by bisection.
        double low = 1.0, high = 1.5 + std::sqrt(sign_curvature);
        while (high - low > 1e-10 * low) {
            const double middle = 0.5 * (low + high);
            (clip_threshold(middle) < sign_curvature ? low : high) = middle;
        }
        return low;
    }
    case EpsilonForm::ratio:
        break;
    }
    return sign_curvature;
}

} // namespace hessq
