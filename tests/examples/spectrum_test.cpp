#include "hessq/core/symmetric_operator.hpp"
#include "hessq/spectrum/eigenpairs.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(spectrum_example)

BOOST_AUTO_TEST_CASE(both_ends_of_a_spectrum_from_products) {
    const Index n = 100;
    const SymmetricOperator a(n, [](MatrixView v) { // second differences
        const Index last = v.rows() - 1;
        Matrix product = 2.0 * v;
        product.topRows(last) -= v.bottomRows(last);
        product.bottomRows(last) -= v.topRows(last);
        return product;
    });
    const ExtremeEigenpairs ends = extreme_eigenpairs(a, {.top = 2, .bottom = 1});
    const bool all_there = ends.certified; // nothing larger or smaller was missed, copies counted

    BOOST_TEST(ends.converged);
    BOOST_TEST(all_there);
    const double rounding = 4.0 * 4.0 * n * 2.3e-16; // |A| < 4
    const auto truth = [&](double k) { return 2.0 - 2.0 * std::cos(k * std::acos(-1.0) / (n + 1)); };
    BOOST_TEST(std::abs(ends.top.values(0) - truth(100)) <= ends.top.residuals(0) + rounding);
    BOOST_TEST(std::abs(ends.top.values(1) - truth(99)) <= ends.top.residuals(1) + rounding);
    BOOST_TEST(std::abs(ends.bottom.values(0) - truth(1)) <= ends.bottom.residuals(0) + rounding);
}

BOOST_AUTO_TEST_SUITE_END()
