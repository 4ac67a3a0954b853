// The closed forms of the theory, claims b12 to b15: each as algebra, and each against a simulation whose standard
// error is derived or measured over independent repetitions. A deviation of 4 standard errors has probability 6e-5.
#include "hessq/core/dense.hpp"
#include "hessq/core/outer_product.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/second_moment_metrics.hpp"
#include "support/draws.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(second_moment_laws)

namespace {

/// |a - b|_F relative to |b|_F.
double distance(const Matrix& a, const Matrix& b) { return (a - b).norm() / b.norm(); }

/// The largest z_score of the rows of draws, one row for each expected number.
double largest_z_score(const Matrix& draws, const Vector& expected) {
    double largest = 0.0;
    for (Index k = 0; k < expected.size(); ++k)
        largest = std::max(largest, z_score(draws.row(k).transpose(), expected(k)));
    return largest;
}

/// u_k'A u_k for every column of U.
Vector forms(const Matrix& u, const Matrix& a) { return (u.transpose() * a * u).diagonal(); }

/// Gaussian linear regression: x ~ N(0, H), and targets x'theta* + sigma xi with theta* = 0.
LinearModel gaussian_model(const Matrix& h, double sigma, Index samples, std::uint64_t seed) {
    const Matrix root = h.llt().matrixL();
    const Index n = h.rows();
    const Matrix x = root * normal_vector(RandomStream(seed, 1), n * samples).reshaped(n, samples);
    return {x, sigma * normal_vector(RandomStream(seed, 2), samples)};
}

} // namespace

// b12: E[g_n g_n'] = 2 L H + 2 g g' for squared loss on Gaussian inputs, at every distance delta from the optimum.

BOOST_AUTO_TEST_CASE(per_sample_gradients_of_gaussian_regression_have_twice_the_loss_times_h_plus_twice_gg) {
    const Index n = 4, samples = 100'000;
    const Matrix h = with_spectrum((Vector(n) << 4.0, 2.0, 1.0, 0.25).finished(), 1);
    const double sigma = 0.7;
    const Vector delta = (Vector(n) << 0.3, -0.5, 0.2, 0.4).finished();
    const Vector g = h * delta;
    const double twice_loss = sigma * sigma + delta.dot(g);
    const Matrix second_moment = gradient_moments(gaussian_model(h, sigma, samples, 2), delta).second_moment;
    Matrix directions(n, 2 * n);
    directions << Matrix::Identity(n, n), random_matrix(n, n, 3);
    for (Index k = 0; k < directions.cols(); ++k) {
        const Vector u = directions.col(k);
        // u'g_n = a r, jointly normal: A = u'Hu, R = 2 L, correlation rho = u'g / sqrt(A R).
        //     E (a r)^2 = A R (1 + 2 rho^2)
        //     E (a r)^4 = (A R)^2 (9 + 72 rho^2 + 24 rho^4), so the variance is (A R)^2 (8 + 68 rho^2 + 20 rho^4)
        const double scale = u.dot(h * u) * twice_loss;
        const double rho2 = std::pow(u.dot(g), 2) / scale;
        const double expected = scale + 2.0 * std::pow(u.dot(g), 2);
        const double error = scale * std::sqrt((8.0 + 68.0 * rho2 + 20.0 * rho2 * rho2) / static_cast<double>(samples));
        BOOST_TEST(std::abs(u.dot(second_moment * u) - expected) <= 4.0 * error);
    }
}

BOOST_AUTO_TEST_CASE(mini_batches_of_gaussian_regression_have_their_closed_form) {
    const Index n = 4, batch = 4, batches = 30'000;
    const Matrix h = with_spectrum((Vector(n) << 4.0, 2.0, 1.0, 0.25).finished(), 4);
    const double sigma = 0.7;
    const Vector delta = (Vector(n) << 0.3, -0.5, 0.2, 0.4).finished();
    const Vector g = h * delta;
    const double twice_loss = sigma * sigma + delta.dot(g);
    const Matrix expected = (1.0 + 1.0 / batch) * g * g.transpose() + twice_loss / batch * h;
    // The same from the covariance of one sample, Sigma = 2 L H + g g'.
    const Matrix sigma_matrix = twice_loss * h + g * g.transpose();
    BOOST_TEST(distance(batch_second_moment(g, sigma_matrix, batch, 1000, Sampling::iid), expected) <= 4 * eps);

    const LinearModel model = gaussian_model(h, sigma, batch * batches, 5);
    const Matrix u = random_matrix(n, 8, 6);
    Matrix squares(u.cols(), batches);
    for (Index b = 0; b < batches; ++b)
        squares.col(b) = (u.transpose() * model.gradient(delta, Batch::range(b * batch, batch))).cwiseAbs2();
    BOOST_TEST(largest_z_score(squares, forms(u, expected)) < 4.0);
    // The simulation can tell: without the 1/B of g g' it fails.
    BOOST_TEST(largest_z_score(squares, forms(u, g * g.transpose() + twice_loss / batch * h)) > 6.0);
}

// Section 0.3: averaged over an isotropic cloud, v(lambda) = s^2 lambda^2 (1 + 1/B) + lambda (sigma^2 + s^2 tr H) / B.

Vector cloud_law(const Vector& lambda, double cloud, double noise, double inverse_batch) {
    return cloud * (1.0 + inverse_batch) * lambda.cwiseAbs2() + (noise + cloud * lambda.sum()) * inverse_batch * lambda;
}

BOOST_AUTO_TEST_CASE(an_isotropic_cloud_mixes_the_two_laws) {
    const Vector lambda = (Vector(4) << 4.0, 2.0, 1.0, 0.25).finished();
    const double cloud = 0.3, noise = 0.5;
    const auto check = [&](double batch, const Vector& printed, double exponent) {
        const Vector law = cloud_law(lambda, cloud, noise, 1.0 / batch);
        for (Index k = 0; k < 4; ++k) BOOST_TEST(law(k) == printed(k), tolerance(5e-5)); // five digits
        BOOST_TEST(std::abs(eigen_exponent(lambda, law)->exponent.value - exponent) <= 5e-4 * (1.0 + 1e-9));
    };
    check(1, (Vector(4) << 20.3, 7.75, 3.275, 0.70625).finished(), 1.202);
    check(8, (Vector(4) << 6.7375, 2.01875, 0.671875, 0.1046875).finished(), 1.491);
    check(64, (Vector(4) << 5.0422, 1.3023, 0.34648, 0.029492).finished(), 1.850);

    const Index batch = 8, batches = 20'000;
    const LinearModel model = gaussian_model(lambda.asDiagonal(), std::sqrt(noise), batch * batches, 7);
    Matrix squares(4, batches);
    for (Index b = 0; b < batches; ++b) {
        const Vector delta = std::sqrt(cloud) * normal_vector(RandomStream(8, 0), 4, static_cast<std::uint64_t>(4 * b));
        squares.col(b) = model.gradient(delta, Batch::range(b * batch, batch)).cwiseAbs2();
    }
    BOOST_TEST(largest_z_score(squares, cloud_law(lambda, cloud, noise, 1.0 / batch)) < 4.0);
}

BOOST_AUTO_TEST_CASE(the_exponent_crosses_over_with_the_batch_as_printed) {
    const Vector lambda = log_uniform_spectrum(60, 1e-3, 10.0);
    const std::vector<std::pair<double, double>> printed = {
        {1.0, 0.507}, {1.0 / 16, 0.540}, {1.0 / 256, 0.672}, {1.0 / 4096, 0.8565}, {0.0, 1.000}};
    for (const auto& [inverse_batch, p] : printed)
        BOOST_TEST(std::abs(0.5 * eigen_exponent(lambda, cloud_law(lambda, 0.04, 0.5, inverse_batch))->exponent.value -
                            p) <= 5e-4);
}

// b13: for labels drawn from the model, E_y[g g'] is the Gauss-Newton matrix: the Hessian, for a linear model.

BOOST_AUTO_TEST_CASE(enumerated_over_labels_the_gradients_have_the_gauss_newton_matrix) {
    const Index samples = 7, features = 3;
    const auto check = [&](Index classes, const MlpOptions& options, bool single_logit) {
        // In data set j sample s has label s + j mod C: over all j every sample has every label once.
        const auto labelled = [&](Index j) {
            Dataset data;
            data.name = "labels";
            data.inputs = random_matrix(features, samples, 9);
            data.targets =
                Matrix::NullaryExpr(1, samples, [&](Index, Index s) { return static_cast<double>((s + j) % classes); });
            for (Index c = 0; c < classes; ++c) data.class_names.push_back(std::to_string(c));
            return Mlp(data, options, single_logit);
        };
        const Mlp net = labelled(0);
        const Batch all = Batch::all(samples);
        const Vector w = 2.0 * net.initial_parameters(10);
        const Matrix mean = OutputLoss(options.loss, net.outputs()).mean(net.predict(w, all).transpose());
        const auto probability = [&](Index label, Index s) {
            if (!single_logit) return mean(s, label);
            return label == 1 ? mean(s, 0) : 1.0 - mean(s, 0);
        };
        Matrix expectation = Matrix::Zero(net.dimension(), net.dimension());
        for (Index j = 0; j < classes; ++j) {
            const Matrix gradients = labelled(j).per_sample_gradients(w, all);
            for (Index s = 0; s < samples; ++s)
                expectation += probability((s + j) % classes, s) / static_cast<double>(samples) * gradients.col(s) *
                               gradients.col(s).transpose();
        }
        // Products of a handful of layers, summed over samples and labels.
        BOOST_TEST(distance(expectation, to_dense(net.gauss_newton(w))) <= 100 * eps);
        if (options.hidden.empty()) BOOST_TEST(distance(expectation, net.dense_hessian(w)) <= 100 * eps);
        if (!options.hidden.empty()) BOOST_TEST(distance(expectation, net.dense_hessian(w)) > 0.01);
    };
    check(3, {}, false);
    check(2, {}, true);
    check(4, {.hidden = {5}}, false);
    check(2, {.hidden = {4, 3}}, true);
}

// b14: SGD on a quadratic with noise C: H S + S H - eta H S H = (eta / B) C and W = H S H + C / B = (H S + S H) / eta.

struct StationaryState {
    Matrix h, c;
    double eta;
    Index batch;
    Matrix cloud() const { // in the eigenbasis S_ij = (eta / B) C_ij / (lambda_i + lambda_j - eta lambda_i lambda_j)
        const Eigen::SelfAdjointEigenSolver<Matrix> eigen(h);
        const Vector& lambda = eigen.eigenvalues();
        Matrix s = eigen.eigenvectors().transpose() * c * eigen.eigenvectors();
        for (Index j = 0; j < s.cols(); ++j)
            for (Index i = 0; i < s.rows(); ++i)
                s(i, j) *= eta / static_cast<double>(batch) / (lambda(i) + lambda(j) - eta * lambda(i) * lambda(j));
        return eigen.eigenvectors() * s * eigen.eigenvectors().transpose();
    }
};

const StationaryState& non_commuting() {
    static const StationaryState state = {with_spectrum((Vector(4) << 0.5, 1.0, 2.0, 4.0).finished(), 11),
                                          with_spectrum((Vector(4) << 3.0, 0.2, 1.0, 0.5).finished(), 12), 0.3, 2};
    return state;
}

BOOST_AUTO_TEST_CASE(the_stationary_cloud_solves_lyapunovs_equation_and_makes_w_linear_in_h) {
    const auto& [h, c, eta, batch] = non_commuting();
    BOOST_TEST((h * c - c * h).norm() > 0.1 * h.norm() * c.norm());
    const Matrix s = non_commuting().cloud();
    const double b = static_cast<double>(batch);
    BOOST_TEST(distance(h * s + s * h - eta * h * s * h, eta / b * c) <= 1e-13);

    // The same as 16 equations in the entries of S: (I x H + H x I - eta H x H) vec S = (eta / B) vec C.
    Matrix kronecker(16, 16);
    const Matrix identity = Matrix::Identity(4, 4);
    for (Index i = 0; i < 4; ++i)
        for (Index j = 0; j < 4; ++j)
            kronecker.block(4 * i, 4 * j, 4, 4) = identity(i, j) * h + h(i, j) * identity - eta * h(i, j) * h;
    const Vector solved = kronecker.partialPivLu().solve(Vector(eta / b * c.reshaped()));
    BOOST_TEST(distance(solved.reshaped(4, 4), s) <= 1e-13);

    const Matrix minibatch = h * s * h + c / b;
    BOOST_TEST(distance(minibatch, (h * s + s * h) / eta) <= 1e-13);
    BOOST_TEST(minibatch.trace() == 2.0 / eta * (h * s).trace(), tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(sgd_reaches_that_state) {
    const auto stated = non_commuting();
    // Names of their own, not bindings: clang 14 does not capture a structured binding in a lambda.
    const Matrix &h = stated.h, &c = stated.c;
    const double eta = stated.eta;
    const Index batch = stated.batch;
    const Quadratic quadratic(h, {.noise_covariance = c, .samples = 64});
    const Matrix s = non_commuting().cloud();
    // The slowest second moment falls by e^(-30) before it counts.
    const Index chains = 200, burn_in = 100, steps = 1100;
    const Matrix u = random_matrix(4, 6, 13);
    Matrix cloud(u.cols(), chains), full_batch(u.cols(), chains), minibatch(u.cols(), chains);
    parallel_for(chains, [&](Index chain) {
        Matrix sums = Matrix::Zero(u.cols(), 3);
        const auto sgd = sgd_optimizer({.lr = eta});
        (void)train(
            quadratic, Vector::Zero(4), *sgd,
            {.steps = steps, .batch = batch, .sampling = Sampling::iid, .seed = static_cast<std::uint64_t>(chain)},
            [&](Index t, VectorView w, VectorView g) {
                if (t < burn_in) return;
                sums.col(0) += (u.transpose() * w).cwiseAbs2();
                sums.col(1) += (u.transpose() * (h * w)).cwiseAbs2();
                sums.col(2) += (u.transpose() * g).cwiseAbs2();
            });
        sums /= static_cast<double>(steps - burn_in);
        cloud.col(chain) = sums.col(0);
        full_batch.col(chain) = sums.col(1);
        minibatch.col(chain) = sums.col(2);
    });
    BOOST_TEST(largest_z_score(cloud, forms(u, s)) < 4.0);
    BOOST_TEST(largest_z_score(full_batch, forms(u, h * s * h)) < 4.0);
    BOOST_TEST(largest_z_score(minibatch, forms(u, (h * s + s * h) / eta)) < 4.0);
    // The simulation can tell: the noise alone is not what SGD's gradients show.
    BOOST_TEST(largest_z_score(minibatch, forms(u, c / static_cast<double>(batch))) > 6.0);
}

// b15: SGD on Gaussian regression with its own, state-dependent noise.

struct RegressionState {
    Vector lambda;
    double sigma, eta, batch;
    double tau() const {
        const double k = eta / batch * (lambda.array() / room()).sum();
        return sigma * sigma * k / (1.0 - k);
    }
    Vector cloud() const { return eta / batch * (sigma * sigma + tau()) / room(); }
    Vector minibatch() const { return 2.0 / eta * lambda.cwiseProduct(cloud()); }
    Vector full_batch() const { return lambda.cwiseAbs2().cwiseProduct(cloud()); }

private:
    Eigen::ArrayXd room() const { return 2.0 - eta * lambda.array() * (1.0 + 1.0 / batch); }
};

const RegressionState& printed_row() {
    static const RegressionState state = {(Vector(6) << 4.0, 2.0, 1.0, 0.5, 0.25, 0.1).finished(), 0.7, 0.08, 4.0};
    return state;
}

BOOST_AUTO_TEST_CASE(the_stationary_state_of_regression_has_the_printed_numbers) {
    const RegressionState& state = printed_row();
    BOOST_TEST(std::abs(state.tau() - 0.049299) <= 5e-7);
    const Vector s = (Vector(6) << 0.0067412, 0.0059922, 0.0056768, 0.0055313, 0.0054613, 0.0054201).finished();
    BOOST_TEST((state.cloud() - s).cwiseAbs().maxCoeff() <= 5e-8);
    const Vector v = (Vector(6) << 0.674124, 0.299611, 0.141921, 0.069141, 0.034133, 0.013550).finished();
    BOOST_TEST((state.minibatch() - v).cwiseAbs().maxCoeff() <= 5e-7);
    // tau = tr(H S), and W = (1 + 1/B) H S H + (sigma^2 + tau) H / B is b12 averaged over the cloud.
    BOOST_TEST(state.lambda.dot(state.cloud()) == state.tau(), tolerance(20 * eps));
    const Vector averaged = (1.0 + 1.0 / state.batch) * state.full_batch() +
                            (state.sigma * state.sigma + state.tau()) / state.batch * state.lambda;
    BOOST_TEST(distance(averaged, state.minibatch()) <= 20 * eps);
}

BOOST_AUTO_TEST_CASE(the_minibatch_exponent_is_one_and_the_full_batch_exponent_two_at_the_same_time) {
    const RegressionState& state = printed_row();
    const double minibatch = eigen_exponent(state.lambda, state.minibatch())->exponent.value;
    const double full_batch = eigen_exponent(state.lambda, state.full_batch())->exponent.value;
    // Both are raised by the same slope of ln s: W_full / W_mini = eta lambda / 2.
    BOOST_TEST(full_batch - minibatch == 1.0, tolerance(20 * eps));
    BOOST_TEST(std::abs(minibatch - 1.0) < 0.06);
}

BOOST_AUTO_TEST_CASE(sgd_on_fresh_samples_reaches_that_state) {
    const RegressionState& state = printed_row();
    const Index n = 6, batch = 4, chains = 200, burn_in = 400, steps = 1400;
    const Vector root = state.lambda.cwiseSqrt();
    Matrix cloud(n, chains), full_batch(n, chains), minibatch(n, chains);
    parallel_for(chains, [&](Index chain) {
        const RandomStream draws(14, static_cast<std::uint64_t>(chain));
        Vector delta = state.cloud().cwiseSqrt().cwiseProduct(normal_vector(draws, n));
        auto next = static_cast<std::uint64_t>(n);
        Matrix sums = Matrix::Zero(n, 3);
        for (Index t = 0; t < steps; ++t) {
            const Vector z = normal_vector(draws, (n + 1) * batch, next);
            next += static_cast<std::uint64_t>(z.size());
            const Matrix x = root.asDiagonal() * z.head(n * batch).reshaped(n, batch);
            const Vector g = x * (x.transpose() * delta - state.sigma * z.tail(batch)) / state.batch;
            if (t >= burn_in) {
                sums.col(0) += delta.cwiseAbs2();
                sums.col(1) += state.lambda.cwiseProduct(delta).cwiseAbs2();
                sums.col(2) += g.cwiseAbs2();
            }
            delta -= state.eta * g;
        }
        sums /= static_cast<double>(steps - burn_in);
        cloud.col(chain) = sums.col(0);
        full_batch.col(chain) = sums.col(1);
        minibatch.col(chain) = sums.col(2);
    });
    BOOST_TEST(largest_z_score(cloud, state.cloud()) < 4.0);
    BOOST_TEST(largest_z_score(full_batch, state.full_batch()) < 4.0);
    BOOST_TEST(largest_z_score(minibatch, state.minibatch()) < 4.0);
    // The simulation can tell: the noise of the optimum alone, sigma^2 H / B, is too small.
    BOOST_TEST(largest_z_score(minibatch, state.sigma * state.sigma / state.batch * state.lambda) > 6.0);
}

// One dimension, eta = 0.4, B = 4, c = 1: E g_hat^2, E g_bar^2 and Var theta for noise C = c H and for C = c.

struct Moments {
    double minibatch, full_batch, variance;
};

Moments one_dimension(double lambda, double noise) {
    const double eta = 0.4, batch = 4.0;
    const double variance = eta * noise / (batch * lambda * (2.0 - eta * lambda));
    return {lambda * lambda * variance + noise / batch, lambda * lambda * variance, variance};
}

BOOST_AUTO_TEST_CASE(one_dimension_has_the_printed_numbers) {
    const auto check = [](double eta_lambda, const Moments& proportional, double exponent, const Moments& constant) {
        const double lambda = eta_lambda / 0.4;
        const auto agree = [](const Moments& found, const Moments& printed) {
            BOOST_TEST(found.minibatch == printed.minibatch, tolerance(3e-4));
            BOOST_TEST(found.full_batch == printed.full_batch, tolerance(3e-4));
            BOOST_TEST(found.variance == printed.variance, tolerance(3e-4));
        };
        agree(one_dimension(lambda, lambda), proportional);
        agree(one_dimension(lambda, 1.0), constant);
        // d ln E g_hat^2 / d ln lambda = 2 / (2 - eta lambda) for C = c H, by a central difference.
        const double step = 1e-5;
        const double up = lambda * std::exp(step), down = lambda * std::exp(-step);
        const double slope =
            std::log(one_dimension(up, up).minibatch / one_dimension(down, down).minibatch) / (2.0 * step);
        BOOST_TEST(slope == 2.0 / (2.0 - eta_lambda), tolerance(1e-8));
        BOOST_TEST(std::abs(slope - exponent) <= 5e-3);
    };
    // The variance for C = c is eta c / (B lambda (2 - eta lambda)).
    check(0.02, {0.012626, 1.263e-4, 0.05051}, 1.01, {0.2525, 0.002525, 0.1 / (0.05 * 1.98)});
    check(0.5, {0.41667, 0.10417, 0.06667}, 1.33, {0.33333, 0.08333, 0.1 / (1.25 * 1.5)});
    check(1.0, {1.25, 0.625, 0.1}, 2.0, {0.5, 0.25, 0.1 / 2.5});
    check(1.6, {5.0, 4.0, 0.25}, 5.0, {1.25, 1.0, 0.1 / (4.0 * 0.4)});
}

BOOST_AUTO_TEST_CASE(sgd_in_one_dimension_has_those_moments) {
    const Index chains = 100, steps = 2000;
    for (const double eta_lambda : {0.02, 0.5, 1.0, 1.6})
        for (const bool proportional : {true, false}) {
            const double eta = 0.4, lambda = eta_lambda / eta, noise = proportional ? lambda : 1.0;
            const Moments expected = one_dimension(lambda, noise);
            Matrix found(3, chains);
            parallel_for(chains, [&](Index chain) {
                const RandomStream draws(15, static_cast<std::uint64_t>(chain));
                const Vector z = normal_vector(draws, steps + 1);
                double theta = std::sqrt(expected.variance) * z(steps); // stationary from the start
                Vector sums = Vector::Zero(3);
                for (Index t = 0; t < steps; ++t) {
                    const double mean = lambda * theta;
                    const double g = mean + std::sqrt(noise / 4.0) * z(t);
                    sums += Vector{{g * g, mean * mean, theta * theta}};
                    theta -= eta * g;
                }
                found.col(chain) = sums / static_cast<double>(steps);
            });
            BOOST_TEST(largest_z_score(found, Vector{{expected.minibatch, expected.full_batch, expected.variance}}) <
                       4.0);
        }
}

BOOST_AUTO_TEST_SUITE_END()
