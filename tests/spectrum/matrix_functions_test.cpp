#include "hessq/spectrum/matrix_functions.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(matrix_functions)

namespace {

double logarithm(double x) { return std::log(x); }
double sine(double x) { return std::sin(x); }
double root(double x) { return std::sqrt(x); }
double inverse(double x) { return 1.0 / x; }

Vector exact_product(const Matrix& a, double (*f)(double), const Vector& v) {
    return apply_function(symmetric_eigen(a), f) * v;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_constant_and_a_multiple_of_the_identity_have_no_error) {
    const SpectralMeasure m = spectral_measure(dense_operator(random_symmetric(50, 1)), {.steps = 8, .probes = 3});
    const FunctionTrace seven = trace_of_function(m, [](double) { return 7.0; });
    BOOST_TEST(seven.value == 350.0, boost::test_tools::tolerance(1e-13));
    BOOST_TEST(seven.std_error <= 1e-11);
    const SpectralMeasure two = spectral_measure(diagonal_operator(Vector::Constant(50, 2.0)), {.probes = 2});
    const FunctionTrace determinant = trace_of_function(two, logarithm);
    BOOST_TEST(determinant.value == 50.0 * std::log(2.0), boost::test_tools::tolerance(1e-13));
    BOOST_TEST(determinant.interval.upper - determinant.interval.lower <= 1e-9);
}

BOOST_AUTO_TEST_CASE(ninety_five_percent_intervals_cover_and_the_std_error_is_the_spread,
                     *boost::unit_test::label("slow")) {
    const Vector values = Vector::LinSpaced(60, 0.1, 4.0);
    const SymmetricOperator a = diagonal_operator(values);
    const double truth = values.array().log().sum();
    constexpr int seeds = 400;
    int covered = 0;
    double squares = 0.0, claimed = 0.0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const FunctionTrace t =
            trace_of_function(spectral_measure(a, {.steps = 25, .probes = 4, .seed = seed}), logarithm);
        covered += t.interval.lower <= truth && truth <= t.interval.upper;
        squares += std::pow(t.value - truth, 2) / seeds;
        claimed += std::pow(t.std_error, 2) / seeds;
    }
    BOOST_TEST(covered >= 365); // binomial: 0.9995
    // The Dirichlet law: 2 N^2 / (m N + 2) times the variance of f. Relative errors of variances from 400: 7 %.
    const Vector logs = values.array().log();
    const double variance = 2.0 * 3600.0 / 242.0 * (logs.array() - logs.mean()).square().mean();
    BOOST_TEST(claimed == variance, boost::test_tools::tolerance(0.05));
    BOOST_TEST(squares == variance, boost::test_tools::tolerance(0.28));
}

BOOST_AUTO_TEST_CASE(the_log_determinant_of_matfree_is_met_on_average_and_exactly_with_the_outliers_known) {
    // 30 significant eigenvalues among 200, 10 products and 10 samples. One standard error of any such estimate is 1.3
    // % (from the Dirichlet law), so 1 % is asked of the mean over 20 seeds.
    Vector values = Vector::Constant(200, 1e-3);
    for (Index i = 0; i < 30; ++i) values(i) = static_cast<double>(i) / 200.0 + 1.0;
    const SymmetricOperator a = dense_operator(with_spectrum(values, 2));
    const double truth = values.array().log().sum();
    double mean = 0.0;
    for (std::uint64_t seed = 0; seed < 20; ++seed)
        mean += trace_of_function(spectral_measure(a, {.steps = 10, .probes = 10, .seed = seed}), logarithm).value / 20;
    BOOST_TEST(mean == truth, boost::test_tools::tolerance(1e-2));
    const ExtremeEigenpairs ends = extreme_eigenpairs(a, {.top = 30, .bottom = 0});
    const FunctionTrace t =
        trace_of_function(spectral_measure(a, {.steps = 10, .probes = 2, .known = ends.top}), logarithm);
    BOOST_TEST(t.value == truth, boost::test_tools::tolerance(1e-8));
}

BOOST_AUTO_TEST_CASE(the_quadrature_error_is_seen_when_the_steps_are_too_few) {
    const Vector values = Vector::LinSpaced(400, 1e-4, 1.0);
    const SymmetricOperator a = diagonal_operator(values);
    const double truth = values.array().inverse().sum();
    const FunctionTrace few = trace_of_function(spectral_measure(a, {.steps = 8, .probes = 4}), inverse);
    BOOST_TEST(std::abs(few.value - truth) > 3.0 * few.std_error + few.quadrature_error * 1e-3);
    BOOST_TEST(few.quadrature_error > 0.1 * few.value);
    const FunctionTrace entropy = trace_of_function(spectral_measure(a, {.steps = 60, .probes = 4}), sine);
    BOOST_TEST(entropy.quadrature_error <= 1e-9);
}

BOOST_AUTO_TEST_CASE(bounds_of_bai_and_golub_hold) {
    // Eigenvalues 1, 2, 3, 4: Gauss's rule bounds tr ln A from above, all even derivatives of ln being negative; for
    // one probe with equal weights this is no statement about chance.
    const SymmetricOperator a = diagonal_operator(Eigen::Vector4d(1, 2, 3, 4));
    const double truth = std::log(24.0);
    double before = 10.0;
    for (const Index steps : {1, 2, 3, 4}) {
        const Quadrature rule = gauss_quadrature(lanczos(a, Vector::Ones(4), {.steps = steps}).tridiagonals[0]);
        const double bound = 4.0 * rule.weights.dot(rule.nodes.array().log().matrix());
        BOOST_TEST(bound >= truth - 1e-14);
        BOOST_TEST(bound < before);
        BOOST_TEST(bound < 1.2 * truth);
        before = bound;
    }
    BOOST_TEST(before == truth, boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(six_steps_give_the_sine_of_an_eleven_by_eleven_matrix_to_a_millionth) {
    const Matrix a = with_spectrum(Vector::LinSpaced(11, 0.01, 0.99), 3);
    const Vector v = random_matrix(11, 1, 4);
    const FunctionProduct p = apply_function(dense_operator(a), sine, v, {.max_steps = 6, .tolerance = 0.0});
    BOOST_TEST(p.products == 6);
    BOOST_TEST((p.value - exact_product(a, sine, v)).cwiseAbs().maxCoeff() <= 1e-6);
}

BOOST_AUTO_TEST_CASE(products_with_functions_agree_with_the_dense_ones) {
    const Matrix a = with_spectrum(Vector::LinSpaced(120, 0.5, 3.0), 5);
    const Vector v = random_matrix(120, 1, 6);
    for (double (*const f)(double) : {logarithm, sine, root, inverse}) {
        const FunctionProduct p = apply_function(dense_operator(a), f, v);
        const Vector exact = exact_product(a, f, v);
        BOOST_TEST(p.converged);
        BOOST_TEST(p.products < 60);
        BOOST_TEST((p.value - exact).norm() <= 1e-9 * exact.norm());
        BOOST_TEST(p.error_estimate <= 1e-10 * p.value.norm());
    }
    const FunctionProduct short_one = apply_function(dense_operator(a), inverse, v, {.max_steps = 8});
    BOOST_TEST(!short_one.converged);
    BOOST_TEST(short_one.error_estimate >= (short_one.value - exact_product(a, inverse, v)).norm());
}

BOOST_AUTO_TEST_CASE(an_invariant_space_gives_the_product_exactly) {
    const SymmetricOperator a = diagonal_operator(Eigen::Vector4d(1, 1, 4, 4));
    const FunctionProduct p = apply_function(a, root, Vector::Ones(4));
    BOOST_TEST(p.converged);
    BOOST_TEST(p.products == 2);
    BOOST_TEST((p.value - Eigen::Vector4d(1, 1, 2, 2)).norm() <= 16 * eps);
    BOOST_TEST((apply_function(a, root, Vector::Zero(4)).value == Vector::Zero(4)));
}

BOOST_AUTO_TEST_CASE(zero_to_rounding_is_zero) {
    // A Ritz value of -1e-17 has no square root; the matrix is semidefinite.
    const Matrix x = random_matrix(40, 15, 7);
    const Matrix a = x * x.transpose();
    const SpectralMeasure m = spectral_measure(dense_operator(a), {.steps = 30, .probes = 3});
    BOOST_TEST(std::isfinite(trace_of_function(m, root).value));
}

BOOST_AUTO_TEST_CASE(functions_that_are_not_finite_on_the_spectrum_are_refused) {
    const SymmetricOperator indefinite = diagonal_operator(Eigen::Vector3d(-2.0, 1.0, 3.0));
    const SpectralMeasure m = spectral_measure(indefinite, {.steps = 3, .probes = 1});
    BOOST_CHECK_EXCEPTION((void)trace_of_function(m, logarithm), NumericalError,
                          says("trace_of_function: expected f to be finite on the spectrum; got nan at -2"));
    BOOST_CHECK_EXCEPTION((void)apply_function(indefinite, logarithm, Vector::Ones(3)), NumericalError,
                          says("apply_function: expected f to be finite on the spectrum; got nan at -2"));
    const SpectralMeasure zero = spectral_measure(diagonal_operator(Vector::Zero(5)), {.probes = 1});
    BOOST_CHECK_EXCEPTION((void)trace_of_function(zero, logarithm), NumericalError,
                          says("trace_of_function: expected f to be finite on the spectrum; got inf at 0"));
    BOOST_CHECK_EXCEPTION((void)trace_of_function(m, sine, 1.5), std::invalid_argument,
                          says("trace_of_function: confidence must lie between 0 and 1; got 1.5"));
    BOOST_CHECK_EXCEPTION((void)apply_function(indefinite, sine, Vector::Ones(2)), std::invalid_argument,
                          says("apply_function: v must have 3 entries; got 2"));
}

BOOST_AUTO_TEST_CASE(effective_rank_and_negative_mass_of_a_matrix_with_equal_sizes) {
    Vector lambda = Vector::Zero(100);
    lambda.head(10).setConstant(3.0);
    lambda.tail(30).setConstant(-1.0);
    const SpectralMeasure measure = spectral_measure(diagonal_operator(lambda), {.probes = 40});
    const Estimate rank = effective_rank(measure), mass = negative_mass(measure);
    BOOST_TEST(std::abs(rank.value - 60.0 * 60.0 / 120.0) <= 4.0 * rank.std_error); // (30 + 30)^2 / (90 + 30)
    BOOST_TEST(std::abs(mass.value - 0.5) <= 4.0 * mass.std_error);
    BOOST_TEST(rank.std_error < 3.0);
    BOOST_TEST(mass.std_error < 0.05);
}

BOOST_AUTO_TEST_SUITE_END()
