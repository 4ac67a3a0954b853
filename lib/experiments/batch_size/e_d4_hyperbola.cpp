#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/batch_size.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <utility>

namespace hessq::d4 {
namespace {

/// Expected losses of a diagonal quadratic from E delta_k^2 = 1, gradient noise of covariance `noise` H.
struct Course {
    double steps = 0.0;       ///< to the target, the last in part
    double noise_batch = 0.0; ///< mean of tr(Sigma H) / E g'Hg over the steps
};

/// rate = 0: the best for each step.
Course course(const Vector& lambda, double noise, double target, double batch, double rate = 0.0) {
    Vector s = Vector::Ones(lambda.size());
    const double goal = target * lambda.sum();
    const double most = 1e7;
    double sum = 0.0;
    for (double step = 0.0; step < most; step += 1.0) {
        const double before = lambda.dot(s);
        const Vector signal = lambda.array().square() * s.array();
        const Vector moment = signal + noise / batch * lambda;
        const double curvature = lambda.dot(signal);
        sum += noise * lambda.squaredNorm() / curvature;
        const double eta = rate > 0.0 ? rate : signal.sum() / lambda.dot(moment);
        s = (1.0 - 2.0 * eta * lambda.array()) * s.array() + eta * eta * moment.array();
        const double after = lambda.dot(s);
        if (after <= goal) return {step + (before - goal) / (before - after), sum / (step + 1.0)};
        if (after >= before && rate > 0.0) break; // a constant rate that has come to rest above the target
    }
    return {most, 0.0};
}

/// The best constant rate: a golden section in its logarithm.
double best_constant_steps(const Vector& lambda, double noise, double target, double batch) {
    const auto steps = [&](double log_rate) { return course(lambda, noise, target, batch, std::exp(log_rate)).steps; };
    // The excess at rest is rate noise tr H / (4 B) to first order: the target bounds the rate from above.
    double best = 1e300;
    for (double rate = 1.9 / lambda.maxCoeff(); rate > 1e-6; rate *= 0.8) {
        const double found = steps(std::log(rate));
        if (best < 1e6 && found > 2.0 * best) break;
        best = std::min(best, found);
    }
    return best;
}

struct Runs {
    Vector steps, samples;
};

Runs runs(const std::vector<double>& batches, const std::function<double(double)>& steps_of) {
    Runs result{Vector(static_cast<Index>(batches.size())), Vector(static_cast<Index>(batches.size()))};
    for (std::size_t k = 0; k < batches.size(); ++k) {
        result.steps(static_cast<Index>(k)) = steps_of(batches[k]);
        result.samples(static_cast<Index>(k)) = result.steps(static_cast<Index>(k)) * batches[k];
    }
    return result;
}

ExperimentResult run(const ExperimentOptions&) {
    std::vector<double> batches;
    for (int k = 0; k <= 8; ++k) batches.push_back(std::pow(2.0, k));
    for (const double batch : {1024.0, 4096.0, 1e6}) batches.push_back(batch);
    const Vector log_uniform = log_uniform_spectrum(50, 0.01, 1.0), isotropic = Vector::Ones(50);
    ExperimentResult result;
    result.figure = {
        .title = "Steps against samples", .x_label = "samples E", .y_label = "steps S", .log_x = true, .log_y = true};
    double worst = 0.0, isotropic_fit = 1.0;
    for (const auto& [noise, target] : {std::pair(1.0, 0.1), std::pair(1.0, 0.02), std::pair(10.0, 0.1)}) {
        const double c0 = noise, goal = target;
        for (const bool flat : {false, true}) {
            const Vector& lambda = flat ? isotropic : log_uniform;
            const Runs found = runs(batches, [&](double batch) { return course(lambda, c0, goal, batch).steps; });
            const HyperbolaFit line = fit_inverse_hyperbola(found.steps, found.samples);
            const HyperbolaFit log = fit_log_hyperbola(found.steps, found.samples);
            const std::string where = fmt::format("{}, noise {} H, target {}, best rate at each step",
                                                  flat ? "H = I" : "log-uniform spectrum", c0, goal);
            result.cases.push_back({"d7", where, "R^2 of 1/S on 1/E", 1.0, exact(line.r_squared), 0.01});
            result.cases.push_back({"d7", where, "R^2 of ln S on ln B", 1.0, exact(log.r_squared), 0.01});
            if (flat) {
                isotropic_fit = std::min(isotropic_fit, line.r_squared);
                continue;
            }
            const double path = course(lambda, c0, goal, 1e6).noise_batch;
            result.cases.push_back({"d7", where, "E_min / S_min over the mean B_noise on the way", 1.0,
                                    exact(line.critical_batch / path), 0.25});
            worst = std::max(worst, std::abs(line.critical_batch / path - 1.0));
            Series points{.label = fmt::format("noise {}, target {}", c0, goal),
                          .x = to_list(found.samples),
                          .y = to_list(found.steps),
                          .style = Series::Style::points};
            Series curve{.label = ""};
            for (int k = 0; k <= 80; ++k) {
                const double steps = log.steps_min * (1.0 + std::pow(10.0, -3.0 + 6.0 * k / 80.0));
                curve.y.push_back(steps);
                curve.x.push_back(log.samples_min / (1.0 - log.steps_min / steps));
            }
            result.figure.series.push_back(points);
            result.figure.series.push_back(curve);
        }
    }
    const Runs constant = runs({1, 4, 16, 64, 256, 1024},
                               [&](double batch) { return best_constant_steps(log_uniform, 1.0, 0.1, batch); });
    result.cases.push_back({"d7", "log-uniform spectrum, noise 1 H, target 0.1, best constant rate",
                            "R^2 of ln S on ln B", 1.0,
                            exact(fit_log_hyperbola(constant.steps, constant.samples).r_squared), 0.01});
    result.caption = "Exact expectations of SGD on quadratics, batches from 1 to 1e6; the curves are fits in ln S.";
    result.paragraph = fmt::format(
        "That S steps of B samples obey a hyperbola is an identity where B_noise and the decrease of a noiseless step "
        "do "
        "not change on the way. They do: B_noise = tr(Sigma H) / g'Hg grows as the gradient dies. On a log-uniform "
        "spectrum the hyperbola survives, but its E_min / S_min misses the mean B_noise of the way by up to {:.0f} %. "
        "For H = I a noiseless run ends in one step and 1/S is no line in 1/E (R^2 = {:.2f}); in logarithms the same "
        "runs still look like one, so R^2 must say of which fit it is.",
        100.0 * worst, isotropic_fit);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-d4",
            .title = "Do steps and samples to a target lie on a hyperbola?",
            .claims = {{"d7", "(S / S_min - 1)(E / E_min - 1) = 1 with E_min / S_min = B_noise", batch_size_essay}},
            .run = run};
}

} // namespace hessq::d4
