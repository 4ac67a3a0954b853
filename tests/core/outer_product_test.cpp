#include "hessq/core/outer_product.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::test::eps;
using hessq::test::random_matrix;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(outer_product_suite)

BOOST_AUTO_TEST_CASE(two_columns_by_hand) {
    const Matrix f = (Matrix(2, 2) << 1, 2, 3, 4).finished();
    const Matrix expected = (Matrix(2, 2) << 5, 11, 11, 25).finished();
    BOOST_CHECK(outer_product(f) == expected);
}

BOOST_AUTO_TEST_CASE(panels_of_any_size_agree_with_the_plain_product) {
    for (const Index n : {1, 255, 256, 257, 600}) {
        const Matrix f = random_matrix(n, 30, 4);
        const Matrix plain = f * f.transpose();
        const Matrix product = outer_product(f);
        BOOST_TEST((product - plain).cwiseAbs().maxCoeff() <= 30 * eps * plain.cwiseAbs().maxCoeff());
        BOOST_CHECK(product == product.transpose());
    }
}

BOOST_AUTO_TEST_CASE(adding_touches_the_lower_triangle_only) {
    const Matrix f = random_matrix(300, 3, 5);
    Matrix sum = Matrix::Ones(300, 300);
    add_outer_product(sum, f);
    for (Index j = 1; j < 300; ++j) BOOST_REQUIRE((sum.col(j).head(j).array() == 1.0).all());
    BOOST_TEST(std::abs(sum(299, 0) - (1.0 + f.row(299).dot(f.row(0)))) <=
               3 * eps * (1.0 + f.row(299).norm() * f.row(0).norm()));
}

BOOST_AUTO_TEST_CASE(the_operator_is_the_matrix) {
    const Matrix f = random_matrix(300, 270, 6), v = random_matrix(300, 5, 7);
    const Matrix expected = outer_product(f) * v;
    const SymmetricOperator a = outer_product_operator(f, "F F'");
    BOOST_TEST((a * v - expected).cwiseAbs().maxCoeff() <= 600 * eps * expected.cwiseAbs().maxCoeff());
    BOOST_TEST(a.name() == "F F'");
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const Matrix f = random_matrix(600, 520, 8), v = random_matrix(600, 3, 9);
    Matrix matrix, product;
    {
        const ThreadLimit one(1);
        matrix = outer_product(f);
        product = outer_product_operator(f, "F F'") * v;
    }
    const ThreadLimit four(4);
    BOOST_CHECK(matrix == outer_product(f));
    BOOST_CHECK(product == outer_product_operator(f, "F F'") * v);
}

BOOST_AUTO_TEST_CASE(a_sum_of_another_shape_is_refused) {
    Matrix sum = Matrix::Zero(3, 2);
    BOOST_CHECK_EXCEPTION(add_outer_product(sum, Matrix::Ones(3, 1)), std::invalid_argument,
                          says("add_outer_product: the sum must be square with as many rows as the factor (3); got 3 x "
                               "2"));
}

BOOST_AUTO_TEST_SUITE_END()
