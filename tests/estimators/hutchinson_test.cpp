#include "hessq/estimators/hutchinson.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/draws.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <string>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(hutchinson)

namespace {

double off_diagonal_squares(const Matrix& a) { return a.squaredNorm() - a.diagonal().squaredNorm(); }

} // namespace

BOOST_AUTO_TEST_CASE(a_diagonal_matrix_is_known_exactly_from_two_samples) {
    const Vector d = (Vector(3) << 0.1, -2.0, 7.3).finished();
    const SymmetricOperator a = diagonal_operator(d);

    const Estimate trace = hutchinson_trace(a, {.samples = 7, .seed = 3});
    const VectorEstimate diagonal = hutchinson_diagonal(a, {.samples = 2});
    const VectorEstimate squares = hutchinson_squared_diagonal(a, {.samples = 2});

    BOOST_TEST(trace.value == 5.4, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(trace.std_error == 0.0);
    BOOST_TEST(trace.samples == 7);
    BOOST_TEST(trace.products == 7);
    BOOST_TEST((diagonal.value == d));
    BOOST_TEST((diagonal.std_error == Vector::Zero(3)));
    BOOST_TEST((squares.value == d.cwiseAbs2()));
    BOOST_TEST((squares.std_error == Vector::Zero(3)));
}

BOOST_AUTO_TEST_CASE(a_two_by_two_matrix_has_its_binomial_error) {
    // z'Az = 5 + 2 z_1 z_2: two values, 7 with frequency f. Mean 3 + 4 f, sample variance 16 f (1 - f) m / (m - 1).
    const SymmetricOperator a = dense_operator((Matrix(2, 2) << 2, 1, 1, 3).finished());

    const Estimate trace = hutchinson_trace(a, {.samples = 100, .seed = 1});

    const double f = (trace.value - 3.0) / 4.0;
    BOOST_TEST(std::abs(100.0 * f - std::round(100.0 * f)) <= 1e-10);
    BOOST_TEST(trace.std_error == std::sqrt(16.0 * f * (1.0 - f) / 99.0), boost::test_tools::tolerance(100 * eps));
    // 4 true standard errors: sqrt(2 * 2 / 100)
    BOOST_TEST(std::abs(trace.value - 5.0) <= 4 * 0.2);
}

BOOST_AUTO_TEST_CASE(error_bars_have_the_closed_form_variance_on_average) {
    // The mean of std_error^2 is the variance. Of 500 * 200 samples, each a polynomial of degree 2 in signs, whose
    // kurtosis is at most 81 (hypercontractivity), the relative error is sqrt(80 / 1e5) = 0.028; bound 4 sigma.
    const Matrix a = random_symmetric(12, 8);
    const SymmetricOperator op = dense_operator(a);
    const double m = 200.0;
    double trace = 0.0;
    Vector diagonal = Vector::Zero(12), squares = Vector::Zero(12);
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        const HutchinsonOptions options = {.samples = 200, .seed = seed, .block = 200};
        trace += std::pow(hutchinson_trace(op, options).std_error, 2) / 500.0;
        diagonal += hutchinson_diagonal(op, options).std_error.cwiseAbs2() / 500.0;
        squares += hutchinson_squared_diagonal(op, options).std_error.cwiseAbs2() / 500.0;
    }

    BOOST_TEST(trace == 2.0 * off_diagonal_squares(a) / m, boost::test_tools::tolerance(0.113));
    for (Index i = 0; i < 12; ++i) {
        const double row = a.row(i).squaredNorm(), fourth = a.row(i).array().pow(4).sum();
        BOOST_TEST(diagonal(i) == (row - a(i, i) * a(i, i)) / m, boost::test_tools::tolerance(0.113));
        BOOST_TEST(squares(i) == 2.0 * (row * row - fourth) / m, boost::test_tools::tolerance(0.113));
    }
}

BOOST_AUTO_TEST_CASE(two_sigma_covers_the_truth_95_percent_of_the_time) {
    // Binomial(1000, 0.9545): mean 954.5, sd 6.6; bound 3.5 sd = 23. With 200 samples Student's t makes it 95.3 %.
    const Matrix a = random_symmetric(30, 9);
    const SymmetricOperator op = dense_operator(a);
    int trace_covered = 0, diagonal_covered = 0, squares_covered = 0;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        const HutchinsonOptions options = {.samples = 200, .seed = seed, .block = 200};
        const Estimate trace = hutchinson_trace(op, options);
        const VectorEstimate diagonal = hutchinson_diagonal(op, options);
        const VectorEstimate squares = hutchinson_squared_diagonal(op, options);
        trace_covered += std::abs(trace.value - a.trace()) <= 2.0 * trace.std_error;
        diagonal_covered += std::abs(diagonal.value(5) - a(5, 5)) <= 2.0 * diagonal.std_error(5);
        squares_covered += std::abs(squares.value(5) - a.row(5).squaredNorm()) <= 2.0 * squares.std_error(5);
    }
    for (const int covered : {trace_covered, diagonal_covered, squares_covered}) {
        BOOST_TEST(covered >= 932);
        BOOST_TEST(covered <= 977);
    }
}

BOOST_AUTO_TEST_CASE(probes_do_not_depend_on_the_block_size) {
    const SymmetricOperator a = dense_operator(random_symmetric(40, 10));
    const VectorEstimate one = hutchinson_diagonal(a, {.samples = 30, .seed = 5, .block = 1});
    for (const Index block : {7, 30, 1000}) {
        const VectorEstimate other = hutchinson_diagonal(a, {.samples = 30, .seed = 5, .block = block});
        const double rounding = 40 * eps * one.value.norm();
        BOOST_TEST((one.value - other.value).cwiseAbs().maxCoeff() <= rounding);
        BOOST_TEST((one.std_error - other.std_error).cwiseAbs().maxCoeff() <= rounding);
    }
}

BOOST_AUTO_TEST_CASE(the_trace_is_the_sum_of_the_diagonal_from_the_same_probes) {
    const SymmetricOperator a = dense_operator(random_symmetric(40, 11));
    const HutchinsonOptions options = {.samples = 20, .seed = 6};
    const double sum = hutchinson_diagonal(a, options).value.sum();
    // Both are sums of 20 * 40 terms of size below |A|_F.
    BOOST_TEST(std::abs(hutchinson_trace(a, options).value - sum) <= 40 * eps * to_dense(a).norm() * std::sqrt(40.0));
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes_on_one_thread_and_on_four) {
    const SymmetricOperator a = dense_operator(random_symmetric(100, 12));
    const auto estimate = [&](int threads) {
        const ThreadLimit limit(threads);
        return hutchinson_squared_diagonal(a, {.samples = 130, .seed = 2, .block = 130});
    };
    const VectorEstimate one = estimate(1), four = estimate(4);
    BOOST_TEST((one.value == four.value));
    BOOST_TEST((one.std_error == four.std_error));
}

BOOST_AUTO_TEST_CASE(errors_on_published_spectra_are_those_of_the_formula, *boost::unit_test::label("slow")) {
    // n = 1000, 60 products: relative errors 0.108 (i^-2) and 0.072 (0.7^i) were published for other random bases.
    // The mean of 40 absolute normal errors is sqrt(2 / pi) sigma up to 12 %; bound 3.5 times that.
    Vector poly(1000), exponential(1000);
    for (Index i = 0; i < 1000; ++i) {
        poly(i) = std::pow(static_cast<double>(i + 1), -2.0);
        exponential(i) = std::pow(0.7, static_cast<double>(i));
    }
    BOOST_TEST(poly.sum() == 1.643934566682, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(exponential.sum() == 3.333333333333, boost::test_tools::tolerance(1e-12));
    for (const Vector& values : {poly, exponential}) {
        const Matrix a = with_spectrum(values, 13);
        const SymmetricOperator op = dense_operator(a);
        double error = 0.0;
        for (std::uint64_t seed = 0; seed < 40; ++seed)
            error +=
                std::abs(hutchinson_trace(op, {.samples = 60, .seed = seed, .block = 60}).value - values.sum()) / 40;
        const double sigma = std::sqrt(2.0 * off_diagonal_squares(a) / 60.0);
        BOOST_TEST(error == std::sqrt(2.0 / M_PI) * sigma, boost::test_tools::tolerance(0.42));
    }
}

BOOST_AUTO_TEST_CASE(independent_halves_have_no_bias_where_the_square_of_a_mini_batch_has) {
    // H_b = mean of 2 matrices x x' with x uniform over the signs of R^3 scaled by (1, 2, 3): E H = diag(1, 4, 9), and
    // (E H^2)_ii - (E H)^2_ii = sum_{j != i} s_i^2 s_j^2 / 2.
    const Vector s = (Vector(3) << 1.0, 2.0, 3.0).finished();
    const auto batch = [&](std::uint64_t index) {
        Matrix h = Matrix::Zero(3, 3);
        for (std::uint64_t k = 0; k < 2; ++k) {
            const Vector x = s.cwiseProduct(sign_vector(RandomStream(7, 2 * index + k), 3));
            h += 0.5 * x * x.transpose();
        }
        return dense_operator(h);
    };
    const Vector truth = s.array().pow(4);
    const Vector bias = 0.5 * s.array().square() * (s.squaredNorm() - s.array().square());
    const Index draws = 4000;
    Matrix halves(3, draws), squares(3, draws);
    for (Index d = 0; d < draws; ++d) {
        const auto index = static_cast<std::uint64_t>(d);
        const SymmetricOperator a = batch(2 * index), b = batch(2 * index + 1);
        const HutchinsonOptions options = {.samples = 2, .seed = index};
        const VectorEstimate product = hutchinson_squared_diagonal(a, b, options);
        BOOST_TEST_REQUIRE(product.products == 4);
        halves.col(d) = product.value;
        squares.col(d) = hutchinson_squared_diagonal(a, options).value;
    }
    for (Index i = 0; i < 3; ++i) {
        BOOST_TEST(z_score(halves.row(i).transpose(), truth(i)) <= 4.0);
        BOOST_TEST(z_score(squares.row(i).transpose(), truth(i) + bias(i)) <= 4.0);
        BOOST_TEST(z_score(squares.row(i).transpose(), truth(i)) >= 8.0);
    }
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_symmetric_is_refused) {
    const Matrix a = random_matrix(20, 20, 3);
    const SymmetricOperator op(20, [a](MatrixView v) -> Matrix { return a * v; });
    const auto names = [](const std::exception& error) {
        return std::string(error.what())
                   .find("the operator must be symmetric to 1e-6; measured |A - A'| / |A|; got ") != std::string::npos;
    };
    BOOST_CHECK_EXCEPTION((void)hutchinson_trace(op), std::invalid_argument, names);
    BOOST_CHECK_EXCEPTION((void)hutchinson_diagonal(op, {.block = 1}), std::invalid_argument, names);
    BOOST_CHECK_EXCEPTION((void)hutchinson_squared_diagonal(identity_operator(20), op), std::invalid_argument, names);
}

BOOST_AUTO_TEST_CASE(estimators_refuse_too_few_samples_and_empty_blocks) {
    const SymmetricOperator a = identity_operator(3);
    BOOST_CHECK_EXCEPTION((void)hutchinson_trace(a, {.samples = 1}), std::invalid_argument,
                          says("hutchinson_trace: samples must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION((void)hutchinson_diagonal(a, {.samples = 0}), std::invalid_argument,
                          says("hutchinson_diagonal: samples must be at least 2; got 0"));
    BOOST_CHECK_EXCEPTION((void)hutchinson_squared_diagonal(a, {.block = 0}), std::invalid_argument,
                          says("hutchinson_squared_diagonal: block must be at least 1; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
