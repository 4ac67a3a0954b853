#include "hessq/core/dense.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(dense)

namespace {

const Matrix a{{2.0, -1.0, 0.0}, {-1.0, 3.0, 0.5}, {0.0, 0.5, -4.0}};
const Matrix b{{1.0, 2.0, 3.0}, {2.0, 0.0, 1.0}, {3.0, 1.0, 5.0}};
const Matrix block{{1.0, 0.0}, {-2.0, 1.0}, {3.0, 4.0}};

} // namespace

BOOST_AUTO_TEST_CASE(a_product_gives_its_matrix_as_it_is_block_by_block) {
    const Matrix rising = Matrix{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}, {7.0, 8.0, 9.0}};
    std::vector<Index> firsts;
    const Matrix found = matrix_of(3, 2, [&](MatrixView units, Index first) -> Matrix {
        firsts.push_back(first);
        return rising * units;
    });
    BOOST_TEST((found == rising));
    BOOST_TEST((firsts == std::vector<Index>{0, 2}));
}

BOOST_AUTO_TEST_CASE(a_matrix_as_an_operator_multiplies_like_the_matrix) {
    const SymmetricOperator op = dense_operator(a, "A");
    BOOST_TEST(op.name() == "A");
    const Matrix expected{{4.0, -1.0}, {-5.5, 5.0}, {-13.0, -15.5}};
    BOOST_TEST((op * block).cwiseEqual(expected).all());
}

BOOST_AUTO_TEST_CASE(an_operator_as_a_matrix_is_the_matrix) {
    BOOST_TEST(to_dense(dense_operator(a)).cwiseEqual(a).all());
    BOOST_TEST(to_dense(identity_operator(3)).cwiseEqual(Matrix::Identity(3, 3)).all());
    const Vector d{{1.0, -2.0, 0.25}};
    BOOST_TEST(to_dense(diagonal_operator(d)).cwiseEqual(Matrix(d.asDiagonal())).all());
}

BOOST_AUTO_TEST_CASE(blocks_of_sixty_four_columns_meet_without_a_seam) {
    const Index n = 131; // two whole blocks and three columns
    const Matrix index = Vector::LinSpaced(n, 1.0, 131.0).replicate(1, n);
    const Matrix large = index.cwiseProduct(index.transpose()) + Matrix::Identity(n, n); // whole numbers: exact
    BOOST_TEST(to_dense(dense_operator(large)).cwiseEqual(large).all());
}

BOOST_AUTO_TEST_CASE(a_slightly_asymmetric_product_is_symmetrised) {
    const SymmetricOperator op(2, [](MatrixView v) -> Matrix { return Matrix{{1.0, 2.0}, {4.0, 5.0}} * v; });
    const Matrix expected{{1.0, 3.0}, {3.0, 5.0}};
    BOOST_TEST(to_dense(op).cwiseEqual(expected).all());
}

BOOST_AUTO_TEST_CASE(sums_and_sandwiches_are_those_of_the_matrices) {
    const SymmetricOperator op_a = dense_operator(a, "A"), op_b = dense_operator(b, "B");
    BOOST_TEST(to_dense(sum(2.0, op_a, -3.0, op_b)).cwiseEqual(2.0 * a - 3.0 * b).all());
    BOOST_TEST(to_dense(sandwich(op_b, op_a)).cwiseEqual(b * a * b).all());
    BOOST_TEST(sum(1.0, op_a, 1.0, op_b).name() == "A + B");
    BOOST_TEST(sandwich(op_b, op_a).name() == "B . A");
}

BOOST_AUTO_TEST_CASE(matrices_that_are_not_symmetric_are_refused) {
    using Error = std::invalid_argument;
    BOOST_CHECK_EXCEPTION(dense_operator(Matrix::Ones(2, 3)), Error,
                          says("dense_operator: the matrix must be square; got 2 x 3"));
    BOOST_CHECK_EXCEPTION(dense_operator(Matrix{{1.0, 0.5}, {0.25, 1.0}}), Error,
                          says("dense_operator: the matrix must be symmetric to n * eps of its largest entry; "
                               "largest |A_ij - A_ji|; got 0.25"));
    const double nearly = 1.0 + std::numeric_limits<double>::epsilon();
    BOOST_CHECK_NO_THROW(dense_operator(Matrix{{1.0, 1.0}, {nearly, 1.0}}));
}

BOOST_AUTO_TEST_CASE(operators_of_different_dimensions_do_not_combine) {
    using Error = std::invalid_argument;
    BOOST_CHECK_EXCEPTION(sum(1.0, identity_operator(2), 1.0, identity_operator(3)), Error,
                          says("sum: the second operator must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(sandwich(identity_operator(3), identity_operator(2)), Error,
                          says("sandwich: the outer operator must have 2 entries; got 3"));
}

BOOST_AUTO_TEST_CASE(chosen_entries_and_columns_keep_their_order) {
    const Matrix wide{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}};

    BOOST_TEST((entries_at(Vector{{1.0, 2.0, 3.0}}, {2, 0}) == Vector{{3.0, 1.0}}));
    BOOST_TEST((columns_at(wide, {2, 0}) == Matrix{{3.0, 1.0}, {6.0, 4.0}}));
}

BOOST_AUTO_TEST_SUITE_END()
