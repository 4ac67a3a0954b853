#include "hessq/operators/diagonals.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(diagonals)

BOOST_AUTO_TEST_CASE(row_norms_are_the_root_of_the_diagonal_of_the_square) {
    const Matrix h = (Matrix(2, 2) << 3, 4, 4, -12).finished();
    BOOST_TEST((row_norms(h) - Eigen::Vector2d(5.0, std::sqrt(160.0))).norm() <= 16 * eps);

    const Matrix a = random_symmetric(50, 1);
    const Vector square = (a * a).diagonal();
    BOOST_TEST((row_norms(a).cwiseAbs2() - square).cwiseAbs().maxCoeff() <= 50 * eps * square.maxCoeff());
}

BOOST_AUTO_TEST_SUITE_END()
