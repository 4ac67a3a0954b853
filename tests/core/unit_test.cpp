#include "hessq/core/unit.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(unit)

BOOST_AUTO_TEST_CASE(ordinary_numbers_stay_as_they_are) {
    BOOST_TEST(unit_of(Eigen::Vector3d(1e-59, 0.0, -3.0)) == 1.0);
    BOOST_TEST(unit_of(Vector::Zero(2)) == 1.0);
    BOOST_TEST(unit_of(Eigen::Vector2d(1e-300, -2e59)) == 1.0);
}

BOOST_AUTO_TEST_CASE(others_come_near_one_and_back_without_rounding) {
    for (const double size : {1e-310, 3e-200, 1e-60, 1e60, 7e250, 1.7e308}) {
        const Vector numbers = Eigen::Vector2d(-size, 0.3 * size);
        const Vector scaled = numbers / unit_of(numbers);
        BOOST_TEST(scaled.lpNorm<Eigen::Infinity>() >= 1.0);
        BOOST_TEST(scaled.lpNorm<Eigen::Infinity>() < 2.0);
        BOOST_TEST((scaled * unit_of(numbers) == numbers));
    }
}

BOOST_AUTO_TEST_CASE(lengths_are_right_at_every_size) {
    BOOST_TEST(length_of(Eigen::Vector2d(3.0, -4.0)) == 5.0);
    BOOST_TEST(length_of(Eigen::Vector2d(3e-300, -4e-300)) == 5e-300, boost::test_tools::tolerance(1e-15));
    BOOST_TEST(length_of(Eigen::Vector2d(3e300, -4e300)) == 5e300, boost::test_tools::tolerance(1e-15));
    BOOST_TEST(length_of(Vector::Zero(3)) == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
