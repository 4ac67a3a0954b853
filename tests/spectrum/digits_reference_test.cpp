#include "hessq/core/dense_eigen.hpp"
#include "hessq/datasets/bundled.hpp"
#include "hessq/objectives/mlp.hpp"
#include "support/json.hpp"
#include "support/matrices.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace hessq;
using hessq::test::eps;

BOOST_AUTO_TEST_SUITE(digits_reference)

BOOST_AUTO_TEST_CASE(both_ends_of_the_exact_spectrum_are_those_of_pytorch, *boost::unit_test::label("slow")) {
    const auto digits = test::json_in(HESSQ_TEST_DATA "/reference/mlp.json").at("digits");
    const auto smallest = digits.at("eigenvalues_smallest").get<std::vector<double>>();
    const auto largest = digits.at("eigenvalues_largest").get<std::vector<double>>();
    const Mlp net(bundled_dataset("digits"), {.hidden = {32}});
    const Vector w = 0.1 * (1.0 + Vector::LinSpaced(2410, 0.0, 2409.0).array()).sin();
    const Vector eigenvalues = symmetric_eigenvalues(net.dense_hessian(w));

    // A backward stable eigensolver moves no eigenvalue by more than about n eps |H|.
    const double moved = 2410.0 * eps * eigenvalues.cwiseAbs().maxCoeff();
    const auto checks = [&](const Vector& ours, const std::vector<double>& theirs) {
        BOOST_REQUIRE_EQUAL(theirs.size(), 5u);
        BOOST_TEST((ours - Eigen::Map<const Vector>(theirs.data(), 5)).cwiseAbs().maxCoeff() <= moved);
    };
    checks(eigenvalues.head(5), smallest);
    checks(eigenvalues.tail(5), largest);
}

BOOST_AUTO_TEST_SUITE_END()
