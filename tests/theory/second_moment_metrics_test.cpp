#include "hessq/theory/second_moment_metrics.hpp"

#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/diagonals.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <stdexcept>
#include <string>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

namespace {

/// Logarithmically spaced from 1e-3 to 1, every other one negative.
Vector two_signed_spectrum(Index n) {
    Vector lambda = log_uniform_spectrum(n, 1e-3, 1.0);
    for (Index k = 0; k < n; k += 2) lambda(k) = -lambda(k);
    return lambda;
}

/// The rank-one matrix lambda q q'.
Matrix rank_one(double lambda, const Vector& q) { return lambda * q * q.transpose(); }

} // namespace

BOOST_AUTO_TEST_SUITE(second_moment_metrics)

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
}

BOOST_AUTO_TEST_SUITE_END()
