#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/solvers/step_quality.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/second_moment_metrics.hpp"
#include "hessq/theory/simulation.hpp"

#include <array>
#include <cmath>
#include <fmt/format.h>

namespace hessq::b12 {
namespace {

constexpr std::uint64_t first_stream = 12'000'000;
constexpr Index dimension = 60;

Vector bench_spectrum() { return log_uniform_spectrum(dimension, 1e-3, 10.0); }

Matrix normal_block(const RandomStream& stream, std::uint64_t& index, Index rows, Index cols) {
    Matrix block(rows, cols);
    index = fill_normal(stream, index, block);
    return block;
}

double mean_cosine(const Matrix& delta, const Matrix& steps) {
    double sum = 0.0;
    for (Index k = 0; k < delta.cols(); ++k) sum += cosine(delta.col(k), steps.col(k));
    return sum / static_cast<double>(delta.cols());
}

/// What there was to gain of the loss, as a share of all, by the steps t D g with the best t for all draws together.
double decrease(const Matrix& h, const Matrix& delta, const Vector& d) {
    const Matrix g = h * delta;
    const Matrix steps = d.asDiagonal() * g;
    const double along = g.cwiseProduct(steps).sum(), bent = steps.cwiseProduct(h * steps).sum();
    return along * along / (bent * g.cwiseProduct(delta).sum());
}

// --- Off the axes: b1, b22, b23 -------------------------------------------------------------------------------------

/// The angles of the rotations. A second computation, of 60 draws, has numbers for all but the first.
constexpr std::array<double, 8> angles = {0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0};

/// Means and standard deviations over those 60 draws, from theta = 0.01 on.
struct Second {
    double mean, deviation;
    /// Three standard deviations of a draw, the rule that was given with these numbers. The error of their means is
    /// larger than deviation / sqrt(60): two other computations agree with each other and differ from them by up to
    /// 0.003.
    double tolerance() const { return 3.0 * deviation; }
};
constexpr std::array<Second, 5> second_share = {
    {{0.0176, 0.0008}, {0.0527, 0.0024}, {0.174, 0.008}, {0.485, 0.019}, {0.869, 0.004}}};
constexpr std::array<Second, 5> second_slope = {
    {{0.679, 0.008}, {0.559, 0.007}, {0.495, 0.007}, {0.503, 0.008}, {0.696, 0.029}}};
constexpr std::array<Second, 5> second_cosine = {
    {{0.702, 0.007}, {0.598, 0.007}, {0.500, 0.007}, {0.462, 0.005}, {0.475, 0.003}}};
constexpr Second second_jacobi_cosine = {0.157, 0.010}, second_jacobi_decrease = {0.918, 0.008};

/// Of one draw of K; the first six have an entry for each angle.
struct Rotated {
    std::array<double, angles.size()> share = {}, slope = {}, sgd = {}, adam = {}, jacobi = {}, best = {};
    double decrease_sgd = 0.0, decrease_adam = 0.0, decrease_jacobi = 0.0; ///< theta = 0.01
    double fitted_distance = 0.0; ///< theta = 0.1: the diagonal that the draws prefer on the one of the theory
    double in_distance = 0.0, in_loss = 0.0; ///< theta = 1: decreases of the two best diagonals
    double fitted_loss = 0.0;                ///< theta = 1: that of the diagonal the draws prefer, over the predicted
    double negative = 0.0;                   ///< theta = 1: entries of the second below zero
};

/// sum_i x_i y_i / sum_i x_i^2 with x_i = D_i |H_i|, y_i = D_i' |H_i|.
double slope_on(const Vector& d, const Vector& fitted, const Vector& weights) {
    return weights.cwiseProduct(d).dot(fitted) / weights.cwiseProduct(d).dot(d);
}

Rotated measure(Index draw, const ExperimentOptions& options) {
    constexpr Index cloud_draws = 600, loss_draws = 3000, test_draws = 250;
    const RandomStream stream(options.seed, first_stream + 1 + static_cast<std::uint64_t>(draw));
    const auto rotation_seed = static_cast<std::uint64_t>(
        RandomStream(options.seed, first_stream).integer(static_cast<std::uint64_t>(draw), Index{1} << 62));
    std::uint64_t index = 0;
    const Matrix cloud = normal_block(stream, index, dimension, cloud_draws);
    const Matrix test = normal_block(stream, index, dimension, test_draws);
    const Vector lambda = bench_spectrum();
    Rotated result;
    for (std::size_t a = 0; a < angles.size(); ++a) {
        const Matrix h = rotated(lambda, angles[a], rotation_seed);
        const Vector diagonal = h.diagonal(), squared = (h * h).diagonal();
        const Matrix seen = h * cloud;
        const Vector v = seen.cwiseAbs2().rowwise().mean();
        const Vector adam = v.cwiseSqrt().cwiseInverse(), jacobi = diagonal.cwiseInverse();
        const Vector best = best_diagonal_in_distance(h);
        const Matrix g = h * test;
        result.share[a] = off_diagonal_share(h);
        result.slope[a] = coordinate_slopes(v, diagonal, squared.cwiseSqrt()).diagonal.value().slope;
        result.sgd[a] = mean_cosine(test, g);
        result.adam[a] = mean_cosine(test, adam.asDiagonal() * g);
        result.jacobi[a] = mean_cosine(test, jacobi.asDiagonal() * g);
        result.best[a] = mean_cosine(test, best.asDiagonal() * g);
        if (angles[a] == 0.01) {
            result.decrease_sgd = decrease(h, test, Vector::Ones(dimension));
            result.decrease_adam = decrease(h, test, adam);
            result.decrease_jacobi = decrease(h, test, jacobi);
        }
        if (angles[a] == 0.1)
            // Row by row, least squares of delta_i on D_i g_i.
            result.fitted_distance =
                slope_on(best, cloud.cwiseProduct(seen).rowwise().mean().cwiseQuotient(v), squared);
        if (angles[a] == 1.0) {
            // The diagonal with the least loss on these draws: sum_j H_ij <g_i g_j> D_j = <g_i (H delta)_i>.
            const Matrix more = h * normal_block(stream, index, dimension, loss_draws);
            const Matrix second = more * more.transpose() / static_cast<double>(loss_draws);
            const Vector fitted = linear_solve(h.cwiseProduct(second), second.diagonal());
            const Vector in_loss = best_diagonal_in_loss(h);
            result.in_distance = decrease(h, test, best);
            result.in_loss = decrease(h, test, in_loss);
            result.fitted_loss = decrease(h, test, fitted) / (in_loss.dot(squared) / h.trace());
            result.negative = static_cast<double>((in_loss.array() < 0.0).count());
        }
    }
    return result;
}

class Rotations {
public:
    explicit Rotations(const ExperimentOptions& options) : draws_(static_cast<std::size_t>(options.draws(120, 60))) {
        parallel_for(static_cast<Index>(draws_.size()),
                     [&](Index k) { draws_[static_cast<std::size_t>(k)] = measure(k, options); });
    }
    Estimate mean(double Rotated::*number) const {
        return mean_of([&](const Rotated& draw) { return draw.*number; });
    }
    Estimate mean(std::array<double, angles.size()> Rotated::*numbers, std::size_t angle) const {
        return mean_of([&](const Rotated& draw) { return (draw.*numbers)[angle]; });
    }

private:
    template <class Number>
    Estimate mean_of(const Number& number) const {
        Vector values(static_cast<Index>(draws_.size()));
        for (std::size_t k = 0; k < draws_.size(); ++k) values(static_cast<Index>(k)) = number(draws_[k]);
        return mean_estimate(values);
    }
    std::vector<Rotated> draws_;
};

Series curve(const Rotations& rotations, const std::string& label,
             std::array<double, angles.size()> Rotated::*numbers) {
    Series series{.label = label, .style = Series::Style::linepoints};
    for (std::size_t a = 1; a < angles.size(); ++a) { // 0 has no logarithm
        const Estimate mean = rotations.mean(numbers, a);
        series.x.push_back(angles[a]);
        series.y.push_back(mean.value);
        series.lower.push_back(mean.value - mean.std_error);
        series.upper.push_back(mean.value + mean.std_error);
    }
    return series;
}

/// p_H of a rank-one Hessian q q' over random q, the squared law holding exactly.
Estimate rank_one_slope(const ExperimentOptions& options) {
    constexpr Index n = 40;
    Vector slopes(options.draws(100, 10));
    const RandomStream stream(options.seed, first_stream + 100'000);
    for (Index k = 0; k < slopes.size(); ++k) {
        const auto offset = static_cast<std::uint64_t>(2 * k * n);
        const Vector q = normal_vector(stream, n, offset).array().exp();
        const Vector delta = normal_vector(stream, n, offset + n);
        const Vector g = q * q.dot(delta);
        slopes(k) = coordinate_slopes(g.cwiseAbs2(), q.cwiseAbs2(), q * q.norm()).diagonal.value().slope;
    }
    return mean_estimate(slopes);
}

// --- With noise: b24 ------------------------------------------------------------------------------------------------

constexpr double cloud_variance = 0.04, label_noise = 0.5;

/// For SGD, Adam, Newton and the best diagonal, E g'D ghat and E ghat'DHD ghat of a regression's mini-batches: 8 x
/// blocks.
Matrix step_forms(Index batch, Index draws, const ExperimentOptions& options, std::uint64_t first) {
    constexpr Index blocks = 32;
    const Vector lambda = bench_spectrum();
    const Population population = gaussian_regression_population(lambda, label_noise, batch);
    const auto draw = [&](Index block, Matrix& delta, BlockGradients& gradients) {
        const RandomStream stream(options.seed, first + static_cast<std::uint64_t>(block));
        std::uint64_t index = 0;
        delta = std::sqrt(cloud_variance) * normal_block(stream, index, dimension, draws / blocks);
        population.gradients(delta, stream, index, gradients);
    };
    // Adam's v is that of other draws than those it is judged by.
    Matrix seen(dimension, blocks);
    parallel_for(blocks, [&](Index block) {
        Matrix delta;
        BlockGradients gradients;
        draw(blocks + block, delta, gradients);
        seen.col(block) = gradients.minibatch.cwiseAbs2().rowwise().mean();
    });
    Matrix metrics(dimension, 4);
    metrics.col(0).setOnes();
    metrics.col(1) = seen.rowwise().mean().cwiseSqrt().cwiseInverse();
    metrics.col(2) = lambda.cwiseInverse();
    metrics.col(3) = best_diagonal_with_noise(lambda, {cloud_variance, label_noise, static_cast<double>(batch)});
    Matrix forms(8, blocks);
    parallel_for(blocks, [&](Index block) {
        Matrix delta;
        BlockGradients gradients;
        draw(block, delta, gradients);
        const Vector along = gradients.full.cwiseProduct(gradients.minibatch).rowwise().mean();
        const Vector bent = lambda.cwiseProduct(gradients.minibatch.cwiseAbs2().rowwise().mean());
        forms.col(block).head(4) = metrics.transpose() * along;
        forms.col(block).tail(4) = metrics.cwiseAbs2().transpose() * bent;
    });
    return forms;
}

double efficiency(VectorView forms, Index method) {
    const auto gain = [&](Index m) { return forms(m) * forms(m) / forms(4 + m); };
    return gain(method) / gain(3);
}

// --- Epsilon: b26 ---------------------------------------------------------------------------------------------------

/// The slope of sqrt(v) + eps near lambda = 1, where sqrt(v) = ratio eps.
Case epsilon_case(bool minibatch, double ratio, Index number, const ExperimentOptions& options) {
    constexpr Index n = 40, blocks = 20;
    const Vector lambda = log_uniform_spectrum(n, 1.0 / 1.4, 1.4);
    const double sd = minibatch ? 1e-3 : 0.1;
    const double noise = minibatch ? 1.0 : 0.0;
    const Population population = gaussian_regression_population(lambda, noise, 1);
    Matrix v(n, blocks);
    const Index draws = options.draws(4000, 1000);
    parallel_for(blocks, [&](Index block) {
        const RandomStream stream(options.seed,
                                  first_stream + 200'000 + static_cast<std::uint64_t>(number * blocks + block));
        std::uint64_t index = 0;
        const Matrix delta = sd * normal_block(stream, index, n, draws);
        BlockGradients gradients;
        population.gradients(delta, stream, index, gradients);
        v.col(block) = (minibatch ? gradients.minibatch : gradients.full).cwiseAbs2().rowwise().mean();
    });
    const double root = minibatch ? std::sqrt(noise) : sd, eps = root / ratio;
    return {"b26",
            fmt::format("{}, sqrt(v) = {} eps", minibatch ? "batches of one sample" : "full batches", ratio),
            "local exponent of sqrt(v) + eps",
            damped_exponent(minibatch ? 0.5 : 1.0, root, eps),
            jackknife(v,
                      [&](VectorView w) {
                          return fit_line(lambda.array().log().matrix(), (w.array().sqrt() + eps).log().matrix()).slope;
                      }),
            0.02};
}

// --- Many dimensions: b28 -------------------------------------------------------------------------------------------

/// Cosines with the Newton step on a diagonal Hessian of many dimensions.
struct Geometry {
    Estimate sgd, fisher, squared;
};

Geometry diagonal_cosines(double kappa, Index number, const ExperimentOptions& options) {
    constexpr Index n = 1000, cloud_draws = 300;
    const Vector lambda = log_uniform_spectrum(n, 1.0, kappa);
    // So near the minimum that label noise makes all of a single sample's gradient.
    const double sd = 1e-3 / std::sqrt(lambda.sum());
    const Population population = gaussian_regression_population(lambda, 1.0, 1);
    const RandomStream stream(options.seed, first_stream + 300'000 + static_cast<std::uint64_t>(number));
    std::uint64_t index = 0;
    const Matrix cloud = sd * normal_block(stream, index, n, cloud_draws);
    BlockGradients gradients;
    index = population.gradients(cloud, stream, index, gradients);
    const Vector fisher = gradients.minibatch.cwiseAbs2().rowwise().mean().cwiseSqrt().cwiseInverse();
    const Vector squared = gradients.full.cwiseAbs2().rowwise().mean().cwiseSqrt().cwiseInverse();
    Matrix cosines(options.draws(400, 100), 3);
    for (Index k = 0; k < cosines.rows(); ++k) {
        const Vector delta = normal_block(stream, index, n, 1);
        const Vector g = lambda.cwiseProduct(delta);
        cosines(k, 0) = cosine(delta, g);
        cosines(k, 1) = cosine(delta, fisher.cwiseProduct(g));
        cosines(k, 2) = cosine(delta, squared.cwiseProduct(g));
    }
    return {mean_estimate(cosines.col(0)), mean_estimate(cosines.col(1)), mean_estimate(cosines.col(2))};
}

// --------------------------------------------------------------------------------------------------------------------

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::vector<Case>& cases = result.cases;

    const Rotations rotations(options);
    const std::string cosine_name = "cos(Newton's step, Adam's)";
    const auto where = [](double angle) {
        return fmt::format("full batches, isotropic cloud, H rotated by theta = {}", angle);
    };
    // A cosine of 0.95 would still be Newton's step.
    for (std::size_t a = 0; a < angles.size(); ++a)
        if (angles[a] == 0.0 || angles[a] >= 0.01)
            cases.push_back({"b1", where(angles[a]), cosine_name, 1.0, rotations.mean(&Rotated::adam, a), 0.05});
    cases.push_back({"b22", where(0.0), cosine_name, 1.0, rotations.mean(&Rotated::adam, 0), 0.002});
    cases.push_back({"b22", where(0.0), "p_H", 1.0, rotations.mean(&Rotated::slope, 0), 0.01});
    for (std::size_t k = 0; k < second_share.size(); ++k) {
        const std::size_t a = k + 3;
        cases.push_back({"b22", where(angles[a]), "off-diagonal share of H", second_share[k].mean,
                         rotations.mean(&Rotated::share, a), second_share[k].tolerance(), Prediction::printed});
        cases.push_back({"b22", where(angles[a]), "p_H", second_slope[k].mean, rotations.mean(&Rotated::slope, a),
                         second_slope[k].tolerance(), Prediction::printed});
        cases.push_back({"b22", where(angles[a]), cosine_name, second_cosine[k].mean, rotations.mean(&Rotated::adam, a),
                         second_cosine[k].tolerance(), Prediction::printed});
    }
    cases.push_back({"b22", where(0.3), "cos(Newton's step, SGD's)", 0.47, rotations.mean(&Rotated::sgd, 6), 0.01,
                     Prediction::printed});
    cases.push_back({"b22", "H of rank one, the squared law exact", "p_H", 0.5, rank_one_slope(options), 1e-9});

    cases.push_back({"b23", where(0.01), "cos(Newton's step, Jacobi's)", second_jacobi_cosine.mean,
                     rotations.mean(&Rotated::jacobi, 3), second_jacobi_cosine.tolerance(), Prediction::printed});
    cases.push_back({"b23", where(0.01), "decrease of the loss by a Jacobi step", second_jacobi_decrease.mean,
                     rotations.mean(&Rotated::decrease_jacobi), second_jacobi_decrease.tolerance(),
                     Prediction::printed});
    // One draw's, to three digits.
    cases.push_back({"b23", where(0.01), "decrease of the loss by a step of SGD", 0.752,
                     rotations.mean(&Rotated::decrease_sgd), 0.005, Prediction::printed});
    cases.push_back({"b23", where(0.01), "decrease of the loss by a step of Adam", 0.994,
                     rotations.mean(&Rotated::decrease_adam), 0.003, Prediction::printed});
    cases.push_back({"b23", where(0.1), "the diagonal nearest to Newton's step on H_ii / (H^2)_ii, slope", 1.0,
                     rotations.mean(&Rotated::fitted_distance), 0.02});
    cases.push_back({"b23", where(1.0), "decrease by the diagonal of least loss / predicted", 1.0,
                     rotations.mean(&Rotated::fitted_loss), 0.01});
    // One draw's, and draws have a standard deviation of 0.009.
    cases.push_back({"b23", where(1.0), "decrease by the best diagonal in distance", 0.792,
                     rotations.mean(&Rotated::in_distance), 0.03, Prediction::printed});
    cases.push_back({"b23", where(1.0), "decrease by the best diagonal in loss", 0.841,
                     rotations.mean(&Rotated::in_loss), 0.03, Prediction::printed});

    const Vector lambda = bench_spectrum();
    constexpr std::array<Index, 4> batches = {1, 16, 64, 1024};
    std::array<Estimate, batches.size()> sgd_efficiency, adam_efficiency;
    for (std::size_t b = 0; b < batches.size(); ++b) {
        const Index batch = batches[b];
        // Larger batches have fewer draws: a gradient of B samples is B times as exact, and a product of normals has
        // heavy tails.
        const Index draws = batch > 100 ? 6400 : batch > 1 ? 64'000 : 192'000;
        const Matrix forms =
            step_forms(batch, options.draws(draws, draws / 4), options, first_stream + 400'000 + 1000 * b);
        const RegressionCloud cloud{cloud_variance, label_noise, static_cast<double>(batch)};
        const Vector w = regression_second_moment(lambda, cloud);
        const auto add = [&](const std::string& method, Index column, const Vector& d) {
            const Estimate measured = jackknife(forms, [&](VectorView mean) { return efficiency(mean, column); });
            cases.push_back({"b24", fmt::format("regression, batches of {}", batch), "efficiency of " + method,
                             one_step_efficiency(d, lambda, w), measured, 0.015});
            return measured;
        };
        sgd_efficiency[b] = add("SGD", 0, Vector::Ones(dimension));
        adam_efficiency[b] = add("Adam", 1, w.cwiseSqrt().cwiseInverse());
        if (batch == 1) add("Newton's method", 2, lambda.cwiseInverse());
    }
    constexpr Index below = 15, above = 18;
    const Index crossing_draws = options.draws(256'000, 32'000);
    const Matrix crossing = (Matrix(16, 32) << step_forms(below, crossing_draws, options, first_stream + 410'000),
                             step_forms(above, crossing_draws, options, first_stream + 411'000))
                                .finished();
    const Estimate overtakes = jackknife(crossing, [&](VectorView mean) {
        const auto lead = [&](Index first) {
            return efficiency(mean.segment(first, 8), 1) - efficiency(mean.segment(first, 8), 0);
        };
        const double from = std::log(below), to = std::log(above);
        return std::exp(from + (to - from) * lead(0) / (lead(0) - lead(8)));
    });
    cases.push_back({"b24", "regression, s^2 = 0.04, sigma^2 = 0.5", "batch from which Adam is ahead of SGD",
                     adam_overtakes_sgd_batch(lambda, cloud_variance, label_noise).value(), overtakes, 1.0});

    cases.push_back(epsilon_case(false, 0.1, 0, options));
    cases.push_back(epsilon_case(false, 1.0, 1, options));
    cases.push_back(epsilon_case(false, 10.0, 2, options));
    cases.push_back(epsilon_case(true, 1.0, 3, options));

    Index number = 0;
    for (const double kappa : {10.0, 100.0, 1000.0, 10000.0}) {
        const Geometry geometry = diagonal_cosines(kappa, number++, options);
        const std::string spectrum = fmt::format("diagonal H, 1000 dimensions, condition number {:g}", kappa);
        cases.push_back(
            {"b28", spectrum, "cos(Newton's step, SGD's)", power_direction_cosine(1.0, kappa), geometry.sgd, 0.01});
        cases.push_back({"b28", spectrum + ", single samples: the Fisher law", cosine_name,
                         power_direction_cosine(0.5, kappa), geometry.fisher, 0.01});
        cases.push_back(
            {"b28", spectrum + ", full batches: the squared law", cosine_name, 1.0, geometry.squared, 0.01});
        if (kappa == 10000.0)
            cases.push_back({"b1", "batches of one sample, diagonal H, condition number 10000", cosine_name, 1.0,
                             geometry.fisher, 0.05});
    }

    result.figure = {.title = "Adam's step and Newton's, as the Hessian turns off the axes",
                     .x_label = "rotation theta",
                     .y_label = "cosine with Newton's step",
                     .log_x = true,
                     .series = {curve(rotations, "Adam", &Rotated::adam),
                                curve(rotations, "best diagonal", &Rotated::best),
                                curve(rotations, "SGD", &Rotated::sgd), curve(rotations, "Jacobi", &Rotated::jacobi)}};
    const Estimate slight = rotations.mean(&Rotated::adam, 3), share = rotations.mean(&Rotated::share, 3);
    result.caption = fmt::format(
        "Means over {} random rotations of a Hessian with 60 eigenvalues from 0.001 to 10, the full-batch gradients of "
        "an isotropic cloud. Error bars: one standard error. At theta = 0 all but SGD are at 1.",
        slight.samples);
    result.paragraph = fmt::format(
        "The essay reads Adam's diag(sqrt v) as a Hessian, so that its step is Newton's. Where H is diagonal and v is "
        "made by full batches over an isotropic cloud that is so. Turning the eigenvectors until only {:.1f} % of H's "
        "norm is off the diagonal takes the cosine from 1 to {:.3f}; at theta = 0.3 Adam is no better a Newton than "
        "SGD, which has {:.3f} everywhere: {:.3f}. The best of all diagonals has {:.3f} there, and Jacobi's 1 / H_ii "
        "{:.3f}. With noise the best diagonal is Newton's, damped by the cross-over eigenvalue. For single samples SGD "
        "is nearly that (efficiency {:.3f}, Adam {:.3f}); Adam is ahead from batches of {:.2f} samples on, and at 1024 "
        "it has {:.4f} against {:.4f}. What is best also depends on the purpose: at theta = 1 the diagonal nearest to "
        "Newton's step takes {:.3f} of the loss away, the one made for that {:.3f}, and {:.1f} of its 60 entries are "
        "negative on average.",
        100.0 * share.value, slight.value, rotations.mean(&Rotated::sgd, 3).value,
        rotations.mean(&Rotated::adam, 6).value, rotations.mean(&Rotated::best, 6).value,
        rotations.mean(&Rotated::jacobi, 6).value, sgd_efficiency[0].value, adam_efficiency[0].value, overtakes.value,
        adam_efficiency[3].value, sgd_efficiency[3].value, rotations.mean(&Rotated::in_distance).value,
        rotations.mean(&Rotated::in_loss).value, rotations.mean(&Rotated::negative).value);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-b12",
        .title = "Is Adam's step Newton's step?",
        .claims = {{"b1", "Adam's diag(sqrt v) stands in for the Hessian, so its step is Newton's",
                    hessian_squared_essay},
                   {"b22", "2 % of H off the diagonal spoil p_H and most of Adam's resemblance to Newton",
                    hessian_squared_page},
                   {"b23", "The best diagonal is neither Adam's nor 1/H_ii: H_ii/(H^2)_ii, or another for the loss",
                    hessian_squared_page},
                   {"b24", "With noise the best diagonal is a damped Newton's; SGD beats Adam for small batches",
                    hessian_squared_page},
                   {"b26", "eps damps as Levenberg and Marquardt do: the exponent falls to p sqrt(v)/(sqrt(v) + eps)",
                    hessian_squared_page},
                   {"b28", "On a diagonal H the cosine with Newton's step is m_a/sqrt(m_2a), a = 1, 1/2, 0",
                    hessian_squared_page}},
        .run = run};
}

} // namespace hessq::b12
