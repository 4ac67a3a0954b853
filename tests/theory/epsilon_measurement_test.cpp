#include "hessq/theory/epsilon_measurement.hpp"

#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "support/messages.hpp"
#include "support/step_problems.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(epsilon_measurement)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Vector batches() {
    Vector result(43);
    for (Index k = 0; k < 43; ++k) result(k) = std::pow(10.0, static_cast<double>(k) / 7.0);
    return result;
}

/// Diagonal quadratic with independent Gaussian noise at a point where g = (1, 1, 1, 1).
Quadratic noisy_quadratic_problem(Index samples) {
    const Vector h = Eigen::Vector4d(1.0, 2.0, 0.5, 1.0);
    return Quadratic(Matrix(h.asDiagonal()), {.minimum = -h.cwiseInverse(),
                                              .noise_covariance = 4.0 * Matrix::Identity(4, 4),
                                              .samples = samples,
                                              .seed = 3});
}

} // namespace

BOOST_AUTO_TEST_CASE(a_point_has_the_moments_of_the_objective_and_no_dead_coordinates) {
    const Problem digits = bundled_problem("digits-softmax");
    const Vector w = digits.start(0);
    const EpsilonPoint point = epsilon_point(*digits.objective, w);
    const Vector g = digits.objective->gradient(w);
    const Matrix sigma = noise_covariance(*digits.objective, w);
    // Three pixels are black in all images, each with ten weights.
    BOOST_TEST(point.dead == 30);
    BOOST_TEST(static_cast<Index>(point.live.size()) + point.dead == 650);
    for (std::size_t k = 0; k < point.live.size(); ++k) {
        const Index i = point.live[k];
        BOOST_TEST(std::abs(point.problem.gradient(static_cast<Index>(k)) - g(i)) <= 1e-13);
        BOOST_TEST(point.problem.noise_sd(static_cast<Index>(k)) == std::sqrt(sigma(i, i)), tolerance(1e-10));
    }
    const Matrix h = digits.objective->dense_hessian(w);
    BOOST_TEST(point.noise_curvature == sigma.cwiseProduct(h).sum(), tolerance(1e-10));
    BOOST_TEST(gradient_scale(point.problem, infinity) ==
                   std::sqrt(point.problem.gradient.squaredNorm() / static_cast<double>(point.live.size())),
               tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(a_curve_is_that_of_the_exact_moments_and_finds_its_peak) {
    const StepProblem p = alike(10, 0.2, 10.0);
    const EpsilonCurve curve = epsilon_curve(EpsilonForm::softsign, p, 0.3, batches());
    for (const Index k : {Index{0}, Index{20}, Index{42}})
        BOOST_TEST(curve.rate(k) == epsilon_best_step(EpsilonForm::softsign, p, 0.3, curve.batches(k)).rate);
    const RatePeak peak = epsilon_rate_peak(EpsilonForm::softsign, p, 0.3);
    BOOST_TEST(curve.peak.height == peak.height, tolerance(1e-7));
    BOOST_TEST(curve.peak.batch == peak.batch, tolerance(1e-3));
    BOOST_TEST(curve.essay_peak);
    BOOST_TEST(!epsilon_curve(EpsilonForm::softsign, p, 1.0, batches()).essay_peak);
    BOOST_TEST(!epsilon_curve(EpsilonForm::softsign, p, 3.0, batches()).peak.exists);
    // eps = infinity: SGD, and what the essays make of it.
    const EpsilonCurve sgd = epsilon_curve(EpsilonForm::softsign, p, infinity, batches());
    BOOST_TEST(sgd.rate(0) == 10.0 / (28.0 + 1000.0), tolerance(1e-13));
    BOOST_TEST((*sgd.essay)(0) == 10.0 / (28.0 + 500.0 * std::acos(-1.0)), tolerance(1e-13));
    BOOST_TEST((*sgd.mean_field)(0) == sgd.rate(0), tolerance(1e-13));
    BOOST_TEST(!sgd.peak.exists);
}

BOOST_AUTO_TEST_CASE(what_a_curve_lacks_is_said_in_words) {
    StepProblem p = alike(3, 0.1, 1.0);
    p.gradient.setZero();
    BOOST_TEST(epsilon_curve(EpsilonForm::ratio, p, 1.0, batches()).remark ==
               "the gradient is 0: no step lowers the loss");
    p = alike(3, 0.1, 0.0);
    BOOST_TEST(epsilon_curve(EpsilonForm::ratio, p, 1.0, batches()).remark ==
               "there is no noise: the batch does not matter");
    p = alike(3, 0.1, 1.0);
    p.gradient(0) = 0.0;
    const EpsilonCurve curve = epsilon_curve(EpsilonForm::softsign, p, 0.0, batches());
    BOOST_TEST(!curve.essay);
    BOOST_TEST(curve.mean_field.has_value());
    BOOST_TEST(curve.remark == "the essay's kappa^2 is infinite: a coordinate has noise and no gradient");
    p.hessian = -p.hessian;
    BOOST_TEST(epsilon_curve(EpsilonForm::softsign, p, 1.0, batches()).remark ==
               "E[u'H u] is not above 0 for some batches: there no rate is too large");
}

BOOST_AUTO_TEST_CASE(drawn_batches_have_the_predicted_rate_where_noise_is_gaussian_and_independent) {
    const Quadratic quadratic = noisy_quadratic_problem(20000);
    const EpsilonPoint point = epsilon_point(quadratic, Vector::Zero(4));
    BOOST_TEST(point.dead == 0);
    for (const EpsilonForm form : {EpsilonForm::softsign, EpsilonForm::clip, EpsilonForm::ratio})
        for (const double eps : {0.2, 2.0}) {
            const Estimate rate = measured_rate(point, form, eps, 8, 4000, 5).value();
            const double law = epsilon_best_step(form, point.problem, eps, 8.0).rate;
            // 20000 normal draws are normal to about 1 / sqrt(20000) of each moment.
            BOOST_TEST(std::abs(rate.value - law) <= 4.0 * rate.std_error + 0.01 * law);
            BOOST_TEST(rate.std_error <= 0.02 * law);
        }
    // SGD's rate knows the correlations: tr(Sigma H) / B.
    const double gg = point.problem.gradient.squaredNorm();
    const double ghg = point.problem.gradient.dot(point.problem.hessian * point.problem.gradient);
    const Estimate sgd = measured_rate(point, EpsilonForm::ratio, infinity, 8, 4000, 5).value();
    BOOST_TEST(std::abs(sgd.value - gg / (ghg + point.noise_curvature / 8.0)) <= 4.0 * sgd.std_error);
    EpsilonPoint saddle = point;
    saddle.problem.hessian = -saddle.problem.hessian;
    BOOST_TEST(!measured_rate(saddle, EpsilonForm::ratio, 0.2, 8, 20, 5).has_value());
}

BOOST_AUTO_TEST_CASE(a_run_reads_the_denominators_of_adam) {
    const Problem iris = bundled_problem("iris-mlp");
    const Vector start = iris.start(0);
    EpsilonRunOptions options{.steps = 40, .batch = 16, .lr = 0.01, .eps = 0.01, .readings = 4};
    const EpsilonRun run = epsilon_run(*iris.objective, start, options);
    const auto adam = adam_optimizer({.lr = 0.01, .eps = 0.01});
    const TrainResult trained =
        train(*iris.objective, start, *adam, {.steps = 40, .batch = 16, .sampling = Sampling::iid});
    const Vector roots = adam->preconditioner().diagonal().value().array() - 0.01;
    const DenominatorReading& last = run.readings.back();
    BOOST_TEST(last.step == 40);
    BOOST_TEST(run.readings.front().step == 1);
    BOOST_TEST(last.loss == iris.objective->value(trained.parameters), tolerance(1e-13));
    BOOST_TEST(last.below == static_cast<double>((roots.array() < 0.01).count()) / 67.0, tolerance(1e-13));
    BOOST_TEST((last.low <= last.quarter && last.quarter <= last.median && last.median <= last.three_quarters));
    BOOST_TEST(run.root_second_moment.isApprox(roots, 1e-10));
    BOOST_REQUIRE(run.exponent.has_value());
    BOOST_TEST(run.exponent->effective.value < run.exponent->plain.value);
    BOOST_TEST(std::abs(run.exponent->effective.value - run.exponent->predicted) <= 0.15);
    options.eps = 1e6; // nothing is left of v
    BOOST_TEST(std::abs(epsilon_run(*iris.objective, start, options).exponent->effective.value) <= 1e-6);
    BOOST_TEST(epsilon_run(*iris.objective, start, options).readings.back().below == 1.0);
}

BOOST_AUTO_TEST_CASE(the_best_rate_of_runs_is_where_the_loss_ends_lowest) {
    // beta1 = 0, one step of the full batch from x = 1 with loss x^2 / 2: x - lr / (1 + eps) is 0 at lr = 1 + eps.
    const Quadratic parabola(Matrix::Identity(1, 1));
    EpsilonRunOptions options{.steps = 1, .batch = 1, .lr = 0.1, .beta1 = 0.0, .eps = 3.0};
    const BestRunRate best = best_run_rate(parabola, Vector::Ones(1), options, 2);
    // The parabola in ln lr through factors of 2 is off by less than a sixth of such a factor.
    BOOST_TEST(std::abs(best.log_rate.value - std::log(4.0)) <= std::log(2.0) / 6.0);
    BOOST_TEST(best.log_rate.std_error == 0.0);
    BOOST_TEST(best.remark == "");
    options.steps = 0;
    BOOST_CHECK_EXCEPTION((void)best_run_rate(parabola, Vector::Ones(1), options, 2), std::invalid_argument,
                          says("best_run_rate: steps must be at least 1; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
