#include "../measure.hpp"
#include "drawn_steps.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"

#include <cmath>
#include <fmt/format.h>
#include <utility>

namespace hessq::d9 {
namespace {

/// The stationary average (1 - beta1) sum beta1^k ghat_(t-k) at a gradient that stands still.
DrawDirection averaged(DrawDirection gradient, double beta1) {
    const int steps = static_cast<int>(std::ceil(-8.0 / std::log(beta1))); // e^-8 of the oldest weight is left
    return [gradient = std::move(gradient), beta1, steps](const RandomStream& random, std::uint64_t index, Vector& u) {
        Vector sum = Vector::Zero(u.size()), g(u.size());
        double weights = 0.0;
        for (int t = 0; t < steps; ++t) {
            index = gradient(random, index, g);
            sum = beta1 * sum + (1.0 - beta1) * g;
            weights = beta1 * weights + (1.0 - beta1);
        }
        u = sum / weights;
        return index;
    };
}

/// Root mean square of m / sqrt(v) for x ~ N(sqrt(snr), 1), block by block.
Estimate simulated_rms(double snr, double beta1, double beta2, Index steps, std::uint64_t seed, std::uint64_t stream) {
    constexpr Index blocks = 20;
    const auto burn_in = static_cast<Index>(std::ceil(6.0 / (1.0 - beta1)));
    Matrix squares(1, blocks);
    parallel_for(blocks, [&](Index block) {
        Matrix z(steps + burn_in, 1);
        (void)fill_normal(RandomStream(seed, stream + static_cast<std::uint64_t>(block)), 0, z);
        double m = std::sqrt(snr), v = 1.0 + snr, sum = 0.0;
        for (Index t = 0; t < steps + burn_in; ++t) {
            const double g = std::sqrt(snr) + z(t, 0);
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            if (t >= burn_in) sum += m * m / v;
        }
        squares(0, block) = sum / static_cast<double>(steps);
    });
    return jackknife(squares, [](VectorView mean) { return std::sqrt(mean(0)); });
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    const StepProblem problem = uneven_problem();
    const Matrix root = problem.noise_sd.asDiagonal();
    const NoiseScales scales =
        noise_scales(problem.gradient, problem.hessian, Matrix(problem.noise_sd.cwiseAbs2().asDiagonal()));
    const Index draws = options.draws(40'000, 4000);
    std::uint64_t stream = 31'900'000;
    const double beta1 = 0.9;
    for (const double batch : {0.5, 4.0}) {
        const DrawDirection m = averaged(normal_gradient(problem, root, batch), beta1);
        const Matrix sgd = drawn_moments(problem, m, draws, options.seed, stream += 100);
        const Matrix signs = drawn_moments(problem, signs_of(m), draws, options.seed, stream += 100);
        const double equivalent = momentum_batch(batch, beta1);
        const std::string where = fmt::format("beta1 = 0.9, B = {}", batch);
        result.cases.push_back({"d17", "momentum, " + where, "best rate / that of SGD with 19 B", 1.0,
                                divided(rate_of(sgd), sgd_best_step(scales, equivalent).rate), 0.06});
        result.cases.push_back({"d17", "momentum, " + where, "decrease / that of SGD with 19 B", 1.0,
                                divided(decrease_of(sgd), sgd_best_step(scales, equivalent).decrease), 0.06});
        result.cases.push_back({"d17", "signs of the momentum, " + where, "best rate / that of signs with 19 B", 1.0,
                                divided(rate_of(signs), sign_best_step(problem, equivalent).rate), 0.06});
    }

    const Index steps = options.draws(400'000, 20'000);
    result.figure = {.title = "The size of Adam's update",
                     .x_label = "SNR = B g^2 / sigma^2",
                     .y_label = "root mean square of m / sqrt(v)",
                     .log_x = true};
    Series points{.label = "simulated", .style = Series::Style::points},
        law{.label = "sqrt((SNR + kappa) / (SNR + 1))"};
    for (const double snr : {0.0, 0.1, 2.0}) {
        const Estimate rms = simulated_rms(snr, beta1, 0.9999, steps, options.seed, stream += 100);
        result.cases.push_back({"d18", fmt::format("frozen gradient, beta1 = 0.9, beta2 = 0.9999, SNR = {}", snr),
                                "RMS of the update", update_rms(snr, beta1), rms, 0.03});
        if (snr == 0.0) continue;
        points.x.push_back(snr);
        points.y.push_back(rms.value);
        const Estimate inverted{.value = snr_from_update_rms(rms.value, beta1),
                                // d SNR / d R = 2 R (1 - kappa) / (1 - R^2)^2
                                .std_error = rms.std_error * 2.0 * rms.value * (1.0 - 1.0 / 19.0) /
                                             std::pow(1.0 - rms.value * rms.value, 2),
                                .samples = rms.samples};
        result.cases.push_back({"d18", fmt::format("SNR = {}, from the update's RMS", snr), "SNR / true SNR", 1.0,
                                divided(inverted, snr), 0.3});
    }
    const Estimate short_memory = simulated_rms(0.0, beta1, 0.95, 4 * steps, options.seed, stream += 100);
    result.cases.push_back(
        {"d18", "pure noise, beta2 = 0.95", "RMS of the update", update_rms(0.0, beta1), short_memory, 0.001});
    for (int k = 0; k <= 60; ++k) {
        law.x.push_back(std::pow(10.0, -2.0 + 4.0 * k / 60.0));
        law.y.push_back(update_rms(law.x.back(), beta1));
    }
    result.figure.series = {law, points};
    result.caption = "beta1 = 0.9, beta2 = 0.9999; every coordinate has the same SNR.";
    result.paragraph =
        fmt::format("At a gradient that stands still, an average with weight beta1 takes as much noise away as a batch "
                    "(1 + beta1) / "
                    "(1 - beta1) times as large, 19 times for 0.9: for SGD and for signs of the average. For Adam, "
                    "which divides by "
                    "the noise of single gradients, it is another law (E-d6). The root mean square of Adam's update "
                    "tells the ratio of "
                    "signal to noise: pure noise has sqrt(kappa) = {:.4f} for beta2 -> 1 and {} with beta2 = 0.95.",
                    update_rms(0.0, beta1), fmt::format("{:.4f}", short_memory.value));
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-d9",
            .title = "What is momentum worth, in samples?",
            .claims = {{"d18", "Adam's update has the RMS sqrt((SNR + kappa_1) / (SNR + 1))", followups}},
            .revisited = {"d17"},
            .run = run};
}

} // namespace hessq::d9
