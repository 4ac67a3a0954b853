#include "hessq/theory/batch_size.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(batch_size_example)

BOOST_AUTO_TEST_CASE(a_surge_and_the_essay_s_closed_form_of_it) {
    // Ten coordinates that are all alike: g = 1, sigma = 10, H_ii = 1, H_ij = 1/2.
    StepProblem problem{
        .gradient = Vector::Ones(10), .hessian = Matrix::Constant(10, 10, 0.5), .noise_sd = Vector::Constant(10, 10.0)};
    problem.hessian.diagonal().setOnes();

    const BestStep exact = sign_best_step(problem, 100.0); // rate 0.220415
    const RatePeak peak = find_rate_peak([&](double batch) { return sign_best_step(problem, batch).rate; }); // B = 39.7
    const RatePeak essay = surge(sign_curve(problem, Attenuation::essay, NoiseRatio::mean_of_ratios));       // B = 44.9

    BOOST_TEST(exact.rate == 0.220415, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(peak.batch == 39.709, boost::test_tools::tolerance(1e-4));
    BOOST_TEST(essay.batch == 44.880, boost::test_tools::tolerance(1e-4));
}

BOOST_AUTO_TEST_SUITE_END()
