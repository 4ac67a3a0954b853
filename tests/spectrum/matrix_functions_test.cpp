#include "hessq/spectrum/matrix_functions.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <Eigen/QR>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;
using hessq::test::eps;
using hessq::test::random_matrix;
using hessq::test::says;

namespace {

/// A random orthogonal matrix times diag(lambda) times its transpose.
Matrix with_eigenvalues(const Vector& lambda, std::uint64_t seed) {
    const Index n = lambda.size();
    const Matrix q = Eigen::HouseholderQR<Matrix>(random_matrix(n, n, seed)).householderQ();
    const Matrix a = q * lambda.asDiagonal() * q.transpose();
    return 0.5 * (a + a.transpose());
}

/// f(A) v from all eigenvectors.
Vector exactly(const Matrix& a, const ScalarFunction& f, const Vector& v) {
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(a);
    Vector values = eigen.eigenvalues();
    for (double& x : values) x = f(x);
    return eigen.eigenvectors() * values.cwiseProduct(eigen.eigenvectors().transpose() * v);
}

} // namespace

BOOST_AUTO_TEST_SUITE(matrix_functions)

BOOST_AUTO_TEST_CASE(the_sine_of_an_11_by_11_matrix_takes_six_steps) {
    // Twice the best polynomial of degree 5 on [0.1, 0.9]: 4 (0.8 / 4)^6 / 6! = 4e-7.
    const Matrix a = with_eigenvalues(Vector::LinSpaced(11, 0.1, 0.9), 3);
    const Vector v = random_matrix(11, 1, 4).col(0).normalized();
    const auto sine = [](double x) { return std::sin(x); };
    const FunctionProduct six = function_product(dense_operator(a), sine, v, {.steps = 6, .tolerance = 0.0});
    BOOST_TEST((six.value - exactly(a, sine, v)).norm() <= 1e-6);
    BOOST_TEST(six.products == 6);
    BOOST_TEST(six.residual <= 1e-2);
}

BOOST_AUTO_TEST_CASE(the_residual_is_about_the_error_and_the_tolerance_stops_it) {
    const Matrix a = with_eigenvalues(Vector::LinSpaced(200, 0.1, 10.0), 5);
    const Vector v = random_matrix(200, 1, 6).col(0);
    for (const ScalarFunction& f :
         {ScalarFunction([](double x) { return std::exp(-x); }), ScalarFunction([](double x) { return std::sqrt(x); }),
          ScalarFunction([](double x) { return 1.0 / x; })}) {
        const Vector expected = exactly(a, f, v);
        const FunctionProduct product = function_product(dense_operator(a), f, v, {.steps = 150, .tolerance = 1e-6});
        BOOST_TEST(product.converged);
        BOOST_TEST(product.products < 150);
        BOOST_TEST((product.value - expected).norm() <= 1e-5 * expected.norm());
        BOOST_TEST(product.residual <= 1e-6 * product.value.norm());
        BOOST_TEST((product.value - expected).norm() <= 10.0 * product.residual);
    }
}

BOOST_AUTO_TEST_CASE(an_exhausted_space_gives_it_exactly) {
    Vector lambda = Vector::Ones(30);
    lambda.head(3) << 2.0, 5.0, -1.0;
    const Matrix a = with_eigenvalues(lambda, 7);
    const Vector v = random_matrix(30, 1, 8).col(0);
    const auto f = [](double x) { return x * x * x + std::abs(x); };
    const FunctionProduct product = function_product(dense_operator(a), f, v, {.tolerance = 0.0});
    BOOST_TEST(product.converged);
    BOOST_TEST(product.products <= 5); // four different eigenvalues
    BOOST_TEST((product.value - exactly(a, f, v)).norm() <= 1e-11 * product.value.norm());
    BOOST_CHECK(function_product(dense_operator(a), f, Vector::Zero(30)).value == Vector::Zero(30));
}

BOOST_AUTO_TEST_CASE(a_log_determinant_with_thirty_significant_eigenvalues) {
    // 30 eigenvalues spread over two decades, the others 1: log det is their sum of logarithms.
    Vector lambda = Vector::Ones(200);
    for (Index i = 0; i < 30; ++i) lambda(i) = std::pow(10.0, 2.0 * static_cast<double>(i + 1) / 30.0);
    const double expected = lambda.array().log().sum();
    const SpectralMeasure measure =
        spectral_measure(dense_operator(with_eigenvalues(lambda, 9)), {.steps = 10, .probes = 10, .seed = 1});
    const Estimate log_det = trace_of_function(measure, [](double x) { return std::log(x); });
    BOOST_TEST(log_det.products == 100);
    BOOST_TEST(std::abs(log_det.value - expected) <= 4.0 * log_det.std_error);
    BOOST_TEST(log_det.std_error <= 0.15 * expected);
}

BOOST_AUTO_TEST_CASE(what_is_known_counts_exactly) {
    const Vector lambda = Vector::LinSpaced(40, 1.0, 4.0);
    const Matrix a = lambda.asDiagonal();
    Eigenpairs all{lambda, Matrix::Identity(40, 40), Vector::Zero(40), std::vector<bool>(40, true)};
    const SpectralMeasure measure = spectral_measure(dense_operator(a), {.known = all});
    const Estimate trace = trace_of_function(measure, [](double x) { return x; });
    BOOST_TEST(std::abs(trace.value - lambda.sum()) <= 64.0 * eps * trace.value);
    BOOST_TEST(trace.std_error == 0.0);
    BOOST_TEST(std::abs(effective_rank(measure).value - lambda.sum() * lambda.sum() / lambda.squaredNorm()) <= 1e-12);
}

BOOST_AUTO_TEST_CASE(effective_rank_and_negative_mass_of_a_matrix_with_equal_sizes) {
    Vector lambda = Vector::Zero(100);
    lambda.head(10).setConstant(3.0);
    lambda.tail(30).setConstant(-1.0);
    const SpectralMeasure measure = spectral_measure(dense_operator(with_eigenvalues(lambda, 2)), {.probes = 40});
    const Estimate rank = effective_rank(measure), mass = negative_mass(measure);
    BOOST_TEST(std::abs(rank.value - 60.0 * 60.0 / 120.0) <= 4.0 * rank.std_error); // (30 + 30)^2 / (90 + 30)
    BOOST_TEST(std::abs(mass.value - 0.5) <= 4.0 * mass.std_error);
    BOOST_TEST(rank.std_error < 3.0);
    BOOST_TEST(mass.std_error < 0.05);
}

// Means of ratios: the jackknife's interval of two errors is near normal's 95.4 %.
BOOST_AUTO_TEST_CASE(two_errors_cover_the_trace_of_the_exponential) {
    const Vector lambda = Vector::LinSpaced(60, -2.0, 1.0);
    const SymmetricOperator a = dense_operator(with_eigenvalues(lambda, 11));
    const double expected = lambda.array().exp().sum();
    int covered = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Estimate trace = trace_of_function(spectral_measure(a, {.steps = 12, .probes = 20, .seed = seed}),
                                                 [](double x) { return std::exp(x); });
        if (std::abs(trace.value - expected) <= 2.0 * trace.std_error) ++covered;
    }
    // Student's t with 19 degrees of freedom: 94.0 %; 200 runs, four binomial errors of 1.7 %.
    BOOST_TEST(covered >= 174);
    BOOST_TEST(covered < 200);
}

BOOST_AUTO_TEST_CASE(a_function_without_a_value_is_refused) {
    const Matrix a = Eigen::Vector3d(1, 2, -4).asDiagonal();
    const SpectralMeasure measure = spectral_measure(dense_operator(a), {.probes = 2});
    const auto logarithm = [](double x) { return std::log(x); };
    BOOST_CHECK_EXCEPTION((void)trace_of_function(measure, logarithm), NumericalError, [](const NumericalError& error) {
        const std::string message = error.what();
        return message.starts_with("trace_of_function: expected f to be finite on the spectrum; got f(-") &&
               message.ends_with("nan");
    });
    BOOST_CHECK_THROW((void)function_product(dense_operator(a), logarithm, Vector::Ones(3)), NumericalError);
    BOOST_CHECK_EXCEPTION((void)function_product(dense_operator(a), logarithm, Vector::Ones(3), {.steps = 1}),
                          std::invalid_argument, says("function_product: steps must be at least 2; got 1"));
}

BOOST_AUTO_TEST_SUITE_END()
