#include "../measure.hpp"
#include "drawn_steps.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/theory/batch_size_measurement.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::d1 {
namespace {

/// |ghat - g|^2 over tr Sigma, times B: 1 if the covariance is Sigma / B.
Estimate scatter(const FiniteSumObjective& objective, const Vector& w, Index batch, Sampling sampling, Index draws,
                 const ExperimentOptions& options) {
    const Vector g = objective.gradient(w);
    const double trace = noise_trace(objective, w);
    Vector squares(draws);
    parallel_for(draws, [&](Index k) {
        // Epochs of their own: the first batch of each.
        const BatchSampler sampler(objective.samples(), batch, sampling,
                                   options.seed + 31'000'000 + static_cast<std::uint64_t>(k));
        squares(k) = (objective.gradient(w, sampler(0)) - g).squaredNorm() * static_cast<double>(batch) / trace;
    });
    return mean_estimate(squares);
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    const StepProblem problem = uneven_problem();
    const NoiseScales scales =
        noise_scales(problem.gradient, problem.hessian, Matrix(problem.noise_sd.cwiseAbs2().asDiagonal()));
    const Index draws = options.draws(400'000, 40'000);
    Series law{.label = "eta_max / (1 + B_noise / B)"}, normal{.label = "normal noise", .style = Series::Style::points},
        sparse{.label = "rare jumps", .style = Series::Style::points};
    std::uint64_t stream = 31'000'000;
    for (const Index batch : {1, 8, 64}) {
        const auto size = static_cast<double>(batch);
        const BestStep predicted = sgd_best_step(scales, size);
        for (const bool jumps : {false, true}) {
            // Jumps are drawn sample by sample; where few fall into a batch, more batches are needed.
            const DrawDirection direction = jumps ? sparse_gradient(problem, 0.1, batch)
                                                  : normal_gradient(problem, problem.noise_sd.asDiagonal(), size);
            const Matrix moments = drawn_moments(problem, direction,
                                                 jumps && batch > 8 ? draws / 8
                                                 : batch > 1        ? draws
                                                                    : (jumps ? 16 : 4) * draws,
                                                 options.seed, stream += 100);
            const std::string where =
                fmt::format("quadratic loss, {}, B = {}", jumps ? "noise in rare jumps" : "normal noise", batch);
            const Estimate rate = rate_of(moments);
            result.cases.push_back({"d4", where, "best rate / predicted", 1.0, divided(rate, predicted.rate), 0.05});
            result.cases.push_back(
                {"d6", where, "decrease / predicted", 1.0, divided(decrease_of(moments), predicted.decrease), 0.05});
            Series& points = jumps ? sparse : normal;
            points.x.push_back(size);
            points.y.push_back(rate.value);
        }
    }
    for (int k = 0; k <= 60; ++k) {
        const double batch = std::pow(10.0, -0.5 + 0.05 * k);
        law.x.push_back(batch);
        law.y.push_back(sgd_best_step(scales, batch).rate);
    }

    // d8: a direction that is not the gradient, its coordinates correlated.
    const Matrix root = (Matrix(3, 3) << 2.0, 0.0, 0.0, -0.6, 0.8, 0.0, 0.3, 0.3, 0.2).finished();
    const BestStep correlated =
        correlated_sign_best_step(problem.gradient, problem.hessian, root * root.transpose(), 4.0);
    const Matrix signs =
        drawn_moments(problem, signs_of(normal_gradient(problem, root, 4.0)), draws, options.seed, stream += 100);
    result.cases.push_back({"d8", "signs, correlated normal noise, B = 4", "best rate / predicted", 1.0,
                            divided(rate_of(signs), correlated.rate), 0.05});
    result.cases.push_back({"d8", "signs, correlated normal noise, B = 4", "decrease / predicted", 1.0,
                            divided(decrease_of(signs), correlated.decrease), 0.05});

    // A network: the loss is not quadratic, and the best rate of the loss itself differs.
    const Problem iris = bundled_problem("iris-mlp");
    const Vector w = iris.start(0);
    const LocalModel model = local_model(*iris.objective, w);
    const NoiseScales network = noise_scales(model.gradient, model.hessian, model.noise);
    const DirectionSource source(*iris.objective, w);
    double gap = 0.0;
    for (const Index batch : {2, 256}) {
        const BestStep predicted = sgd_best_step(network, static_cast<double>(batch));
        const Matrix u = source.directions({.kind = DirectionKind::sgd}, batch,
                                           options.draws(4000, batch > 2 ? 60 : 2500), options.seed, stream += 100);
        const MeasuredStep in_model = model_best_step(model, u);
        const MeasuredStep by_loss = loss_best_step(*iris.objective, w, u, {.start = predicted.rate});
        const std::string where = fmt::format("iris-mlp, B = {}", batch);
        result.cases.push_back({"d4", where + ", quadratic model", "best rate / predicted", 1.0,
                                divided(in_model.rate, predicted.rate), 0.15});
        result.cases.push_back({"d4", where + ", the loss itself", "best rate / predicted", 1.0,
                                divided(by_loss.rate, predicted.rate), 0.15});
        gap = by_loss.rate.value / predicted.rate - 1.0;
    }

    for (const Index batch : {4, 32})
        result.cases.push_back(
            {"d1", fmt::format("iris-mlp, with replacement, B = {}", batch), "B tr Cov / tr Sigma", 1.0,
             scatter(*iris.objective, w, batch, Sampling::iid, options.draws(40'000, 6000), options), 0.15});
    result.cases.push_back({"d1", "iris-mlp, without replacement, B = 75 of 150", "B tr Cov / tr Sigma", 1.0,
                            scatter(*iris.objective, w, 75, Sampling::epochs, options.draws(20'000, 2000), options),
                            0.15});

    result.figure = {.title = "The best rate of SGD against the batch size",
                     .x_label = "batch size B",
                     .y_label = "best rate",
                     .log_x = true,
                     .log_y = true,
                     .series = {law, normal, sparse}};
    result.caption =
        "Three coordinates; the mean fall of a quadratic loss over drawn mini-batches has its maximum there.";
    result.paragraph = fmt::format(
        "On a quadratic loss the rate that lowers the loss most is eta_max / (1 + B_noise / B) whatever the law of the "
        "noise: normal or in rare jumps, the drawn batches agree. What the law neglects is that losses are not "
        "quadratic: on a network at its start, where the best step is long, the loss itself prefers a rate {:.0f} % {} "
        "for large batches. Sigma / B is for batches drawn with replacement; half of a data set drawn without has half "
        "of that.",
        100.0 * std::abs(gap), gap > 0.0 ? "larger" : "smaller");
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-d1",
            .title = "Which learning rate lowers the loss most?",
            .claims = {{"d1", "The gradient of a batch has mean g and covariance Sigma / B", batch_size_essay},
                       {"d4", "The best rate is eta_max / (1 + B_noise / B), for any noise", batch_size_essay},
                       {"d6", "The best step lowers the loss by dL_max / (1 + B_noise / B)", batch_size_essay},
                       {"d8", "For a direction u it is E[u]'g / tr(E[uu'] H)", batch_size_essay}},
            .run = run};
}

} // namespace hessq::d1
