#include "hessq/core/dense_eigen.hpp"
#include "hessq/objectives/autodiff.hpp"

#include "hessq/report/table.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(readme_lambda_example)

BOOST_AUTO_TEST_CASE(a_lambda_has_a_spectrum) {
    const AutodiffObjective rosenbrock(2, [](const auto& w) {
        const auto a = 1.0 - w(0), b = w(1) - w(0) * w(0);
        return a * a + 100.0 * b * b;
    });
    const Vector spectrum = symmetric_eigenvalues(rosenbrock.dense_hessian(Vector::Ones(2))); // 0.3994, 1002

    BOOST_TEST(format_number(spectrum(0)) == "0.3994");
    BOOST_TEST(format_number(spectrum(1)) == "1002");
    // [802 -400; -400 200], exactly.
    BOOST_TEST((rosenbrock.dense_hessian(Vector::Ones(2)) == (Matrix(2, 2) << 802, -400, -400, 200).finished()));
}

BOOST_AUTO_TEST_SUITE_END()
