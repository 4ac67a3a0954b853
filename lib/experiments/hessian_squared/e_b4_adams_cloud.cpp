#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <fmt/format.h>

namespace hessq::b4 {
namespace {

ExperimentResult run(const ExperimentOptions& options) {
    const Vector lambda = log_uniform_spectrum(12, 0.1, 2.0);
    // lr lambda / sqrt(noise), which the closed form neglects, is at most 0.014; the slowest direction relaxes in
    // 1 / (lr sqrt(lambda_min)) = 320 steps, and v in 1000.
    constexpr double lr = 0.01;
    const Index runs = options.draws(480, 120);
    ExperimentResult result;
    result.figure = {.title = "The cloud that Adam makes",
                     .x_label = "eigenvalue of H",
                     .y_label = "variance of the parameters",
                     .log_x = true,
                     .log_y = true};
    std::uint64_t stream = 4'000'000;
    for (const double gamma : {1.0, 2.0})
        for (const double beta1 : {0.0, 0.9}) {
            const Vector noise = lambda.array().pow(gamma);
            const SimulatedMoments moments = simulated_moments(
                noisy_quadratic(lambda, noise), {.lr = lr, .beta1 = beta1, .beta2 = 0.999}, Vector::Zero(12),
                {.runs = runs,
                 .block_runs = runs_in_a_block(runs, 12),
                 .steps = 9000,
                 .burn_in = 4000,
                 .seed = options.seed,
                 .stream = stream += 10'000});
            const StationaryExponents law = adam_exponents(gamma);
            const std::string where = fmt::format("Adam, beta1 = {}, noise ~ H^{:.0f}", beta1, gamma);
            const Estimate cloud = exponent_estimate(lambda, moments.cloud);
            result.cases.push_back({"b16", where, "slope of the cloud", law.cloud, cloud, 0.05});
            result.cases.push_back({"b16", where, "p of the full-batch gradients", law.signal,
                                    root_exponent_estimate(lambda, moments.full_batch), 0.03});
            result.cases.push_back(
                {"b16", where, "p of sqrt(v)", law.noise, root_exponent_estimate(lambda, moments.minibatch), 0.03});
            if (beta1 > 0.0) continue;
            result.cases.push_back({"b3", where, "slope of the cloud, 0 if isotropic", 0.0, cloud, 0.1});
            result.figure.series.push_back({fmt::format("noise ~ H^{:.0f}", gamma), to_list(lambda),
                                            to_list(moments.cloud.rowwise().mean()), Series::Style::points});
            result.figure.series.push_back(
                {gamma == 1.0 ? "predicted" : "", to_list(lambda), to_list(adam_cloud(lambda, noise, lr))});
        }
    result.caption = "Adam (beta1 = 0, beta2 = 0.999) in its stationary state on a diagonal quadratic; the lines are "
                     "lr sqrt(noise) / (2 lambda).";
    result.paragraph = fmt::format(
        "Adam, not SGD, makes the cloud in practice. With noise proportional to H, as at a well-specified optimum, its "
        "cloud is not isotropic: the variance falls as lambda^{:.2f}. It is isotropic where the noise goes as H^2 "
        "(slope {:.2f}), and there v follows H^2 as the essay has it, although the full-batch gradient contributes "
        "almost "
        "nothing to it. Momentum changes neither.",
        result.cases[0].measured.value, result.cases[7].measured.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-b4",
            .title = "Is the cloud isotropic when Adam makes it?",
            .claims = {{"b16", "Adam's cloud goes as lambda^(gamma/2 - 1) for noise as lambda^gamma",
                        hessian_squared_page}},
            .revisited = {"b3"},
            .run = run};
}

} // namespace hessq::b4
