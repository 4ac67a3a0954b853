#include "hessq/optimizers/train.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/autodiff.hpp"
#include "hessq/objectives/mlp.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace hessq;
using hessq::test::LinearModel;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(train_suite)

BOOST_AUTO_TEST_CASE(full_batch_descent_contracts_as_the_closed_form) {
    // Hessian diag(1, 4) / 2, minimum at 0: w_t = (1 - lr lambda)^t w_0.
    const LinearModel model((Matrix(2, 2) << 1, 0, 0, 2).finished(), Vector::Zero(2));
    const auto sgd = sgd_optimizer({.lr = 0.5});
    const TrainResult run = train(model, Eigen::Vector2d(16, 3), *sgd, {.steps = 2});
    BOOST_CHECK(run.parameters == Eigen::Vector2d(9, 0));
    BOOST_CHECK(run.batch_loss == Eigen::Vector2d(73, 36));
}

BOOST_AUTO_TEST_CASE(the_observer_sees_each_step_before_its_update) {
    const LinearModel model = LinearModel::random(3, 20, 1);
    const TrainOptions options{.steps = 6, .batch = 4, .sampling = Sampling::iid, .seed = 5};
    const BatchSampler sampler(20, 4, Sampling::iid, 5);
    const auto sgd = sgd_optimizer({.lr = 0.1});
    std::vector<Vector> points;
    const auto observer = [&](Index t, VectorView w, VectorView g) {
        BOOST_TEST(t == static_cast<Index>(points.size()));
        BOOST_CHECK(g == model.gradient(w, sampler(t)));
        if (t > 0) {
            const Vector& before = points.back();
            BOOST_CHECK(w == before - 0.1 * model.gradient(before, sampler(t - 1)));
        }
        points.push_back(w);
    };
    const TrainResult run = train(model, Vector::Ones(3), *sgd, options, observer);
    BOOST_TEST(points.size() == 6);
    BOOST_CHECK(points.front() == Vector::Ones(3));
    for (Index t = 0; t < 6; ++t)
        BOOST_TEST(run.batch_loss(t) == model.value(points[static_cast<std::size_t>(t)], sampler(t)));
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes) {
    const LinearModel model = LinearModel::random(3, 20, 2);
    const auto run = [&](std::uint64_t seed) -> Vector {
        const auto adam = adam_optimizer();
        return train(model, Vector::Zero(3), *adam, {.steps = 15, .batch = 6, .seed = seed}).parameters;
    };
    BOOST_CHECK(run(1) == run(1));
    BOOST_CHECK(run(1) != run(2));
}

BOOST_AUTO_TEST_CASE(no_steps_leave_the_start) {
    const LinearModel model = LinearModel::random(3, 5, 3);
    const auto sgd = sgd_optimizer();
    const TrainResult run = train(model, Vector::Ones(3), *sgd, {.steps = 0});
    BOOST_CHECK(run.parameters == Vector::Ones(3));
    BOOST_TEST(run.batch_loss.size() == 0);
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const Mlp net(softmax_data(3 * sample_chunk, 6, 3).data, {.hidden = {4}});
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        const auto adam = adam_optimizer({.lr = 0.01});
        return train(net, net.initial_parameters(1), *adam, {.steps = 20, .batch = 2 * sample_chunk + 5});
    };
    BOOST_CHECK(run(1).parameters == run(4).parameters);
    BOOST_CHECK(run(1).batch_loss == run(4).batch_loss);
}

BOOST_AUTO_TEST_CASE(divergence_stops_at_once_and_names_the_step) {
    // lambda = 1: w_t = (1 - 1e100)^t, and w^2 / 2 leaves the doubles at t = 2.
    const LinearModel model(Matrix::Ones(1, 1), Vector::Zero(1));
    const auto sgd = sgd_optimizer({.lr = 1e100});
    BOOST_CHECK_EXCEPTION((void)train(model, Vector::Ones(1), *sgd), NumericalError,
                          says("train: loss is not finite at step 2 (inf)"));
    // A gradient can overflow before its loss: x (x'w) where (x'w)^2 / 2 still fits.
    const LinearModel steep(Matrix::Constant(1, 1, 1e200), Vector::Zero(1));
    BOOST_CHECK_EXCEPTION((void)train(steep, Vector::Constant(1, 1e-80), *sgd), NumericalError,
                          says("train: gradient is not finite at step 0 (entry 0 is inf)"));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const LinearModel model = LinearModel::random(3, 5, 4);
    const auto sgd = sgd_optimizer();
    const Vector w = Vector::Zero(3);
    BOOST_CHECK_EXCEPTION((void)train(model, Vector::Zero(2), *sgd), std::invalid_argument,
                          says("train: start must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION((void)train(model, w, *sgd, {.steps = -1}), std::invalid_argument,
                          says("train: steps must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION((void)train(model, w, *sgd, {.batch = -1}), std::invalid_argument,
                          says("train: batch must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION((void)train(model, w, *sgd, {.batch = 6}), std::invalid_argument,
                          says("train: batch must be at most the number of samples (5); got 6"));
}

BOOST_AUTO_TEST_CASE(a_loss_that_throws_where_it_is_not_finite_gets_the_step_named) {
    const AutodiffFiniteSum loss(1, 2, [](const auto& w, Index) { return log(w(0)); });
    const auto sgd = sgd_optimizer({.lr = 4.0});
    const std::string start = "train: at step 1: the value at w = ";
    BOOST_CHECK_EXCEPTION((void)train(loss, Vector::Constant(1, 2.0), *sgd, {.steps = 3}), NumericalError,
                          [&](const NumericalError& e) { return std::string(e.what()).starts_with(start); });
    // 2 - 4 / 2 = 0 is where log stops.
}

BOOST_AUTO_TEST_SUITE_END()
