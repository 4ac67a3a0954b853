#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/epsilon_measurement.hpp"

#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::c4 {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// By how much ln(best lr) grows per ln(eps).
Estimate rate_slope(const BestRunRate& low, const BestRunRate& high, double ln_ratio) {
    return {.value = (high.log_rate.value - low.log_rate.value) / ln_ratio,
            .std_error = std::hypot(high.log_rate.std_error, low.log_rate.std_error) / ln_ratio,
            .samples = low.log_rate.samples};
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;

    // Runs of Adam on a small network: the best constant rate against epsilon.
    const Problem iris = bundled_problem("iris-mlp");
    const Vector start = iris.start(0);
    const Index seeds = options.draws(96, 72);
    const std::vector<double> epsilons = {1e-8, 1e-6, 1e-3, 0.03, 1.0, 30.0};
    std::vector<BestRunRate> best;
    for (const double eps : epsilons)
        best.push_back(best_run_rate(*iris.objective, start,
                                     {.steps = 40,
                                      .batch = 16,
                                      .lr = 0.1 * (1.0 + 10.0 * eps),
                                      .eps = eps,
                                      .seed = options.seed,
                                      .exponents = false},
                                     seeds));
    const std::string net = "Adam on iris-mlp, 40 steps of 16";
    const Estimate small = rate_slope(best[0], best[1], std::log(100.0)),
                   large = rate_slope(best[4], best[5], std::log(30.0));
    result.cases.push_back(
        {"c1", net + ", eps from 1e-8 to 1e-6", "d ln(best lr) / d ln(eps): signs", 0.0, small, 0.1});
    result.cases.push_back({"c1", net + ", eps from 1 to 30", "d ln(best lr) / d ln(eps): SGD", 1.0, large, 0.1});
    result.figure = {.title = "The best constant learning rate of Adam against epsilon",
                     .x_label = "epsilon",
                     .y_label = "best lr",
                     .log_x = true,
                     .log_y = true};
    Series line{.label = "runs", .style = Series::Style::linepoints};
    for (std::size_t k = 0; k < epsilons.size(); ++k) {
        line.x.push_back(epsilons[k]);
        line.y.push_back(std::exp(best[k].log_rate.value));
        line.lower.push_back(std::exp(best[k].log_rate.value - best[k].log_rate.std_error));
        line.upper.push_back(std::exp(best[k].log_rate.value + best[k].log_rate.std_error));
    }
    result.figure.series = {line};

    // b26 along a run, in the Hessian's eigenbasis.
    const Problem digits = bundled_problem("digits-softmax");
    for (const double eps : {1e-8, 0.01}) {
        const EpsilonRun adam =
            epsilon_run(*digits.objective, digits.start(0),
                        {.steps = 100, .batch = 64, .lr = 0.01, .eps = eps, .seed = options.seed, .readings = 1});
        if (!adam.exponent) continue;
        result.cases.push_back({"b26", fmt::format("Adam on digits-softmax, 100 steps of 64, eps = {}", eps),
                                "p of sqrt(u'Wu) + eps", adam.exponent->predicted, adam.exponent->effective, 0.1});
    }

    // Real mini-batches at one point, where coordinates are anything but independent.
    const auto adam = adam_optimizer({.lr = 0.01});
    const Vector w = train(*digits.objective, digits.start(0), *adam,
                           {.steps = 100, .batch = 64, .sampling = Sampling::iid, .seed = options.seed})
                         .parameters;
    const EpsilonPoint point = epsilon_point(*digits.objective, w);
    double worst = 1.0;
    for (const double eps : {1e-8, 0.1, infinity}) {
        // Rates of plain gradients scatter more, and are nearer to what they are compared with.
        const Index draws = eps == infinity ? options.draws(4000, 2000) : options.draws(400, 200);
        const double law =
            eps == infinity ? best_uncorrelated_step(point.problem.gradient, point.problem.hessian,
                                                     point.problem.gradient, point.problem.noise_sd.cwiseAbs2() / 32.0)
                                  .rate
                            : epsilon_best_step(EpsilonForm::ratio, point.problem, eps, 32.0).rate;
        const std::optional<Estimate> rate = measured_rate(point, EpsilonForm::ratio, eps, 32, draws, options.seed);
        if (!rate) continue;
        worst = std::min(worst, rate->value / law);
        result.cases.push_back({"c14",
                                fmt::format("digits-softmax, real mini-batches of 32, g / (|g| + eps), eps = {}", eps),
                                "best rate / predicted",
                                1.0,
                                {.value = rate->value / law, .std_error = rate->std_error / law, .samples = draws},
                                0.1});
        if (eps == infinity) {
            const double gg = point.problem.gradient.squaredNorm();
            const double ghg = point.problem.gradient.dot(point.problem.hessian * point.problem.gradient);
            const double sgd = gg / (ghg + point.noise_curvature / 32.0);
            result.cases.push_back({"c11",
                                    "digits-softmax, real mini-batches of 32, eps = infinity, tr(Sigma H)",
                                    "best rate / SGD's",
                                    1.0,
                                    {.value = rate->value / sgd, .std_error = rate->std_error / sgd, .samples = draws},
                                    0.1});
        }
    }
    result.caption = fmt::format("{}; mean over {} seeds and its standard error. Flat while epsilon is below the "
                                 "gradients, proportional to epsilon above them.",
                                 net, seeds);
    result.paragraph = fmt::format(
        "On real runs epsilon does what the essay says of its two ends: below the gradients it changes nothing (the "
        "best "
        "learning rate goes with eps to the power {}), above them Adam is SGD with momentum and the best rate is "
        "proportional to epsilon ({}). What does not carry over is the size of the best rate at one point: on "
        "digits-softmax the gradients of coordinates are strongly correlated from sample to sample, and the law for "
        "independent coordinates allows rates that are up to {:.0f} times too large.",
        fmt::format("{:.2f} +- {:.2f}", small.value, small.std_error),
        fmt::format("{:.2f} +- {:.2f}", large.value, large.std_error), 1.0 / worst);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-c4",
            .title = "What does epsilon do to real runs of Adam?",
            .claims = {},
            .revisited = {"b26", "c1", "c11", "c14"},
            .run = run};
}

} // namespace hessq::c4
