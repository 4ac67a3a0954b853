#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::b5 {
namespace {

constexpr double lr = 0.05;

/// Sums over the last W steps of a stationary run, for each window W: n x blocks each.
struct Windows {
    std::vector<Index> lengths;
    std::vector<Matrix> full_batch, minibatch;
};

Windows stationary_windows(const Vector& lambda, const std::vector<Index>& lengths, const ExperimentOptions& options) {
    const Index steps = lengths.back(), runs = options.draws(256, 96);
    // The flattest direction relaxes in 1 / (lr lambda_min) = 2000 steps, its variance in half of that.
    const SimulationOptions simulation{.runs = runs,
                                       .block_runs = runs_in_a_block(runs, 8),
                                       .steps = steps,
                                       .burn_in = 6000,
                                       .seed = options.seed,
                                       .stream = 5'000'000};
    const Matrix zero = Matrix::Zero(lambda.size(), block_count(simulation));
    Windows windows{lengths, std::vector<Matrix>(lengths.size(), zero), std::vector<Matrix>(lengths.size(), zero)};
    simulate(noisy_quadratic(lambda, lambda), {.lr = lr}, Vector::Zero(lambda.size()), simulation,
             [&](Index block, Index t, const Matrix&, const BlockGradients& gradients) {
                 const Vector full = gradients.full.cwiseAbs2().rowwise().sum();
                 const Vector mini = gradients.minibatch.cwiseAbs2().rowwise().sum();
                 for (std::size_t i = 0; i < lengths.size(); ++i) {
                     if (t < steps - lengths[i]) continue;
                     windows.full_batch[i].col(block) += full;
                     windows.minibatch[i].col(block) += mini;
                 }
             });
    return windows;
}

/// What so many steps of gradient descent from starts N(0, I) leave in an accumulator of g^2: n x blocks.
enum class Accumulator { sum, average };

Matrix accumulated(const Vector& lambda, Accumulator accumulator, Index steps, double beta2,
                   const ExperimentOptions& options, std::uint64_t first) {
    constexpr Index blocks = 20, block_runs = 10;
    const Index more = options.draws(4, 1); // starts, in units of blocks * block_runs
    Matrix result(lambda.size(), blocks);
    parallel_for(blocks, [&](Index block) {
        Matrix delta(lambda.size(), block_runs * more);
        (void)fill_normal(RandomStream(options.seed, first + static_cast<std::uint64_t>(block)), 0, delta);
        Matrix v = Matrix::Zero(delta.rows(), delta.cols());
        for (Index t = 0; t < steps; ++t) {
            const Matrix g = lambda.asDiagonal() * delta;
            if (accumulator == Accumulator::sum)
                v += g.cwiseAbs2();
            else
                v = beta2 * v + (1.0 - beta2) * g.cwiseAbs2();
            delta -= lr * g;
        }
        result.col(block) = v.rowwise().mean();
    });
    return result;
}

/// q of the second moments minus q of the first.
Estimate change(const Vector& lambda, const Matrix& first, const Matrix& second) {
    const Index n = lambda.size();
    return jackknife((Matrix(2 * n, first.cols()) << first, second).finished(), [&](VectorView both) {
        const auto q = [&](const Vector& w) { return exponent_estimate(lambda, w.replicate(1, 2)).value; };
        return q(both.tail(n)) - q(both.head(n));
    });
}

ExperimentResult run(const ExperimentOptions& options) {
    const Vector lambda = log_uniform_spectrum(60, 0.01, 2.0);
    std::vector<Index> lengths = {1, 10, 100, 1000};
    if (options.effort != Effort::quick) lengths.push_back(10'000);
    const Windows windows = stationary_windows(lambda, lengths, options);
    const auto longest = lengths.size() - 1;

    const Vector wide = log_uniform_spectrum(60, 0.01, 10.0);
    const std::vector<Index> steps = {1, 10, 100, 1000, 10'000};
    constexpr double beta2 = 0.9;
    // Draws of their own for each number of steps: they are measurements of different things.
    std::vector<Matrix> sums;
    for (std::size_t i = 0; i < steps.size(); ++i)
        sums.push_back(accumulated(wide, Accumulator::sum, steps[i], beta2, options,
                                   5'100'000 + 1000 * static_cast<std::uint64_t>(i)));
    const Matrix average = accumulated(wide, Accumulator::average, 100, beta2, options, 5'110'000);
    const auto predicted_p = [&](const Vector& w) { return root_exponent_estimate(wide, w.replicate(1, 2)).value; };

    ExperimentResult result;
    const std::string window = fmt::format("stationary SGD, window 1 to {}", lengths.back());
    result.cases = {
        {"b7", window + ", mini-batch gradients", "change of q", 1.0,
         change(lambda, windows.minibatch[0], windows.minibatch[longest]), 0.3},
        {"b7", window + ", full-batch gradients", "change of q", 1.0,
         change(lambda, windows.full_batch[0], windows.full_batch[longest]), 0.3},
        {"b7", "gradient descent from a cloud, sum over 1 to 10000 steps", "change of q", 1.0,
         change(wide, sums.front(), sums.back()), 0.3},
        {"b7", "stationary SGD, full-batch gradients, window of one step", "q, which the essay has near 1", 1.0,
         exponent_estimate(lambda, windows.full_batch[0]), 0.3},
    };
    for (std::size_t i = 0; i < steps.size(); ++i)
        result.cases.push_back({"b17", fmt::format("AdaGrad's sum over {} steps of gradient descent", steps[i]), "p",
                                predicted_p(adagrad_sum(wide, 1.0, lr, static_cast<double>(steps[i]))),
                                root_exponent_estimate(wide, sums[i]), 0.03});
    result.cases.push_back({"b17", fmt::format("EMA with beta2 = {} over 100 steps of gradient descent", beta2), "p",
                            predicted_p(transient_second_moment(wide, 1.0, lr, beta2, 100)),
                            root_exponent_estimate(wide, average), 0.05});

    result.figure = {.title = "The exponent against the length of the window",
                     .x_label = "steps in the average",
                     .y_label = "q of v",
                     .log_x = true,
                     .guides = {{0.0, 1.0, 2.0, "Hessian squared"}, {0.0, 1.0, 1.0, "Fisher"}}};
    const auto add = [&](const std::string& label, const Vector& spectrum, const std::vector<Index>& at,
                         const std::vector<Matrix>& moments) {
        Series series{.label = label, .style = Series::Style::linepoints};
        for (std::size_t i = 0; i < at.size(); ++i) {
            const Estimate q = exponent_estimate(spectrum, moments[i]);
            series.x.push_back(static_cast<double>(at[i]));
            series.y.push_back(q.value);
            series.lower.push_back(q.value - 2.0 * q.std_error);
            series.upper.push_back(q.value + 2.0 * q.std_error);
        }
        result.figure.series.push_back(series);
    };
    add("stationary SGD, full batch", lambda, lengths, windows.full_batch);
    add("stationary SGD, mini-batches", lambda, lengths, windows.minibatch);
    add("gradient descent, AdaGrad's sum", wide, steps, sums);
    result.caption =
        "Logarithms of averages over runs; bars of two standard errors. In a stationary state the window does "
        "not matter; during a descent a longer one lowers q.";
    result.paragraph = fmt::format(
        "The essay reconciles the two laws by time: an instantaneous v would follow H (q = 1), a long average H^2 (q = "
        "2). "
        "In a stationary state the window changes nothing but the scatter: q changes by {:.2f} for mini-batch and by "
        "{:.2f} "
        "for full-batch gradients while the window grows from 1 to {} steps. During a descent it is the other way "
        "round: a "
        "window longer than the relaxation of a direction turns its lambda^2 into lambda, and q falls by {:.2f}.",
        result.cases[0].measured.value, result.cases[1].measured.value, lengths.back(),
        -result.cases[2].measured.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-b5",
            .title = "Does a longer average turn the Fisher law into the Hessian-squared law?",
            .claims = {{"b7", "An instantaneous v follows H, a long average H^2", hessian_squared_essay},
                       {"b17", "During a descent a window beyond the relaxation time turns H^2 into H",
                        hessian_squared_page}},
            .run = run};
}

} // namespace hessq::b5
