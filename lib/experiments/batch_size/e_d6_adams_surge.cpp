#include "../measure.hpp"
#include "../step_problems.hpp"
#include "drawn_steps.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

namespace hessq::d6 {
namespace {

constexpr double sigma = 10.0, beta2 = 0.999;
constexpr Index blocks = 20;

/// Adam without epsilon, one coordinate, g = 1 and H = 1 that stand still: means of u g and u^2 over blocks of runs.
/// The same random numbers for every B.
Matrix frozen_moments(double beta1, double batch, Index steps, std::uint64_t seed) {
    Matrix moments(2, blocks);
    parallel_for(blocks, [&](Index block) {
        Matrix z(steps + 100, 1);
        (void)fill_normal(RandomStream(seed, 31'600'000 + static_cast<std::uint64_t>(block)), 0, z);
        const double noise = sigma / std::sqrt(batch);
        double m = 1.0, v = 1.0 + noise * noise, slope = 0.0, square = 0.0;
        for (Index t = 0; t < steps + 100; ++t) {
            const double g = 1.0 + noise * z(t, 0);
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            if (t < 100) continue;
            slope += m / std::sqrt(v);
            square += m * m / v;
        }
        moments.col(block) << slope / static_cast<double>(steps), square / static_cast<double>(steps);
    });
    return moments;
}

/// rate(B) / rate(B') from the same random numbers.
Estimate rate_ratio(const Matrix& above, const Matrix& below) {
    return jackknife((Matrix(4, blocks) << above, below).finished(),
                     [](VectorView mean) { return mean(0) / mean(1) * mean(3) / mean(2); });
}

/// The best constant rate of a run of Adam on 1/2 |delta|^2 from delta = 1: the gradient moves, and m remembers.
double moving_rate(double batch, Index steps, std::uint64_t seed, std::uint64_t stream) {
    const Index n = 64;
    const double noise = sigma / std::sqrt(batch);
    Matrix z(n, steps);
    (void)fill_normal(RandomStream(seed, stream), 0, z);
    const auto loss = [&](double rate) {
        Vector delta = Vector::Ones(n), m = Vector::Zero(n), v = Vector::Zero(n);
        for (Index t = 0; t < steps; ++t) {
            const Vector g = delta + noise * z.col(t);
            m = 0.9 * m + 0.1 * g;
            v = beta2 * v + (1.0 - beta2) * g.cwiseAbs2();
            const auto k = static_cast<double>(t + 1);
            delta.array() -=
                rate * (m.array() / (1.0 - std::pow(0.9, k))) / (v.array() / (1.0 - std::pow(beta2, k))).sqrt();
        }
        return delta.squaredNorm();
    };
    double best = 1e-3, least = loss(best);
    for (double rate = best; rate < 3.0; rate *= 1.1) {
        const double found = loss(rate);
        if (found < least) least = found, best = rate;
    }
    return best;
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    const StepProblem problem = alike_problem(1, 0.0, sigma);
    const Index steps = options.draws(200'000, 20'000);
    result.figure = {.title = "Adam's best rate, the gradient standing still",
                     .x_label = "batch size B",
                     .y_label = "best rate",
                     .log_x = true};
    const std::vector<double> batches = {1, 6, 30, 100, 300, 1000, 1e4};
    std::map<double, Matrix> at;
    for (const double beta1 : {0.0, 0.5, 0.9}) {
        const AttenuatedCurve law = adam_curve(problem, beta1);
        Series points{.label = fmt::format("beta1 = {}, simulated", beta1), .style = Series::Style::points};
        Series curve{.label = fmt::format("beta1 = {}, law", beta1)};
        for (const double batch : batches) {
            at[batch] = frozen_moments(beta1, batch, steps, options.seed);
            const Estimate rate = rate_of(at[batch]);
            points.x.push_back(batch);
            points.y.push_back(rate.value);
            if (batch == 6.0 || batch == 30.0 || batch == 100.0)
                result.cases.push_back(
                    {"d17", fmt::format("diagonal H, frozen gradient, beta1 = {}, B = {:.0f}", beta1, batch),
                     "Adam's best rate / predicted", 1.0, divided(rate, attenuated_step(law, batch).rate), 0.05});
        }
        for (int k = 0; k <= 80; ++k) {
            curve.x.push_back(std::pow(10.0, 4.0 * k / 80.0));
            curve.y.push_back(attenuated_step(law, curve.x.back()).rate);
        }
        result.figure.series.push_back(curve);
        result.figure.series.push_back(points);
        if (beta1 == 0.9)
            result.cases.push_back({"d11", "diagonal H, Adam with beta1 = 0.9, for which signs stand",
                                    "rate(B = 6) / rate(B = 1e4)",
                                    sign_best_step(problem, 6.0).rate / sign_best_step(problem, 1e4).rate,
                                    rate_ratio(at[6.0], at[1e4]), 0.1});
    }
    // y6: the peak for beta1 = 1/2 is at 100, not at 128.
    const AttenuatedCurve half = adam_curve(problem, 0.5);
    const Matrix at_100 = frozen_moments(0.5, 100.0, steps, options.seed);
    for (const double batch : {70.0, 140.0})
        result.cases.push_back({"y6", fmt::format("beta1 = 0.5, B = {:.0f}", batch), "rate / rate(B = 100)",
                                attenuated_step(half, batch).rate / attenuated_step(half, 100.0).rate,
                                rate_ratio(frozen_moments(0.5, batch, steps, options.seed), at_100), 0.0025});

    Vector ratios(options.draws(100, 30));
    parallel_for(ratios.size(), [&](Index k) {
        const auto stream = 31'690'000 + static_cast<std::uint64_t>(k);
        ratios(k) = moving_rate(6.0, 20, options.seed, stream) / moving_rate(1e4, 20, options.seed, stream);
    });
    const Estimate moving = mean_estimate(ratios);
    result.cases.push_back(
        {"d17", "diagonal H, gradient that moves, 20 steps from the start, beta1 = 0.9", "rate(B = 6) / rate(B = 1e4)",
         attenuated_step(adam_curve(problem, 0.9), 6.0).rate / attenuated_step(adam_curve(problem, 0.9), 1e4).rate,
         moving, 0.3});
    result.caption = "One coordinate, g = 1, sigma = 10, so that B_simple = 100; beta2 = 0.999, no epsilon.";
    const RatePeak peak = surge(adam_curve(problem, 0.9));
    result.paragraph = fmt::format(
        "As signs, Adam would have no surge on a diagonal Hessian. With its momentum it has one as soon as beta1 > "
        "1/3, "
        "and a simulation of Adam at a gradient that stands still agrees with that law: for beta1 = 0.9 the peak is at "
        "B = {:.1f} = 0.059 B_simple, {:.0f} % above the limit of large batches. It is a statement about one step. "
        "Where "
        "the gradient moves, m is shared by consecutive steps: the best constant rate of 20 steps is {:.2f} times that "
        "of "
        "large batches at B = 6, where the law says {:.2f}.",
        peak.batch, 100.0 * peak.height, moving.value,
        attenuated_step(adam_curve(problem, 0.9), 6.0).rate / attenuated_step(adam_curve(problem, 0.9), 1e4).rate);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-d6",
        .title = "Does Adam itself have a surge?",
        .claims = {{"d17",
                    "Momentum is a batch of (1 + beta1) / (1 - beta1) B; Adam surges on a diagonal H iff beta1 > 1/3",
                    followups},
                   {"y6", "For beta1 = 1/2 the peak is where the law says, at B_simple", batch_size_page}},
        .revisited = {"d11"},
        .run = run};
}

} // namespace hessq::d6
