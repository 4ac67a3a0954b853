#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::b2 {
namespace {

constexpr double cloud_variance = 0.04, noise_variance = 0.5;

/// Means of ghat_k^2 over draws of the cloud and of the batch: n x blocks. An infinite batch is the full one.
Matrix second_moments(const Vector& lambda, double sigma2, double batch, Index draws, std::uint64_t seed,
                      std::uint64_t stream) {
    constexpr Index blocks = 20;
    const bool full = std::isinf(batch);
    const Population population = gaussian_regression_population(lambda, sigma2, full ? 1 : static_cast<Index>(batch));
    Matrix moments(lambda.size(), blocks);
    parallel_for(blocks, [&](Index block) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(block));
        Matrix delta(lambda.size(), std::max<Index>(1, draws / blocks));
        const std::uint64_t next = fill_normal(random, 0, delta);
        delta *= std::sqrt(cloud_variance);
        BlockGradients gradients;
        (void)population.gradients(delta, random, next, gradients);
        moments.col(block) = (full ? gradients.full : gradients.minibatch).cwiseAbs2().rowwise().mean();
    });
    return moments;
}

/// The slopes of log sqrt(w_k) over windows of `width` neighbors, and the middles of the windows.
struct LocalSlopes {
    Vector lambda, slope;
};

LocalSlopes local_slopes(const Vector& lambda, const Vector& w, Index width) {
    const Index windows = lambda.size() / width;
    LocalSlopes result{Vector(windows), Vector(windows)};
    for (Index i = 0; i < windows; ++i) {
        const Vector x = lambda.segment(i * width, width).array().log();
        result.lambda(i) = std::exp(x.mean());
        result.slope(i) = fit_line(x, Vector(0.5 * w.segment(i * width, width).array().log())).slope;
    }
    return result;
}

ExperimentResult run(const ExperimentOptions& options) {
    const Vector lambda = log_uniform_spectrum(60, 1e-3, 10.0);
    const double infinity = std::numeric_limits<double>::infinity();
    const Index draws = options.draws(40'000, 8000);
    ExperimentResult result;
    result.figure = {.title = "The cross-over from the Fisher law to the Hessian-squared law",
                     .x_label = "lambda / lambda_x",
                     .y_label = "local slope p of sqrt(v) on lambda",
                     .log_x = true};
    std::uint64_t stream = 2'000'000;
    double least = 0.0, most = 0.0;
    for (const double batch : {1.0, 16.0, 256.0, 4096.0, infinity}) {
        const RegressionCloud cloud{cloud_variance, noise_variance, batch};
        // A batch of 4096 costs as many random numbers as hundreds of small ones, and less noise is left in it.
        const Matrix w = second_moments(lambda, noise_variance, batch, batch > 1000.0 ? draws / 4 : draws, options.seed,
                                        stream += 1000);
        const Vector law = regression_second_moment(lambda, cloud);
        const std::string where = std::isinf(batch) ? "isotropic cloud, full batch"
                                                    : fmt::format("isotropic cloud, batches of {:.0f}", batch);
        const Estimate p = root_exponent_estimate(lambda, w);
        result.cases.push_back({"b12", where, "p over all eigenvalues",
                                root_exponent_estimate(lambda, law.replicate(1, 2)).value, p, 0.015});
        (batch == 1.0 ? least : most) = p.value;
        if (batch == 1.0 || batch == 256.0 || std::isinf(batch))
            result.cases.push_back({"b3", where, "q", 2.0, exponent_estimate(lambda, w), 0.1});
        if (std::isinf(batch)) continue;
        const double cross_over = cross_over_eigenvalue(lambda, cloud);
        const LocalSlopes local = local_slopes(lambda, w.rowwise().mean(), 6);
        result.figure.series.push_back({fmt::format("B = {:.0f}", batch), to_list(local.lambda / cross_over),
                                        to_list(local.slope), Series::Style::points});
        if (batch == 256.0) {
            // The 12 eigenvalues nearest to the cross-over: a factor of 6 around it.
            Index nearest = 0;
            (void)(lambda / cross_over).array().log().abs().minCoeff(&nearest);
            const Index first = std::min<Index>(std::max<Index>(nearest - 6, 0), lambda.size() - 12);
            const Vector around = lambda.segment(first, 12);
            result.cases.push_back({"b12", "batches of 256, eigenvalues around the cross-over", "local p",
                                    root_exponent_estimate(around, law.segment(first, 12).replicate(1, 2)).value,
                                    root_exponent_estimate(around, w.middleRows(first, 12)), 0.03});
        }
    }
    Vector ratios(100), curve(100);
    for (Index i = 0; i < 100; ++i) {
        ratios(i) = std::pow(10.0, -5.0 + 9.0 * static_cast<double>(i) / 99.0);
        curve(i) = local_exponent(ratios(i), 1.0);
    }
    result.figure.series.push_back({"1/2 + x / 2 (1 + x)", to_list(ratios), to_list(curve)});

    // Fourth moments of a product of normals make these averages heavy-tailed, hence ten times the draws.
    for (const double batch : {1.0, 16.0})
        result.cases.push_back({"b27", fmt::format("no label noise, batches of {:.0f}", batch), "v / predicted, mean",
                                1.0,
                                mean_ratio(second_moments(lambda, 0.0, batch, 10 * draws, options.seed, stream += 1000),
                                           regression_second_moment(lambda, {cloud_variance, 0.0, batch})),
                                0.03});
    result.caption =
        "Gaussian regression, 60 eigenvalues from 0.001 to 10, s^2 = 0.04, label noise 0.5. Slopes over six "
        "neighboring eigenvalues each; the curve has nothing fitted.";
    result.paragraph = fmt::format(
        "With mini-batches v is the sum of two sources: the cloud's, s^2 lambda^2 (1 + 1/B), and the samples', "
        "lambda (sigma^2 + s^2 tr H) / B. They are equal at lambda_x, which falls with the batch, and every local "
        "slope "
        "lies on one curve between 1/2 and 1. Over this spectrum p is {:.3f} for B = 1 and {:.3f} for the full batch. "
        "Even "
        "without label noise (b27) the second source stays: the samples disagree wherever the parameters are off the "
        "minimum.",
        least, most);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-b2",
            .title = "From which batch size on does v follow the Hessian squared?",
            .claims = {{"b12", "On regression v crosses from lambda to lambda^2 at (sigma^2 + s^2 tr H) / s^2 (B + 1)",
                        hessian_squared_page},
                       {"b27", "A Fisher-like part stays in v even where every sample can be fitted",
                        hessian_squared_page}},
            .revisited = {"b3"},
            .run = run};
}

} // namespace hessq::b2
