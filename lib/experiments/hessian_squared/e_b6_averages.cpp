#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <fmt/format.h>

namespace hessq::b6 {
namespace {

constexpr double lr = 0.1, beta2 = 0.999;
constexpr double betas[] = {0.9, 0.99, 0.999};
constexpr std::size_t beta_count = std::size(betas);

/// Second moments of averages of a gradient, each n x blocks.
struct AverageMoments {
    explicit AverageMoments(const Matrix& zero)
        : momentum{zero, zero, zero}, belief{zero, zero, zero}, cross(zero), gradient(zero) {}
    Matrix momentum[beta_count]; ///< E m^2, for each beta1
    Matrix belief[beta_count];   ///< E (g - m)^2
    Matrix cross;                ///< E m g for the first beta1
    Matrix gradient;             ///< E g^2
};

/// One block's averages of one gradient as the run goes by.
struct Averager {
    std::vector<Matrix> m = std::vector<Matrix>(beta_count);
    Matrix v;

    void update(const Matrix& g) {
        for (std::size_t i = 0; i < beta_count; ++i) {
            if (m[i].size() == 0) m[i] = Matrix::Zero(g.rows(), g.cols());
            m[i] += (1.0 - betas[i]) * (g - m[i]);
        }
        if (v.size() == 0) v = Matrix::Zero(g.rows(), g.cols());
        v += (1.0 - beta2) * (g.cwiseAbs2() - v);
    }

    void add_to(AverageMoments& sums, Index block, const Matrix& g) const {
        for (std::size_t i = 0; i < beta_count; ++i) {
            sums.momentum[i].col(block) += m[i].cwiseAbs2().rowwise().mean();
            sums.belief[i].col(block) += (g - m[i]).cwiseAbs2().rowwise().mean();
        }
        sums.cross.col(block) += m[0].cwiseProduct(g).rowwise().mean();
        sums.gradient.col(block) += g.cwiseAbs2().rowwise().mean();
    }
};

Matrix stacked(const Matrix& a, const Matrix& b) {
    Matrix result(a.rows() + b.rows(), a.cols());
    result << a, b;
    return result;
}

/// The mean over k of (a_k / b_k) / predicted_k.
Estimate ratio_to(const Matrix& a, const Matrix& b, const Vector& predicted) {
    const Index n = predicted.size();
    return jackknife(stacked(a, b), [&](VectorView both) {
        return both.head(n).cwiseQuotient(both.tail(n)).cwiseQuotient(predicted).mean();
    });
}

ExperimentResult run(const ExperimentOptions& options) {
    const Vector lambda = log_uniform_spectrum(8, 0.1, 2.0), noise = lambda;
    const Index n = lambda.size();
    // The longest average forgets its start in 1000 steps, the flattest direction in 100.
    constexpr Index burn_in = 7000;
    const Index steps = 8000;
    const Index runs = options.draws(1280, 480);
    const SimulationOptions simulation{.runs = runs,
                                       .block_runs = runs_in_a_block(runs, 32),
                                       .steps = burn_in + steps,
                                       .seed = options.seed,
                                       .stream = 6'000'000};
    const Index blocks = block_count(simulation);
    const Matrix zero = Matrix::Zero(n, blocks);
    AverageMoments full(zero), mini(zero);
    // The relative variance of v in a block: its mean and mean square over the last steps.
    Matrix v_full = zero, v_full2 = zero, v_mini = zero, v_mini2 = zero, cloud = zero;
    std::vector<Averager> full_averages(static_cast<std::size_t>(blocks)), mini_averages(full_averages);
    simulate(noisy_quadratic(lambda, noise), {.lr = lr}, Vector::Zero(n), simulation,
             [&](Index block, Index t, const Matrix& delta, const BlockGradients& gradients) {
                 Averager& of_full = full_averages[static_cast<std::size_t>(block)];
                 Averager& of_mini = mini_averages[static_cast<std::size_t>(block)];
                 of_full.update(gradients.full);
                 of_mini.update(gradients.minibatch);
                 if (t < burn_in) return;
                 of_full.add_to(full, block, gradients.full);
                 of_mini.add_to(mini, block, gradients.minibatch);
                 cloud.col(block) += delta.cwiseAbs2().rowwise().mean();
                 v_full.col(block) += of_full.v.rowwise().mean();
                 v_full2.col(block) += of_full.v.cwiseAbs2().rowwise().mean();
                 v_mini.col(block) += of_mini.v.rowwise().mean();
                 v_mini2.col(block) += of_mini.v.cwiseAbs2().rowwise().mean();
             });
    const auto per_step = static_cast<double>(steps);

    ExperimentResult result;
    const Vector rho = 1.0 - lr * lambda.array();
    const auto law = [&](const auto& f) { return Vector(Vector::NullaryExpr(n, [&](Index k) { return f(k); })); };
    const Vector ones = Vector::Ones(n);
    for (std::size_t i = 0; i < beta_count; ++i) {
        const double beta1 = betas[i];
        const std::string where = fmt::format("stationary SGD, beta1 = {}, ", beta1);
        result.cases.push_back({"b18", where + "full-batch gradients", "E m^2 / predicted, mean", 1.0,
                                ratio_to(full.momentum[i], full.gradient,
                                         law([&](Index k) { return ar1_momentum_moment(rho(k), 0.0, beta1); })),
                                0.05});
        result.cases.push_back({"b18", where + "mini-batch gradients", "E m^2 / predicted, mean", 1.0,
                                mean_ratio(mini.momentum[i] / per_step, law([&](Index k) {
                                               return sgd_momentum_moment(lambda(k), lr, noise(k), beta1);
                                           })),
                                0.05});
        result.cases.push_back({"b19", where + "full-batch gradients", "E (g - m)^2 / predicted, mean", 1.0,
                                ratio_to(full.belief[i], full.gradient,
                                         law([&](Index k) { return ar1_belief_moment(rho(k), 0.0, beta1); })),
                                0.05});
        result.cases.push_back({"b19", where + "mini-batch gradients", "E (g - m)^2 / predicted, mean", 1.0,
                                mean_ratio(mini.belief[i] / per_step, law([&](Index k) {
                                               return sgd_belief_moment(lambda(k), lr, noise(k), beta1);
                                           })),
                                0.02});
        // s^2 lambda^2 with the cloud that was measured, in the directions that a short average follows best.
        result.cases.push_back({"b8", where + "full-batch gradients", "E (g - m)^2 / s^2 lambda^2, mean", 1.0,
                                ratio_to(full.belief[i], cloud, lambda.cwiseAbs2()), 0.1});
    }
    result.cases.push_back({"b8", "stationary SGD, beta1 = 0.9, mini-batch gradients: AdaBelief", "q", 2.0,
                            exponent_estimate(lambda, mini.belief[0]), 0.1});
    result.cases.push_back(
        {"b18", "stationary SGD, beta1 = 0.9, full-batch gradients", "corr(m, g) / predicted, mean", 1.0,
         jackknife(stacked(full.cross, stacked(full.momentum[0], full.gradient)),
                   [&](VectorView all) {
                       const Vector correlation =
                           all.head(n).array() / (all.segment(n, n).array() * all.tail(n).array()).sqrt();
                       return correlation
                           .cwiseQuotient(law([&](Index k) { return momentum_gradient_correlation(rho(k), betas[0]); }))
                           .mean();
                   }),
         0.02});
    const auto relative_variance = [&](const Matrix& mean, const Matrix& square) {
        return jackknife(stacked(mean / per_step, square / per_step), [&](VectorView both) {
            return Vector(both.tail(n).array() / both.head(n).array().square() - 1.0)(0);
        });
    };
    const Estimate scatter_full = relative_variance(v_full, v_full2), scatter_mini = relative_variance(v_mini, v_mini2);
    result.cases.push_back({"b18", "EMA with beta2 = 0.999 of full-batch gradients, lr lambda = 0.01",
                            "relative variance of v", ema_relative_variance(rho(0), beta2), scatter_full, 0.02});
    result.cases.push_back({"b5", "EMA with beta2 = 0.999 of mini-batch gradients, lr lambda = 0.01",
                            "relative variance of v, which a long average should remove", 0.0, scatter_mini, 0.03});
    result.cases.push_back({"b5", "EMA with beta2 = 0.999 of full-batch gradients, lr lambda = 0.01",
                            "relative variance of v, which a long average should remove", 0.0, scatter_full, 0.03});
    result.cases.push_back({"b5", "stationary SGD, beta1 = 0.999, mini-batch gradients",
                            "E m^2 / E g^2, mean: a long average of gradients tends to 0", 0.0,
                            ratio_to(mini.momentum[2], mini.gradient, ones), 0.05});

    result.figure = {.title = "What AdaBelief averages",
                     .x_label = "lr lambda",
                     .y_label = "E (g - m)^2 / E g^2",
                     .log_x = true,
                     .log_y = true};
    const auto add = [&](const std::string& label, const Matrix& belief, const Matrix& gradient) {
        result.figure.series.push_back({label, to_list(lr * lambda),
                                        to_list(belief.rowwise().mean().cwiseQuotient(gradient.rowwise().mean())),
                                        Series::Style::points});
    };
    for (std::size_t i = 0; i < beta_count; ++i) {
        add(fmt::format("full batch, beta1 = {}", betas[i]), full.belief[i], full.gradient);
        result.figure.series.push_back({i == 0 ? "predicted" : "", to_list(lr * lambda), to_list(law([&](Index k) {
                                            return ar1_belief_moment(rho(k), 0.0, betas[i]);
                                        }))});
    }
    add("mini-batch, beta1 = 0.9", mini.belief[0], mini.gradient);
    result.caption =
        "At 1 the average of gradients has no part in the difference, and AdaBelief's second moment is that of "
        "the gradient itself. A full-batch gradient is followed by its average wherever lr lambda is small "
        "against 1 - beta1.";
    result.paragraph = fmt::format(
        "Around a point where the gradient does not vanish the essay averages the covariance of the gradients, and "
        "names "
        "AdaBelief's (g - m)^2. That is the covariance only if m forgets slowly against the cloud: with full-batch "
        "gradients E (g - m)^2 is {:.2f} of s^2 lambda^2 for beta1 = 0.9 and {:.2f} for 0.999, mean over these "
        "directions. "
        "With mini-batches AdaBelief sees the noise, q = {:.2f}. In mini-batch SGD m is smaller than averaged white "
        "noise "
        "would be, because each step undoes a part of the noise that made it.",
        result.cases[4].measured.value, result.cases[14].measured.value, result.cases[15].measured.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-b6",
            .title = "What do momentum and AdaBelief average?",
            .claims = {{"b5", "v should average for as long as possible; m must not, for a long average of g is zero",
                        hessian_squared_essay},
                       {"b8", "AdaBelief's v, the average of (g - m)^2, is s^2 H^2 around any point",
                        hessian_squared_essay},
                       {"b18", "m and v have the second moments of EMAs of SGD's correlated gradients",
                        hessian_squared_page},
                       {"b19", "AdaBelief's v is 2 beta1^2 / (1 + beta1) (1 - rho) / (1 - beta1 rho) E g^2 and noise",
                        hessian_squared_page}},
            .run = run};
}

} // namespace hessq::b6
