#include "hessq/estimators/hutchinson.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/spectrum/eigenpairs.hpp"

#include "hessq/report/table.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(readme_example)

BOOST_AUTO_TEST_CASE(the_readme_tells_the_truth, *boost::unit_test::label("slow")) {
    const Problem digits = bundled_problem("digits-mlp");
    const Vector w = digits.start(0);
    const SymmetricOperator h = digits.objective->hessian(w);         // keeps its pass; products with blocks of vectors
    const Estimate trace = hutchinson_trace(h, {.samples = 64});      // 6.4 +- 0.7; exactly 5.901
    const ExtremeEigenpairs ends = extreme_eigenpairs(h, {.top = 3}); // with residuals
    const Matrix exact = digits.objective->dense_hessian(w);          // 2410 x 2410

    BOOST_TEST(format_estimate(trace.value, trace.std_error) == "6.4 +- 0.7");
    BOOST_TEST(format_number(exact.trace()) == "5.901");
    BOOST_TEST(exact.rows() == 2410);
    BOOST_TEST(ends.converged);
    BOOST_TEST(ends.top.values.size() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
