// Each prediction against numbers printed in the theory (to the printed digits), a form worked by hand, or a direct
// computation: moments by recursion, by summation over autocovariances, or by simulation (4 standard errors).
#include "hessq/theory/hessian_squared.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/solvers/lyapunov.hpp"
#include "hessq/theory/simulation.hpp"
#include "support/draws.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/printed.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(hessian_squared)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double distance(const Matrix& a, const Matrix& b) { return (a - b).norm() / b.norm(); }

/// The slope of log y on log x.
double slope(const Vector& x, const Vector& y) {
    const Vector a = x.array().log() - x.array().log().mean(), b = y.array().log() - y.array().log().mean();
    return a.dot(b) / a.squaredNorm();
}

/// The points on [least, largest] that the theory calls log-uniform.
Vector grid(Index n, double least, double largest) {
    Vector lambda(n);
    for (Index k = 0; k < n; ++k)
        lambda(k) = least * std::pow(largest / least, static_cast<double>(k) / static_cast<double>(n - 1));
    return lambda;
}

/// The Hessian, the noise and the steps of a problem in which nothing commutes.
struct Problem4 {
    Matrix h = (Matrix(4, 4) << 2, .4, .2, 0, .4, 1, .1, .1, .2, .1, .5, .05, 0, .1, .05, .25).finished();
    Matrix noise = with_spectrum(Eigen::Vector4d(1.0, 0.6, 0.3, 0.1), 1);
    Matrix steps = with_spectrum(Eigen::Vector4d(0.3, 0.2, 0.25, 0.4), 2);
};

/// S <- (I - D H) S (I - D H)' + D noise D, 2^doublings - 1 times from the noise of one step.
Matrix stationary_cloud(const Matrix& h, const Matrix& noise, const Matrix& d, int doublings) {
    Matrix f = Matrix::Identity(h.rows(), h.rows()) - d * h, s = d * noise * d;
    for (int k = 0; k < doublings; ++k) {
        s = (s + f * s * f.transpose()).eval();
        f = (f * f).eval();
    }
    return s;
}

/// E (sum_k w_k x_k)^2 from E x_s x_t = covariance(|s - t|).
template <class Covariance>
double weighted_moment(const Vector& weights, const Covariance& covariance) {
    double sum = 0.0;
    for (Index s = 0; s < weights.size(); ++s)
        for (Index t = 0; t < weights.size(); ++t) sum += weights(s) * weights(t) * covariance(std::abs(s - t));
    return sum;
}

/// The weights of m_t on g_t, g_{t-1}, ...
Vector ema_weights(double beta, Index count) {
    Vector weights(count);
    for (Index k = 0; k < count; ++k) weights(k) = (1.0 - beta) * std::pow(beta, static_cast<double>(k));
    return weights;
}

} // namespace

// --- 0.3, b12, b27 --------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_slope_over_a_whole_spectrum_grows_with_the_batch_as_printed) { // E-b2, xp4
    const auto p = [](Index n, double batch) {
        const Vector lambda = grid(n, 1e-3, 10.0);
        return slope(lambda,
                     regression_second_moment(lambda, {.cloud_variance = 0.04, .noise_variance = 0.5, .batch = batch})
                         .cwiseSqrt());
    };
    const std::vector<double> batches = {1, 16, 256, 4096};
    const auto row = [&](Index n) {
        Vector found(4);
        for (Index k = 0; k < 4; ++k) found(k) = p(n, batches[static_cast<std::size_t>(k)]);
        return found;
    };
    check_printed(row(60).head(2), {.507, .540}, 1e-3);
    check_printed(row(60).tail(2), {.6721, .8565}, 1e-4); // x8
    check_printed(row(20), {.514, .569, .723, .896}, 1e-3);
    check_printed(row(200), {.502, .517, .609, .789}, 1e-3);
    BOOST_TEST(p(60, infinity) == 1.0, tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(the_local_exponent_is_the_derivative_of_the_second_moment) {
    const Vector lambda = grid(30, 1e-3, 10.0);
    const double step = 1e-5; // in log lambda: an error of step^2 in the derivative
    for (const double batch : {1.0, 64.0, 1e5, infinity}) {
        const RegressionCloud cloud{.cloud_variance = 0.04, .noise_variance = 0.5, .batch = batch};
        const double cross_over = cross_over_eigenvalue(lambda, cloud);
        for (const Index k : {0, 10, 29}) {
            // Two spectra of the same trace in which lambda_k has moved, and the others have made room for it.
            const auto at = [&](double shift) {
                Vector moved = lambda;
                moved(k) *= std::exp(shift);
                const Index other = k == 29 ? 28 : 29;
                moved(other) -= moved(k) - lambda(k);
                return std::log(regression_second_moment(moved, cloud)(k));
            };
            BOOST_TEST(local_exponent(lambda(k), cross_over) == 0.25 * (at(step) - at(-step)) / step, tolerance(1e-8));
        }
    }
    BOOST_TEST(local_exponent(1.0, 0.0) == 1.0);
    BOOST_TEST(local_exponent(1.0, 1.0) == 0.75);
    BOOST_TEST(local_exponent(1.0, infinity) == 0.5);
    // (0.5 + 0.04 * 3) / (0.04 * 4)
    BOOST_TEST(cross_over_eigenvalue(Eigen::Vector2d(1, 2), {0.04, 0.5, 3.0}) == 3.875, tolerance(4 * eps));
    BOOST_TEST(cross_over_eigenvalue(Eigen::Vector2d(1, 2), {0.0, 0.5, 3.0}) == infinity);
    BOOST_TEST(cross_over_eigenvalue(Eigen::Vector2d(1, 2), {0.04, 0.5, infinity}) == 0.0);
}

BOOST_AUTO_TEST_CASE(without_label_noise_the_fisher_like_term_stays) { // b27, x7
    check_printed(regression_second_moment(Eigen::Vector4d(1.0, 0.5, 0.15, 0.05),
                                           {.cloud_variance = 1.0, .noise_variance = 0.0, .batch = 2.0}),
                  {2.35, .8, .16125, .04625}, 1e-12);
}

BOOST_AUTO_TEST_CASE(the_cloud_s_second_moment_is_the_mean_of_that_at_its_points) {
    // W(delta) is quadratic in delta: +-s sqrt(n) u_k have the moments of N(0, s^2 I) that count.
    const Vector lambda = Eigen::Vector4d(4.0, 1.5, 0.3, 0.02);
    const Matrix h = with_spectrum(lambda, 3);
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(h);
    const double s2 = 0.04, noise = 0.5, batch = 3.0;
    Matrix mean = Matrix::Zero(4, 4);
    for (Index k = 0; k < 4; ++k)
        for (const double sign : {1.0, -1.0})
            mean += regression_batch_second_moment(h, sign * std::sqrt(4.0 * s2) * Matrix::Identity(4, 4).col(k), noise,
                                                   batch) /
                    8.0;
    const Vector w =
        regression_second_moment(eigen.eigenvalues(), {.cloud_variance = s2, .noise_variance = noise, .batch = batch});
    BOOST_TEST(distance(mean, eigen.eigenvectors() * w.asDiagonal() * eigen.eigenvectors().transpose()) <= 50 * eps);
    const Vector delta = Eigen::Vector4d(0.3, -0.5, 0.2, 0.4);
    BOOST_TEST(distance(regression_batch_second_moment(h, delta, noise, infinity), h * delta * delta.transpose() * h) <=
               20 * eps);
}

// --- b14, x1 --------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(stationary_sgd_has_the_cloud_of_its_recursion_and_a_second_moment_linear_in_the_hessian) {
    const Problem4 p;
    const double lr = 0.3;
    const StationaryMoments found = stationary_sgd(p.h, p.noise, lr);
    const Matrix& s = found.cloud;
    // lr lambda >= 0.06: (1 - 0.06)^(2^10) < 1e-27. Every step of the recursion rounds once.
    BOOST_TEST(distance(s, stationary_cloud(p.h, p.noise, lr * Matrix::Identity(4, 4), 10)) <= 1e-13);
    const Matrix f = Matrix::Identity(4, 4) - lr * p.h;
    BOOST_TEST(distance(s, solve_discrete_lyapunov(f, lr * lr * p.noise)) <= 1e-13);
    BOOST_TEST(distance(found.minibatch, (p.h * s + s * p.h) / lr) <= 1e-13);
    BOOST_TEST(distance(found.full_batch, p.h * s * p.h) <= 1e-14);
    BOOST_TEST(distance(found.minibatch - found.full_batch, p.noise) <= 1e-14);
    // One dimension: s = lr c / (lambda (2 - lr lambda)).
    const StationaryMoments one = stationary_sgd(Matrix::Constant(1, 1, 2.0), Matrix::Constant(1, 1, 0.7), 0.25);
    BOOST_TEST(one.cloud(0, 0) == 0.7 * 0.25 / (2.0 * 1.5), tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(small_steps_cost_no_digits) {
    // lr lambda = 1e-12: I - lr H would have lost twelve digits of H.
    const Vector lambda = Eigen::Vector2d(1.0, 1e-6);
    const StationaryMoments found = stationary_sgd(Matrix(lambda.asDiagonal()), Matrix::Identity(2, 2), 1e-6);
    const Vector expected = 1e-6 * (lambda.array() * (2.0 - 1e-6 * lambda.array())).inverse();
    BOOST_TEST(found.cloud.diagonal().cwiseQuotient(expected).isApprox(Vector::Ones(2), 1e-14));
}

BOOST_AUTO_TEST_CASE(additive_noise_near_the_edge_has_the_printed_slopes) { // xp5
    const Vector lambda = grid(60, 1e-3, 10.0);
    const Matrix h = lambda.asDiagonal();
    const auto q = [&](double edge) { return slope(lambda, stationary_sgd(h, h, edge / 10.0).full_batch.diagonal()); };
    check_printed(q(1.99), 2.129, 1e-3);
    check_printed(q(1.999), 2.153, 1e-3);
}

BOOST_AUTO_TEST_CASE(a_fixed_preconditioner_divides_the_law_of_sgd) { // x1
    const Problem4 p;
    const StationaryMoments found = stationary_preconditioned(p.h, p.noise, p.steps);
    const Matrix& s = found.cloud;
    BOOST_TEST(distance(s, stationary_cloud(p.h, p.noise, p.steps, 11)) <= 1e-13);
    const Matrix inverse = p.steps.inverse();
    BOOST_TEST(distance(found.minibatch, inverse * s * p.h + p.h * s * inverse) <= 1e-13);
    const StationaryMoments sgd = stationary_sgd(p.h, p.noise, 0.3);
    BOOST_TEST(distance(stationary_preconditioned(p.h, p.noise, 0.3 * Matrix::Identity(4, 4)).cloud, sgd.cloud) <=
               1e-14);
}

BOOST_AUTO_TEST_CASE(adam_in_one_dimension_solves_a_quadratic_equation) {
    for (const double lr : {1e-4, 0.1, 1.0, 3.0}) BOOST_TEST_CONTEXT("lr " << lr) {
            const double lambda = 2.0, c = 0.3;
            const StationaryAdam found = stationary_adam(Matrix::Constant(1, 1, lambda), Matrix::Constant(1, 1, c), lr);
            BOOST_TEST(found.converged);
            const double expected = (lr * lambda + std::sqrt(lr * lr * lambda * lambda + 16.0 * c)) / 4.0;
            BOOST_TEST(found.root_second_moment(0) == expected, tolerance(1e-10));
        }
}

BOOST_AUTO_TEST_CASE(adam_with_momentum_in_one_dimension_solves_a_cubic_equation) {
    const Vector lambda = Eigen::Vector3d(0.2, 1.0, 5.0), noise = Eigen::Vector3d(0.3, 0.3, 2.0),
                 none = Vector::Zero(3);
    for (const double lr : {1e-4, 0.1, 1.0, 30.0}) BOOST_TEST_CONTEXT("lr " << lr) {
            // Without momentum the quadratic's.
            const Vector plain = stationary_adam_root(lambda, noise, lr, 0.0);
            for (Index k = 0; k < 3; ++k) {
                const double l = lr * lambda(k);
                BOOST_TEST(plain(k) == (l + std::sqrt(l * l + 16.0 * noise(k))) / 4.0, tolerance(1e-13));
            }
            // Without noise the edge of stability.
            BOOST_TEST(distance(stationary_adam_root(lambda, none, lr, 0.9),
                                edge_root_second_moment(lambda, lr, 0.9)) <= 1e-14);
            // With both, what the second moments of momentum's linear recursion are with the rate lr / r, iterated.
            for (const double beta1 : {0.5, 0.9}) {
                const double root = stationary_adam_root(lambda, noise, lr, beta1)(1), rate = lr / root;
                double xx = 0.0, xm = 0.0,
                       mm = 0.0; // of x and m; g = x + noise, m' = beta1 m + (1 - beta1) g, x' = x - rate m'
                for (int t = 0; t < 2'000'000 / (lr < 1e-3 ? 1 : 100); ++t) {
                    const double gain = 1.0 - beta1, c = noise(1);
                    const double m2 = beta1 * beta1 * mm + 2.0 * beta1 * gain * xm + gain * gain * (xx + c);
                    const double x_m = beta1 * xm + gain * xx;
                    xx += rate * rate * m2 - 2.0 * rate * x_m;
                    xm = x_m - rate * m2;
                    mm = m2;
                }
                BOOST_TEST(std::sqrt(xx + noise(1)) == root, tolerance(1e-8));
            }
        }
}

BOOST_AUTO_TEST_CASE(runs_of_adam_with_momentum_reach_that_state) {
    // From the noise's own sqrt(v) to 2.5 times it; beta2 = 0.999 leaves v a relative standard deviation of a few per
    // cent, the square of which is neglected.
    const Vector lambda = grid(6, 0.1, 10.0), noise = lambda;
    for (const double beta1 : {0.0, 0.9}) {
        const double lr = 2.0;
        const SimulatedMoments runs = simulated_moments(
            noisy_quadratic(lambda, noise), {.lr = lr, .beta1 = beta1, .beta2 = 0.999}, Vector::Zero(6),
            {.runs = 32, .block_runs = 4, .steps = 4000, .burn_in = 6000, .seed = 3});
        const Vector root = stationary_adam_root(lambda, noise, lr, beta1);
        const Vector measured = runs.minibatch.rowwise().mean().cwiseSqrt();
        BOOST_TEST(root(5) / std::sqrt(noise(5)) > 1.5);
        BOOST_TEST((measured.cwiseQuotient(root) - Vector::Ones(6)).cwiseAbs().maxCoeff() < 0.02);
    }
}

BOOST_AUTO_TEST_CASE(half_way_between_the_laws_the_root_of_v_goes_as_the_three_quarters_power) {
    for (const double beta1 : {0.0, 0.5, 0.9, 0.99}) {
        const double lambda = 0.3, lr = 0.02, f = stationary_adam_crossover(lambda, lr, beta1);
        const Vector around = Eigen::Vector2d(0.999 * lambda, 1.001 * lambda);
        const Vector root = stationary_adam_root(around, f * around, lr, beta1);
        BOOST_TEST(std::log(root(1) / root(0)) / std::log(around(1) / around(0)) == 0.75, tolerance(1e-5));
    }
    BOOST_TEST(stationary_adam_crossover(2.0, 0.1, 0.0) == 0.01 * 2.0 * 3.0 / 16.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(adam_s_stationary_state_is_that_of_the_preconditioner_it_makes) { // x1
    const Problem4 p;
    for (const double lr : {1e-3, 0.1, 0.4}) BOOST_TEST_CONTEXT("lr " << lr) {
            const StationaryAdam found = stationary_adam(p.h, p.noise, lr);
            BOOST_TEST(found.converged);
            const Matrix d = (lr * found.root_second_moment.cwiseInverse()).asDiagonal();
            const Matrix s = stationary_cloud(p.h, p.noise, d, 20);
            // The condition of the fixed point times the tolerance 1e-12, and times the rounding of the recursion.
            BOOST_TEST(distance(found.moments.cloud, s) <= 1e-10);
            const Vector v = (p.h * s * p.h + p.noise).diagonal();
            BOOST_TEST(distance(found.root_second_moment.cwiseAbs2(), v) <= 1e-10);
            BOOST_TEST(distance(adam_root_second_moment(found.moments.cloud, p.h, lr), found.root_second_moment) <=
                       1e-10);
        }
}

BOOST_AUTO_TEST_CASE(runs_with_adam_s_frozen_preconditioner_have_its_second_moment) { // x1
    const Problem4 p;
    const double lr = 0.3;
    const StationaryAdam found = stationary_adam(p.h, p.noise, lr);
    const Matrix d = (lr * found.root_second_moment.cwiseInverse()).asDiagonal();
    const Matrix root_d = d.cwiseSqrt(); // D H has the eigenvalues of D^(1/2) H D^(1/2)
    const double slowest = Eigen::SelfAdjointEigenSolver<Matrix>(Matrix(root_d * p.h * root_d)).eigenvalues()(0);
    const Index runs = 2000, steps = static_cast<Index>(std::ceil(4.0 / slowest)); // e^-8 of the start is left
    const Matrix root = p.noise.llt().matrixL();
    Matrix delta = Matrix::Zero(4, runs), gradient;
    for (Index t = 0; t <= steps; ++t) {
        const Vector z = normal_vector(RandomStream(11, static_cast<std::uint64_t>(t)), 4 * runs);
        gradient = p.h * delta + root * z.reshaped(4, runs);
        if (t < steps) delta -= d * gradient;
    }
    for (Index i = 0; i < 4; ++i) {
        BOOST_TEST(z_score(gradient.row(i).cwiseAbs2().transpose(), std::pow(found.root_second_moment(i), 2)) <= 4.0);
        BOOST_TEST(z_score(delta.row(i).cwiseAbs2().transpose(), found.moments.cloud(i, i)) <= 4.0);
    }
}

BOOST_AUTO_TEST_CASE(an_isotropic_cloud_of_adam_s_own_makes_v_the_diagonal_hessian_squared) { // x1
    const Problem4 p;
    const double s2 = 0.01, lr = 0.004;
    const IsotropicAdamNoise made = noise_for_isotropic_adam_cloud(p.h, s2, lr);
    BOOST_TEST(made.positive_semidefinite);
    BOOST_TEST(made.least_eigenvalue == Eigen::SelfAdjointEigenSolver<Matrix>(made.noise).eigenvalues()(0),
               tolerance(1e-12));
    const StationaryAdam adam = stationary_adam(p.h, made.noise, lr);
    BOOST_TEST(adam.converged);
    BOOST_TEST(distance(adam.moments.cloud, s2 * Matrix::Identity(4, 4)) <= 1e-10);
    BOOST_TEST(distance(adam.root_second_moment, 2.0 * s2 / lr * p.h.diagonal()) <= 1e-10);
}

BOOST_AUTO_TEST_CASE(some_hessians_have_no_noise_that_makes_adam_s_cloud_isotropic) {
    // det (H D^-1 + D^-1 H) ~ 4 e^2 - c^2 (1 + e)^2 for H = [[1, c], [c, e]]: negative for c^2 near e.
    const Matrix h = (Matrix(2, 2) << 1.0, 0.29, 0.29, 0.1).finished();
    const IsotropicAdamNoise made = noise_for_isotropic_adam_cloud(h, 0.01, 1e-4);
    BOOST_TEST(!made.positive_semidefinite);
    BOOST_TEST(made.least_eigenvalue < 0.0);
    // On a diagonal H s^2 lambda^2 (4 s^2 / lr^2 - 1): not below the amplitude s = lr / 2 of the edge.
    const Matrix diagonal = Eigen::Vector2d(1.0, 3.0).asDiagonal();
    const Matrix noise = noise_for_isotropic_adam_cloud(diagonal, 0.01, 0.1).noise;
    BOOST_TEST(distance(noise, Matrix(Eigen::Vector2d(0.03, 0.27).asDiagonal())) <= 8 * eps);
    BOOST_TEST(!noise_for_isotropic_adam_cloud(diagonal, 0.01, 0.21).positive_semidefinite);
}

BOOST_AUTO_TEST_CASE(adam_with_little_noise_is_at_the_edge_of_stability) { // x1 meets 0.5
    const double lr = 0.7;
    for (const std::uint64_t seed : {1U, 2U}) {
        const Matrix h = with_spectrum(grid(6, 0.05, 5.0), seed);
        const Vector edge = edge_root_second_moment(maxcut_diagonal(h), lr, 0.0);
        double last = 1.0;
        for (const double noise : {1e-2, 1e-3, 1e-4, 1e-5}) { // the distance is of the order of the noise
            const StationaryAdam adam =
                stationary_adam(h, noise * with_spectrum(grid(6, 0.5, 1.0), 3), lr, {.tolerance = 1e-8});
            BOOST_TEST(adam.converged);
            const double now = distance(adam.root_second_moment, edge);
            BOOST_TEST(now <= 0.5 * last);
            last = now;
            if (noise == 1e-5)
                BOOST_TEST(distance(adam.moments.cloud.diagonal(), Vector::Constant(6, 0.25 * lr * lr)) <= 1e-3);
        }
        BOOST_TEST(last <= 1e-4);
    }
}

BOOST_AUTO_TEST_CASE(an_iteration_limit_is_reported) {
    const Problem4 p;
    const StationaryAdam early = stationary_adam(p.h, p.noise, 0.4, {.max_iterations = 1});
    BOOST_TEST(!early.converged);
    BOOST_TEST(early.iterations == 1);
    BOOST_TEST(early.residual > 1e-10);
}

// --- b15, x4, x5 ----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(stationary_regression_has_the_printed_moments) { // b15
    const Vector lambda = vector_of({4, 2, 1, .5, .25, .1});
    const RegressionStationaryState state = stationary_regression_sgd(lambda, 0.49, 4.0, 0.08);
    BOOST_TEST(state.stable);
    check_printed(state.tau, .049299, 1e-6);
    check_printed(state.cloud, {.0067412, .0059922, .0056768, .0055313, .0054613, .0054201}, 1e-7);
    check_printed(state.minibatch, {.674124, .299611, .141921, .069141, .034133, .013550}, 1e-6);
    BOOST_TEST((state.full_batch - lambda.cwiseAbs2().cwiseProduct(state.cloud)).norm() <= 4 * eps);
    // The state reproduces itself: tau = tr(H S), and W = (1 + 1/B) H S H + (sigma^2 + tau) / B H.
    BOOST_TEST(state.tau == lambda.dot(state.cloud), tolerance(20 * eps));
    const Vector w = 1.25 * state.full_batch + (0.49 + state.tau) / 4.0 * lambda;
    BOOST_TEST(distance(state.minibatch, w) <= 20 * eps);
}

BOOST_AUTO_TEST_CASE(the_load_inflates_the_regression_s_cloud) { // x4, x5, xp5
    const Vector lambda = grid(60, 1e-3, 10.0);
    const auto ratio = [&](double batch) {
        return stationary_regression_sgd(lambda, 0.5, batch, 0.02).cloud(0) / (0.02 * 0.5 / (2.0 * batch));
    };
    check_printed(stationary_regression_sgd(lambda, 0.5, 1.0, 0.02).load, .779, 1e-3);
    check_printed(ratio(1.0), 4.53, 1e-2);
    check_printed(ratio(4.0), 1.23, 1e-2);
    check_printed(ratio(16.0), 1.05, 1e-2);

    const RegressionStationaryState one = stationary_regression_sgd(Vector::Constant(1, 0.6), 1.0, 1.0, 1.0);
    BOOST_TEST(one.load == 0.75, tolerance(8 * eps));
    BOOST_TEST(2.0 * one.full_batch(0) / one.minibatch(0) == 0.6, tolerance(8 * eps)); // (1 + 1/B) of the signal
}

BOOST_AUTO_TEST_CASE(unstable_regressions_are_said_to_be) {
    const Vector lambda = grid(60, 1e-3, 10.0);
    const RegressionStationaryState overloaded = stationary_regression_sgd(lambda, 0.5, 4.0, 0.1); // xp5
    BOOST_TEST(!overloaded.stable);
    BOOST_TEST(overloaded.load > 1.0);
    BOOST_TEST((overloaded.minibatch.array() == infinity).all());
    BOOST_TEST(!stationary_regression_sgd(lambda, 0.5, 1e6, 0.2001).stable);
    const RegressionStationaryState full = stationary_regression_sgd(lambda, 0.5, infinity, 0.1999);
    BOOST_TEST(full.stable);
    BOOST_TEST((full.minibatch.array() == 0.0).all());
}

// --- b16 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(small_steps_have_the_exponents_of_the_noise) {
    const Vector lambda = grid(12, 0.1, 10.0);
    for (const double gamma : {0.0, 1.0, 2.0}) BOOST_TEST_CONTEXT("gamma " << gamma) {
            const Vector noise = 0.3 * lambda.array().pow(gamma);
            const Matrix h = lambda.asDiagonal(), c = noise.asDiagonal();
            const double lr = 1e-6; // corrections of lr lambda / sqrt(c) < 2e-5
            const StationaryMoments sgd = stationary_sgd(h, c, lr);
            const StationaryAdam adam = stationary_adam(h, c, lr);
            BOOST_TEST(distance(adam_cloud(lambda, noise, lr), adam.moments.cloud.diagonal()) <= 2e-5);
            const auto check = [&](const StationaryMoments& m, const StationaryExponents& expected) {
                BOOST_TEST(std::abs(slope(lambda, m.cloud.diagonal()) - expected.cloud) <= 2e-5);
                BOOST_TEST(std::abs(slope(lambda, m.full_batch.diagonal().cwiseSqrt()) - expected.signal) <= 2e-5);
                BOOST_TEST(std::abs(slope(lambda, m.minibatch.diagonal().cwiseSqrt()) - expected.noise) <= 2e-5);
            };
            check(sgd, sgd_exponents(gamma));
            check(adam.moments, adam_exponents(gamma));
        }
    check_printed(adam_exponents(1.0).signal, .75, 1e-9);
    check_printed(adam_exponents(2.0).cloud, 0.0, 1e-9);
}

// --- b17, b21 -------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(adagrad_s_sum_goes_from_the_squared_law_to_the_fisher_law_as_printed) { // b17
    const Vector lambda = grid(400, 0.01, 10.0); // .526 and .512 need a dense grid; 60 points have .527 and .513
    const auto p = [&](double steps) { return slope(lambda, adagrad_sum(lambda, 1.0, 0.05, steps).cwiseSqrt()); };
    Vector found(5);
    found << p(1), p(10), p(100), p(1000), p(1e4);
    check_printed(found, {1.000, .874, .660, .526, .512}, 1e-3);
    const Vector limit = 0.3 * lambda.array() / (0.05 * (2.0 - 0.05 * lambda.array()));
    BOOST_TEST(distance(adagrad_sum(lambda, 0.3, 0.05, infinity), limit) <= 8 * eps);
    BOOST_TEST(distance(adagrad_sum(lambda, 0.3, 0.05, 1e9), limit) <= 8 * eps);
}

BOOST_AUTO_TEST_CASE(transients_are_the_sums_over_their_gradients) {
    const Vector lambda = vector_of({-0.5, 0.0, 1e-9, 0.02, 1.0, 2.0, 2.5, 4.0, 4.2}); // 2 and 4: rho = 0 and 1
    const double s2 = 0.3, lr = 0.5;
    for (const Index steps : {1, 2, 7, 40}) {
        Vector cloud = Vector::Constant(lambda.size(), s2), sum = Vector::Zero(lambda.size());
        Matrix v = Matrix::Zero(lambda.size(), 3);
        const Eigen::RowVector3d beta2(0.0, 0.9, 0.98 * 0.98); // the last is rho for lambda = 0.04
        for (Index t = 0; t < steps; ++t) {
            const Vector squares = lambda.cwiseAbs2().cwiseProduct(cloud);
            sum += squares;
            v = (v * beta2.asDiagonal() + squares * (1.0 - beta2.array()).matrix()).eval();
            cloud = cloud.cwiseProduct((1.0 - lr * lambda.array()).square().matrix());
        }
        const double rounding = 20.0 * static_cast<double>(steps) * eps;
        const auto close = [&](const Vector& a, const Vector& b) {
            return ((a - b).array().abs() <= rounding * b.array().abs()).all();
        };
        BOOST_TEST(close(transient_cloud(lambda, s2, lr, steps), cloud));
        BOOST_TEST(close(adagrad_sum(lambda, s2, lr, static_cast<double>(steps)), sum));
        for (Index j = 0; j < 3; ++j)
            BOOST_TEST(close(transient_second_moment(lambda, s2, lr, beta2(j), steps), v.col(j)));
    }
    BOOST_TEST((transient_cloud(lambda, s2, lr, 0).array() == s2).all());
    // rho = beta2 exactly, and one rounding away: T rho^(T-1).
    const double rho = std::pow(1.0 - 0.5 * 0.25, 2);
    for (const double beta2 : {rho, rho * (1.0 + eps)})
        BOOST_TEST(transient_second_moment(Vector::Constant(1, 0.25), 1.0, 0.5, beta2, 10)(0) ==
                       (1.0 - rho) * 0.0625 * 10.0 * std::pow(rho, 9),
                   tolerance(50 * eps));
}

BOOST_AUTO_TEST_CASE(long_after_a_transient_v_remembers_with_the_printed_exponents) { // xp12
    const Vector lambda = grid(60, 0.01, 10.0);
    check_printed(slope(lambda, transient_second_moment(lambda, 1.0, 0.05, 0.99, 1000)), -.13, 1e-2);
    check_printed(slope(lambda, transient_second_moment(lambda, 1.0, 0.05, 0.9999, 20'000)), 1.016, 1e-3);
}

// --- test bench, b18, b19, x3 ---------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_average_of_squares_has_the_printed_variance) {
    check_printed(ema_relative_variance(0.0, 0.99), .01005, 1e-5); // printed .01006 / .01005
    check_printed(ema_relative_variance(0.9, 0.99), .0914, 1e-4);  // printed .0909 / .0914
    check_printed(ema_relative_variance(0.99, 0.99), .667, 1e-3);  // printed .654 / .667
    // Var v = sum w_s w_t 2 rho^(2 |s - t|) for squares of a Gaussian AR(1) of variance 1; 0.8^400 < 1e-38.
    for (const double rho : {-0.5, 0.0, 0.9, 1.0})
        BOOST_TEST(ema_relative_variance(rho, 0.8) ==
                       weighted_moment(ema_weights(0.8, 400),
                                       [&](Index k) { return 2.0 * std::pow(rho * rho, static_cast<double>(k)); }),
                   tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(averages_of_an_ar1_have_the_moments_of_their_autocovariances) { // b18, b19
    for (const double rho : {-0.3, 0.0, 0.9, 0.99}) {
        const double beta1 = 0.9, white = 0.3;
        const auto drift = [&](Index k) { return std::pow(rho, static_cast<double>(k)); };
        const auto all = [&](Index k) { return drift(k) + (k == 0 ? white : 0.0); };
        const Vector momentum = ema_weights(beta1, 400); // 0.9^400 < 1e-18
        Vector belief = -momentum, now = Vector::Zero(400);
        belief(0) += 1.0;
        now(0) = 1.0;
        BOOST_TEST(ar1_momentum_moment(rho, white, beta1) == weighted_moment(momentum, all), tolerance(1e-12));
        BOOST_TEST(ar1_belief_moment(rho, white, beta1) == weighted_moment(belief, all), tolerance(1e-12));
        double covariance = 0.0;
        for (Index k = 0; k < 400; ++k) covariance += momentum(k) * drift(k);
        BOOST_TEST(momentum_gradient_correlation(rho, beta1) ==
                       covariance / std::sqrt(weighted_moment(momentum, drift)),
                   tolerance(1e-12));
    }
    BOOST_TEST(ema_variance(0.9) == 1.0 / 19.0, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(adabelief_of_an_ar1_has_the_printed_moments) { // b19
    const std::vector<double> rho = {0.0, 0.5, 0.9, 0.99, 0.999};
    Vector found(5);
    for (Index k = 0; k < 5; ++k) found(k) = ar1_belief_moment(rho[static_cast<std::size_t>(k)], 0.3, 0.9);
    check_printed(found, {1.108, 1.031, .705, .334, .264}, 1e-3);
}

BOOST_AUTO_TEST_CASE(in_sgd_the_noise_of_a_step_is_undone_by_the_next) { // x3
    check_printed(sgd_momentum_moment(1.0, 0.1, 1.0, 0.9), .029159, 1e-6);
    check_printed(sgd_belief_moment(1.0, 0.1, 1.0, 0.9), .92113, 1e-5);
    // What b18 and b19 would have said: drift of variance lr c lambda / (2 - lr lambda) plus white noise c.
    const double drift = 0.1 / 1.9;
    check_printed(drift * ar1_momentum_moment(0.9, 1.0 / drift, 0.9), .07902, 1e-5);
    check_printed(drift * ar1_belief_moment(0.9, 1.0 / drift, 0.9), .87625, 1e-5);
    const auto beyond_noise = [](double lr) { return sgd_belief_moment(1.0, lr, 1.0, 0.9) - 2.0 * 0.81 / 1.9; };
    check_printed(beyond_noise(0.1), .0685, 1e-4);
    check_printed(beyond_noise(0.01), .00822, 1e-5);
    check_printed(beyond_noise(0.001), 8.5e-4, 1e-5);
}

BOOST_AUTO_TEST_CASE(sgd_s_averages_solve_the_lyapunov_equation_of_parameter_and_momentum) { // x3
    for (const double beta1 : {0.0, 0.5, 0.9})
        for (const double lr : {0.01, 0.4, 1.5}) {
            const double lambda = 1.3, c = 0.7;
            const Matrix f = (Matrix(2, 2) << 1.0 - lr * lambda, 0.0, (1.0 - beta1) * lambda, beta1).finished();
            const Eigen::Vector2d kick(-lr, 1.0 - beta1);
            const Matrix x = solve_discrete_lyapunov(f, c * kick * kick.transpose());
            BOOST_TEST(sgd_momentum_moment(lambda, lr, c, beta1) == x(1, 1), tolerance(1e-12));
            // ghat_t - m_t = beta1 (ghat_t - m_{t-1}), and ghat_t's own noise is new.
            const double belief = beta1 * beta1 * (lambda * lambda * x(0, 0) + c - 2.0 * lambda * x(0, 1) + x(1, 1));
            BOOST_TEST(std::abs(sgd_belief_moment(lambda, lr, c, beta1) - belief) <= 1e-12);
        }
}

BOOST_AUTO_TEST_CASE(momentum_s_cloud_has_printed_values_and_solves_its_lyapunov_equation) { // d.3, i6
    check_printed(momentum_cloud(1.3, 0.2, 0.5, 0.0), .0442087, 1e-7);
    check_printed(momentum_cloud(1.3, 0.2, 0.5, 0.5), .0402037, 1e-7);
    check_printed(momentum_cloud(1.3, 0.2, 0.5, 0.9), .0387265, 1e-7);
    for (const double beta1 : {0.0, 0.5, 0.9})
        for (const double lr : {0.01, 1.2}) {
            const double lambda = 1.3, c = 0.5, fresh = 1.0 - beta1;
            // m' = beta1 m + (1 - beta1)(lambda x + noise), x' = x - lr m'.
            const Matrix f = (Matrix(2, 2) << 1.0 - lr * fresh * lambda, -lr * beta1, fresh * lambda, beta1).finished();
            const Eigen::Vector2d kick(-lr * fresh, fresh);
            const Matrix x = solve_discrete_lyapunov(f, c * kick * kick.transpose());
            BOOST_TEST(momentum_cloud(lambda, lr, c, beta1) == x(0, 0), tolerance(1e-12));
        }
    BOOST_CHECK_EXCEPTION((void)momentum_cloud(1.0, 4.0, 1.0, 0.0), std::invalid_argument,
                          says("momentum_cloud: lr lambda must lie in (0, 2 (1 + beta1) / (1 - beta1)); got 4"));
}

// --- b20 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_cubic_loss_in_one_dimension_has_moments_by_hand) {
    // g = h d + t/2 d^2, E d^2 = s^2, E d^4 = 3 s^4.
    const double h = 1.5, t = 0.8, s2 = 0.3;
    const AnharmonicMoments found = anharmonic_moments(Matrix::Constant(1, 1, h), {Matrix::Constant(1, 1, t)}, s2);
    BOOST_TEST(found.mean(0) == 0.5 * t * s2, tolerance(4 * eps));
    BOOST_TEST(found.second_moment(0, 0) == h * h * s2 + 0.75 * t * t * s2 * s2, tolerance(8 * eps));
    BOOST_TEST(found.covariance(0, 0) == h * h * s2 + 0.5 * t * t * s2 * s2, tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(gradients_of_a_cubic_loss_have_the_predicted_moments) { // b20
    const Index n = 3, draws = 20'000;
    const Matrix h = random_symmetric(n, 5);
    // The derivatives of sum_m (a_m'x)^3 / 6: T_ijk = sum_m a_mi a_mj a_mk.
    const Matrix a = random_matrix(n, 4, 6);
    std::vector<Matrix> t;
    for (Index i = 0; i < n; ++i) t.emplace_back(a * a.row(i).asDiagonal() * a.transpose());
    const double s2 = 0.25;
    const AnharmonicMoments found = anharmonic_moments(h, t, s2);
    const Matrix delta = std::sqrt(s2) * random_matrix(n, draws, 7);
    const Matrix g = h * delta + 0.5 * a * (a.transpose() * delta).cwiseAbs2();
    for (Index i = 0; i < n; ++i) {
        BOOST_TEST(z_score(g.row(i).transpose(), found.mean(i)) <= 4.0);
        for (Index j = 0; j <= i; ++j)
            BOOST_TEST(z_score(g.row(i).cwiseProduct(g.row(j)).transpose(), found.second_moment(i, j)) <= 4.0);
    }
    BOOST_TEST(distance(found.second_moment - found.covariance, found.mean * found.mean.transpose()) <= 100 * eps);
}

// --- b22, b23, b24 --------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_hessian_of_rank_one_has_the_fisher_slope_under_the_squared_law) { // b22
    const Vector q = vector_of({1.0, -0.3, 0.02, 2.0, -0.5, 0.1});
    const Matrix h = 3.0 * q * q.transpose();
    const std::vector<Matrix> quadratic(6, Matrix::Zero(6, 6));
    const Vector v = anharmonic_moments(h, quadratic, 0.01).second_moment.diagonal();
    BOOST_TEST(slope(h.diagonal(), v.cwiseSqrt()) == 0.5, tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(rotations_have_the_printed_off_diagonal_share) { // b22, xp1
    const Vector lambda = grid(60, 1e-3, 10.0);
    const Matrix identity = Matrix::Identity(60, 60);
    const auto mean_share = [&](double angle) {
        double sum = 0.0;
        for (std::uint64_t draw = 0; draw < 8; ++draw) {
            const Matrix a = random_matrix(60, 60, draw);
            const Matrix k = angle / std::sqrt(60.0) * (a - a.transpose());
            Matrix rotation = identity, term = identity;
            for (int j = 1; j <= 30; ++j) { // |k| <= 2 sqrt 2 angle: 2.9^30 / 30! < 1e-18
                term = (term * k / static_cast<double>(j)).eval();
                rotation += term;
            }
            sum += off_diagonal_share(rotation * lambda.asDiagonal() * rotation.transpose());
        }
        return sum / 8.0;
    };
    // Printed: mean and sd of 60 draws. Three standard errors of the difference to a mean of 8, and the printed digits.
    const auto check = [&](double angle, double mean, double sd, double unit) {
        BOOST_TEST(std::abs(mean_share(angle) - mean) <= 3.0 * sd * std::sqrt(1.0 / 8.0 + 1.0 / 60.0) + 0.5 * unit);
    };
    check(0.01, .0176, .0008, 1e-4);
    check(0.1, .174, .008, 1e-3);
    check(1.0, .869, .004, 1e-3);
    BOOST_TEST(off_diagonal_share((Matrix(2, 2) << 3, 4, 0, 0).finished()) == 0.8, tolerance(4 * eps));
    BOOST_TEST(off_diagonal_share(identity) == 0.0);
    BOOST_TEST(off_diagonal_share(Matrix::Zero(2, 2)) == 0.0);
}

BOOST_AUTO_TEST_CASE(the_best_diagonals_cannot_be_improved_entry_by_entry) { // b23, xp2
    const Matrix h = with_spectrum(grid(6, 0.05, 5.0), 8), root = h.llt().matrixU(), identity = Matrix::Identity(6, 6);
    // E over an isotropic cloud, up to a factor.
    const auto distance_left = [&](const Vector& d) { return (identity - d.asDiagonal() * h).squaredNorm(); };
    const auto loss_left = [&](const Vector& d) { return (root * (identity - d.asDiagonal() * h)).squaredNorm(); };
    const Vector nearest = best_diagonal_in_distance(h), lowest = best_diagonal_in_loss(h);
    for (Index i = 0; i < 6; ++i)
        for (const double change : {-1e-4, 1e-4}) {
            const Vector move = change * identity.col(i);
            BOOST_TEST(distance_left(nearest + move) > distance_left(nearest));
            BOOST_TEST(loss_left(lowest + move) > loss_left(lowest));
        }
    BOOST_TEST(loss_left(nearest) > loss_left(lowest));
    BOOST_TEST(distance_left(nearest) < distance_left(lowest));
    // [[2, 1], [1, 1]]: H^2 = [[5, 3], [3, 2]]; [[10, 3], [3, 2]] D = (5, 2).
    const Matrix small = (Matrix(2, 2) << 2, 1, 1, 1).finished();
    BOOST_TEST(distance(best_diagonal_in_distance(small), Eigen::Vector2d(0.4, 0.5)) <= 8 * eps);
    BOOST_TEST(distance(best_diagonal_in_loss(small), Eigen::Vector2d(4.0, 5.0) / 11.0) <= 20 * eps);
    const Vector lambda = Eigen::Vector3d(4.0, 1.0, 0.25);
    const Matrix diagonal = lambda.asDiagonal();
    BOOST_TEST(distance(best_diagonal_in_distance(diagonal), lambda.cwiseInverse()) <= 4 * eps);
    BOOST_TEST(distance(best_diagonal_in_loss(diagonal), lambda.cwiseInverse()) <= 8 * eps);
}

BOOST_AUTO_TEST_CASE(one_step_efficiencies_are_those_of_the_table) { // b24
    const Vector lambda = grid(60, 1e-3, 10.0), ones = Vector::Ones(60);
    const std::vector<double> batches = {1, 4, 16, 64, 256, 1024, 4096, 65536};
    Vector sgd(8), adam(8), newton(8), root(8);
    for (Index k = 0; k < 8; ++k) {
        const RegressionCloud cloud{
            .cloud_variance = 0.04, .noise_variance = 0.5, .batch = batches[static_cast<std::size_t>(k)]};
        const Vector w = regression_second_moment(lambda, cloud);
        sgd(k) = one_step_efficiency(ones, lambda, w);
        adam(k) = one_step_efficiency(w.cwiseSqrt().cwiseInverse(), lambda, w);
        newton(k) = one_step_efficiency(lambda.cwiseInverse(), lambda, w);
        root(k) = one_step_efficiency(lambda.cwiseSqrt().cwiseInverse(), lambda, w);
        const Vector best = best_diagonal_with_noise(lambda, cloud);
        BOOST_TEST(one_step_efficiency(best, lambda, w) == 1.0, tolerance(100 * eps));
        BOOST_TEST(distance(best, 0.04 * lambda.cwiseQuotient(w)) <= 20 * eps);
        BOOST_TEST(one_step_efficiency(7.0 * ones, lambda, w) == sgd(k), tolerance(100 * eps));
    }
    // The table was rounded twice: from six digits to four to three.
    const double unit = 1.1e-3;
    check_printed(sgd, {.997, .988, .946, .868, .804, .771, .758, .752}, unit);
    check_printed(adam, {.903, .917, .945, .975, .991, .998, .999, 1.000}, unit);
    check_printed(newton, {.244, .284, .407, .649, .876, .971, .995, 1.000}, unit);
    check_printed(root, {.921, .950, .988, .979, .938, .909, .897, .890}, unit);
    check_printed(sgd(2), .94593, 1e-5); // x6
    check_printed(adam(2), .94526, 1e-5);
}

BOOST_AUTO_TEST_CASE(adam_overtakes_sgd_at_the_printed_batch) { // x6
    check_printed(adam_overtakes_sgd_batch(grid(60, 1e-3, 10.0), 0.04, 0.5).value(), 16.15, 1e-2);
    BOOST_TEST(!adam_overtakes_sgd_batch(Vector::Constant(5, 2.0), 0.04, 0.5).has_value());
    // Nearly equal lambda, u = lambda / (lambda + lambda_x): to first order the best D has the exponent -u, Adam's has
    // -(1 + u) / 2 and SGD's 0. Adam is nearer where u > 1/3, B + 1 > (n + sigma^2 / (s^2 lambda)) / 2.
    const double spread = 1e-4;
    Vector nearly = Vector::Ones(20);
    for (Index k = 0; k < 20; ++k) nearly(k) += k % 2 == 0 ? spread : -spread;
    BOOST_TEST(adam_overtakes_sgd_batch(nearly, 1.0, 2.0).value() == 10.0, tolerance(10.0 * spread));
    BOOST_TEST(adam_overtakes_sgd_batch(nearly.head(2), 1.0, 0.0).value() == 1.0);
}

// --- b25 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(batches_of_a_gaussian_mixture_have_the_predicted_blocks) { // b25
    const Vector pi = Eigen::Vector3d(0.6, 0.3, 0.1);
    const Matrix mu = (Matrix(2, 3) << 1.0, -0.5, 2.0, 0.3, 1.5, -1.0).finished();
    const Index batch = 4, batches = 8000;
    const SoftmaxBlocks found = untrained_softmax_blocks(pi, mu, batch);
    const RandomStream labels(3, 0), inputs(3, 1);
    Matrix second_moment(3, batches), curvature(3, batches);
    for (Index b = 0; b < batches; ++b) {
        Matrix gradient = Matrix::Zero(3, 2); // of class k in row k, at zero weights: mean of (pi_k - 1[y = k]) x
        Vector squares = Vector::Zero(3);
        for (Index j = 0; j < batch; ++j) {
            const Index sample = batch * b + j;
            const double u = labels.uniform(static_cast<std::uint64_t>(sample));
            const Index y = u < 0.6 ? 0 : u < 0.9 ? 1 : 2;
            const Vector x = mu.col(y) + normal_vector(inputs, 2, static_cast<std::uint64_t>(2 * sample));
            gradient += (pi - Matrix::Identity(3, 3).col(y)) * x.transpose() / 4.0;
            squares += x.squaredNorm() / 8.0 * Vector::Ones(3);
        }
        second_moment.col(b) = gradient.rowwise().squaredNorm() / 2.0;
        curvature.col(b) = (pi.array() * (1.0 - pi.array()) * squares.array()).matrix();
    }
    for (Index k = 0; k < 3; ++k) {
        BOOST_TEST(z_score(second_moment.row(k).transpose(), found.second_moment(k)) <= 4.0);
        BOOST_TEST(z_score(curvature.row(k).transpose(), found.curvature(k)) <= 4.0);
    }
    // A full batch has g_k = -pi_k (mu_k - mu) and nothing else.
    const Vector mean = mu * pi;
    const Vector signal = pi.cwiseAbs2().cwiseProduct((mu.colwise() - mean).colwise().squaredNorm().transpose()) / 2.0;
    BOOST_TEST(distance(untrained_softmax_blocks(pi, mu, infinity).second_moment, signal) <= 20 * eps);
}

BOOST_AUTO_TEST_CASE(zipf_classes_have_the_printed_exponents) { // b25, xp11
    const Vector pi = zipf_frequencies(50);
    const std::vector<double> batches = {1, 10, 100, 1000, 1e5}, printed = {.501, .554, .747, .943, 1.000},
                              sd = {.014, .017, .023, .027, .028};
    for (std::size_t k = 0; k < batches.size(); ++k) {
        double sum = 0.0;
        for (std::uint64_t draw = 0; draw < 50; ++draw) {
            const SoftmaxBlocks blocks = untrained_softmax_blocks(pi, random_matrix(20, 50, draw), batches[k]);
            sum += slope(blocks.curvature, blocks.second_moment.cwiseSqrt()) / 50.0;
        }
        // Three standard errors of the difference of two means over 50 draws, and the printed digits.
        BOOST_TEST(std::abs(sum - printed[k]) <= 3.0 * sd[k] * std::sqrt(2.0 / 50.0) + 5e-4);
    }
}

// --- b26, b28 -------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(epsilon_lowers_the_exponent_and_damps) { // b26
    // sqrt(v) = s lambda^p: the derivative of log(s lambda^p + eps) in log lambda.
    const double s = 0.2, p = 0.75, lambda = 0.3, step = 1e-5;
    const auto denominator = [&](double shift) { return std::log(s * std::pow(lambda * std::exp(shift), p) + 0.05); };
    BOOST_TEST(damped_exponent(p, s * std::pow(lambda, p), 0.05) ==
                   0.5 * (denominator(step) - denominator(-step)) / step,
               tolerance(1e-8));
    BOOST_TEST(damped_exponent(p, 1.0, 0.0) == p);
    BOOST_TEST(s * (lambda + epsilon_damping(0.05, s)) == s * lambda + 0.05, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(powers_of_the_hessian_have_the_printed_cosines_with_newton) { // b28
    const auto row = [](double a) {
        Vector cosines(4);
        for (Index k = 0; k < 4; ++k)
            cosines(k) = power_direction_cosine(a, std::pow(10.0, static_cast<double>(k + 1)));
        return cosines;
    };
    check_printed(row(1.0), {.843, .652, .538, .466}, 1e-3);
    check_printed(row(0.5), {.950, .843, .737, .652}, 1e-3);
    BOOST_TEST((row(0.0).array() == 1.0).all());
    // A fine midpoint rule in log lambda.
    Vector power(20'000);
    for (Index k = 0; k < power.size(); ++k)
        power(k) = std::pow(50.0, -0.7 * (static_cast<double>(k) + 0.5) / 20'000.0);
    BOOST_TEST(power_direction_cosine(-0.7, 50.0) == power.mean() / std::sqrt(power.cwiseAbs2().mean()),
               tolerance(1e-8));
}

// --- 0.5, E-b7 ------------------------------------------------------------------------------------------------------

namespace {

/// RMSprop without noise and eps; x and v at the end.
struct Cycle {
    Vector x, v;
};

Cycle rmsprop_cycle(const Matrix& h, double lr, double beta2, Index steps) {
    Vector x = 1e-2 * (Vector::Ones(h.rows()) + 0.5 * normal_vector(RandomStream(4, 0), h.rows()).cwiseAbs());
    Vector v = (h * x).cwiseAbs2();
    for (Index t = 0; t < steps; ++t) {
        const Vector g = h * x;
        v = beta2 * v + (1.0 - beta2) * g.cwiseAbs2();
        x -= lr * g.cwiseQuotient(v.cwiseSqrt());
    }
    return {x, v};
}

} // namespace

BOOST_AUTO_TEST_CASE(rmsprop_ends_in_the_predicted_two_cycle) { // 0.5, i5
    const Vector lambda = Eigen::Vector3d(0.1, 1.0, 10.0);
    const double lr = 0.01;
    const Cycle end = rmsprop_cycle(lambda.asDiagonal(), lr, 0.9, 4000);
    BOOST_TEST(distance(end.v.cwiseSqrt(), edge_root_second_moment(lambda, lr, 0.0)) <= 1e-6);
    BOOST_TEST(distance(end.x.cwiseAbs(), Vector::Constant(3, edge_amplitude(lr, 0.0))) <= 1e-6);
}

BOOST_AUTO_TEST_CASE(off_the_axes_the_two_cycle_has_maxcut_s_diagonal) { // 0.5, x10
    Matrix h = with_spectrum(grid(4, 0.5, 5.0), 9).cwiseAbs();           // no frustration: a dual solution of rank one
    h.diagonal().array() += 1.0;
    const double lr = 0.01;
    const MaxcutSolution maxcut = maxcut_diagonal(h);
    const Cycle end = rmsprop_cycle(h, lr, 0.9, 4000);
    BOOST_TEST(distance(end.v.cwiseSqrt(), edge_root_second_moment(maxcut, lr, 0.0)) <= 1e-6);
    BOOST_TEST(distance(end.x.cwiseAbs(), Vector::Constant(4, edge_amplitude(lr, 0.0))) <= 1e-6);
    const Vector rows = h.rowwise().sum();
    BOOST_TEST(distance(edge_root_second_moment(maxcut, lr, 0.0), 0.5 * lr * rows) <= 1e-11);
}

BOOST_AUTO_TEST_CASE(momentum_s_two_cycle_is_a_solution_of_adam_s_equations) { // i5
    const double lr = 0.01, beta1 = 0.9, beta2 = 0.95, lambda = 3.0;
    double x = edge_amplitude(lr, beta1), v = std::pow(lambda * x, 2);
    BOOST_TEST(std::sqrt(v) == edge_root_second_moment(Vector::Constant(1, lambda), lr, beta1)(0), tolerance(4 * eps));
    double m = -(1.0 - beta1) / (1.0 + beta1) * lambda * x; // of the step before
    for (int t = 1; t <= 6; ++t) {
        m = beta1 * m + (1.0 - beta1) * lambda * x;
        v = beta2 * v + (1.0 - beta2) * std::pow(lambda * x, 2);
        x -= lr * m / std::sqrt(v);
        BOOST_TEST(x == (t % 2 == 0 ? 1.0 : -1.0) * edge_amplitude(lr, beta1), tolerance(1e-10));
    }
}

// --- misuse ---------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(misuse_is_refused) {
    const Matrix one = Matrix::Identity(2, 2), indefinite = Eigen::Vector2d(1.0, -1.0).asDiagonal();
    const Matrix skewed = (Matrix(2, 2) << 1.0, 0.5, 0.0, 1.0).finished();
    const Vector lambda = Eigen::Vector2d(1.0, 2.0);
    BOOST_CHECK_EXCEPTION((void)regression_second_moment(lambda, {.batch = 0.5}), std::invalid_argument,
                          says("regression_second_moment: batch must be at least 1; got 0.5"));
    BOOST_CHECK_EXCEPTION((void)cross_over_eigenvalue(-lambda, {}), std::invalid_argument,
                          says("cross_over_eigenvalue: the least lambda must be finite and at least 0; got -2"));
    BOOST_CHECK_EXCEPTION((void)cross_over_eigenvalue(Vector(0), {}), std::invalid_argument,
                          says("cross_over_eigenvalue: lambda must not be empty; size; got 0"));
    BOOST_CHECK_EXCEPTION((void)cross_over_eigenvalue(Eigen::Vector2d(1.0, std::nan("")), {}), NumericalError,
                          says("cross_over_eigenvalue: lambda is not finite: entry 1 is nan"));
    BOOST_CHECK_EXCEPTION((void)regression_batch_second_moment(one, Vector::Ones(3), 0.0, 1.0), std::invalid_argument,
                          says("regression_batch_second_moment: H must be 3 x 3; got 2 x 2"));
    BOOST_CHECK_EXCEPTION((void)stationary_sgd(Matrix(0, 0), Matrix(0, 0), 0.5), std::invalid_argument,
                          says("stationary_sgd: H must not be empty; rows; got 0"));
    BOOST_CHECK_EXCEPTION((void)off_diagonal_share(Matrix::Zero(2, 3)), std::invalid_argument,
                          says("off_diagonal_share: H must be square; got 2 x 3"));
    BOOST_CHECK_EXCEPTION((void)stationary_sgd(one, one, 4.0), std::invalid_argument,
                          says("stationary_sgd: the steps must be stable, the eigenvalues of D H below 2; the largest; "
                               "got 4"));
    BOOST_CHECK_EXCEPTION((void)stationary_sgd(indefinite, one, 0.25), std::invalid_argument,
                          says("stationary_sgd: H must be positive definite; least eigenvalue of D H; got -0.25"));
    BOOST_CHECK_EXCEPTION((void)stationary_sgd(one, skewed, 0.5), std::invalid_argument,
                          says("stationary_sgd: the noise must be symmetric to sqrt(eps) of its largest entry; largest "
                               "|A_ij - A_ji|; got 0.5"));
    BOOST_CHECK_EXCEPTION((void)stationary_preconditioned(one, one, indefinite), std::invalid_argument,
                          says("stationary_preconditioned: D must be positive definite; got a matrix that is not"));
    BOOST_CHECK_EXCEPTION((void)stationary_adam(indefinite, one, 0.1), std::invalid_argument,
                          says("stationary_adam: H must be positive definite; least eigenvalue; got -1"));
    BOOST_CHECK_EXCEPTION((void)stationary_adam(one, Matrix::Zero(2, 2), 0.1), std::invalid_argument,
                          says("stationary_adam: the least noise_ii must be finite and above 0; got 0"));
    BOOST_CHECK_EXCEPTION((void)transient_second_moment(lambda, 1.0, 0.1, 1.0, 5), std::invalid_argument,
                          says("transient_second_moment: beta2 must be in [0, 1); got 1"));
    BOOST_CHECK_EXCEPTION((void)adagrad_sum(lambda, 1.0, 0.1, 0.0), std::invalid_argument,
                          says("adagrad_sum: steps must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)ar1_momentum_moment(1.5, 0.0, 0.9), std::invalid_argument,
                          says("ar1_momentum_moment: rho must be in [-1, 1]; got 1.5"));
    BOOST_CHECK_EXCEPTION((void)sgd_belief_moment(1.0, 2.0, 1.0, 0.9), std::invalid_argument,
                          says("sgd_belief_moment: lr lambda must be between 0 and 2; got 2"));
    BOOST_CHECK_EXCEPTION((void)anharmonic_moments(one, {one}, 1.0), std::invalid_argument,
                          says("anharmonic_moments: third_derivative must have 2 entries; got 1"));
    BOOST_CHECK_EXCEPTION((void)best_diagonal_in_loss(indefinite), std::invalid_argument,
                          says("best_diagonal_in_loss: H must be positive definite; least eigenvalue; got -1"));
    BOOST_CHECK_EXCEPTION((void)one_step_efficiency(lambda, lambda, Vector::Zero(2)), std::invalid_argument,
                          says("one_step_efficiency: the least second moment must be finite and above 0; got 0"));
    BOOST_CHECK_EXCEPTION((void)untrained_softmax_blocks(lambda, one, 1.0), std::invalid_argument,
                          says("untrained_softmax_blocks: frequencies must sum to 1; got 3"));
    BOOST_CHECK_EXCEPTION((void)power_direction_cosine(1.0, 1.0), std::invalid_argument,
                          says("power_direction_cosine: kappa must be finite and above 1; got 1"));
}

BOOST_AUTO_TEST_SUITE_END()
