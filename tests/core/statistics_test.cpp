#include "hessq/core/statistics.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(statistics)

BOOST_AUTO_TEST_CASE(a_line_through_four_points_has_the_textbook_fit) {
    const Vector x = (Vector(4) << 0, 1, 2, 3).finished();
    const Vector y = (Vector(4) << 1, 0, 3, 4).finished();

    const LineFit fit = fit_line(x, y);

    // slope 6/5, intercept 1/5, residuals (0.8, -1.4, 0.4, 0.2), sum of squares 2.8 = 10 - 36/5
    BOOST_TEST(fit.slope == 1.2, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(fit.intercept == 0.2, boost::test_tools::tolerance(16 * eps));
    BOOST_TEST(fit.residual_sd == std::sqrt(1.4), boost::test_tools::tolerance(16 * eps));
    BOOST_TEST(fit.slope_std_error == std::sqrt(1.4 / 5.0), boost::test_tools::tolerance(16 * eps));
    BOOST_TEST(fit.r_squared == 0.72, boost::test_tools::tolerance(16 * eps));
    BOOST_TEST(fit.points == 4);
}

BOOST_AUTO_TEST_CASE(an_exact_power_law_has_its_exponent_as_slope_in_logarithms) {
    const Vector lambda = Vector::LinSpaced(9, 0.5, 8.0);
    const Vector log_lambda = lambda.unaryExpr([](double x) { return std::log(x); });
    const Vector log_v = lambda.unaryExpr([](double x) { return std::log(3.0 * x * x); });

    const LineFit fit = fit_line(log_lambda, log_v);

    BOOST_TEST(fit.slope == 2.0, boost::test_tools::tolerance(9 * 8 * eps));
    BOOST_TEST(std::exp(fit.intercept) == 3.0, boost::test_tools::tolerance(9 * 8 * eps));
    BOOST_TEST(fit.r_squared == 1.0, boost::test_tools::tolerance(9 * eps));
}

BOOST_AUTO_TEST_CASE(a_constant_y_has_slope_zero_and_explains_nothing) {
    const LineFit fit = fit_line(Vector::LinSpaced(5, 0.0, 1.0), Vector::Constant(5, 0.1));
    BOOST_TEST(std::abs(fit.slope) <= 5 * eps);
    BOOST_TEST(fit.r_squared == 0.0);
}

BOOST_AUTO_TEST_CASE(the_slope_interval_of_three_points_uses_the_cauchy_quantile) {
    // One degree of freedom: the 97.5 % quantile is tan(pi 0.475).
    const LineFit fit = {.slope = 1.0, .slope_std_error = 0.5, .points = 3};
    const Interval interval = slope_interval(fit, 0.95);
    const double half = 0.5 * std::tan(M_PI * 0.475);
    BOOST_TEST(interval.lower == 1.0 - half, boost::test_tools::tolerance(1e-13));
    BOOST_TEST(interval.upper == 1.0 + half, boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(the_slope_interval_covers_the_truth_95_percent_of_the_time) {
    // 8 points: normal quantiles in place of Student's would cover 90 %, 541 of 600.
    // Binomial(600, 0.95): mean 570, sd 5.3; bound 3.3 sd.
    const Vector x = Vector::LinSpaced(8, -1.0, 2.0);
    int covered = 0;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        const Vector y = (2.0 * x).array() + 1.0 + 0.7 * normal_vector(RandomStream(seed, 1), 8).array();
        const Interval interval = slope_interval(fit_line(x, y), 0.95);
        if (interval.lower <= 2.0 && 2.0 <= interval.upper) ++covered;
    }
    BOOST_TEST(covered >= 570 - 18);
    BOOST_TEST(covered <= 570 + 18);
}

BOOST_AUTO_TEST_CASE(line_fits_refuse_what_has_no_line) {
    const Vector three = Vector::LinSpaced(3, 0.0, 1.0);
    BOOST_CHECK_EXCEPTION((void)fit_line(three.head(2), three.head(2)), std::invalid_argument,
                          says("fit_line: a line and its error need at least 3 points; got 2"));
    BOOST_CHECK_EXCEPTION((void)fit_line(three, three.head(2)), std::invalid_argument,
                          says("fit_line: y must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION((void)fit_line(Vector::Constant(3, 0.1), three), std::invalid_argument,
                          says("fit_line: x must not be constant; got 0.1"));
    BOOST_CHECK_EXCEPTION((void)fit_line(three, three * NAN), NumericalError,
                          says("fit_line: y is not finite: entry 0 is nan"));
    BOOST_CHECK_EXCEPTION((void)slope_interval(fit_line(three, three), 1.0), std::invalid_argument,
                          says("slope_interval: confidence must lie between 0 and 1; got 1"));
    BOOST_CHECK_EXCEPTION((void)slope_interval({}, 0.9), std::invalid_argument,
                          says("slope_interval: the fit must have at least 3 points; got 0"));
}

BOOST_AUTO_TEST_CASE(two_sources_are_recovered_from_the_linear_regression_law) {
    // v(lambda) = s^2 lambda^2 (1 + 1/B) + lambda (sigma^2 + s^2 tr H) / B, with c = lambda.
    const Vector lambda = (Vector(4) << 4.0, 2.0, 1.0, 0.25).finished();
    const double s2 = 0.5 * 0.5, sigma2 = 0.3 * 0.3, batch = 8.0;
    const double a = s2 * (1.0 + 1.0 / batch), b = (sigma2 + s2 * lambda.sum()) / batch;
    const Vector squared = lambda.cwiseAbs2();

    const TwoSourceFit fit = fit_two_sources(a * squared + b * lambda, squared, lambda);

    const double tolerance = 64 * eps; // condition of the two columns: below 4
    BOOST_TEST(fit.a == a, boost::test_tools::tolerance(tolerance));
    BOOST_TEST(fit.b == b, boost::test_tools::tolerance(tolerance));
    BOOST_TEST(fit.residual_rms <= tolerance);
    BOOST_TEST(fit.identifiable);
    for (Index k = 0; k < 4; ++k)
        BOOST_TEST(fit.signal_shares(k) == a * lambda(k) / (a * lambda(k) + b),
                   boost::test_tools::tolerance(tolerance));
}

BOOST_AUTO_TEST_CASE(a_negative_weight_is_replaced_by_the_better_edge) {
    // Columns p = (1, 1/2), q = (1, 1/4): the free fit is a = 3, b = -2. On the edges a = 1.5 / 1.25 with residuals
    // (0.2, -0.4), against b = 1.25 / 1.0625 with a larger misfit.
    const Vector w = Eigen::Vector2d(1, 8), s = Eigen::Vector2d(1, 4), c = Eigen::Vector2d(1, 2);

    const TwoSourceFit signal = fit_two_sources(w, s, c);
    const TwoSourceFit noise = fit_two_sources(w, c, s);

    BOOST_TEST(signal.a == 1.2, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(signal.b == 0.0);
    BOOST_TEST(signal.residual_rms == std::sqrt(0.1), boost::test_tools::tolerance(8 * eps));
    BOOST_TEST((signal.signal_shares == Vector::Ones(2)));
    BOOST_TEST(noise.a == 0.0);
    BOOST_TEST(noise.b == 1.2, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST((noise.signal_shares == Vector::Zero(2)));
    // cos^2 of the angle: (1 + 1/8)^2 / (1.25 * 1.0625)
    BOOST_TEST(signal.separation == std::sqrt(1.0 - 1.265625 / 1.328125), boost::test_tools::tolerance(16 * eps));
    BOOST_TEST(signal.identifiable);
}

BOOST_AUTO_TEST_CASE(the_fit_has_no_better_neighbour) {
    // The law of a constrained minimum: no feasible step in either weight lowers the sum of squares.
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const Matrix positive = random_matrix(6, 3, seed).unaryExpr([](double x) { return std::exp(x); });
        const Vector w = positive.col(0), s = positive.col(1), c = positive.col(2);
        const TwoSourceFit fit = fit_two_sources(w, s, c);
        const auto rms = [&](double a, double b) {
            return std::sqrt((((a * s + b * c).array() / w.array()) - 1.0).square().mean());
        };
        BOOST_TEST(fit.residual_rms == rms(fit.a, fit.b), boost::test_tools::tolerance(64 * eps));
        const double h = 1e-4;
        BOOST_TEST(rms(fit.a + h, fit.b) > fit.residual_rms);
        BOOST_TEST(rms(fit.a, fit.b + h) > fit.residual_rms);
        if (fit.a > h) BOOST_TEST(rms(fit.a - h, fit.b) > fit.residual_rms);
        if (fit.b > h) BOOST_TEST(rms(fit.a, fit.b - h) > fit.residual_rms);
    }
}

BOOST_AUTO_TEST_CASE(proportional_sources_are_called_not_identifiable) {
    const Vector squared = (Vector(3) << 16, 4, 1).finished();

    const TwoSourceFit parallel = fit_two_sources(6.0 * squared, squared, 3.0 * squared);
    BOOST_TEST(!parallel.identifiable);
    BOOST_TEST(parallel.separation <= 3 * eps);
    BOOST_TEST(parallel.a + 3.0 * parallel.b == 6.0, boost::test_tools::tolerance(8 * eps));

    const TwoSourceFit no_noise = fit_two_sources(6.0 * squared, squared, Vector::Zero(3));
    BOOST_TEST(!no_noise.identifiable);
    BOOST_TEST(no_noise.a == 6.0, boost::test_tools::tolerance(8 * eps));
    BOOST_TEST(no_noise.b == 0.0);
}

BOOST_AUTO_TEST_CASE(two_source_fits_refuse_impossible_moments) {
    const Vector one = Vector::Ones(2), zero = Vector::Zero(2);
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(zero, one, one), std::invalid_argument,
                          says("fit_two_sources: every w_k must be positive; got 0"));
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(one, -one, one), std::invalid_argument,
                          says("fit_two_sources: no s_k may be negative; got -1"));
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(one, one, -one), std::invalid_argument,
                          says("fit_two_sources: no c_k may be negative; got -1"));
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(one, zero, zero), std::invalid_argument,
                          says("fit_two_sources: s and c must not both be zero; got zero"));
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(one, one.head(1), one), std::invalid_argument,
                          says("fit_two_sources: s must have 2 entries; got 1"));
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(one.head(1), one.head(1), one.head(1)), std::invalid_argument,
                          says("fit_two_sources: two weights need at least 2 directions; got 1"));
    BOOST_CHECK_EXCEPTION((void)fit_two_sources(one * NAN, one, one), NumericalError,
                          says("fit_two_sources: w is not finite: entry 0 is nan"));
}

BOOST_AUTO_TEST_CASE(the_jackknife_of_a_mean_is_its_standard_error) {
    const Vector samples = normal_vector(RandomStream(1, 0), 12);
    const Matrix replicates = samples.transpose();
    const JackknifeEstimate found = jackknife(replicates, [](VectorView mean) { return mean(0); });
    const Estimate expected = mean_estimate(samples);
    BOOST_TEST(found.value == expected.value, boost::test_tools::tolerance(12 * eps));
    BOOST_TEST(found.std_error == expected.std_error, boost::test_tools::tolerance(100 * eps));
    BOOST_TEST(std::abs(found.bias) <= 12 * 12 * eps);
    BOOST_TEST(found.samples == 12);
}

BOOST_AUTO_TEST_CASE(the_jackknife_of_a_square_agrees_with_pen_and_paper) {
    // 1, 2, 6: mean 3, without one 4, 7/2, 3/2. Their squares 16, 49/4, 9/4 have mean 61/6 and squared deviations
    // 35^2/36 + 25^2/144 + 95^2/144 = 2425/24. The bias is s^2 / r = 7/3.
    const JackknifeEstimate found =
        jackknife(Matrix{{1.0, 2.0, 6.0}}, [](VectorView mean) { return mean(0) * mean(0); });
    BOOST_TEST(found.value == 9.0);
    BOOST_TEST(found.bias == 7.0 / 3.0, boost::test_tools::tolerance(100 * eps));
    BOOST_TEST(found.std_error == std::sqrt(2.0 / 3.0 * 2425.0 / 24.0), boost::test_tools::tolerance(100 * eps));
}

BOOST_AUTO_TEST_CASE(students_interval_of_two_samples_uses_the_cauchy_quantile) {
    const Interval interval = student_interval({.value = 2.0, .std_error = 0.5, .samples = 2}, 0.9);
    BOOST_TEST(interval.lower == 2.0 - 0.5 * std::tan(M_PI * 0.45), boost::test_tools::tolerance(1e-13));
    BOOST_TEST(interval.upper == 2.0 + 0.5 * std::tan(M_PI * 0.45), boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(two_replicates_have_the_bootstrap_interval_of_three_points) {
    // Resampled means are 0, 1/2 and 1 with probability 1/4, 1/2 and 1/4: both tails of 10 % are at the ends.
    const auto value = [](VectorView mean) { return mean(0); };
    const Interval found = bootstrap_interval(Matrix{{0.0, 1.0}}, value, {.confidence = 0.8});
    BOOST_TEST(found.lower == 0.0);
    BOOST_TEST(found.upper == 1.0);
    const Interval half = bootstrap_interval(Matrix{{0.0, 1.0}}, value, {.confidence = 0.3});
    BOOST_TEST(half.lower == 0.5);
    BOOST_TEST(half.upper == 0.5);
}

BOOST_AUTO_TEST_CASE(the_bootstrap_interval_of_a_normal_mean_covers_as_it_says, *boost::unit_test::label("slow")) {
    // z sqrt(19 / 20) = 1.9103 against Student's law with 19 degrees of freedom: 92.86 %. Of 600 seeds 557.2 +- 6.3
    // cover; 4 of them are 25.
    Index covered = 0;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        const Matrix replicates = normal_vector(RandomStream(seed, 2), 20).transpose();
        const Interval found =
            bootstrap_interval(replicates, [](VectorView mean) { return mean(0); }, {.resamples = 300, .seed = seed});
        covered += found.lower <= 0.0 && 0.0 <= found.upper;
    }
    BOOST_TEST(covered >= 532);
    BOOST_TEST(covered <= 582);
}

BOOST_AUTO_TEST_CASE(errors_from_replicates_refuse_wrong_arguments) {
    const auto value = [](VectorView mean) { return mean(0); };
    const auto refuses = [](const auto& call, const std::string& message) {
        BOOST_CHECK_EXCEPTION((void)call(), std::invalid_argument, says(message));
    };
    const Matrix two{{0.0, 1.0}};
    refuses([&] { return jackknife(Matrix::Zero(3, 1), value); },
            "jackknife: an error needs at least 2 replicates; got 1");
    refuses([&] { return bootstrap_interval(Matrix::Zero(3, 1), value); },
            "bootstrap_interval: an interval needs at least 2 replicates; got 1");
    refuses([&] { return bootstrap_interval(two, value, {.confidence = 1.0}); },
            "bootstrap_interval: confidence must lie between 0 and 1; got 1");
    refuses([&] { return bootstrap_interval(two, value, {.resamples = 19}); },
            "bootstrap_interval: resamples must be at least 20; got 19");
    refuses([&] { return student_interval({.std_error = 1.0, .samples = 1}, 0.95); },
            "student_interval: the estimate must have at least 2 samples; got 1");
    refuses([&] { return student_interval({.std_error = 1.0, .samples = 3}, 0.0); },
            "student_interval: confidence must lie between 0 and 1; got 0");
    BOOST_CHECK_THROW((void)jackknife(two, [](VectorView mean) { return std::log(mean(0) - 0.7); }), NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
