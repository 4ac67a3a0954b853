#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <fmt/format.h>

namespace hessq::b3 {
namespace {

/// A Hessian and noise that do not commute, in four dimensions.
struct Dense {
    Matrix h =
        (Matrix(4, 4) << 2.0, 0.4, 0.2, 0.0, 0.4, 1.0, 0.1, 0.1, 0.2, 0.1, 0.5, 0.05, 0.0, 0.1, 0.05, 0.25).finished();
    Matrix noise =
        (Matrix(4, 4) << 1.0, -0.3, 0.2, 0.1, -0.3, 0.6, 0.1, 0.0, 0.2, 0.1, 0.8, -0.2, 0.1, 0.0, -0.2, 0.4).finished();
};

ExperimentResult run(const ExperimentOptions& options) {
    const Index runs = options.draws(320, 120), dense_runs = options.draws(1280, 640);
    // Regression, stationary: both second moments along the same trajectories.
    const Vector lambda = log_uniform_spectrum(60, 0.05, 10.0);
    constexpr double lr = 0.02, sigma2 = 0.5;
    constexpr Index batch = 4;
    // The slowest direction relaxes in 1 / (lr lambda_min) = 1000 steps.
    const SimulatedMoments moments =
        simulated_moments(gaussian_regression_population(lambda, sigma2, batch), {.lr = lr}, Vector::Zero(60),
                          {.runs = runs,
                           .block_runs = runs_in_a_block(runs, 8),
                           .steps = 4000,
                           .burn_in = 3000,
                           .seed = options.seed,
                           .stream = 300});
    const RegressionStationaryState state = stationary_regression_sgd(lambda, sigma2, static_cast<double>(batch), lr);
    const Estimate full = exponent_estimate(lambda, moments.full_batch);
    const Estimate mini = exponent_estimate(lambda, moments.minibatch);
    const auto predicted = [&](const Vector& w) { return exponent_estimate(lambda, w.replicate(1, 2)).value; };

    const Dense dense;
    constexpr double dense_lr = 0.1;
    const SimulatedMoments general =
        simulated_moments(noisy_quadratic(dense.h, dense.noise), {.lr = dense_lr}, Vector::Zero(4),
                          {.runs = dense_runs,
                           .block_runs = runs_in_a_block(dense_runs, 32),
                           .steps = 4000,
                           .burn_in = 400,
                           .seed = options.seed,
                           .stream = 301'000});
    const Vector fluctuation = stationary_sgd(dense.h, dense.noise, dense_lr).minibatch.diagonal();

    ExperimentResult result;
    const std::string where = "stationary SGD, ";
    result.cases = {
        {"b14", "SGD on a quadratic, H and C do not commute", "W_ii lr / 2 (S H)_ii, mean", 1.0,
         jackknife((Matrix(8, general.cloud.cols()) << general.minibatch, general.alignment).finished(),
                   [](VectorView both) { return both.head(4).cwiseQuotient(2.0 / dense_lr * both.tail(4)).mean(); }),
         0.02},
        {"b14", "the same, from Lyapunov's equation", "W_ii / predicted, mean", 1.0,
         mean_ratio(general.minibatch, fluctuation), 0.02},
        {"b15", where + "regression", "cloud / predicted, mean", 1.0, mean_ratio(moments.cloud, state.cloud), 0.03},
        {"b15", where + "regression, mini-batch", "q", predicted(state.minibatch), mini, 0.02},
        {"b15", where + "regression, full batch", "q", predicted(state.full_batch), full, 0.05},
        {"b3", where + "full-batch gradients", "q", 2.0, full, 0.1},
        {"b3", where + "mini-batch gradients: what Adam averages", "q", 2.0, mini, 0.1},
        {"b6", where + "mini-batch gradients", "q", 1.0, mini, 0.1},
    };
    const Vector mean_full = moments.full_batch.rowwise().mean(), mean_mini = moments.minibatch.rowwise().mean();
    result.figure = {.title = "Stationary SGD: two second moments of one trajectory",
                     .x_label = "eigenvalue of H",
                     .y_label = "second moment along the eigenvector",
                     .log_x = true,
                     .log_y = true,
                     .series = {{"mini-batch gradients", to_list(lambda), to_list(mean_mini), Series::Style::points},
                                {"full-batch gradients", to_list(lambda), to_list(mean_full), Series::Style::points},
                                {"predicted", to_list(lambda), to_list(state.minibatch)},
                                {"", to_list(lambda), to_list(state.full_batch)}}};
    result.caption = fmt::format("Gaussian regression, 60 eigenvalues, batch {}, lr {}. The lines are the closed form "
                                 "b15, not fits.",
                                 batch, lr);
    result.paragraph = fmt::format(
        "SGD runs to its stationary state while two averages are kept: of the squares of the mini-batch gradients it "
        "steps with, and of the full-batch gradients at the same points. The full-batch one follows the Hessian "
        "squared "
        "(q = {:.3f}), because SGD's cloud is isotropic here; the mini-batch one, which is what an optimizer has, "
        "follows "
        "the Hessian itself (q = {:.3f}). Stationarity alone forces that: W = (H S + S H) / lr for any noise.",
        full.value, mini.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-b3",
            .title = "Which second moment follows the Hessian squared when SGD makes the cloud?",
            .claims = {{"b14", "Stationary SGD on a quadratic has W = (H S + S H) / lr, whatever the noise",
                        hessian_squared_page},
                       {"b15", "On regression SGD's cloud is isotropic, W_mini ~ H and W_full ~ H^2",
                        hessian_squared_page}},
            .revisited = {"b3", "b6"},
            .run = run};
}

} // namespace hessq::b3
