#include "hessq/core/dense.hpp"
#include "hessq/core/symmetric_operator.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(core_example)

BOOST_AUTO_TEST_CASE(a_matrix_is_known_by_its_products) {
    // Second differences, 2 on the diagonal and -1 beside it; no matrix is stored.
    const Index n = 100;
    const SymmetricOperator a(n, [](MatrixView v) {
        const Index last = v.rows() - 1;
        Matrix product = 2.0 * v;
        product.topRows(last) -= v.bottomRows(last);
        product.bottomRows(last) -= v.topRows(last);
        return product;
    });
    const Matrix ends = a * Vector::Ones(n);                                  // 1 at both ends, 0 between
    const SymmetricOperator shifted = sum(1.0, a, 3.0, identity_operator(n)); // A + 3 I
    const double trace = to_dense(shifted).trace();                           // 5 n

    BOOST_TEST(ends.squaredNorm() == 2.0);
    BOOST_TEST(ends(0) + ends(n - 1) == 2.0);
    BOOST_TEST(trace == 5.0 * static_cast<double>(n));
}

BOOST_AUTO_TEST_SUITE_END()
