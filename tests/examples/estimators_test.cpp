#include "hessq/core/dense.hpp"
#include "hessq/estimators/hutchinson.hpp"
#include "hessq/estimators/trace.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(estimators_example)

BOOST_AUTO_TEST_CASE(the_error_bar_of_a_trace_comes_from_what_is_off_the_diagonal) {
    const Index n = 50;
    const SymmetricOperator ones = dense_operator(Matrix::Ones(n, n));
    const Estimate trace = hutchinson_trace(ones, {.samples = 400, .seed = 7});

    // Without off-diagonal entries two probes give the trace exactly.
    const Estimate exact = hutchinson_trace(identity_operator(n), {.samples = 2});

    // To 1 % with 95 % confidence, and what is known so far survives an interruption:
    // {.target = Target{.relative_error = 0.01}, .file = "trace.state"}
    const SymmetricOperator a = sum(1.0, ones, 1.0, identity_operator(n));
    const TraceEstimate enough = estimate_trace(a, {.target = Target{.relative_error = 0.01}});

    const double sigma = std::sqrt(2.0 * n * (n - 1) / 400.0); // 3.5: the true standard deviation of the estimate
    BOOST_TEST(std::abs(trace.value - 50.0) <= 4.0 * sigma);
    BOOST_TEST(std::abs(trace.std_error / sigma - 1.0) <= 0.4); // four of its own: sqrt((15 - 1) / (4 * 400)) = 0.09
    BOOST_TEST(exact.value == 50.0);
    BOOST_TEST(exact.std_error == 0.0);
    BOOST_TEST((enough.status == StoppingStatus::target_reached), enough.reason);
    BOOST_TEST(std::abs(enough.value - 100.0) <= 1.0);
}

BOOST_AUTO_TEST_SUITE_END()
