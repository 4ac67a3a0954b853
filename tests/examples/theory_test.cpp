#include "hessq/core/statistics.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/second_moment_metrics.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(theory_example)

BOOST_AUTO_TEST_CASE(the_two_laws_and_their_mixture) {
    const Vector lambda = log_uniform_spectrum(60, 1e-3, 10.0);
    const Vector signal = lambda.cwiseAbs2(); // H S H for an isotropic cloud, S = I
    const Vector noise = lambda / 64.0;       // Sigma / B for Sigma = H and B = 64

    const EigenExponent hessian_squared = *eigen_exponent(lambda, signal); // q = 2
    const EigenExponent fisher = *eigen_exponent(lambda, noise);           // q = 1
    const EigenExponent mixed = *eigen_exponent(lambda, signal + noise);   // between: neither law
    const TwoSourceFit sources = fit_two_sources(signal + noise, signal, lambda);

    BOOST_TEST(hessian_squared.exponent.value == 2.0, boost::test_tools::tolerance(1e-13));
    BOOST_TEST(fisher.exponent.value == 1.0, boost::test_tools::tolerance(1e-13));
    BOOST_TEST(mixed.interval.lower > 1.15);
    BOOST_TEST(mixed.interval.upper < 1.85);
    BOOST_TEST(sources.identifiable);
    BOOST_TEST(sources.a == 1.0, boost::test_tools::tolerance(1e-11));
    BOOST_TEST(sources.b == 1.0 / 64.0, boost::test_tools::tolerance(1e-11));
}

BOOST_AUTO_TEST_SUITE_END()
