#include "../measure.hpp"
#include "../networks.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/optimizers/transforms.hpp"
#include "hessq/theory/clipping_runs.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <memory>

namespace hessq::a1 {
namespace {

constexpr std::uint64_t streams = 81'000'000;

struct Bench {
    std::string name;
    std::shared_ptr<const Mlp> loss;
    double long_rate; ///< of SGD: far from infinitesimal
};

std::vector<Bench> benches() {
    const Vector lambda = log_uniform_spectrum(15, 0.05, 2.0);
    return {{"regression",
             std::make_shared<const Mlp>(
                 linear_regression(gaussian_regression(400, lambda, {.noise = 0.7, .seed = streams}).data)),
             0.5},
            {"softmax",
             std::make_shared<const Mlp>(
                 softmax_regression(softmax_data(400, 10, 3, {.scale = 2.0, .seed = streams}).data)),
             2.0},
            {"network", std::make_shared<const Mlp>(teacher_network({0, streams}, 0.1)), 0.5}};
}

std::unique_ptr<Optimizer> optimizer_of(const std::string& method, double lr) {
    if (method == "sgd") return sgd_optimizer({.lr = lr});
    if (method == "sign") return sign_optimizer({.lr = lr});
    return adam_optimizer({.lr = lr});
}

/// Sums over the first steps of each run, the replicates: promised, curvature cost, actual, lr |g|_1, lr |g|^2.
Matrix decreases(const Mlp& loss, const std::string& method, double lr, Index batch, Index runs, std::uint64_t seed) {
    Matrix sums = Matrix::Zero(5, runs);
    const double root = std::sqrt(static_cast<double>(loss.dimension()));
    parallel_for(runs, [&](Index run) {
        const auto which = 1000 * seed + static_cast<std::uint64_t>(run);
        const auto optimizer = optimizer_of(method, lr);
        const GradientTrace trace =
            trace_gradients(loss, loss.initial_parameters(streams + which), *optimizer,
                            {.steps = 10, .batch = batch, .looks = 10, .seed = streams + which, .pairs = 2});
        for (const TraceLook& look : trace.looks) {
            const double norm = std::sqrt(look.noise.squared_norm);
            sums.col(run) += (Vector(5) << look.promised, look.curvature_cost, look.actual,
                              lr * root * norm * look.sign_cosine, lr * norm * norm)
                                 .finished();
        }
    });
    return sums;
}

/// Mean decrease by one step from a point, over batches, relative to `law`: replicates are blocks of batches.
Estimate mean_decrease(const Mlp& loss, const Vector& w, double lr, Index batch, Index draws, double law,
                       std::uint64_t seed) {
    constexpr Index blocks = 20;
    Vector means(blocks);
    const double begin = loss.value(w);
    parallel_for(blocks, [&](Index block) {
        const BatchSampler sampler(loss.samples(), batch, Sampling::iid,
                                   streams + 100 * seed + static_cast<std::uint64_t>(block));
        double sum = 0.0;
        for (Index t = 0; t < draws / blocks; ++t) sum += begin - loss.value(w - lr * loss.gradient(w, sampler(t)));
        means(block) = sum / static_cast<double>(draws / blocks) / law;
    });
    return mean_estimate(means);
}

void add_step_lengths(std::vector<Case>& cases) {
    const Vector g = normal_vector(RandomStream(1, streams), 50);
    for (const double part : {0.5, 1.0, 3.0, 10.0}) {
        const Vector scaled = part / g.norm() * g; // |g| / t = part
        const Vector clipped = clip_by_norm(1.0)(scaled);
        cases.push_back({"a1", fmt::format("|g| = {} t", part), "|clip(g)| / min(|g|, t)", 1.0,
                         exact(clipped.norm() / std::min(part, 1.0)), 1e-12});
        cases.push_back({"a1", fmt::format("|g| = {} t", part), "cos(clip(g), g)", 1.0,
                         exact(clipped.dot(scaled) / (clipped.norm() * scaled.norm())), 1e-12});
        const double limited =
            limited_decrease(sgd_optimizer({.lr = 0.1}), 0.1)->update(Vector::Zero(50), scaled).norm();
        cases.push_back({"a6", fmt::format("SGD, |g| = {} t", part), "length of the step / that of norm clipping",
                         clipped_step_length(ClipRule::decrease, 0.1, part, 1.0) /
                             clipped_step_length(ClipRule::norm, 0.1, part, 1.0),
                         exact(limited / (0.1 * clipped.norm())), 1e-12});
    }
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::vector<Case>& cases = result.cases;
    add_step_lengths(cases);
    const Index runs = options.draws(100, 40);
    result.figure = {.title = "What first-order promises of the decrease are worth",
                     .x_label = "curvature cost / promised decrease",
                     .y_label = "1 - actual / promised",
                     .log_x = true,
                     .log_y = true,
                     .guides = {{.slope = 1.0, .x = 0.1, .y = 0.1, .label = "second order"}}};
    double least = 1.0, most = 0.0;
    for (const Bench& bench : benches()) {
        Series points{.label = bench.name, .style = Series::Style::points};
        for (const char* method : {"sgd", "sign", "adam"}) {
            const bool sgd = method == std::string("sgd");
            for (const double lr : sgd ? std::vector<double>{0.01, bench.long_rate} : std::vector<double>{0.001, 0.1}) {
                const Matrix sums = decreases(*bench.loss, method, lr, 200, runs, options.seed);
                const std::string where =
                    fmt::format("{}, {} with lr {}, batches of half the data", bench.name, method, lr);
                const Estimate error = jackknife(sums, [](VectorView s) { return 1.0 - s(2) / s(0); });
                const Vector mean = sums.rowwise().mean();
                points.x.push_back(mean(1) / mean(0));
                points.y.push_back(error.value);
                least = std::min(least, error.value);
                most = std::max(most, error.value);
                cases.push_back({"a8", where, "1 - actual / promised, of a step", mean(1) / mean(0), error,
                                 0.03 + 0.1 * mean(1) / mean(0)});
                if (sgd)
                    cases.push_back({"a2", where, "decrease of the loss / lr |g|^2", 1.0,
                                     jackknife(sums, [](VectorView s) { return s(2) / s(4); }), 0.1});
                else
                    cases.push_back({"a4", where, "decrease of the loss / lr |g|_1", 1.0,
                                     jackknife(sums, [](VectorView s) { return s(2) / s(3); }), 0.1});
            }
        }
        result.figure.series.push_back(points);
    }
    // The noise of small batches costs as well. On regression every number is exact.
    const Bench bench = benches().front();
    const Vector w = bench.loss->initial_parameters(streams), g = bench.loss->FiniteSumObjective::gradient(w);
    const Matrix h = bench.loss->dense_hessian(w), sigma = noise_covariance(*bench.loss, w);
    const double curvature = g.dot(h * g) / g.squaredNorm(), noise = h.cwiseProduct(sigma).sum();
    for (const Index batch : {4, 64}) {
        constexpr double lr = 0.1;
        const StepDecrease law = sgd_step_decrease(lr, g.squaredNorm(), curvature, noise, static_cast<double>(batch));
        const std::string where = fmt::format("regression, SGD with lr 0.1, batches of {}", batch);
        const Index draws = options.draws(200'000, 20'000);
        cases.push_back({"a8", where, "mean decrease / predicted", 1.0,
                         mean_decrease(*bench.loss, w, lr, batch, draws, law.total(), options.seed), 0.05});
        cases.push_back({"a2", where, "mean decrease / lr |g|^2", 1.0,
                         mean_decrease(*bench.loss, w, lr, batch, draws, law.first_order, options.seed), 0.1});
    }
    result.caption = "Ten steps from PyTorch's start, sums over sums; nothing is fitted.";
    result.paragraph =
        fmt::format("The loss falls by the promised g'u only while the step is short: in these runs the promise is "
                    "wrong by {:.3f} to "
                    "{:.3f} of itself, and that is what the second order, u'Hu / 2, says. Clipping by norm makes every "
                    "long step lr t "
                    "long; clipping by the promised decrease makes steps the shorter the longer the gradient is.",
                    least, most);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-a1",
        .title = "Does a step do what its first order promises, and what does clipping make of it?",
        .claims = {{"a1", "Clipping by norm: nothing within the threshold, normalization beyond", clipping_essay},
                   {"a6", "Clipping the promised decrease at lr t^2 shortens SGD's steps as t^2 / |g|", clipping_page},
                   {"a8", "The first-order promise is wrong by lr lambda_g / 2 and the cost of the noise",
                    clipping_page}},
        .revisited = {"a2", "a4"},
        .run = run};
}

} // namespace hessq::a1
