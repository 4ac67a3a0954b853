#include "hessq/objectives/check.hpp"
#include "hessq/objectives/function.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(objectives_example)

BOOST_AUTO_TEST_CASE(a_loss_of_your_own_is_checked_and_has_a_hessian) {
    // Two wells at w = (+-1, 0) with a saddle between them.
    const auto value = [](VectorView w) {
        const double u = w(0) * w(0) - 1.0;
        return 0.25 * u * u + 0.5 * w(1) * w(1);
    };
    const auto gradient = [](VectorView w) -> Vector { return Eigen::Vector2d(w(0) * (w(0) * w(0) - 1.0), w(1)); };
    const FunctionObjective wells(2, value, gradient);

    const DerivativeReport report = check_derivatives(wells, Eigen::Vector2d(0.3, 2.0));
    const Matrix saddle = wells.dense_hessian(Vector::Zero(2)); // diag(-1, 1), by differences of the gradient
    const double error = wells.product_error(Vector::Zero(2), Vector::Unit(2, 0))(0); // of the first column: 3e-11

    BOOST_TEST(report.passed(), report.summary());
    BOOST_TEST(std::abs(saddle(0, 0) + 1.0) <= error);
    BOOST_TEST(std::abs(error - 3e-11) < 2e-11);
    BOOST_TEST((saddle - Matrix(Eigen::Vector2d(-1.0, 1.0).asDiagonal())).norm() <= 1e-9); // eps^(2/3) = 4e-11
}

BOOST_AUTO_TEST_SUITE_END()
