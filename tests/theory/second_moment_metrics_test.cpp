#include "hessq/theory/second_moment_metrics.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/diagonals.hpp"
#include "support/draws.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <stdexcept>
#include <string>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(second_moment_metrics)

namespace {

/// Logarithmically spaced from 1e-3 to 1, every other one negative.
Vector two_signed_spectrum(Index n) {
    Vector lambda = log_uniform_spectrum(n, 1e-3, 1.0);
    for (Index k = 0; k < n; k += 2) lambda(k) = -lambda(k);
    return lambda;
}

/// The rank-one matrix lambda q q'.
Matrix rank_one(double lambda, const Vector& q) { return lambda * q * q.transpose(); }

/// Gaussian gradients of covariance W = root root', in blocks: column b holds the entries of the mean of g g' over the
/// b-th of 20 blocks of `draws`.
Matrix wishart_blocks(const Matrix& root, Index draws, std::uint64_t seed) {
    const Index n = root.rows(), blocks = 20;
    const Matrix g = root * normal_vector(RandomStream(seed, 7), n * draws * blocks).reshaped(n, draws * blocks);
    Matrix result(n * n, blocks);
    for (Index b = 0; b < blocks; ++b) {
        const Matrix block = g.middleCols(b * draws, draws);
        const Matrix w = block * block.transpose() / static_cast<double>(draws);
        result.col(b) = w.reshaped();
    }
    return result;
}

Vector diagonal_of(VectorView entries, Index n) { return Vector(Matrix(entries.reshaped(n, n)).diagonal()); }

bool covers(const JackknifeEstimate& found, double truth) {
    Estimate corrected = found;
    corrected.value -= found.bias;
    const Interval interval = student_interval(corrected, 0.95);
    return interval.lower <= truth && truth <= interval.upper;
}

/// The standard deviation with divisor n.
double spread_of(const Vector& x) { return std::sqrt((x.array() - x.mean()).square().mean()); }

} // namespace

BOOST_AUTO_TEST_CASE(a_power_law_has_its_exponent_whatever_the_signs) {
    const Vector lambda = two_signed_spectrum(30);
    for (const double q : {1.0, 2.0, 0.5}) {
        const EigenExponent found = *eigen_exponent(lambda, 3.0 * lambda.cwiseAbs().array().pow(q));
        BOOST_TEST(found.exponent.value == q, tolerance(30 * eps));
        BOOST_TEST(found.exponent.std_error <= 30 * eps);
        BOOST_TEST(found.exponent.samples == 30);
        BOOST_TEST(found.intercept == std::log(3.0), tolerance(100 * eps));
        BOOST_TEST(found.r_squared == 1.0, tolerance(30 * eps));
        BOOST_TEST(found.directions == 30);
        BOOST_TEST(found.unseen == 0);
        BOOST_TEST(found.interval.lower <= found.exponent.value);
        BOOST_TEST(found.exponent.value <= found.interval.upper);
    }
}

BOOST_AUTO_TEST_CASE(flat_and_unseen_directions_stay_out_of_the_fit) {
    const Vector lambda = (Vector(7) << 0.0, 0.98e-4, -0.9e-4, 1e-4, 0.01, -0.1, 1.0).finished();
    Vector w = lambda.cwiseAbs2();
    w.head(3).setConstant(1e6); // would ruin the fit
    const EigenExponent all = *eigen_exponent(lambda, w);
    BOOST_TEST(all.directions == 4);
    BOOST_TEST(all.unseen == 0);
    BOOST_TEST(all.exponent.value == 2.0, tolerance(20 * eps));

    w(4) = 0.0;
    w(0) = 0.0; // flat: it does not count as unseen
    const EigenExponent fewer = *eigen_exponent(lambda, w);
    BOOST_TEST(fewer.directions == 3);
    BOOST_TEST(fewer.unseen == 1);
    BOOST_TEST(fewer.exponent.value == 2.0, tolerance(20 * eps));
}

BOOST_AUTO_TEST_CASE(the_interval_covers_the_exponent_95_percent_of_the_time) {
    // ln w = 1.5 ln |lambda| + N(0, 0.7^2) on 12 directions: Student's interval is exact. Of 1000 seeds a number with
    // mean 950 and standard deviation 6.9 cover; 4 of them are 27.6.
    const Vector lambda = two_signed_spectrum(12);
    Index covered = 0;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        const Vector noise = 0.7 * normal_vector(RandomStream(seed, 1), 12);
        const EigenExponent found = *eigen_exponent(lambda, lambda.cwiseAbs().array().pow(1.5) * noise.array().exp());
        covered += found.interval.lower <= 1.5 && 1.5 <= found.interval.upper;
    }
    BOOST_TEST(covered >= 923);
    BOOST_TEST(covered <= 977);
}

BOOST_AUTO_TEST_CASE(on_a_diagonal_hessian_the_coordinates_tell_the_laws_apart) {
    const Vector h = log_uniform_spectrum(9, 0.01, 1.0);
    const CoordinateSlopes squared = coordinate_slopes(0.3 * h.cwiseAbs2(), h, h);
    BOOST_TEST(squared.diagonal->slope == 1.0, tolerance(20 * eps));
    BOOST_TEST(squared.row_norm->slope == 1.0, tolerance(20 * eps));
    const CoordinateSlopes fisher = coordinate_slopes(0.3 * h, h, h);
    BOOST_TEST(fisher.diagonal->slope == 0.5, tolerance(20 * eps));
    BOOST_TEST(fisher.coordinates == 9);
}

BOOST_AUTO_TEST_CASE(a_rank_one_hessian_gives_the_slope_one_half_under_both_laws) {
    // theory.md b22 (i): H = lambda q q', W = s^2 H^2 and W = H / B are both proportional to q q'.
    const Vector q = normal_vector(RandomStream(3, 0), 20);
    const Matrix h = rank_one(2.0, q);
    const Vector squared = (h * h).diagonal();
    const Vector diagonal = h.diagonal();
    const double rounding = 100 * eps;
    for (const Vector& v : {Vector(0.01 * squared), Vector(diagonal / 32.0)}) {
        const CoordinateSlopes found = coordinate_slopes(v, diagonal, row_norms(h));
        BOOST_TEST(found.diagonal->slope == 0.5, tolerance(rounding));
        BOOST_TEST(found.row_norm->slope == 1.0, tolerance(rounding));
        BOOST_TEST(found.diagonal->r_squared == 1.0, tolerance(rounding));
    }
}

BOOST_AUTO_TEST_CASE(dead_coordinates_stay_out_of_the_fits) {
    // Behind dead inputs v, H_ii and the row are 0 or roundoff; one coordinate has curvature that no gradient saw.
    const Vector h = (Vector(7) << 1.0, 0.1, -0.01, 0.0, 1e-13, 1.0, 0.5).finished();
    const Vector v = (Vector(7) << 1.0, 0.01, 1e-4, 0.0, 1.0, 1e-13, 0.25).finished();
    const CoordinateSlopes found = coordinate_slopes(v, h, h.cwiseAbs());
    BOOST_TEST(found.coordinates == 4);
    BOOST_TEST(found.diagonal->points == 4);
    BOOST_TEST(found.diagonal->slope == 1.0, tolerance(20 * eps));
}

BOOST_AUTO_TEST_CASE(without_three_directions_there_is_no_exponent) {
    const Vector three = Vector::LinSpaced(3, 1.0, 3.0);
    BOOST_TEST(eigen_exponent(three, three).has_value());
    BOOST_TEST(!eigen_exponent(three, Vector{{1.0, 0.0, 1.0}}).has_value());
    BOOST_TEST(!eigen_exponent(Vector::Zero(3), three).has_value());
    BOOST_TEST(!eigen_exponent(Vector(), Vector()).has_value());
    const CoordinateSlopes two = coordinate_slopes(Vector{{1.0, 2.0, 0.0}}, three, three);
    BOOST_TEST(two.coordinates == 2);
    BOOST_TEST(!two.diagonal.has_value());
    BOOST_TEST(coordinate_slopes(Vector(), Vector(), Vector()).coordinates == 0);
}

BOOST_AUTO_TEST_CASE(curvatures_equal_to_rounding_have_no_slope) {
    const Vector w = Vector::LinSpaced(4, 1.0, 4.0);
    const Vector equal = (Vector(4) << 1.0, 1.0 + eps, 1.0 - eps, -1.0).finished();
    BOOST_TEST(!eigen_exponent(equal, w).has_value());
    const CoordinateSlopes found = coordinate_slopes(w, equal, w);
    BOOST_TEST(!found.diagonal.has_value());
    BOOST_TEST(found.row_norm->slope == 0.5, tolerance(10 * eps));
    BOOST_TEST(found.coordinates == 4);
}

BOOST_AUTO_TEST_CASE(the_spectral_distance_is_zero_for_the_squared_law_in_any_basis_and_at_any_scale) {
    const Matrix h = with_spectrum(two_signed_spectrum(9), 5);
    const SymmetricEigen eigen = symmetric_eigen(h);
    for (const double c : {1e-6, 1.0, 3e5}) {
        const SpectralDistance found = *spectral_distance(eigen, c * h * h);
        BOOST_TEST(found.value <= 1e-9); // (h^2) has eigenvalues down to 1e-6 of its largest: n eps / 1e-6
        BOOST_TEST(found.log_scale == std::log(c), tolerance(1e-9));
        BOOST_TEST(found.directions == 9);
    }
}

BOOST_AUTO_TEST_CASE(the_spectral_distance_of_the_fisher_law_is_the_spread_of_the_log_spectrum) {
    // W = H / 3: the generalized eigenvalues are 1 / (3 lambda_k). What is not resolved does not count.
    Vector lambda = log_uniform_spectrum(7, 1e-2, 1.0);
    lambda(0) = 1e-6;
    const Matrix h = with_spectrum(lambda, 6);
    const SpectralDistance found = *spectral_distance(symmetric_eigen(h), h / 3.0);
    const Vector logs = lambda.tail(6).array().log();
    BOOST_TEST(found.directions == 6);
    BOOST_TEST(found.value == spread_of(logs), tolerance(1e-10));
    BOOST_TEST(found.log_scale == -logs.mean() - std::log(3.0), tolerance(1e-10));
    // Fewer draws than directions: singular.
    const Vector g = normal_vector(RandomStream(7, 0), 7);
    BOOST_TEST(std::isinf(spectral_distance(symmetric_eigen(h), g * g.transpose())->value));
    BOOST_TEST(!spectral_distance(symmetric_eigen(Matrix::Zero(3, 3)), Matrix::Identity(3, 3)).has_value());
}

BOOST_AUTO_TEST_CASE(gaussian_draws_are_as_far_from_their_law_as_expected) {
    const Index n = 6, draws = 2000;
    const Matrix h = with_spectrum(log_uniform_spectrum(n, 0.01, 1.0), 8);
    const SymmetricEigen eigen = symmetric_eigen(h);
    Vector squares(150);
    for (Index i = 0; i < squares.size(); ++i) {
        const Matrix z = normal_vector(RandomStream(static_cast<std::uint64_t>(i), 3), n * draws).reshaped(n, draws);
        const Matrix g = h * z;
        squares(i) = std::pow(spectral_distance(eigen, g * g.transpose() / static_cast<double>(draws))->value, 2);
    }
    const double expected = expected_spectral_distance(n, draws);
    // Terms of order N / M beyond the leading one raise the mean by about 1 %, one standard error.
    BOOST_TEST(z_score(squares, expected * expected) < 4.0);
    BOOST_TEST(z_score(squares, 3.0 * 3.0 / static_cast<double>(draws)) > 4.0); // not 3 / sqrt(M)
    BOOST_TEST(expected == std::sqrt(5.0 * 8.0 / 6.0 / 2000.0), tolerance(4 * eps));
    BOOST_TEST(expected_spectral_distance(60, 5000) == std::sqrt(61.0 / 5000.0), tolerance(6e-4));
}

BOOST_AUTO_TEST_CASE(jackknife_intervals_over_blocks_cover_the_metrics_95_percent_of_the_time) {
    // 20 blocks of 20 Gaussian gradients with W = 0.4 H^2 + 0.2 H in 8 dimensions. Of 400 seeds 380 +- 4.4 cover; 4 of
    // these are 17.4.
    const Index n = 8;
    const Vector lambda = log_uniform_spectrum(n, 0.05, 2.0);
    const Vector signal = lambda.cwiseAbs2();
    const Vector w = 0.4 * signal + 0.2 * lambda;
    const Matrix root = w.cwiseSqrt().asDiagonal();
    const SymmetricEigen h = {.values = lambda, .vectors = Matrix::Identity(n, n)};

    const auto exponent = [&](VectorView entries) {
        return eigen_exponent(lambda, diagonal_of(entries, n))->exponent.value;
    };
    const auto share = [&](VectorView entries) {
        return fit_two_sources(diagonal_of(entries, n), signal, lambda).signal_shares.mean();
    };
    const auto distance = [&](VectorView entries) {
        return spectral_distance(h, Matrix(entries.reshaped(n, n)))->value;
    };
    const Vector truth = Matrix(w.asDiagonal()).reshaped();
    Index exponents = 0, shares = 0, distances = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        const Matrix blocks = wishart_blocks(root, 20, seed);
        exponents += covers(jackknife(blocks, exponent), exponent(truth));
        shares += covers(jackknife(blocks, share), share(truth));
        distances += covers(jackknife(blocks, distance), distance(truth));
    }
    for (const Index covered : {exponents, shares, distances}) {
        BOOST_TEST(covered >= 363);
        BOOST_TEST(covered <= 397);
    }
}

BOOST_AUTO_TEST_CASE(the_cosine_of_the_diagonals_is_near_one_under_both_laws) {
    const Matrix h = with_spectrum(log_uniform_spectrum(20, 1e-3, 10.0), 9);
    const Vector squared = (h * h).diagonal();
    BOOST_TEST(diagonal_cosine(squared, h.diagonal()) > 0.9);
    BOOST_TEST(diagonal_cosine(h.diagonal(), h.diagonal()) > 0.9);
    BOOST_TEST(diagonal_cosine(Vector{{4.0, 9.0}}, Vector{{-2.0, 3.0}}) == 1.0, tolerance(4 * eps));
    BOOST_TEST(diagonal_cosine(Vector{{1.0, 0.0}}, Vector{{3.0, 4.0}}) == 0.6, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(in_the_plane_the_quality_of_a_direction_is_an_integral_over_angles) {
    // H = diag(1, 4), D = I. E cos is the mean of (c^2 + 4 s^2) / sqrt(c^2 + 16 s^2) over angles; the decrease is
    // (tr H^2)^2 / (tr H^3 tr H) = 17^2 / (65 * 5).
    double mean = 0.0;
    const int points = 1000; // the midpoint rule is exact to rounding for a smooth periodic function
    for (int i = 0; i < points; ++i) {
        const double angle = 2.0 * M_PI * (i + 0.5) / points;
        const double c = std::pow(std::cos(angle), 2), s = std::pow(std::sin(angle), 2);
        mean += (c + 4.0 * s) / std::sqrt(c + 16.0 * s) / points;
    }
    const SymmetricEigen h = {.values = Vector{{1.0, 4.0}}, .vectors = Matrix::Identity(2, 2)};
    const DirectionQuality found = expected_direction_quality(h, identity_operator(2), {.samples = 4000});
    BOOST_TEST(std::abs(found.cosine.value - mean) < 4.0 * found.cosine.std_error);
    BOOST_TEST(std::abs(found.decrease.value - 289.0 / 325.0) < 4.0 * found.decrease.std_error);
    BOOST_TEST(found.cosine.std_error < 0.002);
    BOOST_TEST(found.decrease.std_error < 0.005);
    BOOST_TEST(found.condition_number == 4.0, tolerance(20 * eps));

    const DirectionQuality newton = expected_direction_quality(h, diagonal_operator(Vector{{1.0, 0.5}}));
    BOOST_TEST(newton.cosine.value == 1.0, tolerance(20 * eps));
    BOOST_TEST(newton.decrease.value == 1.0, tolerance(100 * eps));
    BOOST_TEST(newton.condition_number == 1.0, tolerance(20 * eps));
}

BOOST_AUTO_TEST_CASE(off_the_axes_the_decrease_follows_from_traces) {
    const Matrix h = with_spectrum(log_uniform_spectrum(6, 0.1, 3.0), 10);
    const Vector d = row_norms(h).cwiseInverse(); // what Adam divides by under the squared law
    const Matrix dh = d.asDiagonal() * h;
    const double slope = (h * dh).trace();
    const double expected = slope * slope / ((dh.transpose() * h * dh).trace() * h.trace());
    const DirectionQuality found =
        expected_direction_quality(symmetric_eigen(h), diagonal_operator(d.cwiseSqrt()), {.samples = 4000, .seed = 1});
    BOOST_TEST(std::abs(found.decrease.value - expected) < 4.0 * found.decrease.std_error);
    const Matrix root = d.cwiseSqrt().asDiagonal();
    const Vector seen = Eigen::SelfAdjointEigenSolver<Matrix>(Matrix(root * h * root)).eigenvalues();
    BOOST_TEST(found.condition_number == seen(5) / seen(0), tolerance(1e-11));
}

BOOST_AUTO_TEST_CASE(gradient_descent_on_the_test_bench_has_the_printed_quality) {
    // theory.md b22 to b24: E cos(Newton, SGD) = .47 and a decrease of .752 on 60 coordinates in [1e-3, 10].
    const SymmetricEigen h = {.values = log_uniform_spectrum(60, 1e-3, 10.0), .vectors = Matrix::Identity(60, 60)};
    const DirectionQuality found = expected_direction_quality(h, identity_operator(60), {.samples = 4000});
    BOOST_TEST(std::abs(found.cosine.value - 0.47) < 0.005 + 4.0 * found.cosine.std_error);
    BOOST_TEST(std::abs(found.decrease.value - 0.752) < 0.0005 + 4.0 * found.decrease.std_error);
}

BOOST_AUTO_TEST_CASE(principal_angles_are_right_at_both_ends) {
    const Matrix axes = Matrix::Identity(5, 5);
    Matrix b = Matrix::Zero(5, 3);
    b.col(0) = std::cos(1e-10) * axes.col(0) + std::sin(1e-10) * axes.col(3);
    b.col(1) = std::cos(0.7) * axes.col(1) + std::sin(0.7) * axes.col(4);
    b.col(2) = axes.col(2);
    const Vector angles = principal_angles(axes.leftCols(2), b);
    BOOST_TEST(angles.size() == 2);
    BOOST_TEST(angles(0) == 1e-10, tolerance(1e-5)); // eps / 1e-10
    BOOST_TEST(angles(1) == 0.7, tolerance(20 * eps));
    BOOST_TEST(principal_angles(axes.leftCols(1), axes.rightCols(1))(0) == 0.5 * M_PI, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(top_eigenspaces_are_compared_by_the_size_of_the_curvature) {
    // |lambda| is largest for e_2 and e_0; W prefers e_2 and a direction 0.3 off e_0.
    const SymmetricEigen h = symmetric_eigen(Matrix(Vector{{2.0, 0.5, -3.0, 1.0}}.asDiagonal()));
    Vector u = Vector::Zero(4);
    u(0) = std::cos(0.3);
    u(1) = std::sin(0.3);
    const Matrix w = 5.0 * u * u.transpose() + Matrix(Vector{{0.0, 0.0, 9.0, 1.0}}.asDiagonal());
    const Vector angles = principal_angles(h, w, 2);
    BOOST_TEST(angles(0) <= 1e-14);
    BOOST_TEST(angles(1) == 0.3, tolerance(1e-13));
    BOOST_TEST(principal_angles(h, w, 4).maxCoeff() <= 1e-14);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const auto refuses = [](const auto& call, const std::string& message) {
        BOOST_CHECK_EXCEPTION((void)call(), std::invalid_argument, says(message));
    };
    const Vector three = Vector::LinSpaced(3, 1.0, 3.0);
    refuses([&] { return eigen_exponent(three, Vector::Ones(4)); }, "eigen_exponent: w must have 3 entries; got 4");
    refuses([&] { return coordinate_slopes(three, Vector::Ones(2), three); },
            "coordinate_slopes: the Hessian's diagonal must have 3 entries; got 2");
    refuses([&] { return coordinate_slopes(three, three, Vector::Ones(2)); },
            "coordinate_slopes: row_norms must have 3 entries; got 2");
    const SymmetricEigen h = {.values = three, .vectors = Matrix::Identity(3, 3)};
    refuses([&] { return spectral_distance(h, Matrix::Identity(3, 2)); },
            "spectral_distance: w must be 3 x 3; got 3 x 2");
    refuses([&] { return expected_spectral_distance(0, 5); },
            "expected_spectral_distance: directions must be at least 1; got 0");
    refuses([&] { return expected_spectral_distance(5, 5); },
            "expected_spectral_distance: draws must be more than the directions (5); got 5");
    refuses([&] { return diagonal_cosine(three, Vector::Ones(2)); },
            "diagonal_cosine: the Hessian's diagonal must have 3 entries; got 2");
    refuses([&] { return diagonal_cosine(-three, three); }, "diagonal_cosine: no v_i may be negative; got -3");
    refuses([&] { return direction_quality(h, identity_operator(2), Matrix::Ones(3, 4)); },
            "direction_quality: D^(1/2) must have 3 entries; got 2");
    refuses([&] { return direction_quality(h, identity_operator(3), Matrix::Ones(2, 4)); },
            "direction_quality: a draw of delta must have 3 entries; got 2");
    refuses([&] { return direction_quality(h, identity_operator(3), Matrix::Ones(3, 1)); },
            "direction_quality: an error needs at least 2 draws; got 1");
    const SymmetricEigen flat = {.values = Vector::Zero(3), .vectors = Matrix::Identity(3, 3)};
    refuses([&] { return direction_quality(flat, identity_operator(3), Matrix::Ones(3, 2)); },
            "direction_quality: delta'H delta must be positive for every draw; got 0");
    refuses([&] { return expected_direction_quality(h, identity_operator(3), {.samples = 1}); },
            "expected_direction_quality: samples must be at least 2; got 1");
    refuses([&] { return principal_angles(Matrix::Identity(3, 2), Matrix::Identity(2, 2)); },
            "principal_angles: a column of b must have 3 entries; got 2");
    refuses([&] { return principal_angles(Matrix::Identity(3, 2), Matrix(3, 0)); },
            "principal_angles: both spaces must have a dimension; got 0");
    refuses([&] { return principal_angles(h, Matrix::Identity(2, 2), 1); },
            "principal_angles: w must be 3 x 3; got 2 x 2");
    refuses([&] { return principal_angles(h, Matrix::Identity(3, 3), 4); },
            "principal_angles: k must lie between 1 and 3; got 4");
}

BOOST_AUTO_TEST_SUITE_END()