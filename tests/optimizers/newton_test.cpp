#include "hessq/optimizers/newton.hpp"

#include "hessq/core/require.hpp"
#include "hessq/objectives/autodiff.hpp"
#include "hessq/objectives/function.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/objectives/test_functions.hpp"
#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;
using hessq::test::eps;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(newton_run_suite)

namespace {

/// x^4 / 4 - x^2 / 2 + y^2: a saddle at 0, minima of value -1/4 at x = +-1.
FunctionObjective double_well() {
    return FunctionObjective(
        2, [](VectorView w) { return std::pow(w(0), 4) / 4 - w(0) * w(0) / 2 + w(1) * w(1); },
        [](VectorView w) -> Vector { return Eigen::Vector2d(std::pow(w(0), 3) - w(0), 2 * w(1)); },
        [](VectorView w, MatrixView v) -> Matrix {
            const Vector curvature = Eigen::Vector2d(3 * w(0) * w(0) - 1, 2);
            return curvature.asDiagonal() * v;
        });
}

} // namespace

BOOST_AUTO_TEST_CASE(each_method_contracts_a_diagonal_quadratic_as_its_formula_says) {
    const Vector lambda = Eigen::Vector3d(1e-3, 0.5, 2.0);
    const Quadratic bowl(lambda.asDiagonal());
    const double d = 1e-3, shift = d * 2.0;
    const auto after_one = [&](NewtonMethod method) -> Vector {
        return minimize_newton(bowl, Vector::Ones(3), {.method = method, .iterations = 1, .relative_damping = d})
            .parameters;
    };
    const Vector shifted = shift / (lambda.array() + shift);
    BOOST_TEST((after_one(NewtonMethod::damped) - shifted).norm() <= 20 * eps);
    BOOST_TEST((after_one(NewtonMethod::saddle_free) - shifted).norm() <= 20 * eps);
    // Below the floor of 2e-3 the first coordinate goes half the way.
    BOOST_TEST((after_one(NewtonMethod::diagonal) - Eigen::Vector3d(0.5, 0, 0)).norm() <= 20 * eps);
}

BOOST_AUTO_TEST_CASE(every_method_finds_the_minimum_of_the_double_well_from_beside_the_saddle) {
    for (const NewtonMethod method : {NewtonMethod::diagonal, NewtonMethod::damped, NewtonMethod::saddle_free}) {
        const NewtonRun run = minimize_newton(double_well(), Eigen::Vector2d(1e-3, 1), {.method = method});
        BOOST_CHECK(run.outcome == NewtonOutcome::converged);
        // |g| <= 1e-8 and curvature 2: the point is within 5e-9 to first order.
        BOOST_TEST((run.parameters - Eigen::Vector2d(1, 0)).norm() <= 6e-9);
        BOOST_TEST(std::abs(run.loss(run.loss.size() - 1) + 0.25) <= 1e-15);
    }
}

BOOST_AUTO_TEST_CASE(the_loss_never_rises_and_the_curves_belong_together) {
    const Rosenbrock valley(4);
    const Vector start = (Vector(4) << -1.2, 1, -1.2, 1).finished();
    for (const NewtonMethod method : {NewtonMethod::diagonal, NewtonMethod::damped, NewtonMethod::saddle_free}) {
        const NewtonRun run = minimize_newton(valley, start, {.method = method, .iterations = 30});
        const Index points = run.loss.size();
        BOOST_TEST(run.gradient_norm.size() == points);
        BOOST_TEST(run.step_length.size() == points - 1);
        BOOST_TEST(run.loss(0) == valley.value(start));
        BOOST_TEST(run.loss(points - 1) == valley.value(run.parameters));
        BOOST_TEST(((run.loss.tail(points - 1) - run.loss.head(points - 1)).array() < 0.0).all());
    }
}

BOOST_AUTO_TEST_CASE(saddle_free_newton_solves_rosenbrock) {
    const Rosenbrock valley(2);
    const NewtonRun run = minimize_newton(valley, Eigen::Vector2d(-1.2, 1),
                                          {.method = NewtonMethod::saddle_free, .relative_damping = 1e-6});
    BOOST_CHECK(run.outcome == NewtonOutcome::converged);
    // |g| <= 1e-8 and the smallest curvature there is .3994.
    BOOST_TEST((run.parameters - valley.minimum()).norm() <= 3e-8);
}

BOOST_AUTO_TEST_CASE(at_the_saddle_itself_the_run_has_converged) {
    const NewtonRun run = minimize_newton(double_well(), Vector::Zero(2));
    BOOST_CHECK(run.outcome == NewtonOutcome::converged);
    BOOST_TEST(run.loss.size() == 1);
    BOOST_TEST(run.step_length.size() == 0);
}

BOOST_AUTO_TEST_CASE(a_direction_that_never_lowers_the_loss_is_reported) {
    // The gradient points the wrong way.
    const FunctionObjective wrong(
        1, [](VectorView w) { return w(0); }, [](VectorView) -> Vector { return -Vector::Ones(1); },
        [](VectorView, MatrixView v) -> Matrix { return v; });
    const NewtonRun run = minimize_newton(wrong, Vector::Zero(1));
    BOOST_CHECK(run.outcome == NewtonOutcome::no_decrease);
    BOOST_CHECK(run.parameters == Vector::Zero(1));
    BOOST_TEST(run.loss.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_trial_where_there_is_no_loss_is_too_long) {
    // From w = 3 Newton's step for w - log w ends at -3.
    const AutodiffObjective loss(1, [](const auto& w) { return w(0) - log(w(0)); });
    const NewtonRun run = minimize_newton(loss, Vector::Constant(1, 3.0), {.iterations = 50});
    BOOST_TEST((run.outcome == NewtonOutcome::converged));
    BOOST_TEST(std::abs(run.parameters(0) - 1.0) < 1e-6);
    BOOST_TEST(trial_value(loss, Vector::Constant(1, -1.0)) == std::numeric_limits<double>::infinity());
}

BOOST_AUTO_TEST_CASE(no_curvature_leaves_gradient_descent) {
    const FunctionObjective slope(
        1, [](VectorView w) { return 3 * w(0); }, [](VectorView) -> Vector { return Vector::Constant(1, 3.0); },
        [](VectorView, MatrixView v) -> Matrix { return 0.0 * v; });
    const NewtonRun run = minimize_newton(slope, Vector::Zero(1), {.iterations = 1});
    BOOST_CHECK(run.outcome == NewtonOutcome::iteration_limit);
    BOOST_TEST(run.parameters(0) == -3.0);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const Quadratic bowl(Matrix::Identity(2, 2));
    const Vector w = Vector::Ones(2);
    const auto refuses = [&](const NewtonOptions& options, const char* message) {
        BOOST_CHECK_EXCEPTION((void)minimize_newton(bowl, w, options), std::invalid_argument, says(message));
    };
    BOOST_CHECK_EXCEPTION((void)minimize_newton(bowl, Vector::Ones(3)), std::invalid_argument,
                          says("minimize_newton: start must have 2 entries; got 3"));
    refuses({.iterations = -1}, "minimize_newton: iterations must be at least 0; got -1");
    refuses({.relative_damping = 0.0}, "minimize_newton: relative_damping must lie in (0, 1]; got 0");
    refuses({.gradient_tolerance = -1.0}, "minimize_newton: gradient_tolerance must be at least 0; got -1");
    refuses({.halvings = -1}, "minimize_newton: halvings must be at least 0; got -1");
}

BOOST_AUTO_TEST_SUITE_END()
