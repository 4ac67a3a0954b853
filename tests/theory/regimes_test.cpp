#include "hessq/theory/regimes.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <stdexcept>
#include <string>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(regimes)

namespace {

const Vector spectrum = log_uniform_spectrum(8, 0.01, 10.0);

/// Off the axes; noise of covariance H^gamma.
Quadratic quadratic(double gamma) {
    const Matrix h = with_spectrum(spectrum, 1), c = with_spectrum(spectrum.array().pow(gamma), 1);
    return Quadratic(h, {.noise_covariance = c, .samples = 64});
}

/// The least-squares slope of log w on log lambda.
double slope(const Vector& lambda, const Vector& w) {
    const Vector x = lambda.array().log() - lambda.array().log().mean();
    return x.dot(Vector(w.array().log())) / x.squaredNorm();
}

/// 0.3 of the theory: s^2 lambda^2 (1 + 1/B) + lambda (sigma^2 + s^2 tr H) / B.
Vector regression_moment(const Vector& lambda, double s, double sigma, double batch) {
    return s * s * lambda.cwiseAbs2() * (1.0 + 1.0 / batch) + lambda * (sigma * sigma + s * s * lambda.sum()) / batch;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_cell_agrees_with_its_definition) {
    const Quadratic objective = quadratic(1.0);
    const Vector start = normal_vector(RandomStream(3, 0), 8);
    const double beta2 = 0.95;
    const RegimeCell cell =
        measure_regime(objective, start, {.batch = 4, .lr = 0.05, .steps = 60, .beta2 = beta2, .seed = 2, .runs = 3});

    const Eigen::SelfAdjointEigenSolver<Matrix> h(objective.matrix());
    const auto along = [&](const Matrix& w) {
        return Vector((h.eigenvectors().transpose() * w * h.eigenvectors()).diagonal());
    };
    Vector noisy_slopes(3), quiet_slopes(3), losses(3), signals(3), totals(3);
    for (Index r = 0; r < 3; ++r) {
        const auto adam = adam_optimizer({.lr = 0.05, .beta2 = beta2});
        Matrix noisy = Matrix::Zero(8, 8), quiet = noisy;
        double noise = 0.0;
        const TrainResult run = train(objective, start, *adam,
                                      {.steps = 60, .batch = 4, .sampling = Sampling::iid, .seed = regime_seed(2, r)},
                                      [&](Index, VectorView w, VectorView g) {
                                          noisy = beta2 * noisy + g * g.transpose();
                                          const Vector full = objective.gradient(w);
                                          quiet = beta2 * quiet + full * full.transpose();
                                          noise = beta2 * noise + (g - full).squaredNorm();
                                      });
        noisy_slopes(r) = slope(h.eigenvalues(), along(noisy));
        quiet_slopes(r) = slope(h.eigenvalues(), along(quiet));
        losses(r) = objective.value(run.parameters);
        signals(r) = quiet.trace();
        totals(r) = quiet.trace() + noise;
    }
    BOOST_TEST(cell.batch == 4);
    BOOST_TEST(cell.position == 0.05);
    BOOST_TEST(cell.why == "");
    BOOST_TEST(cell.minibatch->exponent.value == noisy_slopes.mean(), tolerance(1e-10));
    BOOST_TEST(cell.full_batch->exponent.value == quiet_slopes.mean(), tolerance(1e-10));
    const double spread = std::sqrt((noisy_slopes.array() - noisy_slopes.mean()).square().sum() / 2.0);
    BOOST_TEST(cell.minibatch->sampling_error == spread / std::sqrt(3.0), tolerance(1e-8));
    BOOST_TEST(cell.minibatch->exponent.samples == 8);
    BOOST_TEST(cell.signal_share == signals.sum() / totals.sum(), tolerance(1e-12));
    BOOST_TEST(cell.loss == losses.mean(), tolerance(1e-12));
    for (const auto& q : {cell.minibatch, cell.full_batch})
        BOOST_TEST(q->exponent.std_error * q->exponent.std_error ==
                       q->scatter_error * q->scatter_error + q->sampling_error * q->sampling_error,
                   tolerance(1e-12));
    BOOST_TEST(regime_seed(2, 0) == 2u);
    BOOST_TEST(regime_seed(2, 1) != regime_seed(2, 2));
    BOOST_TEST(regime_seed(2, 1) != regime_seed(3, 1));
}

BOOST_AUTO_TEST_CASE(at_rest_adam_averages_the_noise_and_its_exponent_is_that_of_the_noise) {
    // With so small a rate the run never leaves the minimum: W is the mean of noise of covariance H^gamma / B.
    for (const double gamma : {1.0, 2.0}) {
        const RegimeCell cell =
            measure_regime(quadratic(gamma), Vector::Zero(8), {.batch = 2, .lr = 1e-9, .steps = 500});
        BOOST_TEST(std::abs(cell.minibatch->exponent.value - gamma) < 4.0 * cell.minibatch->exponent.std_error);
        BOOST_TEST(cell.minibatch->exponent.std_error < 0.05);
        BOOST_TEST(cell.signal_share < 1e-6);
    }
}

BOOST_AUTO_TEST_CASE(the_cloud_that_adam_makes_is_not_isotropic) {
    // b16 of the theory: with noise of covariance H / B Adam's stationary cloud is S ~ H^(-1/2), so that full-batch
    // gradients have q = 3/2 and not 2, while the noise keeps the mini-batch exponent near 1. To leading order in
    // eta sqrt(lambda B) < 0.13; and directions that W averages over about 12 correlation times have E ln W 1 / 12 too
    // low, which over ln 100 is a slope of 0.03.
    const Vector lambda = log_uniform_spectrum(8, 0.1, 10.0);
    const Matrix h = lambda.asDiagonal(); // off the axes Adam divides every direction by much the same number
    const Quadratic objective(h, {.noise_covariance = h, .samples = 64});
    const RegimeCell cell =
        measure_regime(objective, Vector::Zero(8), {.batch = 4, .lr = 0.02, .steps = 3000, .runs = 16});
    BOOST_TEST(std::abs(cell.full_batch->exponent.value - 1.5) < 0.06 + 4.0 * cell.full_batch->sampling_error);
    BOOST_TEST(cell.full_batch->exponent.value + 4.0 * cell.full_batch->exponent.std_error < 2.0);
    BOOST_TEST(std::abs(cell.minibatch->exponent.value - 1.0) < 0.06);
    BOOST_TEST(cell.full_batch->sampling_error < 0.03);
}

BOOST_AUTO_TEST_CASE(the_error_bar_covers_at_least_as_often_as_it_says) {
    // The same at 200 seeds: two standard errors should cover at least 95.4 %, 191 +- 3.0; 4 of these are 11.9.
    const Quadratic objective = quadratic(1.0);
    Index covered = 0;
    double least = 1.0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const RegimeCell cell =
            measure_regime(objective, Vector::Zero(8), {.batch = 2, .lr = 1e-9, .steps = 100, .seed = seed});
        const Estimate& q = cell.minibatch->exponent;
        covered += std::abs(q.value - 1.0) <= 2.0 * q.std_error;
        least = std::min(least, q.std_error);
    }
    BOOST_TEST(covered >= 179);
    BOOST_TEST(least > 0.0);
}

BOOST_AUTO_TEST_CASE(a_cloud_around_a_quadratics_minimum_has_the_exponent_of_its_second_moment) {
    const Quadratic objective = quadratic(1.0);
    const SymmetricEigen h = symmetric_eigen(objective.matrix());
    for (const double s : {0.05, 0.5, 5.0}) {
        const std::vector<RegimeCell> cells = measure_cloud_regimes(
            objective, Vector::Zero(8), h, {.distance = s, .batches = {1, 8, 64}, .points = 400, .seed = 5});
        BOOST_TEST(cells.size() == 3u);
        for (const RegimeCell& cell : cells) {
            const auto batch = static_cast<double>(cell.batch);
            const double expected = slope(spectrum, s * s * spectrum.cwiseAbs2() + spectrum / batch);
            BOOST_TEST(std::abs(cell.minibatch->exponent.value - expected) < 4.0 * cell.minibatch->exponent.std_error);
            BOOST_TEST(std::abs(cell.minibatch->exponent.value - expected) <
                       4.0 * cell.minibatch->sampling_error + 1e-6); // the scatter is that of a curved line
            BOOST_TEST(std::abs(cell.full_batch->exponent.value - 2.0) < 4.0 * cell.full_batch->sampling_error);
            BOOST_TEST(cell.position == s);
            BOOST_TEST(cell.loss == 0.5 * s * s * spectrum.sum(), tolerance(0.5)); // mean of 400 draws
        }
        BOOST_TEST(cells[0].minibatch->exponent.value < cells[2].minibatch->exponent.value);
    }
}

BOOST_AUTO_TEST_CASE(a_cloud_in_gaussian_regression_follows_the_crossover) {
    // 4096 samples stand for the population: fourth moments have a relative error of about sqrt(24 / 4096) = 8 %, which
    // moves a slope over three decades by at most 2 * 0.08 / ln 1000 = 0.023.
    const double sigma = 0.7;
    const Mlp model = linear_regression(gaussian_regression(4096, spectrum, {.noise = sigma, .seed = 2}).data);
    const Vector origin = Vector::Zero(9);
    const Matrix hessian = model.dense_hessian(origin);
    const Vector minimum = hessian.llt().solve(-model.gradient(origin));
    const SymmetricEigen h = symmetric_eigen(hessian);
    for (const double s : {0.1, 1.0})
        for (const RegimeCell& cell : measure_cloud_regimes(
                 model, minimum, h, {.distance = s, .batches = {1, 30, 1000}, .points = 100, .seed = 5})) {
            const double expected =
                slope(h.values, regression_moment(h.values, s, sigma, static_cast<double>(cell.batch)));
            BOOST_TEST(std::abs(cell.minibatch->exponent.value - expected) <
                       0.03 + 4.0 * cell.minibatch->sampling_error);
        }
}

BOOST_AUTO_TEST_CASE(the_law_of_gaussian_regression_is_that_of_the_theory) {
    const IsotropicLaw law{.noise = 0.5, .trace = 6.0, .gaussian_inputs = true};
    const double s = 0.2, batch = 4.0;
    for (const double lambda : {0.1, 1.0, 4.0}) {
        // lambda_x = (sigma^2 + s^2 tr H) / (s^2 (B + 1))
        BOOST_TEST(law.crossover_curvature(s, 1.0 / batch) == (0.5 + 0.04 * 6.0) / (0.04 * 5.0), tolerance(10 * eps));
        BOOST_TEST(law.second_moment(lambda, s, 1.0 / batch) ==
                       0.04 * lambda * lambda * 1.25 + lambda * (0.5 + 0.04 * 6.0) / 4.0,
                   tolerance(10 * eps));
        const double factor = law.crossover_factor(lambda, s);
        BOOST_TEST(law.crossover_curvature(s, factor) == lambda, tolerance(10 * eps));
    }
    // A curvature beyond what any batch reaches: lambda_x at B = 0 is (sigma^2 + s^2 tr H) / s^2 = 18.5.
    BOOST_TEST(std::isinf(law.crossover_factor(18.6, s)));
    BOOST_TEST(std::isfinite(law.crossover_factor(18.4, s)));
    const IsotropicLaw additive{.noise = 2.0};
    BOOST_TEST(additive.crossover_curvature(s, 1.0 / batch) == 2.0 / (0.04 * 4.0), tolerance(10 * eps));
    BOOST_TEST(additive.second_moment(3.0, s, 1.0 / batch) == 0.04 * 9.0 + 1.5, tolerance(10 * eps));
}

BOOST_AUTO_TEST_CASE(a_diverged_cell_says_why_and_has_no_exponent) {
    const RegimeCell run = measure_regime(quadratic(1.0), Vector::Constant(8, 1e153), {.batch = 4, .lr = 1e154});
    BOOST_TEST(!run.minibatch.has_value());
    BOOST_TEST(run.why.starts_with("train: loss is not finite at step "));
    BOOST_TEST(std::isnan(run.loss));
    const Quadratic objective = quadratic(1.0);
    const auto cells = measure_cloud_regimes(objective, Vector::Zero(8), symmetric_eigen(objective.matrix()),
                                             {.distance = 1e160, .batches = {1, 2}, .points = 3});
    BOOST_TEST(cells.size() == 2u);
    for (const RegimeCell& cell : cells) {
        BOOST_TEST(!cell.minibatch.has_value());
        BOOST_TEST(cell.why.starts_with("the loss at point 0 is not finite"));
    }
}

BOOST_AUTO_TEST_CASE(equal_curvatures_have_no_exponent) {
    const Quadratic objective(Matrix::Identity(4, 4), {.noise_covariance = Matrix::Identity(4, 4), .samples = 16});
    const RegimeCell cell = measure_regime(objective, Vector::Ones(4), {.batch = 2, .steps = 30});
    BOOST_TEST(!cell.minibatch.has_value());
    BOOST_TEST(cell.why == "fewer than 3 directions of different curvature have a second moment");
    BOOST_TEST(std::isfinite(cell.loss));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const auto refuses = [](const auto& call, const std::string& message) {
        BOOST_CHECK_EXCEPTION((void)call(), std::invalid_argument, says(message));
    };
    const Quadratic objective = quadratic(1.0);
    const Vector zero = Vector::Zero(8);
    const SymmetricEigen h = symmetric_eigen(objective.matrix());
    refuses([&] { return measure_regime(objective, Vector::Zero(7)); },
            "measure_regime: start must have 8 entries; got 7");
    refuses([&] { return measure_regime(objective, zero, {.batch = 0}); },
            "measure_regime: batch must be at least 1; got 0");
    refuses([&] { return measure_regime(objective, zero, {.batch = 65}); },
            "measure_regime: batch must be at most the number of samples (64); got 65");
    refuses([&] { return measure_regime(objective, zero, {.steps = 0}); },
            "measure_regime: steps must be at least 1; got 0");
    refuses([&] { return measure_regime(objective, zero, {.runs = 1}); },
            "measure_regime: runs must be at least 2; got 1");
    refuses([&] { return measure_cloud_regimes(objective, Vector::Zero(7), h, {}); },
            "measure_cloud_regimes: center must have 8 entries; got 7");
    refuses([&] { return measure_cloud_regimes(objective, zero, h, {.distance = 0.0}); },
            "measure_cloud_regimes: distance must be above 0; got 0");
    refuses([&] { return measure_cloud_regimes(objective, zero, h, {.points = 2}); },
            "measure_cloud_regimes: points must be at least 3; got 2");
    refuses(
        [&] {
            return measure_cloud_regimes(objective, zero, h, {.batches = {1, 65}});
        },
        "measure_cloud_regimes: batch must be at most the number of samples (64); got 65");
}

BOOST_AUTO_TEST_SUITE_END()
