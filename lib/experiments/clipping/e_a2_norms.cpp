#include "../measure.hpp"
#include "../networks.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/clipping_runs.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <fmt/format.h>
#include <memory>

namespace hessq::a2 {
namespace {

constexpr std::uint64_t streams = 82'000'000;

/// lr E|ghat|^2 / 4 (E L - L*) of simulated SGD, blocks of runs as replicates; the excess is delta'g / 2.
Estimate loss_ratio(const SimulatedMoments& moments, double lr) {
    const Index n = moments.minibatch.rows();
    return jackknife((Matrix(2 * n, moments.cloud.cols()) << moments.minibatch, moments.alignment).finished(),
                     [&](VectorView m) { return lr * m.head(n).sum() / (2.0 * m.tail(n).sum()); });
}

/// What is late in a run of SGD.
struct LateNorms {
    double share = 0.0, predicted = 0.0; ///< of steps longer than 1
};

LateNorms late_norms(const FiniteSumObjective& loss, const Vector& start, double lr, Index steps, Index batch,
                     std::uint64_t seed) {
    const auto sgd = sgd_optimizer({.lr = lr});
    const GradientTrace trace =
        trace_gradients(loss, start, *sgd, {.steps = steps, .batch = batch, .looks = 8, .seed = seed, .pairs = 16});
    return {trace.measured_share(1.0, steps / 2), trace.predicted_share(1.0, steps / 2)};
}

void add_late_norms(const ExperimentOptions& options, ExperimentResult& result) {
    struct Setting {
        std::string name;
        std::shared_ptr<const FiniteSumObjective> loss;
        std::function<Vector(std::uint64_t)> start;
        double lr;
        Index batch;
    };
    std::vector<Setting> settings;
    const auto add_network = [&](const std::string& what, const Mlp& network, Index width, double factor, Index batch) {
        const auto wide = std::make_shared<const Mlp>(with_width(network, width));
        settings.push_back({what, factor == 1.0 ? wide : rescaled(wide, factor),
                            [wide](std::uint64_t seed) { return wide->initial_parameters(seed); }, 0.05 / factor,
                            batch});
    };
    const Problem iris = bundled_problem("iris-mlp"), cancer = bundled_problem("breast-cancer-mlp");
    const auto& softmax = dynamic_cast<const Mlp&>(*iris.objective);
    const auto& logistic = dynamic_cast<const Mlp&>(*cancer.objective);
    const Mlp squared = teacher_network({0, streams}, 0.1);
    for (const Index width : {8, 64, 512}) {
        add_network(fmt::format("softmax, width {}, batches of 32", width), softmax, width, 1.0, 32);
        if (width < 512) add_network(fmt::format("logistic, width {}, batches of 32", width), logistic, width, 1.0, 32);
        add_network(fmt::format("squared loss, width {}, batches of 32", width), squared, width, 1.0, 32);
    }
    add_network("softmax, width 8, batches of 32, 100 times the loss", softmax, 8, 100.0, 32);
    add_network("squared loss, width 8, batches of 32, 100 times the loss", squared, 8, 100.0, 32);
    const Problem p1 = bundled_problem("P1");
    settings.push_back({"P1, batches of 4", p1.objective, p1.start, 0.1, 4});
    constexpr Index runs = 20;
    const Index steps = options.effort == Effort::quick ? 200 : 1000;
    Matrix shares(static_cast<Index>(settings.size()), runs), predicted = shares;
    parallel_for(shares.size(), [&](Index task) {
        const Index k = task / runs, r = task % runs;
        const Setting& setting = settings[static_cast<std::size_t>(k)];
        const auto which = streams + 100 * options.seed + static_cast<std::uint64_t>(r);
        const LateNorms late = late_norms(*setting.loss, setting.start(which), setting.lr, steps, setting.batch, which);
        shares(k, r) = late.share;
        predicted(k, r) = late.predicted;
    });
    for (Index k = 0; k < shares.rows(); ++k) {
        const Setting& setting = settings[static_cast<std::size_t>(k)];
        result.cases.push_back({"a2", setting.name, "share of late mini-batch gradients longer than 1", 0.0,
                                mean_estimate(shares.row(k).transpose()), 0.05});
        result.cases.push_back({"a7", setting.name, "share longer than 1, measured - from |g|^2 + tr Sigma / B", 0.0,
                                mean_estimate((shares.row(k) - predicted.row(k)).transpose()), 0.1});
    }
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::vector<Case>& cases = result.cases;
    // Exact: regression with b15's spectrum, and a quadratic whose noise does not depend on w.
    const Vector lambda = (Vector(6) << 4.0, 2.0, 1.0, 0.5, 0.25, 0.1).finished();
    const SimulationOptions simulation{.runs = options.draws(640, 160),
                                       .block_runs = 8,
                                       .steps = 4000,
                                       .burn_in = 600,
                                       .seed = options.seed,
                                       .stream = streams};
    const double regression_lr = 0.08;
    const SimulatedMoments regression = simulated_moments(gaussian_regression_population(lambda, 0.49, 4),
                                                          {.lr = regression_lr}, Vector::Zero(6), simulation);
    const Vector noise = lambda / 4.0;
    const SimulatedMoments additive =
        simulated_moments(noisy_quadratic(lambda, noise), {.lr = regression_lr}, Vector::Zero(6), simulation);
    const std::string ratio = "lr E|ghat|^2 / 4 (E L - L*)";
    cases.push_back(
        {"a7", "stationary SGD, regression, batches of 4", ratio, 1.0, loss_ratio(regression, regression_lr), 0.02});
    cases.push_back(
        {"a7", "stationary SGD, quadratic with additive noise", ratio, 1.0, loss_ratio(additive, regression_lr), 0.02});
    const RegressionStationaryState state = stationary_regression_sgd(lambda, 0.49, 4.0, regression_lr);
    cases.push_back({"a7", "stationary SGD, regression, batches of 4", "E|ghat|^2 / predicted", 1.0,
                     jackknife(regression.minibatch,
                               [&](VectorView m) {
                                   return m.sum() /
                                          stationary_squared_norm(0.5 * lambda.dot(state.cloud), regression_lr);
                               }),
                     0.03});
    cases.push_back(
        {"a7", "stationary SGD, quadratic with additive noise", "(E|ghat|^2 - E|g|^2) / (tr Sigma / B)", 1.0,
         jackknife((Matrix(12, additive.cloud.cols()) << additive.minibatch, additive.full_batch).finished(),
                   [&](VectorView m) { return (m.head(6).sum() - m.tail(6).sum()) / noise.sum(); }),
         0.02});
    cases.push_back({"a7", "the same, lr lambda_max = 0.32", "E|g|^2 / (lr / 2 tr(H Sigma) / B)", 1.0,
                     jackknife(additive.full_batch,
                               [&](VectorView m) {
                                   return m.sum() / stationary_full_squared_norm(regression_lr, lambda.dot(noise), 1.0);
                               }),
                     0.05});

    // Networks at a minimum: nearly quadratic.
    const Students students = train_students(options.draws(20, 4), 0.3, options.seed, streams);
    const auto count = static_cast<Index>(students.trained.size());
    constexpr Index chains = 6;
    Vector losses(count * chains), hundredfold(count);
    parallel_for(count * (chains + 1), [&](Index task) {
        const Index net = task / (chains + 1), chain = task % (chains + 1);
        const NetworkAt& student = students.trained[static_cast<std::size_t>(net)];
        const double factor = chain == chains ? 100.0 : 1.0;
        const auto loss = rescaled(student.loss, factor);
        const Stationarity found = measure_stationarity(
            *loss, student.parameters, student.parameters, loss->value(student.parameters),
            {.lr = 0.05 / factor,
             .batch = 8,
             .burn_in = 1000,
             .steps = 3000,
             .seed = streams + 1000 * options.seed +
                     static_cast<std::uint64_t>(chain == chains ? chains * net : chains * net + chain)});
        (chain == chains ? hundredfold(net) : losses(chains * net + chain)) = found.loss_ratio.value;
    });
    cases.push_back({"a7", "trained 6-8-1 networks, SGD from the minimum", ratio, 1.0, mean_estimate(losses), 0.2});
    Vector differences(count);
    for (Index net = 0; net < count; ++net) differences(net) = hundredfold(net) / losses(chains * net) - 1.0;
    cases.push_back({"a7", "the same runs with 100 times the loss", "relative change of the ratio, largest", 0.0,
                     exact(differences.cwiseAbs().maxCoeff(), count), 1e-6});
    add_late_norms(options, result);

    std::vector<double> index, values;
    for (const Case& c : cases)
        if (c.claim == "a2") {
            index.push_back(static_cast<double>(index.size() + 1));
            values.push_back(c.measured.value);
        }
    result.figure = {.title = "Mini-batch gradients longer than 1, late in the run",
                     .x_label = "setting, in the order of the cases",
                     .y_label = "share",
                     .series = {{"measured", index, values, Series::Style::points}}};
    result.caption =
        "Networks of widths 8 to 512 with three losses; the last ones are the same networks with 100 times the "
        "loss, and P1.";
    result.paragraph = fmt::format("That late gradients are shorter than 1 is true of these networks with mean losses "
                                   "and batches of 32, and stops to be "
                                   "true when the loss is measured in other units: with 100 times the loss and a "
                                   "hundredth of the learning rate the run is "
                                   "the same and {:.0f} % of its late gradients are longer than 1. What the units do "
                                   "not touch is lr E|ghat|^2 = 4 (E L - "
                                   "L*): the ratio is {:.4f} on regression and {:.3f} on trained networks.",
                                   100.0 * values[values.size() - 3], cases[0].measured.value, losses.mean());
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-a2",
            .title = "Are gradients shorter than 1, and what decides?",
            .claims = {{"a2", "The loss falls by lr |g|^2 a step, so that late gradients are shorter than 1",
                        clipping_essay},
                       {"a7", "At stationarity E|ghat|^2 = 4 (E L - L*) / lr; clipping sees |g|^2 + tr Sigma / B",
                        clipping_page}},
            .run = run};
}

} // namespace hessq::a2
