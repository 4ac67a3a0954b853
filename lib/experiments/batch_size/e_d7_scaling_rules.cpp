#include "../measure.hpp"
#include "drawn_steps.hpp"
#include "entries.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/simulation.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::d7 {
namespace {

/// The mean excess loss 1/2 sum lambda_k delta_k^2 of a stationary state, block by block.
Vector excess(const Vector& lambda, const UpdateRule& rule, double batch, std::uint64_t stream,
              const ExperimentOptions& options) {
    // Slowest: 1 / (lr lambda_min / sqrt(v)) steps, from a start near the stationary spread.
    const SimulationOptions simulation{.runs = options.draws(800, 200),
                                       .block_runs = options.draws(800, 200) / 20,
                                       .steps = 600,
                                       .burn_in = 600,
                                       .seed = options.seed,
                                       .stream = stream};
    const double effective = rule.beta2 ? rule.lr * std::sqrt(batch) : rule.lr;
    const double start = std::sqrt(0.5 * effective / batch);
    Matrix from(lambda.size(), simulation.runs);
    (void)fill_normal(RandomStream(options.seed, stream + 90), 0, from);
    const SimulatedMoments moments =
        simulated_moments(noisy_quadratic(lambda, Vector::Ones(lambda.size()) / batch), rule, start * from, simulation);
    return 0.5 * (lambda.transpose() * moments.cloud).transpose();
}

/// The excess after scaling over that before, as a jackknife of the pairs of blocks.
Estimate ratio(const Vector& scaled, const Vector& base) {
    Matrix both(2, base.size());
    both << scaled.transpose(), base.transpose();
    return jackknife(both, [](VectorView mean) { return mean(0) / mean(1); });
}

ExperimentResult run(const ExperimentOptions& options) {
    const Vector lambda = log_uniform_spectrum(10, 0.5, 2.0);
    ExperimentResult result;
    std::uint64_t stream = 31'700'000;
    const double k = 4.0, batch = 16.0;
    const auto scaled = [&](const UpdateRule& rule, double size) {
        return excess(lambda, rule, size, stream += 100, options);
    };

    const double sgd_rate = 0.02;
    const Vector sgd = scaled({.lr = sgd_rate}, batch);
    const Estimate linear = ratio(scaled({.lr = scaled_rate(ScalingRule::linear, sgd_rate, k)}, k * batch), sgd);
    const Estimate root = ratio(scaled({.lr = scaled_rate(ScalingRule::square_root, sgd_rate, k)}, k * batch), sgd);
    result.cases.push_back(
        {"d3", "SGD, rate and batch times 4", "stationary excess loss, after / before", 1.0, linear, 0.12});
    result.cases.push_back(
        {"d2", "SGD, batch times 4, rate times 2", "stationary excess loss, after / before", 1.0, root, 0.12});
    const double long_rate = 0.2;
    result.cases.push_back({"d3", "SGD, the same from a rate of 0.2: rate lambda up to 1.6",
                            "stationary excess loss, after / before", 1.0,
                            ratio(scaled({.lr = scaled_rate(ScalingRule::linear, long_rate, k)}, k * batch),
                                  scaled({.lr = long_rate}, batch)),
                            0.12});
    // The covariance of an increment, rate^2 Sigma / B: what the rule d2 keeps.
    for (const ScalingRule rule : {ScalingRule::square_root, ScalingRule::linear}) {
        const double rate = scaled_rate(rule, sgd_rate, k);
        result.cases.push_back(
            {"d2",
             rule == ScalingRule::square_root ? "SGD, batch times 4, rate times 2" : "SGD, rate and batch times 4",
             "covariance of an increment, after / before", 1.0,
             exact(rate * rate / (k * batch) / (sgd_rate * sgd_rate / batch)), 1e-12});
    }

    const AdamSettings settings{.rate = 0.002, .beta1 = 0.0, .beta2 = 0.98, .eps = 0.0};
    const auto rule_of = [](const AdamSettings& s) {
        return UpdateRule{.lr = s.rate, .beta1 = s.beta1, .beta2 = s.beta2, .eps = s.eps};
    };
    const auto with_rate = [&](ScalingRule rule) {
        AdamSettings other = settings;
        other.rate = scaled_rate(rule, settings.rate, k);
        return other;
    };
    const Vector adam = scaled(rule_of(settings), batch);
    const Estimate adam_root = ratio(scaled(rule_of(with_rate(ScalingRule::square_root)), k * batch), adam);
    const Estimate adam_linear = ratio(scaled(rule_of(with_rate(ScalingRule::linear)), k * batch), adam);
    result.cases.push_back(
        {"d3", "Adam, batch times 4, rate times 2", "stationary excess loss, after / before", 1.0, adam_root, 0.12});
    result.cases.push_back({"d3", "Adam, rate and batch times 4, SGD's rule", "stationary excess loss, after / before",
                            1.0, adam_linear, 0.12});
    AdamSettings with_momentum = settings;
    with_momentum.beta1 = 0.8;
    const Vector momentum = scaled(rule_of(with_momentum), batch);
    const Estimate malladi = ratio(scaled(rule_of(malladi_rule(with_momentum, k)), k * batch), momentum);
    result.cases.push_back({"d3", "Adam with beta1 = 0.8, Malladi's rule for k = 4",
                            "stationary excess loss, after / before", 1.0, malladi, 0.12});

    result.figure = {.title = "What the rules keep",
                     .x_label = "factor of the batch",
                     .y_label = "stationary excess loss, after / before",
                     .log_x = true,
                     .guides = {{0.0, 1.0, 1.0, "kept"}}};
    const auto draw = [&](const std::string& label, const Estimate& found) {
        result.figure.series.push_back({.label = label,
                                        .x = {1.0, k},
                                        .y = {1.0, found.value},
                                        .style = Series::Style::linepoints,
                                        .lower = {1.0, found.value - 2.0 * found.std_error},
                                        .upper = {1.0, found.value + 2.0 * found.std_error}});
    };
    draw("SGD, linear", linear);
    draw("SGD, square root", root);
    draw("Adam, linear", adam_linear);
    draw("Adam, square root", adam_root);
    draw("Adam, Malladi", malladi);
    result.caption =
        "Quadratic with 10 eigenvalues from 0.5 to 2, noise I / B, batch times 4; bars of two standard errors.";
    result.paragraph = fmt::format("A rule is right if it leaves the stationary state alone. For SGD the excess loss "
                                   "goes with rate / B: the linear "
                                   "rule keeps it ({:.3f}), the square root does not ({:.3f}), although it keeps the "
                                   "covariance of an increment, for "
                                   "which it was made. Adam divides by sqrt(v), itself sqrt(Sigma / B): there the "
                                   "square root keeps it ({:.3f}) and "
                                   "the linear rule does not ({:.2f}). With momentum, Malladi's rule scales the betas, "
                                   "too ({:.3f}). All of this is "
                                   "for rates that are small against the curvature.",
                                   linear.value, root.value, adam_root.value, adam_linear.value, malladi.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-d7",
        .title = "How must the rate follow the batch?",
        .claims = {{"d2", "With rate ~ sqrt(B) the noise stays the same: the square-root rule", batch_size_essay},
                   {"d3", "With rate ~ B SGD stays the same, with rate ~ sqrt(B) Adam: their SDEs", batch_size_essay}},
        .run = run};
}

} // namespace hessq::d7
