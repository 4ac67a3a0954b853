#include "hessq/core/counted_operator.hpp"

#include "hessq/core/dense.hpp"

#include <boost/test/unit_test.hpp>

#include "support/messages.hpp"

#include <limits>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(counted_operator)

BOOST_AUTO_TEST_CASE(products_are_counted_by_columns) {
    const SymmetricOperator a = diagonal_operator(Eigen::Vector2d(2.0, 3.0));
    CountedOperator counted(a, "here");
    BOOST_TEST(counted.dimension() == 2);
    BOOST_TEST(counted.products() == 0);
    BOOST_TEST((counted * Matrix::Identity(2, 2) == Matrix{{2.0, 0.0}, {0.0, 3.0}}));
    BOOST_TEST((counted * Vector::Ones(2) == Eigen::Vector2d(2.0, 3.0)));
    BOOST_TEST(counted.products() == 3);
    counted.divide_by(0.5);
    counted.divide_by(0.25);
    BOOST_TEST((counted * Vector::Ones(2) == Eigen::Vector2d(16.0, 24.0)));
    BOOST_TEST(counted.unit() == 0.125);
}

BOOST_AUTO_TEST_CASE(an_error_says_in_which_products_it_happened) {
    const SymmetricOperator a(
        2, [](MatrixView v) -> Matrix { return v * std::numeric_limits<double>::infinity(); }, "broken");
    CountedOperator counted(a, "here");
    BOOST_CHECK_EXCEPTION((void)(counted * Matrix::Ones(2, 3)), NumericalError,
                          says("here, products 1 to 3: broken product is not finite: entry (0, 0) is inf"));
    BOOST_CHECK_EXCEPTION((void)(counted * Vector::Ones(2)), NumericalError,
                          says("here, product 4: broken product is not finite: entry 0 is inf"));
}

BOOST_AUTO_TEST_SUITE_END()
