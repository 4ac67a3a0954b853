#include "hessq/core/large_matrix.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(large_matrix_suite)

BOOST_AUTO_TEST_CASE(every_entry_of_a_matrix_small_or_large_can_be_written_and_read) {
    for (const Index n : {Index{0}, Index{1}, Index{30}, Index{1500}}) {
        Matrix a = large_matrix(n, n + 1);
        BOOST_TEST(a.rows() == n);
        BOOST_TEST(a.cols() == n + 1);
        for (Index j = 0; j <= n; ++j)
            for (Index i = 0; i < n; ++i) a(i, j) = static_cast<double>(i - j);
        BOOST_TEST(a.sum() == -static_cast<double>(n * (n + 1)) / 2.0);
    }
}

BOOST_AUTO_TEST_CASE(a_matrix_of_the_right_shape_is_left_alone) {
    Matrix a(3, 4);
    const double* const memory = a.data();
    resize_large(a, 3, 4);
    BOOST_TEST(a.data() == memory);
    resize_large(a, 4, 3);
    BOOST_TEST(a.rows() == 4);
    BOOST_TEST(a.cols() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
