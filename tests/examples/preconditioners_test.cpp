#include "hessq/core/dense.hpp"
#include "hessq/preconditioners/adaptive.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(preconditioners_example)

BOOST_AUTO_TEST_CASE(the_hessian_that_adam_sees) {
    const auto adam = adam_preconditioner(2, {.eps = 0.0});
    adam->observe(Eigen::Vector2d(3.0, -4.0)); // v = (9, 16) after bias correction, P = diag(3, 4)

    const SymmetricOperator hessian = diagonal_operator(Eigen::Vector2d(6.0, 4.0));
    const SymmetricOperator seen = sandwich(adam->inverse_sqrt(), hessian); // diag(2, 1)
    const Vector direction = adam->direction(Eigen::Vector2d(3.0, -4.0));   // the sign of the first gradient

    BOOST_TEST((to_dense(seen) - Matrix(Eigen::Vector2d(2.0, 1.0).asDiagonal())).norm() <= 1e-12); // 1 - beta2^t: 1e-13
    BOOST_TEST((direction - Eigen::Vector2d(1.0, -1.0)).norm() <= 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()
