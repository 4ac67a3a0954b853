// Products as most of the tests and much of the library take them, against Eigen's sums entry by entry.
#include "../../lib/core/eager_products.hpp"

#include "support/matrices.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <type_traits>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(eager_products)

namespace {

template <class A, class B>
void check_product(const A& a, const B& b) {
    const auto product = a * b;
    static_assert(std::is_same_v<decltype(product), const Matrix> || std::is_same_v<decltype(product), const Vector>);
    BOOST_REQUIRE(product.rows() == a.rows());
    BOOST_REQUIRE(product.cols() == b.cols());
    for (Index i = 0; i < a.rows(); ++i)
        for (Index j = 0; j < b.cols(); ++j) {
            double sum = 0.0;
            for (Index k = 0; k < a.cols(); ++k) sum += a(i, k) * b(k, j);
            BOOST_TEST(std::abs(product(i, j) - sum) < 1e-12);
        }
}

} // namespace

BOOST_AUTO_TEST_CASE(every_pair_of_operands_has_the_product_of_their_entries) {
    for (const Index n : {1, 3, 40}) {
        const Matrix a = random_matrix(n + 2, n, 1), b = random_matrix(n, n + 1, 2), c = random_matrix(n + 1, n, 3);
        const Matrix d = random_matrix(n, n + 2, 4);
        const Vector x = random_matrix(n, 1, 5), y = random_matrix(n + 2, 1, 6);
        check_product(a, b);
        check_product(a, c.transpose());
        check_product(d.transpose(), b);
        check_product(d.transpose(), c.transpose());
        check_product(MatrixView(a), b.leftCols(n));
        check_product(a.topRows(n).transpose(), MatrixView(d));
        check_product(Matrix(a + a), (b - b.reverse()).eval());
        check_product(a, x);
        check_product(a.transpose(), y);
        check_product(a.transpose(), a.col(0));
    }
}

BOOST_AUTO_TEST_SUITE_END()
