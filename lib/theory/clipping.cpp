#include "hessq/theory/clipping.hpp"

#include "step_problem.hpp"

#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numbers>

namespace hessq {
namespace {

constexpr double inverse_root_pi = std::numbers::inv_sqrtpi;

double largest_square(VectorView lambda, const char* function) {
    require_finite(lambda, "an eigenvalue");
    const double largest = lambda.size() > 0 ? lambda.cwiseAbs().maxCoeff() : 0.0;
    require(largest > 0.0, function, "an eigenvalue must not be 0", "none that is not");
    return largest * largest;
}

} // namespace

double norm_clip_factor(double norm, double threshold) {
    require_not_negative(norm, "norm_clip_factor", "norm");
    require_positive(threshold, "norm_clip_factor", "threshold");
    return norm <= threshold ? 1.0 : threshold / norm;
}

double clipped_step_length(ClipRule rule, double rate, double norm, double threshold) {
    require_positive(rate, "clipped_step_length", "rate");
    require_not_negative(norm, "clipped_step_length", "norm");
    require_positive(threshold, "clipped_step_length", "threshold");
    const double factor = norm_clip_factor(norm, threshold);
    return rate * norm * (rule == ClipRule::norm ? factor : factor * factor);
}

StepDecrease sgd_step_decrease(double rate, double squared_norm, double gradient_curvature, double noise_curvature,
                               double batch) {
    require_positive(rate, "sgd_step_decrease", "rate");
    require_not_negative(squared_norm, "sgd_step_decrease", "squared_norm");
    require_any_batch(batch, "sgd_step_decrease");
    require_finite(gradient_curvature, "gradient_curvature");
    require_finite(noise_curvature, "noise_curvature");
    return {.first_order = rate * squared_norm,
            .curvature_cost = 0.5 * rate * rate * squared_norm * gradient_curvature,
            .noise_cost = 0.5 * rate * rate * noise_curvature / batch};
}

double stationary_squared_norm(double excess_loss, double rate) {
    require_not_negative(excess_loss, "stationary_squared_norm", "excess_loss");
    require_positive(rate, "stationary_squared_norm", "rate");
    return 4.0 * excess_loss / rate;
}

double stationary_excess_loss(double squared_norm, double rate) {
    require_not_negative(squared_norm, "stationary_excess_loss", "squared_norm");
    require_positive(rate, "stationary_excess_loss", "rate");
    return 0.25 * rate * squared_norm;
}

double stationary_full_squared_norm(double rate, double noise_curvature, double batch) {
    require_positive(rate, "stationary_full_squared_norm", "rate");
    require_not_negative(noise_curvature, "stationary_full_squared_norm", "noise_curvature");
    require_any_batch(batch, "stationary_full_squared_norm");
    return 0.5 * rate * noise_curvature / batch;
}

SquaredNormMoments squared_norm_moments(const NoiseMoments& noise, Index batch) {
    require(batch >= 1, "squared_norm_moments", "batch must be at least 1", batch);
    const auto b = static_cast<double>(batch);
    const double variance =
        4.0 * noise.gradient_form / b + 4.0 * noise.gradient_third / (b * b) +
        (2.0 * (b - 1.0) * noise.squared_trace + noise.fourth_moment - noise.trace * noise.trace) / (b * b * b);
    // Rounding, and an estimated tr Sigma^2, can take a small one below 0.
    return {.mean = noise.squared_norm + noise.trace / b, .variance = std::max(0.0, variance)};
}

double clipped_share(const SquaredNormMoments& moments, double threshold) {
    require_not_negative(moments.mean, "clipped_share", "mean");
    require_not_negative(moments.variance, "clipped_share", "variance");
    require_positive(threshold, "clipped_share", "threshold");
    const double square = threshold * threshold;
    if (moments.mean == 0.0) return 0.0;
    // Beyond this the gamma variable is a number to rounding.
    if (moments.variance <= 1e-14 * moments.mean * moments.mean) return moments.mean > square ? 1.0 : 0.0;
    return boost::math::gamma_q(moments.mean * moments.mean / moments.variance,
                                square * moments.mean / moments.variance);
}

double sign_cosine(VectorView g) {
    require_finite(g, "the gradient");
    const double largest = g.size() > 0 ? g.cwiseAbs().maxCoeff() : 0.0;
    require(largest > 0.0, "sign_cosine", "the gradient must not be 0", "0");
    const Vector scaled = g / largest;
    const auto support = static_cast<double>((g.array() != 0.0).count());
    return scaled.lpNorm<1>() / (std::sqrt(support) * scaled.norm());
}

double limit_sign_cosine(EntryLaw law) {
    switch (law) {
    case EntryLaw::gaussian:
        return std::numbers::sqrt2 * inverse_root_pi;
    case EntryLaw::laplace:
        return 1.0 / std::numbers::sqrt2;
    case EntryLaw::uniform:
        break;
    }
    return 0.5 * std::numbers::sqrt3;
}

double student_sign_cosine(double degrees_of_freedom) {
    const double d = degrees_of_freedom;
    require(d > 2.0 && std::isfinite(d), "student_sign_cosine", "degrees_of_freedom must be above 2 and finite", d);
    return 2.0 * std::sqrt(d - 2.0) / (d - 1.0) * inverse_root_pi *
           boost::math::tgamma_delta_ratio(0.5 * (d + 1.0), -0.5);
}

double sparse_sign_cosine(double cosine, double share) {
    require(cosine > 0.0 && cosine <= 1.0, "sparse_sign_cosine", "cosine must be in (0, 1]", cosine);
    require(share > 0.0 && share <= 1.0, "sparse_sign_cosine", "share must be in (0, 1]", share);
    return cosine * std::sqrt(share);
}

double gaussian_sign_cosine(Index n) {
    require(n >= 1, "gaussian_sign_cosine", "n must be at least 1", n);
    const auto size = static_cast<double>(n);
    return boost::math::tgamma_delta_ratio(0.5 * size, 0.5) * std::sqrt(size) * inverse_root_pi;
}

double effective_rank(VectorView lambda) {
    const double largest = largest_square(lambda, "effective_rank");
    const Vector a = lambda.cwiseAbs2() / largest;
    return a.sum() * a.sum() / a.squaredNorm();
}

Vector clipped_second_moment(VectorView lambda, double threshold) {
    require_positive(threshold, "clipped_second_moment", "threshold");
    const Vector a = lambda.cwiseAbs2() / largest_square(lambda, "clipped_second_moment");
    // In x = ln s the integrand is analytic for |Im x| < pi, and the trapezoidal rule's error exp(-2 pi^2 / step).
    constexpr double step = 0.25;
    Vector sum = Vector::Zero(a.size());
    for (double x = -42.0;; x += step) {
        const double s = std::exp(x);
        const Eigen::ArrayXd spread = 1.0 + 2.0 * s * a.array();
        const double weight = s * step * std::exp(-0.5 * spread.log().sum());
        const Vector terms = weight * a.array() / spread;
        sum += terms;
        if (x > 0.0 && (terms.array() <= 1e-17 * sum.array()).all()) break;
    }
    return threshold * threshold * sum;
}

Vector concentrated_second_moment(VectorView lambda, double threshold) {
    require_positive(threshold, "concentrated_second_moment", "threshold");
    const Vector a = lambda.cwiseAbs2() / largest_square(lambda, "concentrated_second_moment");
    return threshold * threshold / a.sum() * a;
}

UpdateMoments value_clip_moments(double gradient, double noise_sd, double threshold) {
    require_positive(threshold, "value_clip_moments", "threshold");
    const UpdateMoments unit = update_moments(EpsilonForm::clip, gradient, noise_sd, threshold);
    const double square = threshold * threshold;
    return {.mean = threshold * unit.mean, .second = square * unit.second, .variance = square * unit.variance};
}

double concentrated_clip_factor(const SquaredNormMoments& moments, double threshold) {
    require_not_negative(moments.mean, "concentrated_clip_factor", "mean");
    return norm_clip_factor(std::sqrt(moments.mean), threshold);
}

} // namespace hessq
