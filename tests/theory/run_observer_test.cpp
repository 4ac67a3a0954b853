#include "hessq/theory/run_observer.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/preconditioners/adaptive.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(run_observer)

namespace {

constexpr Index steps = 30;

Mlp network() { return softmax_regression(softmax_data(60, 4, 3).data); }
Vector start() { return 0.1 * normal_vector(RandomStream(3, 0), 15); }

std::unique_ptr<Optimizer> adam() { return adam_optimizer({.lr = 0.02, .beta2 = 0.9}); }

/// A run by hand: look(t, w, g) before each update. Returns the last w.
template <class Look>
Vector run(const FiniteSumObjective& objective, const Look& look) {
    const auto optimizer = adam();
    return train(objective, start(), *optimizer, {.steps = steps, .batch = 8, .sampling = Sampling::epochs, .seed = 0},
                 look)
        .parameters;
}

const MethodComparison& row(const PreconditionerComparison& point, const std::string& name) {
    for (const MethodComparison& method : point.methods)
        if (method.name == name) return method;
    throw std::out_of_range("no method is called " + name);
}

std::vector<double> numbers(const MethodComparison& m) {
    return {m.step.cosine,          m.step.curvature,       m.step.scale,         m.step.decrease_predicted,
            m.step.decrease_actual, m.cos_newton,           m.newton_fraction,    m.cos_saddle_free_newton,
            m.curvature.lambda_max, m.curvature.lambda_min, m.curvature.residual, m.curvature.condition_number};
}

void check_same(const NewtonCheckpoint& found, const NewtonCheckpoint& expected) {
    BOOST_TEST(found.step == expected.step);
    BOOST_TEST(found.loss == expected.loss);
    BOOST_TEST(found.signal_share == expected.signal_share);
    BOOST_TEST((found.minibatch.forms == expected.minibatch.forms));
    BOOST_TEST((found.full_batch.forms == expected.full_batch.forms));
    BOOST_TEST((found.second_moment == expected.second_moment));
    BOOST_TEST((found.eigenvalues == expected.eigenvalues));
    BOOST_TEST_REQUIRE(found.methods.size() == expected.methods.size());
    for (std::size_t k = 0; k < found.methods.size(); ++k) {
        BOOST_TEST(found.methods[k].name == expected.methods[k].name);
        BOOST_TEST(numbers(found.methods[k]) == numbers(expected.methods[k]));
    }
}

/// Your own class: divides by the whole Hessian at one point.
class Exact final : public Preconditioner {
public:
    explicit Exact(const Matrix& h) : h_(h), eigen_(symmetric_eigen(h)) {}
    std::string name() const override { return "mine"; }
    SymmetricOperator matrix() const override { return dense_operator(h_); }
    SymmetricOperator inverse() const override { return power(-1.0); }
    SymmetricOperator inverse_sqrt() const override { return power(-0.5); }

private:
    SymmetricOperator power(double p) const {
        const Matrix a =
            eigen_.vectors * eigen_.values.array().pow(p).matrix().asDiagonal() * eigen_.vectors.transpose();
        return dense_operator(0.5 * (a + a.transpose()));
    }
    Matrix h_;
    SymmetricEigen eigen_;
};

Quadratic bowl() { return Quadratic(with_spectrum(log_uniform_spectrum(8, 0.01, 10.0), 1)); }

} // namespace

BOOST_AUTO_TEST_CASE(a_run_of_your_own_gets_what_compare_reports) {
    const Mlp loss = network();
    const NewtonComparison expected = compare_with_newton(
        loss, start(),
        {.steps = steps, .batch = 8, .sampling = Sampling::epochs, .lr = 0.02, .beta2 = 0.9, .checkpoints = 3});
    RunObserver observer(loss, {.batch = 8, .sampling = Sampling::epochs, .beta2 = 0.9});
    std::size_t next = 0;
    const Vector last = run(loss, [&](Index t, VectorView w, VectorView g) {
        if (expected.checkpoints[next].step == t) {
            (void)observer.checkpoint(w);
            ++next;
        }
        BOOST_TEST(*observer.observe(w, g) == expected.loss(t));
    });
    BOOST_TEST(observer.steps() == steps);
    const NewtonCheckpoint& found = observer.checkpoint(last);
    BOOST_TEST((found.adam_eigenvalues == expected.checkpoints.back().adam_eigenvalues));
    BOOST_TEST_REQUIRE(observer.comparison().checkpoints.size() == expected.checkpoints.size());
    for (std::size_t k = 0; k < expected.checkpoints.size(); ++k)
        check_same(observer.comparison().checkpoints[k], expected.checkpoints[k]);
    BOOST_TEST((observer.comparison().theta == expected.theta));
    BOOST_TEST((observer.comparison().gradient == expected.gradient));
    BOOST_TEST((observer.comparison().hessian == expected.hessian));
    BOOST_TEST((observer.comparison().second_moment_matrix == expected.second_moment_matrix));
}

BOOST_AUTO_TEST_CASE(a_snapshot_can_be_analysed_later) {
    const Mlp loss = network();
    RunObserver observer(loss, {.batch = 8, .beta2 = 0.9});
    RunSnapshot early;
    NewtonCheckpoint at_once;
    (void)run(loss, [&](Index t, VectorView w, VectorView g) {
        if (t == 10) {
            early = observer.snapshot(w);
            at_once = observer.analyse(early).checkpoint;
        }
        (void)observer.observe(w, g);
    });
    check_same(observer.analyse(early).checkpoint, at_once);
}

BOOST_AUTO_TEST_CASE(w_is_the_weighted_sum_that_adam_averages) {
    const Mlp loss = network();
    RunObserver observer(loss, {.batch = 8, .beta2 = 0.9});
    Matrix w10;
    Matrix sum = Matrix::Zero(loss.dimension(), loss.dimension()); // Adam's recursion for gg'
    const Vector last = run(loss, [&](Index t, VectorView, VectorView g) {
        if (t == 10) w10 = sum / (1.0 - std::pow(0.9, 10));
        sum = 0.9 * sum + 0.1 * (g * g.transpose());
        (void)observer.observe(start(), g);
    });
    const Matrix w = sum / (1.0 - std::pow(0.9, steps));
    BOOST_TEST((observer.second_moment_matrix(steps) - w).norm() <= 1e-13 * w.norm());
    BOOST_TEST((observer.second_moment_matrix(10) - w10).norm() <= 1e-13 * w10.norm());
    const NewtonCheckpoint& end = observer.checkpoint(last);
    const Matrix& found = observer.comparison().second_moment_matrix;
    BOOST_TEST((found.diagonal() - end.second_moment).norm() <= 1e-13 * end.second_moment.norm());
    const Matrix u = symmetric_eigen(observer.comparison().hessian).vectors;
    const Vector forms = u.cwiseProduct(found * u).colwise().sum().transpose();
    BOOST_TEST((forms - end.minibatch.forms).norm() <= 1e-12 * forms.norm());
    BOOST_CHECK_THROW((void)observer.second_moment_matrix(0), std::invalid_argument);
    BOOST_CHECK_THROW((void)observer.second_moment_matrix(steps + 1), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_short_history_is_that_of_its_gradients_and_adam_still_remembers_all) {
    const Mlp loss = network();
    const auto look = [&](RunObserver& observer) {
        const Vector w = run(loss, [&](Index, VectorView at, VectorView g) { (void)observer.observe(at, g); });
        return observer.checkpoint(w);
    };
    RunObserver all(loss, {.batch = 8, .beta2 = 0.9}), few(loss, {.batch = 8, .beta2 = 0.9, .history = 4});
    const NewtonCheckpoint long_memory = look(all), short_memory = look(few);
    BOOST_TEST(numbers(row(short_memory, "adam")) == numbers(row(long_memory, "adam")));
    BOOST_TEST((short_memory.second_moment - long_memory.second_moment).norm() > 0.0);
    BOOST_TEST(run_observer_bytes(100, {.history = 4}) < run_observer_bytes(100, {}));
    BOOST_TEST(run_observer_bytes(1000, {.history = 100}) <= 2.0 * 10.0 * 1000 * 104 + 8 * 20 * 1000);
    BOOST_TEST(run_observer_bytes(1000, {.history = 100, .full_batch = false}) <= 10.0 * 1000 * 104 + 8 * 20 * 1000);
}

BOOST_AUTO_TEST_CASE(without_the_full_batch_no_loss_is_computed_and_one_second_moment_is_missing) {
    const Mlp loss = network();
    RunObserver observer(loss, {.batch = 8, .full_batch = false});
    const Vector w =
        run(loss, [&](Index, VectorView at, VectorView g) { BOOST_TEST(!observer.observe(at, g).has_value()); });
    const NewtonCheckpoint& point = observer.checkpoint(w);
    BOOST_TEST(point.minibatch.forms.size() == 15);
    BOOST_TEST(point.full_batch.forms.size() == 0);
    BOOST_TEST(!point.full_batch.exponent.has_value());
}

BOOST_AUTO_TEST_CASE(preconditioners_at_one_point_get_the_rows_of_compare) {
    const Mlp loss = network();
    RunObserver observer(loss, {.batch = 8, .beta2 = 0.9});
    const auto by_adam = adam_preconditioner(15, {.beta2 = 0.9});
    const auto by_rmsprop = rmsprop_preconditioner(15);
    const Vector w = run(loss, [&](Index, VectorView at, VectorView g) {
        (void)observer.observe(at, g);
        by_adam->observe(g);
        by_rmsprop->observe(g);
    });
    const NewtonCheckpoint& expected = observer.checkpoint(w);
    const PreconditionerComparison found = compare_preconditioners(loss, w, {*by_adam, *by_rmsprop});
    BOOST_TEST_REQUIRE(found.methods.size() == 4u);
    // What stands beside them in a block of products changes the rounding.
    for (const MethodComparison& method : found.methods) BOOST_TEST_CONTEXT(method.name) {
            const std::vector<double> seen = numbers(method), wanted = numbers(row(expected, method.name));
            const double scale = method.curvature.lambda_max; // of a lambda_min that is zero to rounding
            for (std::size_t k = 0; k < seen.size(); ++k)
                BOOST_TEST(std::abs(seen[k] - wanted[k]) <= 1e-12 * std::max(std::abs(wanted[k]), scale));
        }
    BOOST_TEST(found.loss == expected.loss);
    BOOST_TEST(found.newton_damping == expected.newton_damping);
    BOOST_TEST((found.eigenvalues == expected.eigenvalues));
}

BOOST_AUTO_TEST_CASE(a_class_of_your_own_that_divides_by_the_hessian_is_newton) {
    const Quadratic loss = bowl();
    const Vector w = normal_vector(RandomStream(2, 0), 8);
    const Exact mine(loss.dense_hessian(w));
    const auto plain = sgd_preconditioner(8);
    const PreconditionerComparison found = compare_preconditioners(loss, w, {mine, *plain});
    const MethodComparison& newton = row(found, "mine");
    BOOST_TEST(newton.cos_newton == 1.0, tolerance(1e-10));
    BOOST_TEST(newton.newton_fraction == 1.0, tolerance(1e-10));
    BOOST_TEST(newton.curvature.condition_number == 1.0, tolerance(1e-10));
    BOOST_TEST(newton.curvature.largest_stable_lr == 2.0, tolerance(1e-10));
    BOOST_TEST(row(found, "sgd").curvature.condition_number == 1e3, tolerance(1e-9));

    RunObserver observer(loss, {.batch = 1});
    observer.compare_too(mine);
    (void)observer.observe(w, loss.gradient(w));
    BOOST_TEST(row(observer.checkpoint(w), "mine").newton_fraction == 1.0, tolerance(1e-10));
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
    const Quadratic loss = bowl();
    const auto small = sgd_preconditioner(3);
    BOOST_CHECK_THROW((void)compare_preconditioners(loss, Vector::Ones(8), {*small}), std::invalid_argument);
    BOOST_CHECK_EXCEPTION((void)compare_preconditioners(loss, Vector::Ones(3), {}), std::invalid_argument,
                          says("compare_preconditioners: w must have 8 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)compare_preconditioners(loss, Vector::Zero(8), {}), NumericalError,
                          says("compare_preconditioners: the gradient at w is zero: there is no step to compare"));
    RunObserver observer(loss, {.batch = 1});
    BOOST_CHECK_EXCEPTION((void)observer.snapshot(Vector::Ones(8)), std::invalid_argument,
                          says("RunObserver::snapshot: at least one gradient must have been observed; got 0"));
    BOOST_CHECK_EXCEPTION((void)observer.observe(Vector::Ones(8), Vector::Ones(3)), std::invalid_argument,
                          says("RunObserver::observe: g must have 8 entries; got 3"));
    BOOST_CHECK_EXCEPTION(RunObserver(loss, {.batch = 0}), std::invalid_argument,
                          says("RunObserver: batch must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(RunObserver(loss, {.history = -1}), std::invalid_argument,
                          says("RunObserver: history must be at least 0; got -1"));
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_not_finite_is_refused_and_leaves_no_trace) {
    const Mlp loss = network();
    RunObserver observer(loss, {.batch = 8, .full_batch = false});
    const Vector w = loss.initial_parameters(0), g = loss.gradient(w);
    (void)observer.observe(w, g);
    Vector bad = g;
    bad(3) = std::nan("");
    BOOST_CHECK_EXCEPTION((void)observer.observe(w, bad), NumericalError,
                          says("RunObserver::observe: g is not finite: entry 3 is nan"));
    BOOST_TEST(observer.steps() == 1);
    BOOST_TEST(observer.checkpoint(w).second_moment.allFinite());
}

BOOST_AUTO_TEST_SUITE_END()
