#include "hessq/core/symmetric_operator.hpp"

#include "hessq/core/require.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <memory>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(symmetric_operator)

BOOST_AUTO_TEST_CASE(a_lambda_becomes_an_operator_on_blocks) {
    const SymmetricOperator twice(
        2, [](MatrixView v) -> Matrix { return 2.0 * v; }, "twice");
    BOOST_TEST(twice.dimension() == 2);
    BOOST_TEST(twice.name() == "twice");
    const Matrix v{{1.0, -3.0, 0.5}, {2.0, 4.0, 0.0}};
    BOOST_TEST((twice * v).cwiseEqual(2.0 * v).all());
    const Vector one{{1.0, 2.0}};
    BOOST_TEST((twice * one).cwiseEqual(2.0 * one).all());
    BOOST_TEST((twice * v.leftCols(0)).cols() == 0);
}

BOOST_AUTO_TEST_CASE(copies_share_what_the_product_captured_and_outlive_the_original) {
    auto calls = std::make_shared<int>(0);
    const auto make = [&] {
        const SymmetricOperator original(1, [calls](MatrixView v) -> Matrix {
            ++*calls;
            return v;
        });
        return SymmetricOperator(original);
    };
    const SymmetricOperator copy = make();
    (void)(copy * Vector::Ones(1));
    BOOST_TEST(*calls == 1);
}

BOOST_AUTO_TEST_CASE(wrong_shapes_are_refused) {
    using Error = std::invalid_argument;
    const auto identity = [](MatrixView v) -> Matrix { return v; };
    BOOST_CHECK_EXCEPTION(SymmetricOperator(0, identity), Error,
                          says("SymmetricOperator: dimension must be at least 1; got 0"));
    const SymmetricOperator a(3, identity, "Hessian");
    BOOST_CHECK_EXCEPTION((void)(a * Vector::Ones(2)), Error,
                          says("Hessian product: the block must have as many rows as the operator has columns (3); "
                               "got 2"));
    const SymmetricOperator wrong(2, [](MatrixView) -> Matrix { return Matrix::Zero(2, 1); });
    BOOST_CHECK_EXCEPTION((void)(wrong * Matrix::Ones(2, 2)), Error,
                          says("operator product: the result must have the shape of the block; got 2 x 1"));
}

BOOST_AUTO_TEST_CASE(a_product_that_is_not_finite_stops_the_work) {
    const SymmetricOperator a(
        2, [](MatrixView v) -> Matrix { return v / 0.0; }, "Hessian");
    BOOST_CHECK_EXCEPTION((void)(a * Vector{{1.0, 1.0}}), NumericalError,
                          says("Hessian product is not finite: entry 0 is inf"));
    const Matrix v{{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()}, {1.0, 0.0}};
    BOOST_CHECK_EXCEPTION((void)(a * v), NumericalError, says("Hessian product is not finite: entry (0, 0) is inf"));
}

BOOST_AUTO_TEST_SUITE_END()
