// Measurements on losses whose best steps are known: exact moments against the definitions, directions against all
// batches there are, rates against the quadratic's own minimum along a line.
#include "hessq/spectrum/matrix_sign.hpp"
#include "hessq/theory/batch_size_measurement.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "support/draws.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(batch_size_measurement)

namespace {

/// Three coordinates, 40 samples; at w = (1, -0.5, 0.25) the gradient is H w.
Quadratic noisy() {
    const Matrix h = (Matrix(3, 3) << 2.0, 0.5, 0.2, 0.5, 1.0, 0.1, 0.2, 0.1, 0.5).finished();
    const Matrix root = (Matrix(3, 3) << 2.0, 0.0, 0.0, -0.6, 0.8, 0.0, 0.3, 0.3, 0.2).finished();
    return Quadratic(h, {.noise_covariance = root * root.transpose(), .samples = 40, .seed = 3});
}

const Vector somewhere = Eigen::Vector3d(1.0, -0.5, 0.25);

} // namespace

BOOST_AUTO_TEST_CASE(the_local_model_is_the_definition) {
    const Quadratic objective = noisy();
    const LocalModel model = local_model(objective, somewhere);
    BOOST_TEST(model.loss == objective.value(somewhere));
    BOOST_TEST((model.gradient - objective.matrix() * somewhere).norm() <= 1e-13);
    BOOST_TEST((model.hessian - objective.matrix()).norm() == 0.0);
    BOOST_TEST((model.noise - objective.noise() * objective.noise().transpose() / 40.0).norm() <= 1e-12);
    BOOST_TEST(model.live.size() == 3u);
}

BOOST_AUTO_TEST_CASE(coordinates_that_never_have_a_gradient_are_left_out) {
    // The second input is always 0: its two weights (3 and 5 of w1 and w2) never have a gradient.
    Dataset data = bundled_problem("iris-mlp").data.value();
    data.inputs.row(1).setZero();
    const Mlp network = softmax_regression(data);
    const Vector w = normal_vector(RandomStream(1, 1), network.dimension());
    const LocalModel model = local_model(network, w);
    BOOST_TEST(static_cast<Index>(model.live.size()) == network.dimension() - 3); // one weight for each class
    const LiveProblem live = live_problem(model);
    BOOST_TEST(live.step.gradient.squaredNorm() == model.gradient.squaredNorm(), tolerance(1e-14));
    BOOST_TEST(live.noise.trace() == model.noise.trace(), tolerance(1e-14));
    BOOST_TEST(live.step.noise_sd.minCoeff() > 0.0);
    // What is left has the same laws as the whole.
    const NoiseScales of_all = noise_scales(model.gradient, model.hessian, model.noise);
    const NoiseScales of_live = noise_scales(live.step.gradient, live.step.hessian, live.noise);
    BOOST_TEST(of_all.noise_batch == of_live.noise_batch, tolerance(1e-12));
    BOOST_TEST(of_all.rate_max == of_live.rate_max, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(directions_have_the_mean_and_covariance_of_batches) {
    const Quadratic objective = noisy();
    const LocalModel model = local_model(objective, somewhere);
    const DirectionSource source(objective, somewhere);
    const Index count = 20000;
    const Matrix g = source.directions({.kind = DirectionKind::sgd}, 5, count, 1, 2);
    for (Index i = 0; i < 3; ++i) {
        BOOST_TEST(z_score(g.row(i).transpose(), model.gradient(i)) <= 4.0);
        const Vector squares = (g.row(i).array() - model.gradient(i)).square().matrix().transpose();
        BOOST_TEST(z_score(squares, model.noise(i, i) / 5.0) <= 4.0);
    }
    BOOST_TEST(
        z_score(source.squared_norms(5, count, 1, 3), model.gradient.squaredNorm() + model.noise.trace() / 5.0) <= 4.0);
    // The averages: kappa_1 times the variance.
    const Matrix m = source.directions({.kind = DirectionKind::momentum, .beta1 = 0.8}, 5, count, 1, 4);
    for (Index i = 0; i < 3; ++i) {
        const Vector squares = (m.row(i).array() - model.gradient(i)).square().matrix().transpose();
        BOOST_TEST(z_score(m.row(i).transpose(), model.gradient(i)) <= 4.0);
        BOOST_TEST(z_score(squares, model.noise(i, i) / 5.0 / 9.0) <= 4.0);
    }
    const Matrix signs = source.directions({.kind = DirectionKind::sign}, 5, 50, 1, 2);
    BOOST_TEST((signs - g.leftCols(50).cwiseSign()).norm() == 0.0); // of the same mini-batches
    const Matrix soft = source.directions({.kind = DirectionKind::softsign, .eps = 2.0}, 5, 1, 1, 2);
    BOOST_TEST(soft(0) == g(0) / std::hypot(g(0), 2.0), tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(directions_do_not_depend_on_the_number_of_threads) {
    const DirectionSource source(noisy(), somewhere);
    const auto drawn = [&](int threads) {
        const ThreadLimit limit(threads);
        return source.directions({.kind = DirectionKind::adam}, 3, 20, 7, 8);
    };
    BOOST_TEST((drawn(1) - drawn(2)).norm() == 0.0);
}

BOOST_AUTO_TEST_CASE(on_a_quadratic_the_loss_agrees_with_the_model_and_the_law) {
    const Quadratic objective = noisy();
    const LocalModel model = local_model(objective, somewhere);
    const NoiseScales scales = noise_scales(model.gradient, model.hessian, model.noise);
    const DirectionSource source(objective, somewhere);
    for (const Index batch : {1, 16}) {
        const Matrix u = source.directions({.kind = DirectionKind::sgd}, batch, 4000, 1, 2);
        const MeasuredStep in_model = model_best_step(model, u);
        const MeasuredStep by_loss = loss_best_step(objective, somewhere, u, {.start = 0.01});
        const BestStep law = sgd_best_step(scales, static_cast<double>(batch));
        BOOST_TEST(std::abs(in_model.rate.value - law.rate) <= 4.0 * in_model.rate.std_error);
        BOOST_TEST(std::abs(in_model.decrease.value - law.decrease) <= 4.0 * in_model.decrease.std_error);
        BOOST_TEST(in_model.rate.std_error <= 0.05 * law.rate);
        // The same directions: they differ by the jackknife's correction, of the order of error^2.
        const double bias = std::pow(in_model.rate.std_error / law.rate, 2) * 4.0 + 1e-6;
        BOOST_TEST(std::abs(by_loss.rate.value / in_model.rate.value - 1.0) <= bias);
        BOOST_TEST(by_loss.rate.std_error == in_model.rate.std_error, tolerance(0.1));
        BOOST_TEST(by_loss.decrease.value == in_model.decrease.value, tolerance(0.02));
    }
}

BOOST_AUTO_TEST_CASE(the_error_of_the_best_rate_covers_the_truth) {
    // 300 measurements from 40 mini-batches each; two standard errors cover 95.4 %, with few and skewed draws less.
    const Quadratic objective = noisy();
    const LocalModel model = local_model(objective, somewhere);
    const double truth = sgd_best_step(noise_scales(model.gradient, model.hessian, model.noise), 8.0).rate;
    const DirectionSource source(objective, somewhere);
    int covered = 0;
    for (std::uint64_t k = 0; k < 300; ++k) {
        const Matrix u = source.directions({.kind = DirectionKind::sgd}, 8, 40, 11, 100 + k);
        const MeasuredStep step = loss_best_step(objective, somewhere, u, {.start = 0.3});
        covered += std::abs(step.rate.value - truth) <= 2.0 * step.rate.std_error;
    }
    BOOST_TEST(covered >= 264); // 0.92 - 5 sd of the binomial below: 276 - 5 * 4.7 = 252; measured near 280
}

BOOST_AUTO_TEST_CASE(a_direction_without_positive_curvature_is_unbounded) {
    const Quadratic saddle(Matrix(Eigen::Vector2d(1.0, -1.0).asDiagonal()));
    const Vector w = Eigen::Vector2d(0.1, 1.0);
    const LocalModel model = local_model(saddle, w);
    const Matrix u = model.gradient.replicate(1, 3);
    BOOST_TEST((model_best_step(model, u).status == StepStatus::unbounded));
    BOOST_TEST((loss_best_step(saddle, w, u, {.start = 1.0}).status == StepStatus::unbounded));
    // Upwards there is no best rate but 0.
    const Matrix up = Matrix(Eigen::Vector2d(-1.0, 0.0).replicate(1, 3));
    const MeasuredStep none = loss_best_step(saddle, w, up, {.start = 1.0});
    BOOST_TEST(none.rate.value == 0.0);
    BOOST_TEST(none.decrease.value == 0.0);
}

BOOST_AUTO_TEST_CASE(muon_moves_the_matrices_row_by_row_and_nothing_else) {
    const Matrix g = random_matrix(4, 7, 5);
    const Matrix s = matrix_sign(g);
    ParameterLayout layout;
    layout.append("weight", 4, 7);
    layout.append("bias", 4);
    Vector w(32);
    for (Index i = 0; i < 4; ++i)
        for (Index j = 0; j < 7; ++j) w(7 * i + j) = g(i, j);
    w.tail(4).setOnes();
    const DirectionOptions muon{.kind = DirectionKind::muon, .layout = layout};
    const Vector u = noiseless_direction(muon, w);
    BOOST_TEST(u(7 * 2 + 5) == s(2, 5), tolerance(1e-12));
    BOOST_TEST(u.tail(4).norm() == 0.0);
    BOOST_TEST(matrix_groups(layout).size() == 1u);
    const Estimate whole = matrix_sign_alignment(u.replicate(1, 3), u, layout.groups[0]);
    BOOST_TEST(whole.value == 1.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(runs_reach_their_target_in_the_steps_that_a_quadratic_needs) {
    // One coordinate without noise: after t steps of rate r the loss is (1 - r)^(2t); the rate 1 needs one step.
    const Quadratic one(Matrix::Identity(1, 1));
    const Vector w = Vector::Ones(1);
    const TargetRun run =
        steps_to_target(one, w, {.batch = 1, .target = 0.1, .rate = 0.125, .max_steps = 1000, .runs = 2});
    BOOST_TEST(run.reached);
    BOOST_TEST(run.rate == 1.0);
    BOOST_TEST(run.steps.value == 0.8, tolerance(1e-12)); // from 1/2 to 0 in one step: 0.4 of 0.5
    BOOST_TEST(run.steps.std_error == 0.0);
    // More noise needs more steps, and smaller rates.
    const Quadratic objective = noisy();
    const double target = descent_target(objective, somewhere, 0.5, 20);
    BOOST_TEST(target < objective.value(somewhere));
    const auto at = [&](Index batch) {
        return steps_to_target(objective, somewhere,
                               {.batch = batch, .target = target + 0.05, .rate = 0.3, .max_steps = 20000});
    };
    const TargetRun small = at(2), large = at(32);
    BOOST_TEST((small.reached && large.reached));
    BOOST_TEST(small.steps.value > 2.0 * large.steps.value);
    BOOST_TEST(small.rate < large.rate);
    BOOST_TEST(
        !steps_to_target(objective, somewhere, {.batch = 2, .target = -1.0, .rate = 0.3, .max_steps = 50}).reached);
}

BOOST_AUTO_TEST_CASE(the_linear_rule_holds_for_short_steps_of_sgd) {
    const Quadratic objective = noisy();
    const std::vector<RuleTest> tests = test_scaling_rules(
        objective, somewhere, {.batch = 2, .steps = 64, .sgd_rate = 0.01, .factors = {2, 4}, .runs = 200, .seed = 5});
    BOOST_TEST(tests.size() == 15u); // five rules, each with factors 1, 2 and 4
    for (const RuleTest& test : tests) {
        if (test.factor == 1.0) BOOST_TEST(test.change.value == 0.0);
        // rate lambda <= 0.08: the path of the mean differs by rate lambda / 2 at most.
        if (test.rule == "sgd, linear" && test.factor > 1.0)
            BOOST_TEST(std::abs(test.change.value) <= 0.05 + 4.0 * test.change.std_error);
        if (test.rule == "sgd, square root" && test.factor == 4.0)
            BOOST_TEST(test.change.value >= 0.1 - 4.0 * test.change.std_error);
    }
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
    const Quadratic objective = noisy();
    const DirectionSource source(objective, somewhere);
    BOOST_CHECK_EXCEPTION((void)source.directions({}, 0, 2, 0, 0), std::invalid_argument,
                          says("DirectionSource::directions: batch must be at least 1; got 0"));
    BOOST_CHECK_THROW((void)loss_best_step(objective, somewhere, Matrix::Ones(3, 1), {}), std::invalid_argument);
    BOOST_CHECK_THROW((void)steps_to_target(objective, somewhere, {.batch = 41, .target = 0.0, .rate = 1.0}),
                      std::invalid_argument);
    BOOST_CHECK_THROW((void)steps_to_target(objective, somewhere, {.target = 1e9, .rate = 1.0}), std::invalid_argument);
    BOOST_CHECK_THROW((void)test_scaling_rules(objective, somewhere, {.steps = 10, .factors = {4}}),
                      std::invalid_argument);
    const Quadratic still(Matrix::Identity(2, 2));
    BOOST_CHECK_THROW((void)live_problem(local_model(still, Vector::Zero(2))), std::invalid_argument);
    BOOST_CHECK_THROW((void)group_noise_batch(local_model(objective, somewhere), {}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
