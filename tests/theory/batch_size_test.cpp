// Each law against numbers printed in the theory (to the printed digits), numbers made by mpmath, a form worked by
// hand, or a simulation that knows the definitions only (4 standard errors).
#include "hessq/theory/batch_size.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "support/draws.hpp"
#include "support/json.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/printed.hpp"
#include "support/step_problems.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <vector>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(batch_size)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The first example of d.3.
StepProblem example() {
    return {.gradient = Eigen::Vector3d(1.0, -0.5, 0.25),
            .hessian = (Eigen::Matrix3d() << 2.0, 0.5, 0.2, 0.5, 1.0, 0.1, 0.2, 0.1, 0.5).finished(),
            .noise_sd = Eigen::Vector3d(2.0, 1.0, 0.5)};
}

/// The second example of d.3.
StepProblem surging() { return alike(10, 0.5, 10.0); }

/// Of directions u (columns): the mean fall of the model at the rate is the decrease, and no other rate is better.
void check_best_step(const BestStep& step, const StepProblem& problem, const Matrix& u) {
    const Vector slopes = u.transpose() * problem.gradient;
    const Vector curvatures = (u.cwiseProduct(problem.hessian * u)).colwise().sum().transpose();
    BOOST_TEST(z_score(step.rate * slopes - 0.5 * step.rate * step.rate * curvatures, step.decrease) <= 4.0);
    BOOST_TEST(z_score(slopes - step.rate * curvatures, 0.0) <= 4.0);
}

/// Gradients of batches: g + root z / sqrt(B), columns.
Matrix gradients(const StepProblem& problem, const Matrix& root, double batch, Index draws, std::uint64_t seed) {
    const Matrix z = random_matrix(problem.gradient.size(), draws, seed);
    return ((root * z) / std::sqrt(batch)).colwise() + problem.gradient;
}

double sign(double x) { return x > 0.0 ? 1.0 : -1.0; }

/// Steps until the expected loss of a diagonal quadratic is `target` of what it was, with the best rate at each step.
double greedy_steps(const Vector& lambda, double noise, double target, double batch) {
    Vector s = Vector::Ones(lambda.size());
    const double goal = target * lambda.dot(s);
    for (double step = 0.0;; step += 1.0) {
        const double before = lambda.dot(s);
        const Vector moment = lambda.array().square() * s.array() + noise * lambda.array() / batch; // of the gradient
        const double rate = lambda.cwiseAbs2().dot(s) / lambda.dot(moment);
        s = (1.0 - 2.0 * rate * lambda.array()) * s.array() + rate * rate * moment.array();
        const double after = lambda.dot(s);
        if (after <= goal) return step + (before - goal) / (before - after);
    }
}

} // namespace

// --- d2, d3 ---------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_rules_scale_a_rate) {
    BOOST_TEST(scaled_rate(ScalingRule::linear, 0.1, 4.0) == 0.4);
    BOOST_TEST(scaled_rate(ScalingRule::square_root, 0.1, 4.0) == 0.2);
    const AdamSettings scaled = malladi_rule({.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8}, 4.0);
    BOOST_TEST(scaled.rate == 2e-3, tolerance(4 * eps));
    BOOST_TEST(scaled.beta1 == 0.6, tolerance(4 * eps));
    BOOST_TEST(scaled.beta2 == 0.96, tolerance(4 * eps));
    BOOST_TEST(scaled.eps == 5e-9, tolerance(4 * eps));
    BOOST_CHECK_EXCEPTION((void)malladi_rule({.beta1 = 0.5}, 4.0), std::invalid_argument,
                          says("malladi_rule: factor (1 - beta) must be at most 1; got 2"));
}

// --- d4-d8 ----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_first_example_has_its_printed_numbers) { // d.3
    const StepProblem p = example();
    const NoiseScales scales = noise_scales(p.gradient, p.hessian, Matrix(p.noise_sd.cwiseAbs2().asDiagonal()));
    check_printed(scales.rate_max, .7070707, 1e-7);
    check_printed(scales.noise_batch, 4.9158249, 1e-7);
    BOOST_TEST(scales.simple_batch == 4.0, tolerance(4 * eps));
    const std::vector<std::vector<double>> printed = {{1.0, .1195219, .0784363, .1981020, .0663759},
                                                      {8.0, .4379562, .2874088, .5029961, .3708908},
                                                      {64.0, .6566347, .4309166, .6480828, .5670365},
                                                      {infinity, .7070707, scales.decrease_max, .6481481, .5671296}};
    for (const auto& row : printed) {
        const BestStep sgd = sgd_best_step(scales, row[0]), signs = sign_best_step(p, row[0]);
        check_printed(sgd.rate, row[1], 1e-7);
        check_printed(sgd.decrease, row[2], 1e-7);
        check_printed(signs.rate, row[3], 1e-7);
        check_printed(signs.decrease, row[4], 1e-7);
    }
}

BOOST_AUTO_TEST_CASE(the_best_sgd_step_is_that_of_all_batches_of_any_law) { // E-d1
    // Four samples that are far from Gaussian; all 16 batches of two with replacement.
    const Matrix samples = (Matrix(2, 4) << 3.0, -1.0, 0.0, 2.0, 0.5, 0.5, -4.0, 1.0).finished();
    StepProblem p{.gradient = samples.rowwise().mean(),
                  .hessian = (Matrix(2, 2) << 2.0, 0.7, 0.7, 1.0).finished(),
                  .noise_sd = Vector()};
    const Matrix centered = samples.colwise() - p.gradient;
    const BestStep best =
        sgd_best_step(noise_scales(p.gradient, p.hessian, 0.25 * centered * centered.transpose()), 2.0);
    const auto decrease = [&](double rate) {
        double sum = 0.0;
        for (Index i = 0; i < 4; ++i)
            for (Index j = 0; j < 4; ++j) {
                const Vector u = 0.5 * (samples.col(i) + samples.col(j));
                const Vector curved = p.hessian * u;
                sum += rate * u.dot(p.gradient) - 0.5 * rate * rate * u.dot(curved);
            }
        return sum / 16.0;
    };
    BOOST_TEST(decrease(best.rate) == best.decrease, tolerance(20 * eps));
    BOOST_TEST(decrease(1.01 * best.rate) < best.decrease);
    BOOST_TEST(decrease(0.99 * best.rate) < best.decrease);
}

BOOST_AUTO_TEST_CASE(the_two_noise_batches_can_agree_for_any_hessian) { // y5
    const NoiseScales scales =
        noise_scales(Eigen::Vector2d(1.0, 1.0), Matrix(Eigen::Vector2d(1.0, 3.0).asDiagonal()), Matrix::Identity(2, 2));
    BOOST_TEST(scales.noise_batch == scales.simple_batch, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(without_positive_curvature_there_is_no_best_rate) { // yp6
    const Matrix saddle = Eigen::Vector2d(1.0, -1.0).asDiagonal();
    const NoiseScales along = noise_scales(Eigen::Vector2d(0.5, 1.0), saddle, Matrix::Identity(2, 2));
    BOOST_TEST((along.status == StepStatus::unbounded));
    BOOST_TEST((sgd_best_step(along, 8.0).status == StepStatus::unbounded));
    BOOST_TEST(sgd_best_step(along, 8.0).rate == infinity);
    // Across it: the noise sees the negative direction, and small batches fall for ever. tr(Sigma H) / g'H g = -4.
    const NoiseScales across =
        noise_scales(Eigen::Vector2d(1.0, 0.0), saddle, Matrix(Eigen::Vector2d(1, 5).asDiagonal()));
    BOOST_TEST(across.noise_batch == -4.0, tolerance(4 * eps));
    BOOST_TEST((sgd_best_step(across, 3.0).status == StepStatus::unbounded));
    BOOST_TEST(sgd_best_step(across, 8.0).rate == 2.0, tolerance(4 * eps));
    BOOST_TEST((best_step(Eigen::Vector2d(1, 1), saddle, Eigen::Vector2d(1, 1), Matrix::Ones(2, 2)).status ==
                StepStatus::unbounded));
}

BOOST_AUTO_TEST_CASE(momentum_counts_as_a_larger_batch) { // d17, E-d9
    BOOST_TEST(momentum_batch(2.0, 0.9) == 38.0, tolerance(8 * eps));
    BOOST_TEST(momentum_batch(2.0, 0.0) == 2.0);
    // Momentum of gradients that stand still, but for their noise: weights 0.2 0.8^k.
    const StepProblem p = example();
    const double batch = 3.0, beta1 = 0.8;
    const Index draws = 4000;
    Matrix m = Matrix::Zero(3, draws);
    for (std::uint64_t t = 0; t < 80; ++t) // 0.8^80 = 2e-8 of the start is left
        m = beta1 * m + (1.0 - beta1) * gradients(p, p.noise_sd.asDiagonal(), batch, draws, 100 + t);
    const NoiseScales scales = noise_scales(p.gradient, p.hessian, Matrix(p.noise_sd.cwiseAbs2().asDiagonal()));
    check_best_step(sgd_best_step(scales, momentum_batch(batch, beta1)), p, m);
    check_best_step(sign_best_step(p, momentum_batch(batch, beta1)), p, m.unaryExpr(&sign));
}

BOOST_AUTO_TEST_CASE(a_hyperbola_is_found_again) { // d7, i17
    const Vector batches = Eigen::Vector<double, 6>(1, 3, 10, 30, 100, 1000);
    const Vector steps = 20.0 * (1.0 + 50.0 / batches.array());
    const Vector samples = steps.cwiseProduct(batches);
    for (const HyperbolaFit& fit : {fit_inverse_hyperbola(steps, samples), fit_log_hyperbola(steps, samples)}) {
        BOOST_TEST(fit.steps_min == 20.0, tolerance(1e-7)); // a minimum is known to the root of eps
        BOOST_TEST(fit.samples_min == 1000.0, tolerance(1e-7));
        BOOST_TEST(fit.critical_batch == 50.0, tolerance(1e-7));
        BOOST_TEST(fit.r_squared == 1.0, tolerance(1e-12));
        BOOST_TEST((steps(2) / fit.steps_min - 1.0) * (samples(2) / fit.samples_min - 1.0) == 1.0, tolerance(1e-6));
    }
}

BOOST_AUTO_TEST_CASE(greedy_runs_lie_on_the_printed_hyperbolas) { // E-d4, yp11
    Vector batches(12);
    for (Index k = 0; k < 9; ++k) batches(k) = std::pow(2.0, static_cast<double>(k));
    batches.tail(3) << 1024.0, 4096.0, 1e6;
    Vector log_uniform(50);
    for (Index k = 0; k < 50; ++k) log_uniform(k) = 0.01 * std::pow(100.0, static_cast<double>(k) / 49.0);
    struct Row {
        double noise, target, linear, critical, linear_isotropic;
    };
    for (const Row& row :
         {Row{1.0, 0.1, .9976, 22.9, .755}, Row{1.0, 0.02, .9968, 217.0, .736}, Row{10.0, 0.1, .9983, 232.0, .773}})
        for (const bool isotropic : {false, true}) {
            const Vector lambda = isotropic ? Vector(Vector::Ones(50)) : log_uniform;
            Vector steps(12);
            for (Index k = 0; k < 12; ++k) steps(k) = greedy_steps(lambda, row.noise, row.target, batches(k));
            const Vector samples = steps.cwiseProduct(batches);
            const HyperbolaFit line = fit_inverse_hyperbola(steps, samples), log = fit_log_hyperbola(steps, samples);
            if (isotropic) {
                check_printed(line.r_squared, row.linear_isotropic, 1e-3);
                BOOST_TEST((log.r_squared >= .9615 && log.r_squared <= .9905), log.r_squared);
            } else {
                check_printed(line.r_squared, row.linear, 1e-4);
                check_printed(line.critical_batch, row.critical, row.critical < 100.0 ? 0.1 : 1.0);
                BOOST_TEST((log.r_squared >= .99965 && log.r_squared <= .99995), log.r_squared);
            }
        }
}

// --- d9, i14, y4 ----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_best_sign_step_is_that_of_drawn_signs) { // d9
    const StepProblem p = example();
    for (const double batch : {1.0, 8.0})
        check_best_step(sign_best_step(p, batch), p,
                        gradients(p, p.noise_sd.asDiagonal(), batch, 100000, 3).unaryExpr(&sign));
}

BOOST_AUTO_TEST_CASE(a_coordinate_without_noise_has_its_sign) {
    StepProblem p = example();
    p.noise_sd.setZero();
    BOOST_TEST(sign_best_step(p, 1.0).rate == sign_best_step(example(), infinity).rate);
    const Vector means = sign_means(Eigen::Vector3d(0.0, 0.0, -2.0), Eigen::Vector3d(0.0, 1.0, 0.0), 4.0);
    BOOST_TEST(means == Eigen::Vector3d(0.0, 0.0, -1.0));
    p.gradient(1) = 0.0; // u = (1, 0, 1): nothing is paid for the second coordinate
    BOOST_TEST(sign_best_step(p, 1.0).rate == 1.25 / (2.0 + 0.5 + 0.4), tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(a_larger_batch_can_make_the_best_sign_step_worse) { // y4
    const StepProblem p{.gradient = Eigen::Vector2d(1.0, 0.01),
                        .hessian = (Matrix(2, 2) << 1.0, 0.9, 0.9, 1.0).finished(),
                        .noise_sd = Eigen::Vector2d(1.0, 1.0)};
    const std::vector<double> batches = {1, 10, 30, 100, 1e3, 1e4, infinity};
    const std::vector<double> printed = {.1160, .2438, .2408, .2336, .2054, .1570, .1342};
    for (std::size_t k = 0; k < batches.size(); ++k)
        check_printed(sign_best_step(p, batches[k]).decrease, printed[k], 1e-4);
}

BOOST_AUTO_TEST_CASE(products_of_signs_have_mpmath_s_means) { // i14
    const auto reference = test::json_in(HESSQ_TEST_DATA "/reference/scaling_laws.json");
    const auto pairs = reference.at("pairs").get<std::vector<std::vector<double>>>();
    const auto signs = reference.at("signs").get<std::vector<double>>();
    BOOST_REQUIRE(pairs.size() == signs.size());
    for (std::size_t k = 0; k < pairs.size(); ++k) {
        const double h = pairs[k][0], other = pairs[k][1], r = pairs[k][2];
        // Five numbers of size 1, each right to a few eps.
        BOOST_TEST(std::abs(sign_product_mean(h, other, r) - signs[k]) <= 1e-14, "h = " << h << ", r = " << r);
        BOOST_TEST(std::abs(sign_product_mean(other, h, r) - signs[k]) <= 1e-14);
    }
    check_printed(sign_product_mean(.4, -.7, .5), .05477, 1e-5);
}

BOOST_AUTO_TEST_CASE(fully_correlated_signs_differ_between_the_thresholds_only) {
    const auto cdf = [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); };
    const double between = cdf(0.8) - cdf(-0.3);
    BOOST_TEST(sign_product_mean(0.8, -0.3, 1.0) == 1.0 - 2.0 * between, tolerance(8 * eps));
    BOOST_TEST(sign_product_mean(0.8, 0.3, -1.0) == 2.0 * between - 1.0, tolerance(8 * eps));
    // The limit of correlations near 1: the density at the edges times sqrt(1 - r).
    BOOST_TEST(sign_product_mean(0.8, -0.3, 1.0 - 1e-12) == 1.0 - 2.0 * between, tolerance(1e-5));
    BOOST_TEST(bivariate_normal_cdf(0.8, -0.3, 1.0) == cdf(-0.3), tolerance(8 * eps));
    BOOST_TEST(bivariate_normal_cdf(0.8, -0.3, 0.0) == cdf(0.8) * cdf(-0.3), tolerance(8 * eps));
    BOOST_TEST(bivariate_normal_cdf(0.0, 0.0, 0.5) == 1.0 / 3.0, tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(correlated_signs_step_as_drawn_ones_do) { // E-d5
    const StepProblem p = example();
    const Matrix root = (Matrix(3, 3) << 2.0, 0.0, 0.0, -0.6, 0.8, 0.0, 0.3, 0.3, 0.2).finished();
    const Matrix noise = root * root.transpose();
    const BestStep best = correlated_sign_best_step(p.gradient, p.hessian, noise, 4.0);
    check_best_step(best, p, gradients(p, root, 4.0, 100000, 5).unaryExpr(&sign));
    // Correlations were not lost on it, and without them it is sign_best_step.
    BOOST_TEST(std::abs(best.rate / sign_best_step(p, 4.0).rate - 1.0) > 0.01);
    const Matrix diagonal = p.noise_sd.cwiseAbs2().asDiagonal();
    BOOST_TEST(correlated_sign_best_step(p.gradient, p.hessian, diagonal, 4.0).rate == sign_best_step(p, 4.0).rate,
               tolerance(1e-14));
    check_printed(2.0 / std::numbers::pi * std::asin(0.6),
                  sign_second_moment(Vector::Zero(2), (Matrix(2, 2) << 4.0, 1.2, 1.2, 1.0).finished(), 9.0)(0, 1),
                  1e-14);
}

// --- d9, d11-d13, d17 -----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_surge_example_has_its_printed_numbers) { // d.3
    const StepProblem p = surging();
    const AttenuatedCurve essay = sign_curve(p, Attenuation::essay, NoiseRatio::mean_of_ratios);
    const AttenuatedCurve mean_field = sign_curve(p, Attenuation::mean_field, NoiseRatio::ratio_of_sums);
    check_printed(std::sqrt(essay.flat / essay.excess), .4714045, 1e-7);
    const RatePeak peak = surge(essay);
    BOOST_TEST(peak.exists);
    check_printed(peak.rate, .2357023, 1e-7);
    check_printed(peak.batch, 44.880, 1e-3);
    check_printed(decrease_law(essay).noise_batch, 28.560, 1e-3);
    check_printed(attenuated_step(essay, infinity).rate, .1818182, 1e-7);
    const std::vector<std::vector<double>> printed = {{1, .077444, .077334, .095259},
                                                      {10, .194316, .192736, .213976},
                                                      {100, .220415, .226760, .217571},
                                                      {1000, .181999, .190147, .187287}};
    for (const auto& row : printed) {
        check_printed(sign_best_step(p, row[0]).rate, row[1], 1e-6);
        check_printed(attenuated_step(essay, row[0]).rate, row[2], 1e-6);
        check_printed(attenuated_step(mean_field, row[0]).rate, row[3], 1e-6);
        // All coordinates are alike: nothing was averaged.
        BOOST_TEST(attenuated_sign_best_step(p, row[0], Attenuation::essay).rate == attenuated_step(essay, row[0]).rate,
                   tolerance(1e-14));
        // The decrease has the hyperbola's form (d13).
        const DecreaseLaw law = decrease_law(essay);
        BOOST_TEST(attenuated_step(essay, row[0]).decrease == law.decrease_max / (1.0 + law.noise_batch / row[0]),
                   tolerance(1e-14));
    }
    const RatePeak exact = find_rate_peak([&](double batch) { return sign_best_step(p, batch).rate; });
    BOOST_TEST(exact.exists);
    check_printed(exact.batch, 39.709, 1e-3);
    BOOST_TEST(exact.rate == peak.rate, tolerance(1e-12));
    BOOST_TEST(exact.height == peak.height, tolerance(1e-11));
    check_printed(1.0 / decrease_law(essay).noise_batch - 1.0 / peak.batch, 4.0 / (std::numbers::pi * 100.0),
                  1e-12); // d13
}

BOOST_AUTO_TEST_CASE(a_curve_peaks_where_the_signal_costs_more_than_the_noise) { // d12, i16, yp5
    const AttenuatedCurve curve{.slope = 3.0, .flat = 2.0, .excess = 5.0, .noise_batch = 7.0};
    const RatePeak peak = surge(curve);
    const RatePeak found = find_rate_peak([&](double batch) { return attenuated_step(curve, batch).rate; });
    BOOST_TEST(found.batch == peak.batch, tolerance(1e-6));
    BOOST_TEST(found.rate == peak.rate, tolerance(1e-13));
    BOOST_TEST(found.height == peak.height, tolerance(1e-12));
    for (const double excess : {2.0, 1.0, 0.0, -1.0}) {
        const AttenuatedCurve flat{.slope = 3.0, .flat = 2.0, .excess = excess, .noise_batch = 7.0};
        BOOST_TEST(!surge(flat).exists);
        BOOST_TEST(!find_rate_peak([&](double batch) { return attenuated_step(flat, batch).rate; }).exists);
        const DecreaseLaw law = decrease_law(flat);
        BOOST_TEST(attenuated_step(flat, 4.0).decrease == law.decrease_max / (1.0 + law.noise_batch / 4.0),
                   tolerance(8 * eps));
    }
    // An indefinite H: past some batch the model falls for ever along the signs.
    const AttenuatedCurve indefinite{.slope = 3.0, .flat = 2.0, .excess = -3.0, .noise_batch = 7.0};
    BOOST_TEST((decrease_law(indefinite).status == StepStatus::unbounded));
    BOOST_TEST((attenuated_step(indefinite, infinity).status == StepStatus::unbounded));
    BOOST_TEST((attenuated_step(indefinite, 7.0).status == StepStatus::bounded)); // beta^2 = 1/2
}

BOOST_AUTO_TEST_CASE(for_a_diagonal_hessian_the_rate_starts_with_the_root_of_the_batch) { // d11, y14
    const StepProblem p = alike(4, 0.0, 3.0);
    const AttenuatedCurve essay = sign_curve(p, Attenuation::essay, NoiseRatio::mean_of_ratios);
    for (const double batch : {1e-8, 1e-6}) {
        const double limit = 4.0 / (3.0 * 4.0) * std::sqrt(2.0 * batch / std::numbers::pi);
        BOOST_TEST(attenuated_step(essay, batch).rate == limit, tolerance(batch));
        BOOST_TEST(sign_best_step(p, batch).rate == limit, tolerance(batch)); // the essay's constant is exact here
        BOOST_TEST(std::abs(local_slope([&](double b) { return sign_best_step(p, b).rate; }, batch) - 0.5) <= batch);
    }
}

BOOST_AUTO_TEST_CASE(the_attenuations_are_off_by_as_much_as_printed) { // d.3
    double essay = 0.0, mean_field = 0.0, at_essay = 0.0, at_mean_field = 0.0;
    const Vector one = Vector::Ones(1);
    for (int k = 1; k <= 6000; ++k) {
        const double a = 1e-3 * k;
        const Vector g = a * one;
        const double exact = std::erf(a / std::numbers::sqrt2);
        const double c = attenuated_means(g, one, 1.0, Attenuation::essay)(0) - exact;
        const double m = attenuated_means(g, one, 1.0, Attenuation::mean_field)(0) - exact;
        if (std::abs(c) > std::abs(essay)) essay = c, at_essay = a;
        if (std::abs(m) > std::abs(mean_field)) mean_field = m, at_mean_field = a;
    }
    check_printed(-essay, .10784, 1e-5);
    check_printed(at_essay / std::numbers::sqrt2, 1.330, 1e-3);
    check_printed(mean_field, .0644, 1e-4);
    check_printed(at_mean_field, .523, 1e-3);
}

BOOST_AUTO_TEST_CASE(the_two_noise_ratios_are_different_averages) { // yp2
    const Vector g = Eigen::Vector2d(1.0, 0.1), sigma = Eigen::Vector2d(2.0, 1.0);
    BOOST_TEST(noise_ratio(g, sigma, NoiseRatio::mean_of_ratios) == 52.0, tolerance(8 * eps));
    BOOST_TEST(noise_ratio(g, sigma, NoiseRatio::ratio_of_sums) == 5.0 / 1.01, tolerance(8 * eps));
    BOOST_TEST(noise_ratio(g, sigma, NoiseRatio::mean_of_ratios, 1.0) == 0.5 * (2.0 + 1.0 / 1.01), tolerance(8 * eps));
    BOOST_TEST(noise_ratio(g, sigma, NoiseRatio::ratio_of_sums, 1.0) == 5.0 / 3.01, tolerance(8 * eps));
    BOOST_TEST(noise_ratio(Vector::Zero(2), sigma, NoiseRatio::mean_of_ratios) == infinity);
    BOOST_TEST(noise_ratio(Eigen::Vector2d(0, 1), Eigen::Vector2d(0, 3), NoiseRatio::mean_of_ratios) == 4.5);
}

BOOST_AUTO_TEST_CASE(adam_surges_on_a_diagonal_hessian_from_beta1_one_third_on) { // d17, g8, y6
    const StepProblem p = alike(1, 0.0, 10.0);
    BOOST_TEST(!surge(adam_curve(p, 0.3)).exists);
    BOOST_TEST(!surge(adam_curve(p, 0.333)).exists);
    BOOST_TEST(surge(adam_curve(p, 0.334)).exists);
    check_printed(surge(adam_curve(p, 0.9)).batch, 5.88, 1e-2);
    BOOST_TEST(surge(adam_curve(p, 0.9)).batch == 100.0 * 0.1 / 1.7, tolerance(1e-14));
    BOOST_TEST(surge(adam_curve(p, 0.5)).batch == 100.0, tolerance(1e-13));
    BOOST_TEST(surge(adam_curve(p, 0.4)).batch == 300.0, tolerance(1e-13));
    check_printed(attenuated_step(adam_curve(p, 0.9), 6.0).rate, 2.239, 1e-3);
    BOOST_TEST(attenuated_step(adam_curve(p, 0.9), infinity).rate == 1.0, tolerance(8 * eps));
    // Without momentum it is the law of signs.
    const AttenuatedCurve signs = sign_curve(p, Attenuation::mean_field, NoiseRatio::ratio_of_sums);
    BOOST_TEST(attenuated_step(adam_curve(p, 0.0), 6.0).rate == attenuated_step(signs, 6.0).rate, tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(adam_itself_has_that_best_rate_where_the_gradient_stands_still) { // E-d6, yp12
    // 400 runs: 400 steps to reach the stationary state of m, then the mean over 2500 steps. 1 - beta2 = 1e-4 is the
    // distance to the limit, far below a standard error (3e-3).
    const double beta1 = 0.9, beta2 = 0.9999, batch = 6.0, sigma = 10.0;
    const StepProblem p = alike(1, 0.0, sigma);
    const BestStep best = attenuated_step(adam_curve(p, beta1), batch);
    Vector slopes(400), gains(400);
    for (Index run = 0; run < 400; ++run) {
        Matrix z(2900, 1);
        (void)fill_normal(RandomStream(17, static_cast<std::uint64_t>(run)), 0, z);
        double m = 1.0, v = 1.0 + sigma * sigma / batch, sum = 0.0, squares = 0.0;
        for (Index t = 0; t < 2900; ++t) {
            const double g = 1.0 + sigma / std::sqrt(batch) * z(t, 0);
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            if (t < 400) continue;
            sum += m / std::sqrt(v) / 2500.0;
            squares += m * m / v / 2500.0;
        }
        slopes(run) = sum - best.rate * squares;
        gains(run) = best.rate * sum - 0.5 * best.rate * best.rate * squares;
    }
    BOOST_TEST(z_score(slopes, 0.0) <= 4.0);
    BOOST_TEST(z_score(gains, best.decrease) <= 4.0);
}

BOOST_AUTO_TEST_CASE(a_sign_without_noise_is_known_among_correlated_ones) {
    // The third coordinate has no noise: its sign is -1 and multiplies the means of the others.
    const Vector g = Eigen::Vector3d(0.4, -0.7, -0.2);
    const Matrix noise = (Matrix(3, 3) << 1.0, 0.5, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0).finished();
    const Matrix moment = sign_second_moment(g, noise, 1.0);
    check_printed(moment(0, 1), .05477, 1e-5); // i14
    BOOST_TEST(moment(0, 2) == -std::erf(0.4 / std::numbers::sqrt2), tolerance(4 * eps));
    BOOST_TEST(moment(2, 1) == std::erf(0.7 / std::numbers::sqrt2), tolerance(4 * eps));
    BOOST_TEST(moment(2, 2) == 1.0);
    const Matrix still = sign_second_moment(Eigen::Vector2d(1.0, 0.0), Matrix::Zero(2, 2), 1.0);
    BOOST_TEST(still(1, 1) == 0.0); // neither gradient nor noise: it never moves
}

BOOST_AUTO_TEST_CASE(muon_s_best_step_loses_with_its_direction) { // d17
    const BestStep step = muon_best_step({.rate = 2.0, .decrease = 3.0}, 30.0, 10.0);
    BOOST_TEST(step.rate == 1.0, tolerance(4 * eps)); // (1 + 3)^(-1/2)
    BOOST_TEST(step.decrease == 0.75, tolerance(4 * eps));
    BOOST_TEST(muon_best_step({.rate = 2.0}, 30.0, infinity).rate == 2.0);
}

BOOST_AUTO_TEST_CASE(muon_s_direction_loses_what_the_law_says) { // d17, yp8
    const std::vector<double> mean_field = {.3015, .7071, .9535}, simulated = {.3008, .7086, .9538};
    const std::vector<double> ratios = {0.1, 1.0, 10.0};
    const Index m = 8, n = 512;
    // G with equal singular values 1: |G|_F^2 = m, B_simple = n for sigma = 1.
    const Matrix q = orthonormal_basis(random_matrix(n, m, 1));
    for (std::size_t k = 0; k < 3; ++k) {
        const double batch = ratios[k] * static_cast<double>(n);
        check_printed(muon_attenuation(m, n, 1.0, std::sqrt(static_cast<double>(m)), batch), mean_field[k], 1e-4);
        Vector left(30);
        for (Index draw = 0; draw < 30; ++draw) {
            const Matrix g =
                q.transpose() + random_matrix(m, n, 50 + static_cast<std::uint64_t>(draw)) / std::sqrt(batch);
            const Eigen::SelfAdjointEigenSolver<Matrix> eigen(Matrix(g * g.transpose()));
            const Matrix aligned = g * q;
            left(draw) = (eigen.operatorInverseSqrt() * aligned).trace() / static_cast<double>(m);
        }
        BOOST_TEST(z_score(left, simulated[k]) <= 4.0);
        BOOST_TEST(std::abs(left.mean() - mean_field[k]) <= 0.005);
    }
}

// --- d16 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_paper_s_law_is_the_limit_of_small_batches) { // d16, yp1, g7
    // erf(x) = 2 x / sqrt(pi) (1 - x^2 / 3 + ...) with x^2 = B / (2 kappa^2): the law is B / (6 kappa^2) too high, and
    // 0.06 % of that, 2 O beta^2 / T, too little.
    const StepProblem p = surging();
    const SmallBatchLaw law = small_batch_law(p);
    BOOST_TEST(small_batch_rate(law, 1e-2) / sign_best_step(p, 1e-2).rate - 1.0 == 1e-2 / 600.0, tolerance(1e-3));
    const StepProblem uneven = example(); // g_1 g_2 H_12 < 0: the sum is negative, and the law says nothing
    BOOST_TEST((small_batch_law(uneven).status == StepStatus::unbounded));
    StepProblem positive = example();
    positive.gradient(1) = 0.5;
    const SmallBatchLaw other = small_batch_law(positive);
    BOOST_TEST(small_batch_rate(other, 1e-6) == sign_best_step(positive, 1e-6).rate, tolerance(1e-5));
}

// --- curves ---------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(slopes_of_curves_are_their_derivatives) {
    const auto saturating = [](double batch) { return 1.0 / (1.0 + 5.0 / batch); };
    for (const double batch : {1e-3, 1.0, 5.0, 300.0})
        BOOST_TEST(std::abs(local_slope(saturating, batch) - 5.0 / (5.0 + batch)) <= 1e-10);
    // x^2 / (1 + x^2) (1 + x): slope 2 - 2 x^2 / (1 + x^2) + x / (1 + x), stationary where 4 x (1 + x)^2 = (1 + x^2)^2.
    const auto bent = [](double x) { return x * x / (1.0 + x * x) * (1.0 + x); };
    const SteepestSlope steepest = steepest_slope(bent, {.least = 1e-4, .largest = 1e4, .points = 41});
    const double x = steepest.batch;
    BOOST_TEST(4.0 * x * std::pow(1.0 + x, 2) == std::pow(1.0 + x * x, 2), tolerance(1e-4));
    BOOST_TEST(steepest.slope == 2.0 - 2.0 * x * x / (1.0 + x * x) + x / (1.0 + x), tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(the_highest_local_maximum_counts_and_rounding_is_none) {
    const auto two = [](double b) {
        const double x = std::log(b);
        return 1.0 + std::exp(-x * x) + 2.0 * std::exp(-(x - 8.0) * (x - 8.0));
    };
    const RatePeak peak = find_rate_peak([&](double b) { return b == infinity ? 1.0 : two(b); });
    BOOST_TEST(std::log(peak.batch) == 8.0, tolerance(1e-7));
    BOOST_TEST(peak.height == 2.0, tolerance(1e-12));
    const auto rippled = [](double b) { return (1.0 + 1e-13 * std::sin(1e3 * std::log(b))) / (1.0 + 5.0 / b); };
    BOOST_TEST(!find_rate_peak([&](double b) { return b == infinity ? 1.0 : rippled(b); }).exists);
    BOOST_CHECK_EXCEPTION((void)find_rate_peak(two, {.points = 2}), std::invalid_argument,
                          says("find_rate_peak: points must be at least 3; got 2"));
    BOOST_CHECK_THROW((void)find_rate_peak([](double) { return infinity; }), NumericalError);
}

BOOST_AUTO_TEST_CASE(the_decrease_of_signs_is_a_hyperbola_to_the_printed_percents) { // E-d8, y3
    const auto fit = [](const StepProblem& p) {
        return fit_decrease_law([&](double batch) { return sign_best_step(p, batch).decrease; });
    };
    check_printed(fit(alike(1, 0.0, 10.0)).max_deviation, .0973, 1e-4); // .098 in y3
    check_printed(fit(alike(10, 0.05, 10.0)).max_deviation, .082, 1e-3);
    check_printed(fit(alike(10, 0.2, 10.0)).max_deviation, .058, 1e-3);
    check_printed(fit(alike(10, 0.5, 10.0)).max_deviation, .038, 1e-3);
    const DecreaseFit sgd = fit_decrease_law([](double batch) { return 3.0 / (1.0 + 40.0 / batch); });
    BOOST_TEST(sgd.noise_batch == 40.0, tolerance(1e-9));
    BOOST_TEST(sgd.max_deviation <= 1e-9);
}

// --- d18 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_update_s_size_tells_the_signal_from_the_noise) { // d18, yp7, yp9, y2 of 11267
    check_printed(update_rms(0.0, 0.9), .2294, 1e-4);
    BOOST_TEST(update_rms(1e9, 0.9) == 1.0, tolerance(1e-9));
    for (const double snr : {0.0, 0.1, 3.0, 50.0})
        BOOST_TEST(std::abs(snr_from_update_rms(update_rms(snr, 0.9), 0.9) - snr) <= 1e-12 * (1.0 + snr * snr));
    BOOST_TEST(snr_from_update_rms(0.2, 0.9) < 0.0);
    BOOST_TEST(update_rms(2.0, 0.0) == 1.0);
    check_printed(uncorrected_first_update(0.9, 0.999), 3.162, 1e-3);
}

// --- E-d3 -----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(two_batch_sizes_measure_gradient_and_noise_without_bias) { // E-d3, yp10
    const Index n = 30, pairs = 10000;
    const Vector g = 0.3 * random_matrix(n, 1, 1);
    const Vector sigma = random_matrix(n, 1, 2).cwiseAbs().array() + 0.1;
    const StepProblem p{.gradient = g, .hessian = Matrix(), .noise_sd = sigma};
    const Vector small = gradients(p, sigma.asDiagonal(), 4.0, pairs, 3).colwise().squaredNorm().transpose();
    const Vector large = gradients(p, sigma.asDiagonal(), 64.0, pairs, 4).colwise().squaredNorm().transpose();
    const SimpleNoiseEstimate found = estimate_simple_noise(small, large, 4.0, 64.0);
    const auto agrees = [](const Estimate& estimate, double truth) {
        BOOST_TEST(std::abs(estimate.value - truth) <= 3.0 * estimate.std_error);
        BOOST_TEST(estimate.std_error <= 0.02 * truth); // and it says something
    };
    agrees(found.squared_gradient, g.squaredNorm());
    agrees(found.noise_trace, sigma.squaredNorm());
    agrees(found.simple_batch, sigma.squaredNorm() / g.squaredNorm());
    // Three pairs with |g|^2 = 1, 2, 3 and tr Sigma = 6, 3, 6: 3 times the ratio of the means, 15/6, less 2/3 of the
    // sum of the ratios without one pair, 9/5 + 12/4 + 9/3.
    const Eigen::Vector3d squares(1, 2, 3), traces(6, 3, 6);
    const SimpleNoiseEstimate three = estimate_simple_noise(squares + traces / 2.0, squares + traces / 8.0, 2.0, 8.0);
    BOOST_TEST(three.simple_batch.value == 7.5 - 2.0 / 3.0 * 7.8, tolerance(20 * eps));
    // Exact expectations in, exact answers out: |g|^2 + tr Sigma / B.
    const SimpleNoiseEstimate exact =
        estimate_simple_noise(Vector::Constant(2, 3.0 + 8.0 / 4.0), Vector::Constant(2, 3.0 + 8.0 / 16.0), 4.0, 16.0);
    BOOST_TEST(exact.squared_gradient.value == 3.0, tolerance(8 * eps));
    BOOST_TEST(exact.noise_trace.value == 8.0, tolerance(8 * eps));
    BOOST_TEST(exact.simple_batch.value == 8.0 / 3.0, tolerance(8 * eps));
}

// --- mistakes -------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
    StepProblem p = example();
    BOOST_CHECK_EXCEPTION((void)sign_best_step(p, 0.0), std::invalid_argument,
                          says("sign_best_step: batch must be above 0; got 0"));
    p.noise_sd(1) = -1.0;
    BOOST_CHECK_EXCEPTION((void)sign_best_step(p, 1.0), std::invalid_argument,
                          says("sign_best_step: the least noise_sd must be finite and at least 0; got -1"));
    p = example();
    p.hessian(0, 1) = 0.4;
    BOOST_CHECK_THROW((void)sign_curve(p, Attenuation::essay, NoiseRatio::mean_of_ratios), std::invalid_argument);
    p.hessian = Matrix::Identity(2, 2);
    BOOST_CHECK_EXCEPTION((void)adam_curve(p, 0.9), std::invalid_argument,
                          says("adam_curve: hessian must be 3 x 3; got 2 x 2"));
    BOOST_CHECK_THROW((void)noise_scales(Vector::Zero(3), Matrix::Identity(3, 3), Matrix::Identity(3, 3)),
                      std::invalid_argument);
    BOOST_CHECK_THROW((void)sign_product_mean(0.0, 0.0, 1.5), std::invalid_argument);
    BOOST_CHECK_THROW((void)muon_attenuation(9, 8, 1.0, 1.0, 1.0), std::invalid_argument);
    BOOST_CHECK_THROW((void)snr_from_update_rms(1.0, 0.9), std::invalid_argument);
    BOOST_CHECK_THROW((void)estimate_simple_noise(Vector::Ones(3), Vector::Ones(3), 4.0, 4.0), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
