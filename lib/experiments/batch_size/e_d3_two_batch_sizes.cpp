#include "../measure.hpp"
#include "drawn_steps.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/theory/batch_size_measurement.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::d3 {
namespace {

constexpr double small_batch = 4.0, large_batch = 64.0;

Vector squares(const StepProblem& problem, double batch, Index pairs, std::uint64_t seed, std::uint64_t stream) {
    constexpr Index blocks = 20;
    const Index each = pairs / blocks;
    const DrawDirection gradient = normal_gradient(problem, problem.noise_sd.asDiagonal(), batch);
    Vector result(blocks * each);
    parallel_for(blocks, [&](Index block) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(block));
        Vector u;
        std::uint64_t index = 0;
        for (Index k = 0; k < each; ++k) {
            index = gradient(random, index, u);
            result(block * each + k) = u.squaredNorm();
        }
    });
    return result;
}

ExperimentResult run(const ExperimentOptions& options) {
    const Index n = 30;
    const RandomStream draws(options.seed, 31'300'000);
    StepProblem problem{.gradient = 0.3 * normal_vector(draws, n),
                        .hessian = Matrix::Identity(n, n),
                        .noise_sd = normal_vector(draws, n, 100).cwiseAbs().array() + 0.1};
    const Index pairs = options.draws(40'000, 20'000);
    const Vector small = squares(problem, small_batch, pairs, options.seed, 31'310'000);
    const Vector large = squares(problem, large_batch, pairs, options.seed, 31'320'000);
    const SimpleNoiseEstimate found = estimate_simple_noise(small, large, small_batch, large_batch);
    const double gradient = problem.gradient.squaredNorm(), noise = problem.noise_sd.squaredNorm();
    const std::string where = "normal noise, 30 coordinates, B = 4 and 64";
    ExperimentResult result;
    result.cases = {{"d5", where, "|g|^2 / exact", 1.0, divided(found.squared_gradient, gradient), 0.05},
                    {"d5", where, "tr Sigma / exact", 1.0, divided(found.noise_trace, noise), 0.05},
                    {"d5", where, "B_simple / exact", 1.0, divided(found.simple_batch, noise / gradient), 0.05},
                    {"d5", "the same, |G|^2 of the batch of 4 for |g|^2", "B_simple / exact", 1.0,
                     divided({.value = noise / mean_estimate(small).value, .samples = pairs}, noise / gradient), 0.05}};

    const Problem iris = bundled_problem("iris-mlp");
    const Vector w = iris.start(0);
    const DirectionSource source(*iris.objective, w);
    const Index real_pairs = options.draws(20'000, 6000);
    const SimpleNoiseEstimate real =
        estimate_simple_noise(source.squared_norms(4, real_pairs, options.seed, 31'330'000),
                              source.squared_norms(64, real_pairs, options.seed, 31'330'001), small_batch, large_batch);
    const double truth = noise_trace(*iris.objective, w) / iris.objective->gradient(w).squaredNorm();
    result.cases.push_back({"d5", "iris-mlp at its start, B = 4 and 64", "measured B_simple / exact B_simple", 1.0,
                            divided(real.simple_batch, truth), 0.1});

    Series curve{.label = "|g|^2 + tr Sigma / B"}, points{.label = "mean |G_B|^2", .style = Series::Style::points};
    for (int k = 0; k <= 60; ++k) {
        curve.x.push_back(std::pow(10.0, 3.0 * k / 60.0));
        curve.y.push_back(gradient + noise / curve.x.back());
    }
    points.x = {small_batch, large_batch};
    points.y = {small.mean(), large.mean()};
    result.figure = {.title = "The size of mini-batch gradients",
                     .x_label = "batch size B",
                     .y_label = "E |G_B|^2",
                     .log_x = true,
                     .log_y = true,
                     .series = {curve, points},
                     .guides = {{0.0, 1.0, gradient, "|g|^2"}}};
    result.caption = "Two points of a line in 1 / B tell both numbers.";
    result.paragraph = fmt::format(
        "E |G_B|^2 = |g|^2 + tr Sigma / B, so two batch sizes tell both without bias: {:.4g} for |g|^2 = {:.4g}, "
        "{:.4g} "
        "for tr Sigma = {:.4g}. The ratio of the two is biased by their scatter, which the jackknife takes off. Taking "
        "the squared gradient of a small batch itself for |g|^2 is wrong by a factor {:.1f}.",
        found.squared_gradient.value, gradient, found.noise_trace.value, noise, small.mean() / gradient);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-d3",
            .title = "Can the noise batch be measured without a Hessian?",
            .claims = {},
            .revisited = {"d5"},
            .run = run};
}

} // namespace hessq::d3
