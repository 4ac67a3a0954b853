// Measurements against what is known of the run in closed form, or by doing it again in the plainest way.
#include "hessq/theory/clipping_runs.hpp"

#include "support/draws.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/printed.hpp"

#include "hessq/core/random.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/gradient_moments.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(clipping_runs)

namespace {

Mlp small_network(Index samples = 60) { return Mlp(synthetic_classification(samples, 3, 3, 5), {.hidden = {4, 4}}); }

std::shared_ptr<const Quadratic> noisy(double scale = 1.0) {
    const Matrix h = with_spectrum(vector_of({2, 1, 0.5, 0.3}), 1);
    return std::make_shared<const Quadratic>(
        h, QuadraticOptions{
               .noise_covariance = scale * with_spectrum(vector_of({1, 0.5, 0.4, 0.2}), 2), .samples = 64, .seed = 3});
}

} // namespace

BOOST_AUTO_TEST_CASE(noise_moments_are_those_of_the_covariance_matrix) {
    const Mlp network = small_network();
    const Vector w = network.initial_parameters(1), g = network.gradient(w);
    const Matrix sigma = noise_covariance(network, w);
    const NoiseMoments noise = noise_moments(network, w);
    BOOST_TEST(noise.squared_norm == g.squaredNorm(), tolerance(1e-12));
    BOOST_TEST(noise.trace == sigma.trace(), tolerance(1e-12));
    BOOST_TEST(noise.gradient_form == g.dot(sigma * g), tolerance(1e-12));
    BOOST_TEST(noise.squared_trace == sigma.squaredNorm(), tolerance(1e-12));
    Matrix x = network.per_sample_gradients(w, Batch::all(60));
    x.colwise() -= g;
    const Vector squares = x.colwise().squaredNorm();
    BOOST_TEST(noise.fourth_moment == squares.squaredNorm() / 60.0, tolerance(1e-12));
    BOOST_TEST(noise.gradient_third == (x.transpose() * g).dot(squares) / 60.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_subset_of_samples_estimates_the_trace_of_the_square) {
    // Gaussian noise in 200 dimensions: the standard deviation over pairs of distinct samples is known.
    const auto quadratic = std::make_shared<const Quadratic>(
        Matrix::Identity(200, 200),
        QuadraticOptions{.noise_covariance = Matrix::Identity(200, 200), .samples = 2000, .seed = 1});
    const NoiseMoments noise = noise_moments(*quadratic, Vector::Zero(200), 200);
    // (x'y)^2 has mean 200 and standard deviation sqrt(2 200^2 + ...) ~ 290; 19900 pairs, so 2.1; four of these.
    BOOST_TEST(std::abs(noise.squared_trace - 200.0) < 8.4);
    BOOST_TEST(noise.squared_trace != 200.0);
}

BOOST_AUTO_TEST_CASE(the_law_of_the_norm_is_that_of_drawn_batches) {
    const Mlp network = small_network();
    const Vector w = network.initial_parameters(1);
    const SquaredNormMoments law = squared_norm_moments(noise_moments(network, w), 8);
    const BatchSampler sampler(60, 8, Sampling::iid, 11);
    Vector squares(20'000);
    for (Index t = 0; t < squares.size(); ++t) squares(t) = network.gradient(w, sampler(t)).squaredNorm();
    BOOST_TEST(z_score(squares, law.mean) < 4.0);
    BOOST_TEST(z_score((squares.array() - law.mean).square().matrix(), law.variance) < 4.0);
    // The gamma variable is an approximation of this law: to 0.05 for so few samples.
    for (const double part : {0.5, 0.8, 1.0, 1.2, 1.6}) {
        const double threshold = part * std::sqrt(law.mean);
        const double share = (squares.array() > threshold * threshold).cast<double>().mean();
        BOOST_TEST(std::abs(share - clipped_share(law, threshold)) < 0.05);
    }
}

BOOST_AUTO_TEST_CASE(a_trace_says_what_each_step_promised_and_did) {
    const auto loss = noisy();
    const auto adam = adam_optimizer({.lr = 0.05}), again = adam_optimizer({.lr = 0.05});
    const Vector start = vector_of({1, -2, 0.5, 3});
    const GradientTrace trace = trace_gradients(*loss, start, *adam, {.steps = 40, .batch = 4, .looks = 10, .seed = 5});
    BOOST_REQUIRE(trace.looks.size() == 10);
    const BatchSampler sampler(64, 4, Sampling::iid, 5);
    Vector w = start;
    for (Index t = 0; t < 40; ++t) {
        const Vector g = loss->gradient(w, sampler(t)), u = again->update(w, g);
        BOOST_TEST(trace.batch_norms(t) == g.norm(), tolerance(1e-13));
        if (t % 4 == 0) {
            const TraceLook& look = trace.looks[static_cast<std::size_t>(t / 4)];
            BOOST_TEST(look.step == t);
            BOOST_TEST(look.promised == loss->gradient(w).dot(u), tolerance(1e-12));
            BOOST_TEST(look.actual == loss->value(w) - loss->value(w - u), tolerance(1e-12));
            // The loss is quadratic, so the second order is all there is.
            BOOST_TEST(std::abs(look.actual - (look.promised - look.curvature_cost)) < 1e-13);
            BOOST_TEST(look.sign_cosine == sign_cosine(loss->gradient(w)), tolerance(1e-13));
        }
        w -= u;
    }
    BOOST_TEST((trace.parameters - w).norm() < 1e-13);
    const FirstOrderError error = first_order_error(trace.looks);
    BOOST_TEST(error.measured == error.predicted, tolerance(1e-10));
    const double median = 1.0;
    const auto late = trace.batch_norms.tail(20);
    BOOST_TEST(trace.measured_share(median, 20) == static_cast<double>((late.array() > median).count()) / 20.0);
}

BOOST_AUTO_TEST_CASE(predicted_shares_meet_measured_ones_where_nothing_moves) {
    const Mlp network = small_network();
    const Vector w = network.initial_parameters(2);
    const auto still = sgd_optimizer({.lr = 1e-12});
    const GradientTrace trace = trace_gradients(network, w, *still, {.steps = 4000, .batch = 8, .looks = 2, .seed = 1});
    const double threshold = std::sqrt(squared_norm_moments(trace.looks.front().noise, 8).mean);
    // Binomial: sqrt(0.25 / 4000) = 0.008, and 0.05 for the gamma variable.
    BOOST_TEST(std::abs(trace.measured_share(threshold) - trace.predicted_share(threshold)) < 0.05 + 4 * 0.008);
}

BOOST_AUTO_TEST_CASE(sgd_on_a_quadratic_obeys_both_stationary_laws) { // a7
    const auto loss = noisy();
    const Stationarity found = measure_stationarity(*loss, Vector::Zero(4), Vector::Zero(4), 0.0,
                                                    {.lr = 0.2, .batch = 2, .burn_in = 200, .steps = 80'000});
    // Two standard errors are no coincidence twice; the law is exact, and the errors are small.
    BOOST_TEST(std::abs(found.loss_ratio.value - 1.0) < 4 * found.loss_ratio.std_error);
    BOOST_TEST(found.loss_ratio.std_error < 0.02);
    BOOST_TEST(std::abs(found.displacement_ratio.value - 1.0) < 0.02);
    BOOST_TEST(found.displacement_ratio.value == 1.0 / (1.0 - found.drift), tolerance(1e-9));
    BOOST_TEST(found.loss_ratio.value == 0.2 * found.squared_norm.value / (4.0 * found.excess_loss.value),
               tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_run_that_is_still_falling_is_not_stationary) { // a7
    const auto loss = noisy(1e-6);
    const Stationarity found = measure_stationarity(*loss, Vector::Constant(4, 5.0), Vector::Zero(4), 0.0,
                                                    {.lr = 0.01, .batch = 2, .burn_in = 0, .steps = 100});
    BOOST_TEST(std::abs(found.drift) > 1.0);
    BOOST_TEST(found.displacement_ratio.value < 0.5);
}

BOOST_AUTO_TEST_CASE(in_other_units_sgd_makes_the_same_run) { // a2, a7
    const auto network = std::make_shared<const Mlp>(small_network());
    const auto scaled = rescaled(network, 100.0);
    const Vector start = network->initial_parameters(3);
    BOOST_TEST((scaled->gradient(start) - 100.0 * network->gradient(start)).norm() < 1e-12);
    BOOST_TEST(scaled->value(start) == 100.0 * network->value(start), tolerance(1e-14));
    BOOST_TEST((scaled->dense_hessian(start) - 100.0 * network->dense_hessian(start)).norm() < 1e-10);
    BOOST_TEST(scaled->per_sample_gradients(start, Batch::range(3, 1)).col(0) ==
                   Vector(100.0 * network->per_sample_gradients(start, Batch::range(3, 1)).col(0)),
               boost::test_tools::per_element());
    BOOST_TEST(scaled->layout().groups.size() == network->layout().groups.size());
    BOOST_TEST(best_full_batch_rate(*scaled, start) == best_full_batch_rate(*network, start) / 100.0, tolerance(1e-10));
    const auto slow = sgd_optimizer({.lr = 0.1}), slower = sgd_optimizer({.lr = 0.001});
    const GradientTrace plain = trace_gradients(*network, start, *slow, {.steps = 50, .batch = 8});
    const GradientTrace hundredfold = trace_gradients(*scaled, start, *slower, {.steps = 50, .batch = 8});
    BOOST_TEST((plain.parameters - hundredfold.parameters).norm() < 1e-12);
    BOOST_TEST((100.0 * plain.batch_norms - hundredfold.batch_norms).norm() < 1e-10);
}

BOOST_AUTO_TEST_CASE(the_best_rates_are_those_of_the_quadratic) {
    const auto loss = noisy();
    const Vector w = vector_of({1, -2, 0.5, 3}), g = loss->matrix() * w, s = g.cwiseSign();
    BOOST_TEST(best_full_batch_rate(*loss, w) == g.squaredNorm() / g.dot(loss->matrix() * g), tolerance(1e-12));
    const SignRate rate = best_sign_rate(*loss, w);
    BOOST_TEST(rate.quadratic == g.lpNorm<1>() / s.dot(loss->matrix() * s), tolerance(1e-12));
    BOOST_TEST(rate.searched == rate.quadratic, tolerance(1e-6)); // the minimum of a parabola is known to sqrt(eps)
    BOOST_TEST(rate.row_sum == s.dot(loss->matrix() * s) / 4.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_network_of_another_width_is_the_same_but_for_that) {
    const Mlp network = small_network(), wide = with_width(network, 9);
    BOOST_TEST(wide.options().hidden == (std::vector<Index>{9, 9}), boost::test_tools::per_element());
    BOOST_TEST(wide.dimension() == 4 * 9 + 10 * 9 + 10 * 3);
    BOOST_TEST(wide.samples() == 60);
    const Mlp logistic(synthetic_classification(20, 3, 2, 1), {.hidden = {4}}, true);
    BOOST_TEST(with_width(logistic, 2).outputs() == 1);
}

BOOST_AUTO_TEST_CASE(clipping_rescues_a_run_that_diverges) { // a3, a6
    // lr lambda = 4: SGD without a remedy leaves for infinity.
    const auto steep = std::make_shared<const Quadratic>(40.0 * Matrix::Identity(3, 3), QuadraticOptions{.samples = 8});
    const auto sgd = [] { return sgd_optimizer({.lr = 0.1}); };
    const Vector start = Vector::Constant(3, 10.0);
    const auto run = [&](Rescue rescue) {
        return rescue_run(*steep, start, rescue, sgd,
                          {.lr = 0.1,
                           .steps = 2000,
                           .batch = 8,
                           .threshold = 1.0,
                           .warm_up_steps = 70,
                           .target = 2.0,
                           .looks = 2000});
    };
    const RescueRun none = run(Rescue::none);
    BOOST_TEST(none.diverged.has_value());
    BOOST_TEST(!none.reached.has_value());
    BOOST_TEST(std::isinf(none.largest_loss));
    const RescueRun clipped = run(Rescue::norm_clip);
    BOOST_TEST(!clipped.diverged.has_value());
    // 0.1 a step over the distance |start| - |w| at the target, 20 |w|^2 = 2.
    BOOST_TEST(clipped.reached.value() == static_cast<Index>(std::ceil((start.norm() - std::sqrt(0.1)) / 0.1)));
    BOOST_TEST(clipped.largest_loss == 6000.0, tolerance(1e-12));
    BOOST_TEST(run(Rescue::value_clip).reached.has_value());
    BOOST_TEST(run(Rescue::group_clip).reached.has_value());
    BOOST_TEST(run(Rescue::warm_up).diverged.has_value());       // it only postpones
    BOOST_TEST(!run(Rescue::decrease_clip).reached.has_value()); // steps of 0.1 / |g| are too short at |g| = 700
    BOOST_TEST(to_string(Rescue::decrease_clip) == "decrease_clip");
    BOOST_TEST(all_rescues().size() == 6);
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
    const auto loss = noisy();
    const Vector w = Vector::Ones(4);
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION((void)call(), std::invalid_argument, says(message));
    };
    refuses([&] { return noise_moments(*loss, Vector::Ones(3)); }, "noise_moments: w must have 4 entries; got 3");
    refuses([&] { return noise_moments(*loss, w, 1); }, "noise_moments: pairs must be at least 2; got 1");
    refuses([&] { return measure_stationarity(*loss, w, w, 0.0, {.steps = 5}); },
            "measure_stationarity: there must be at least as many steps as blocks; got 5");
    refuses([&] { return rescaled(loss, 0.0); }, "rescaled: the factor must be positive and finite; got 0");
    refuses([&] { return with_width(small_network(), 0); }, "with_width: width must be at least 1; got 0");
    const Quadratic silent(Matrix::Identity(4, 4));
    refuses([&] { return best_sign_rate(silent, Vector::Zero(4)); },
            "best_sign_rate: the gradient must not be 0; got 0");
    const auto sgd = sgd_optimizer();
    refuses([&] { return trace_gradients(*loss, w, *sgd, {.steps = 0}); },
            "trace_gradients: steps must be at least 1; got 0");
}

BOOST_AUTO_TEST_SUITE_END()
