#include "hessq/objectives/quadratic.hpp"

#include "hessq/core/random.hpp"
#include "support/eigen_solvers.hpp"
#include "support/messages.hpp"
#include "support/objective_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(quadratic)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

Matrix matrix2(double a, double b, double c) {
    Matrix h(2, 2);
    h << a, b, b, c;
    return h;
}

} // namespace

BOOST_AUTO_TEST_CASE(value_gradient_and_hessian_are_those_worked_out_by_hand) {
    Vector minimum(2), w(2);
    minimum << 1, -1;
    w << 2, 1;
    const Quadratic q(matrix2(2, 1, 3), {.minimum = minimum});
    // d = (1, 2): H d = (4, 7), 1/2 d'Hd = 9.
    BOOST_TEST(q.value(w) == 9.0);
    BOOST_TEST((q.gradient(w) == Eigen::Vector2d(4, 7)));
    BOOST_TEST((q.dense_hessian(w) == q.matrix()));
    BOOST_TEST(q.value(q.minimum()) == 0.0);
}

BOOST_AUTO_TEST_CASE(gradient_noise_has_mean_zero_and_exactly_the_wanted_covariance) {
    const Index n = 12, m = 40;
    const Matrix c = rotated(log_uniform_spectrum(n, 1e-3, 10.0), 1.0, 3);
    const Quadratic q(Matrix::Identity(n, n), {.noise_covariance = c, .samples = m, .seed = 9});
    const Matrix& xi = q.noise();
    BOOST_TEST(xi.cols() == m);
    BOOST_TEST(xi.rowwise().mean().cwiseAbs().maxCoeff() <= static_cast<double>(m) * eps * xi.cwiseAbs().maxCoeff());
    const Matrix covariance = xi * xi.transpose() / static_cast<double>(m);
    BOOST_TEST((covariance - c).cwiseAbs().maxCoeff() <= static_cast<double>(m * n) * eps * c.cwiseAbs().maxCoeff());
}

BOOST_AUTO_TEST_CASE(a_singular_covariance_needs_only_more_samples_than_its_rank) {
    Matrix c = Matrix::Ones(5, 5); // rank 1
    const Quadratic q(Matrix::Identity(5, 5), {.noise_covariance = c, .samples = 2});
    const Matrix covariance = q.noise() * q.noise().transpose() / 2.0;
    BOOST_TEST((covariance - c).cwiseAbs().maxCoeff() <= 50.0 * eps);
    const Quadratic silent(Matrix::Identity(5, 5), {.noise_covariance = Matrix::Zero(5, 5)});
    BOOST_TEST(silent.noise().cwiseAbs().maxCoeff() == 0.0);
}

BOOST_AUTO_TEST_CASE(obeys_the_laws_of_finite_sums) {
    const Index n = 7;
    const Matrix h = rotated(Vector::LinSpaced(n, -2.0, 5.0), 0.7, 4);
    const Vector minimum = normal_vector(RandomStream(5, 0), n);
    const Vector w = normal_vector(RandomStream(5, 1), n);
    laws::check_laws(Quadratic(h, {.minimum = minimum}), w);
    const Matrix c = rotated(power_law_spectrum(n), 1.0, 6);
    laws::check_laws(Quadratic(h, {.minimum = minimum, .noise_covariance = c, .samples = 9, .seed = 2}), w);
    // Two chunks of samples and a part of a third.
    laws::check_laws(Quadratic(h, {.noise_covariance = c, .samples = 2 * sample_chunk + 5}), w);
}

BOOST_AUTO_TEST_CASE(spectra_ascend_and_hit_their_end_points) {
    const Vector grid = log_uniform_spectrum(5, 1e-3, 10.0);
    BOOST_TEST(grid(0) == 1e-3);
    BOOST_TEST(grid(2) == 0.1, boost::test_tools::tolerance(8 * eps));
    BOOST_TEST(grid(4) == 10.0);
    BOOST_TEST((power_law_spectrum(4) == Eigen::Vector4d(0.25, 1.0 / 3.0, 0.5, 1.0)));
    BOOST_TEST(power_law_spectrum(1)(0) == 1.0);
    const Vector spiked = spiked_spectrum(3, 1.0, 2.0, 50.0);
    BOOST_TEST(spiked == Eigen::Vector3d(1.0, 2.0, 50.0));
}

BOOST_AUTO_TEST_CASE(a_rotation_is_orthogonal_and_theta_zero_is_the_identity) {
    const Index n = 30;
    const Matrix r = random_rotation(n, 1.0, 8);
    const double tolerance = 10.0 * static_cast<double>(n) * eps;
    BOOST_TEST((r.transpose() * r - Matrix::Identity(n, n)).cwiseAbs().maxCoeff() <= tolerance);
    BOOST_TEST(r.determinant() == 1.0, boost::test_tools::tolerance(tolerance));
    BOOST_TEST((random_rotation(n, 0.0, 8) - Matrix::Identity(n, n)).cwiseAbs().maxCoeff() <= tolerance);
}

BOOST_AUTO_TEST_CASE(a_plane_rotation_turns_by_theta_times_the_entry_of_k_over_root_two) {
    const double theta = 0.4;
    const Matrix r = random_rotation(2, theta, 11);
    const Matrix opposite = random_rotation(2, -theta, 11);
    const double angle = std::atan2(r(1, 0), r(0, 0));
    const Matrix half = random_rotation(2, 0.5 * theta, 11);
    BOOST_TEST(std::atan2(half(1, 0), half(0, 0)) == 0.5 * angle, boost::test_tools::tolerance(100 * eps));
    BOOST_TEST((r * opposite - Matrix::Identity(2, 2)).cwiseAbs().maxCoeff() <= 10 * eps);
}

BOOST_AUTO_TEST_CASE(rotation_keeps_the_spectrum_and_is_exactly_symmetric) {
    const Vector spectrum = log_uniform_spectrum(20, 1e-3, 10.0);
    const Matrix h = rotated(spectrum, 0.3, 1);
    BOOST_TEST((h == Matrix(h.transpose())));
    const Vector found = Eigen::SelfAdjointEigenSolver<Matrix>(h).eigenvalues();
    BOOST_TEST((found - spectrum).cwiseAbs().maxCoeff() <= 20 * 20 * eps * 10.0);
}

// theory-precisions xp1: N = 60, log grid on [1e-3, 10], theta = .1 gives an off-diagonal Frobenius share of .174, sd
// over draws .008. The mean of 20 draws has standard error .0018; 4 of them, and .0005 for the quoted digits.
BOOST_AUTO_TEST_CASE(the_off_diagonal_share_at_theta_one_tenth_is_that_of_xp1) {
    const Vector spectrum = log_uniform_spectrum(60, 1e-3, 10.0);
    double mean = 0.0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const Matrix h = rotated(spectrum, 0.1, seed);
        const Matrix beside = h - Matrix(h.diagonal().asDiagonal());
        mean += beside.norm() / h.norm() / 20.0;
    }
    BOOST_TEST(std::abs(mean - 0.174) < 4 * 0.0018 + 0.0005, "mean share " << mean);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_not_a_symmetric_matrix_or_a_covariance) {
    const Matrix identity = Matrix::Identity(2, 2);
    BOOST_CHECK_EXCEPTION(Quadratic(Matrix::Zero(2, 3)), std::invalid_argument,
                          says("Quadratic: the Hessian must be square; got 2 x 3"));
    Matrix skew(2, 2);
    skew << 1, 0.5, 0, 1;
    BOOST_CHECK_EXCEPTION(Quadratic{skew}, std::invalid_argument,
                          says("Quadratic: the Hessian must be symmetric to n * eps of its largest entry; largest "
                               "|A_ij - A_ji|; got 0.5"));
    BOOST_CHECK_EXCEPTION(Quadratic(identity, {.minimum = Vector::Zero(3)}), std::invalid_argument,
                          says("Quadratic: the minimum must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(Quadratic(identity, {.samples = 0}), std::invalid_argument,
                          says("Quadratic: samples must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(
        Quadratic(identity, {.noise_covariance = matrix2(1, 0, -1), .samples = 9}), std::invalid_argument,
        says("Quadratic: the noise covariance must be positive semidefinite; least eigenvalue; got -1"));
    BOOST_CHECK_EXCEPTION(Quadratic(identity, {.noise_covariance = identity, .samples = 2}), std::invalid_argument,
                          says("Quadratic: samples must exceed the rank of the noise covariance (2); got 2"));
    const Quadratic q(identity);
    BOOST_CHECK_EXCEPTION(q.value(Vector::Zero(3)), std::invalid_argument,
                          says("Quadratic: w must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(q.gradient(Vector::Zero(2), Batch(std::vector<Index>{0, 1})), std::invalid_argument,
                          says("Quadratic: batch indices must lie in 0, ..., 0; got 1"));
}

BOOST_AUTO_TEST_CASE(spectra_refuse_empty_and_reversed_ranges) {
    BOOST_CHECK_EXCEPTION(log_uniform_spectrum(1, 1.0, 2.0), std::invalid_argument,
                          says("log_uniform_spectrum: n must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION(log_uniform_spectrum(3, 0.0, 2.0), std::invalid_argument,
                          says("log_uniform_spectrum: low must be positive; got 0"));
    BOOST_CHECK_EXCEPTION(log_uniform_spectrum(3, 2.0, 2.0), std::invalid_argument,
                          says("log_uniform_spectrum: high must exceed low; got 2"));
    BOOST_CHECK_EXCEPTION(power_law_spectrum(0), std::invalid_argument,
                          says("power_law_spectrum: n must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(spiked_spectrum(3, 1.0, 2.0, 1.5), std::invalid_argument,
                          says("spiked_spectrum: the spike must exceed the bulk; got 1.5"));
    BOOST_CHECK_EXCEPTION(random_rotation(2, std::numeric_limits<double>::infinity(), 0), std::invalid_argument,
                          says("random_rotation: theta must be finite; got inf"));
    BOOST_CHECK_EXCEPTION(rotated(Vector(), 0.1, 0), std::invalid_argument,
                          says("rotated: the spectrum must hold at least one number; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
