#include "hessq/theory/newton_comparison.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/spectrum/resolved.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(newton_comparison)

namespace {

struct Case {
    std::string name;
    std::shared_ptr<const FiniteSumObjective> objective;
    Vector start;
    NewtonComparisonOptions options;
};

/// P1's law in small, off the axes: noise of covariance H.
Case noisy_quadratic() {
    const Matrix h = with_spectrum(log_uniform_spectrum(8, 0.01, 10.0), 1);
    return {"quadratic",
            std::make_shared<const Quadratic>(h, QuadraticOptions{.noise_covariance = h, .samples = 64}),
            normal_vector(RandomStream(2, 0), 8),
            {.steps = 40, .batch = 4, .lr = 0.05, .checkpoints = 4}};
}

/// Singular: five directions shift all logits alike.
Case softmax() {
    return {"softmax",
            std::make_shared<const Mlp>(softmax_regression(softmax_data(60, 4, 3).data)),
            0.1 * normal_vector(RandomStream(3, 0), 15),
            {.steps = 30, .batch = 8, .sampling = Sampling::epochs, .lr = 0.02, .beta2 = 0.9, .checkpoints = 3}};
}

/// Indefinite on the way.
Case iris() {
    const Problem problem = bundled_problem("iris-mlp");
    return {"iris-mlp",
            problem.objective,
            problem.start(0),
            {.steps = 60, .batch = 16, .lr = 0.01, .seed = 4, .checkpoints = 3}};
}

NewtonComparison compare(const Case& c) { return compare_with_newton(*c.objective, c.start, c.options); }

const MethodComparison& row(const NewtonCheckpoint& point, const std::string& name) {
    for (const MethodComparison& method : point.methods)
        if (method.name == name) return method;
    throw std::out_of_range("no method is called " + name);
}

/// The run again, by the training loop alone.
struct Replay {
    std::vector<Vector> points, gradients; ///< w before each update, and the mini-batch's gradient there
    std::vector<Vector> adam;              ///< diag P after each update
};

Replay replay(const Case& c) {
    Replay run;
    const NewtonComparisonOptions& o = c.options;
    const auto adam = adam_optimizer({.lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps});
    const TrainResult result = train(*c.objective, c.start, *adam,
                                     {.steps = o.steps, .batch = o.batch, .sampling = o.sampling, .seed = o.seed},
                                     [&](Index t, VectorView w, VectorView g) {
                                         if (t > 0) run.adam.push_back(*adam->preconditioner().diagonal());
                                         run.points.push_back(w);
                                         run.gradients.push_back(g);
                                     });
    run.adam.push_back(*adam->preconditioner().diagonal());
    run.points.push_back(result.parameters);
    return run;
}

/// sum_t w_t x_t o x_t over the first `steps`, with Adam's bias-corrected weights.
Vector weighted_squares(const std::vector<Vector>& x, double beta2, Index steps) {
    Vector sum = Vector::Zero(x.front().size());
    const auto last = static_cast<double>(steps);
    for (Index t = 0; t < steps; ++t)
        sum += (1.0 - beta2) * std::pow(beta2, last - 1.0 - static_cast<double>(t)) / (1.0 - std::pow(beta2, last)) *
               x[static_cast<std::size_t>(t)].cwiseAbs2();
    return sum;
}

std::vector<Vector> rotated_by(const Matrix& u, const std::vector<Vector>& x) {
    std::vector<Vector> result;
    for (const Vector& v : x) result.push_back(u.transpose() * v);
    return result;
}

double distance(const Vector& a, const Vector& b) { return (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff(); }

void check_checkpoint(const Case& c, const Replay& run, const NewtonCheckpoint& point) {
    const NewtonComparisonOptions& o = c.options;
    const FiniteSumObjective& objective = *c.objective;
    const auto n = static_cast<double>(objective.dimension());
    const auto m = static_cast<double>(objective.samples());
    const auto batch = static_cast<double>(o.batch);
    const double rounding = 100.0 * n * eps;
    const Vector& w = run.points[static_cast<std::size_t>(point.step)];
    const Vector g = objective.gradient(w);
    const Matrix h = objective.dense_hessian(w);

    BOOST_TEST(point.loss == objective.value(w), tolerance(rounding));
    BOOST_TEST(point.gradient_norm == g.norm(), tolerance(rounding));
    const Matrix each = objective.per_sample_gradients(w, Batch::all(objective.samples()));
    const double noise = (each.colwise() - g).colwise().squaredNorm().mean();
    BOOST_TEST(point.noise_trace == noise, tolerance(rounding));
    const double drawn = o.sampling == Sampling::iid ? noise / batch : noise / batch * (m - batch) / (m - 1.0);
    BOOST_TEST(point.signal_share == g.squaredNorm() / (g.squaredNorm() + drawn), tolerance(rounding));

    const Vector lambda = Eigen::SelfAdjointEigenSolver<Matrix>(h).eigenvalues();
    BOOST_TEST(distance(point.eigenvalues, lambda) <= n * eps);
    BOOST_TEST(point.lambda_max == point.eigenvalues.maxCoeff());
    BOOST_TEST(point.lambda_min == point.eigenvalues.minCoeff());
    BOOST_TEST((point.hessian_diagonal == h.diagonal()));

    // Adam's v, by definition and from an optimizer of its own.
    const Vector v = weighted_squares(run.gradients, o.beta2, point.step);
    BOOST_TEST(distance(point.second_moment, v) <= rounding);
    const Vector& adam = run.adam[static_cast<std::size_t>(point.step - 1)];
    BOOST_TEST(distance(point.second_moment.cwiseSqrt().array() + o.eps, adam) <= rounding);

    // u_k'Wu_k, sum by sum; the same matrix has the same eigenvectors.
    const SymmetricEigen eigen = symmetric_eigen(h);
    std::vector<Vector> full;
    for (const Vector& visited : run.points) full.push_back(objective.gradient(visited));
    const Vector minibatch_forms = weighted_squares(rotated_by(eigen.vectors, run.gradients), o.beta2, point.step);
    const Vector full_forms = weighted_squares(rotated_by(eigen.vectors, full), o.beta2, point.step);
    BOOST_TEST(distance(point.minibatch.forms, minibatch_forms) <= rounding);
    BOOST_TEST(distance(point.full_batch.forms, full_forms) <= rounding);
    const EigenExponent exponent = eigen_exponent(point.eigenvalues, point.minibatch.forms).value();
    BOOST_TEST(point.minibatch.exponent->exponent.value == exponent.exponent.value);
    const auto chosen = resolved_directions(lambda);
    BOOST_TEST(point.minibatch.sources->signal_shares.size() == static_cast<Index>(chosen.size()));
    const Vector row_norms = h.rowwise().norm();
    BOOST_TEST(point.slopes.diagonal->slope ==
                   coordinate_slopes(point.second_moment, point.hessian_diagonal, row_norms).diagonal->slope,
               tolerance(1e-8));

    // Methods: sgd walks along g, adam along g / diag P, each to the end of its own line.
    const MethodComparison& sgd = row(point, "sgd");
    BOOST_TEST(sgd.step.cosine == 1.0, tolerance(rounding));
    BOOST_TEST(sgd.step.curvature == g.dot(h * g) / g.squaredNorm(), tolerance(1e-8));
    const Vector direction = g.cwiseQuotient(adam);
    const MethodComparison& by_adam = row(point, "adam");
    BOOST_TEST(by_adam.step.cosine == cosine(direction, g), tolerance(rounding));
    BOOST_TEST(by_adam.step.decrease_actual == point.loss - objective.value(w - by_adam.step.scale * direction),
               tolerance(1e-8));
    const Matrix root = adam.cwiseSqrt().cwiseInverse().asDiagonal();
    const Vector seen = Eigen::SelfAdjointEigenSolver<Matrix>(Matrix(root * h * root)).eigenvalues();
    BOOST_TEST(std::abs(by_adam.curvature.lambda_max - seen.maxCoeff()) <=
               by_adam.curvature.residual + 1e-9 * seen.cwiseAbs().maxCoeff());
    BOOST_TEST(std::abs(by_adam.curvature.lambda_min - seen.minCoeff()) <=
               by_adam.curvature.residual + 1e-9 * seen.cwiseAbs().maxCoeff());
    if (point.step == o.steps)
        BOOST_TEST(distance(point.adam_eigenvalues, seen) <= 10.0 * n * eps);
    else
        BOOST_TEST(point.adam_eigenvalues.size() == 0);

    const double newton_decrease = row(point, "newton").step.decrease_actual;
    for (const MethodComparison& method : point.methods)
        BOOST_TEST(method.newton_fraction == method.step.decrease_actual / newton_decrease);
}

/// Every number of a comparison, in one line.
std::vector<double> numbers_of(const NewtonComparison& comparison) {
    std::vector<double> all;
    const auto add = [&](const auto& values) { all.insert(all.end(), values.data(), values.data() + values.size()); };
    const auto add_fit = [&](const std::optional<LineFit>& fit) {
        if (fit) all.insert(all.end(), {fit->slope, fit->intercept, fit->slope_std_error, fit->r_squared});
    };
    const auto add_reading = [&](const SecondMomentReading& reading) {
        add(reading.forms);
        if (reading.exponent)
            all.insert(all.end(), {reading.exponent->exponent.value, reading.exponent->exponent.std_error,
                                   reading.exponent->interval.lower, reading.exponent->interval.upper});
        if (reading.sources) add(reading.sources->signal_shares);
    };
    add(comparison.loss);
    add(comparison.theta);
    add(comparison.gradient);
    add(comparison.hessian);
    for (const NewtonCheckpoint& p : comparison.checkpoints) {
        all.insert(all.end(), {static_cast<double>(p.step), p.loss, p.gradient_norm, p.noise_trace, p.signal_share,
                               p.lambda_max, p.lambda_min, p.newton_damping, p.saddle_free_damping});
        add_reading(p.minibatch);
        add_reading(p.full_batch);
        add_fit(p.slopes.diagonal);
        add_fit(p.slopes.row_norm);
        for (const MethodComparison& m : p.methods)
            all.insert(all.end(), {m.step.cosine, m.step.curvature, m.step.scale, m.step.decrease_predicted,
                                   m.step.decrease_actual, m.cos_newton, m.cos_saddle_free_newton, m.newton_fraction,
                                   m.curvature.lambda_max, m.curvature.lambda_min, m.curvature.residual,
                                   m.curvature.largest_stable_lr, m.curvature.condition_number});
        add(p.eigenvalues);
        add(p.hessian_diagonal);
        add(p.second_moment);
        add(p.adam_eigenvalues);
    }
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(checkpoints_are_evenly_spaced_in_log_time) {
    BOOST_TEST(log_spaced_steps(1, 8) == (std::vector<Index>{1}));
    BOOST_TEST(log_spaced_steps(3, 8) == (std::vector<Index>{1, 2, 3}));
    BOOST_TEST(log_spaced_steps(100, 3) == (std::vector<Index>{1, 10, 100}));
    BOOST_TEST(log_spaced_steps(20'000, 3) == (std::vector<Index>{100, 1414, 20'000})); // from a 200th on
    BOOST_TEST(log_spaced_steps(50, 1) == (std::vector<Index>{50}));
    for (const Index steps : {7, 199, 200, 201, 4321})
        for (const Index count : {2, 5, 30}) {
            const std::vector<Index> chosen = log_spaced_steps(steps, count);
            BOOST_TEST(static_cast<Index>(chosen.size()) <= count);
            BOOST_TEST(chosen.back() == steps);
            BOOST_CHECK(std::adjacent_find(chosen.begin(), chosen.end(), std::greater_equal<>()) == chosen.end());
        }
}

BOOST_AUTO_TEST_CASE(checkpoints_agree_with_the_definitions) {
    for (const Case& c : {noisy_quadratic(), softmax(), iris()}) BOOST_TEST_CONTEXT(c.name) {
            const NewtonComparison found = compare(c);
            const Replay run = replay(c);
            std::vector<Index> steps;
            for (const NewtonCheckpoint& point : found.checkpoints) steps.push_back(point.step);
            BOOST_TEST(steps == log_spaced_steps(c.options.steps, c.options.checkpoints));
            for (const NewtonCheckpoint& point : found.checkpoints) BOOST_TEST_CONTEXT("step " << point.step) {
                    check_checkpoint(c, run, point);
                }
            BOOST_TEST(found.loss.size() == c.options.steps + 1);
            for (Index t = 0; t <= c.options.steps; ++t)
                BOOST_TEST(found.loss(t) == c.objective->value(run.points[static_cast<std::size_t>(t)]),
                           tolerance(1e-12));
            BOOST_TEST((found.theta == run.points.back()));
            BOOST_TEST((found.hessian == c.objective->dense_hessian(found.theta)));
            BOOST_TEST(distance(found.gradient, c.objective->gradient(found.theta)) <= 1e-12);
        }
}

BOOST_AUTO_TEST_CASE(the_counts_say_what_the_hessian_is_like) {
    for (const NewtonCheckpoint& point : compare(noisy_quadratic()).checkpoints) {
        BOOST_CHECK(point.newton_status == NewtonStatus::ok);
        BOOST_TEST(point.negative_eigenvalues == 0);
        BOOST_TEST(point.zero_eigenvalues == 0);
    }
    for (const NewtonCheckpoint& point : compare(softmax()).checkpoints) {
        BOOST_CHECK(point.newton_status == NewtonStatus::singular);
        BOOST_TEST(point.zero_eigenvalues == 5);
        BOOST_TEST(point.negative_eigenvalues == 0);
        BOOST_TEST(row(point, "sgd").curvature.directions <= 10);
    }
    const NewtonCheckpoint first = compare(iris()).checkpoints.front();
    BOOST_TEST(first.negative_eigenvalues > 0);
    BOOST_TEST(first.newton_damping > -first.lambda_min);
}

BOOST_AUTO_TEST_CASE(every_method_is_compared_and_gauss_newton_only_where_there_is_a_model) {
    const std::vector<std::string> expected = {"newton",
                                               "saddle_free_newton",
                                               "adam",
                                               "rmsprop",
                                               "sgd",
                                               "momentum",
                                               "adagrad",
                                               "adabelief",
                                               "full_matrix",
                                               "hessian_diagonal",
                                               "hessian_row_norms"};
    const auto names = [](const Case& c) {
        std::vector<std::string> found;
        const NewtonCheckpoint first = compare(c).checkpoints.front();
        for (const MethodComparison& method : first.methods) found.push_back(method.name);
        return found;
    };
    BOOST_TEST(names(noisy_quadratic()) == expected);
    std::vector<std::string> with_model = expected;
    with_model.push_back("gauss_newton_diagonal");
    BOOST_TEST(names(softmax()) == with_model);
}

BOOST_AUTO_TEST_CASE(on_a_quadratic_newton_ends_at_the_minimum_and_nobody_does_better) {
    const Case c = noisy_quadratic();
    for (const NewtonCheckpoint& point : compare(c).checkpoints) {
        BOOST_TEST(point.newton_damping == 0.0);
        BOOST_TEST(point.saddle_free_damping == 0.0);
        const double rounding = 8 * eps * 1e3; // n eps condition
        for (const char* name : {"newton", "saddle_free_newton"}) {
            const MethodComparison& newton = row(point, name);
            BOOST_TEST(newton.newton_fraction == 1.0, tolerance(rounding));
            BOOST_TEST(newton.cos_newton == 1.0, tolerance(rounding));
            BOOST_TEST(newton.cos_saddle_free_newton == 1.0, tolerance(rounding));
            BOOST_TEST(newton.step.decrease_actual == point.loss, tolerance(rounding)); // the minimum is 0
            BOOST_TEST(newton.curvature.condition_number == 1.0, tolerance(rounding));
            BOOST_TEST(newton.curvature.largest_stable_lr == 2.0, tolerance(rounding));
        }
        for (const MethodComparison& method : point.methods) {
            BOOST_TEST(method.newton_fraction <= 1.0 + rounding);
            if (method.name != "momentum") BOOST_TEST(method.newton_fraction > 0.0);
            BOOST_TEST(method.step.decrease_predicted == method.step.decrease_actual,
                       tolerance(1e3 * rounding / std::max(method.newton_fraction, 1e-3)));
        }
        BOOST_TEST(row(point, "sgd").curvature.condition_number == 1e3, tolerance(1e-9));
    }
}

BOOST_AUTO_TEST_CASE(on_a_diagonal_quadratic_the_diagonals_of_curvature_are_newtons_method) {
    const Vector lambda = log_uniform_spectrum(6, 0.1, 10.0);
    const Quadratic bowl(lambda.asDiagonal());
    const NewtonComparison found =
        compare_with_newton(bowl, Vector::Ones(6), {.steps = 10, .batch = 1, .lr = 0.01, .checkpoints = 2});
    for (const NewtonCheckpoint& point : found.checkpoints)
        for (const char* name : {"hessian_diagonal", "hessian_row_norms"}) {
            BOOST_TEST(row(point, name).cos_newton == 1.0, tolerance(100 * eps));
            BOOST_TEST(row(point, name).newton_fraction == 1.0, tolerance(100 * eps));
            BOOST_TEST(row(point, name).curvature.condition_number == 1.0, tolerance(100 * eps));
        }
}

BOOST_AUTO_TEST_CASE(after_one_step_without_noise_both_exponents_are_two_and_all_is_signal) {
    // g = H delta with delta = V 1: u_k'gg'u_k = lambda_k^2.
    const Matrix h = with_spectrum(log_uniform_spectrum(10, 0.01, 1.0), 5);
    const Vector start = symmetric_eigen(h).vectors.rowwise().sum();
    const NewtonCheckpoint first =
        compare_with_newton(Quadratic(h), start, {.steps = 1, .batch = 1, .lr = 1e-14, .checkpoints = 1})
            .checkpoints.front();
    BOOST_TEST(first.signal_share == 1.0);
    BOOST_TEST(first.noise_trace == 0.0);
    for (const SecondMomentReading& reading : {first.minibatch, first.full_batch}) {
        // The small lambda_k, 1e-2, are known to eps / 1e-2.
        BOOST_TEST(reading.exponent->exponent.value == 2.0, tolerance(1e-10));
        BOOST_TEST(reading.sources->a == 1.0, tolerance(1e-10));
        BOOST_TEST(reading.sources->b == 0.0);
        BOOST_TEST((reading.sources->signal_shares.array() == 1.0).all());
    }
}

BOOST_AUTO_TEST_CASE(a_batch_of_all_samples_has_no_noise_when_drawn_without_replacement) {
    Case c = noisy_quadratic();
    c.options.batch = 64;
    c.options.sampling = Sampling::epochs;
    for (const NewtonCheckpoint& point : compare(c).checkpoints) {
        BOOST_TEST(point.signal_share == 1.0);
        BOOST_TEST(point.noise_trace == log_uniform_spectrum(8, 0.01, 10.0).sum(), tolerance(1e-12)); // tr C
        BOOST_TEST(distance(point.minibatch.forms, point.full_batch.forms) <= 1e-9);
    }
}

BOOST_AUTO_TEST_CASE(one_parameter_is_enough) {
    const NewtonComparison found = compare_with_newton(Quadratic(Matrix::Constant(1, 1, 3.0)), Vector::Ones(1),
                                                       {.steps = 4, .batch = 1, .lr = 0.01, .checkpoints = 2});
    const NewtonCheckpoint& last = found.checkpoints.back();
    BOOST_TEST(!last.minibatch.exponent.has_value());
    BOOST_TEST(!last.minibatch.sources.has_value());
    BOOST_TEST(!last.slopes.diagonal.has_value());
    BOOST_TEST(last.adam_eigenvalues(0) == 3.0 / (std::sqrt(last.second_moment(0)) + 1e-8), tolerance(8 * eps));
    for (const MethodComparison& method : last.methods) BOOST_TEST(method.newton_fraction == 1.0, tolerance(20 * eps));
}

BOOST_AUTO_TEST_CASE(a_sphere_has_no_exponent_but_is_compared) {
    const Matrix identity = Matrix::Identity(5, 5);
    const NewtonComparison found =
        compare_with_newton(Quadratic(identity, {.noise_covariance = identity, .samples = 16}),
                            Vector::LinSpaced(5, 1.0, 2.0), {.steps = 10, .batch = 2, .lr = 0.01, .checkpoints = 2});
    BOOST_TEST(!found.checkpoints.back().minibatch.exponent.has_value());
    BOOST_TEST(!found.checkpoints.back().slopes.diagonal.has_value());
    BOOST_TEST(row(found.checkpoints.back(), "sgd").newton_fraction == 1.0, tolerance(20 * eps));
}

BOOST_AUTO_TEST_CASE(threads_and_concurrency_change_no_byte) {
    for (Case c : {noisy_quadratic(), softmax(), iris()}) BOOST_TEST_CONTEXT(c.name) {
            const auto numbers = [&](int threads, Index concurrent) {
                const ThreadLimit limit(threads);
                c.options.concurrent = concurrent;
                return numbers_of(compare(c));
            };
            const std::vector<double> expected = numbers(1, 1);
            BOOST_TEST(std::all_of(expected.begin(), expected.end(), [](double x) { return std::isfinite(x); }));
            BOOST_TEST((numbers(2, 1) == expected));
            BOOST_TEST((numbers(2, 2) == expected));
            BOOST_TEST((numbers(1, 2) == expected));
            BOOST_TEST((numbers(2, 5) == expected)); // more than there are checkpoints
            ++c.options.seed;
            BOOST_TEST((numbers(1, 1) != expected));
        }
}

BOOST_AUTO_TEST_CASE(the_shares_of_the_progress_add_to_one) {
    Case c = noisy_quadratic();
    c.options.concurrent = 2;
    double done = 0.0;
    int calls = 0;
    std::string last;
    std::mutex mutex;
    c.options.progress = [&](double share, std::string_view what) {
        const std::lock_guard lock(mutex);
        done += share;
        ++calls;
        last = what;
    };
    const auto checkpoints = compare(c).checkpoints.size();
    BOOST_TEST(done == 1.0, tolerance(100 * eps));
    BOOST_TEST(calls == c.options.steps + static_cast<Index>(checkpoints));
    BOOST_TEST(last.substr(0, 5) == "step ");
}

BOOST_AUTO_TEST_CASE(the_memory_forecast_counts_both_histories_and_the_checkpoints_side_by_side) {
    const NewtonComparisonOptions short_run{.steps = 100, .checkpoints = 4};
    NewtonComparisonOptions longer = short_run, wider = short_run, widest = short_run;
    longer.steps = 200;
    wider.concurrent = 4;
    widest.concurrent = 8;
    const double bytes = newton_comparison_bytes(50, 1000, short_run);
    const double histories = 2.0 * 8.0 * 50.0 * 100.0;
    BOOST_TEST(newton_comparison_bytes(50, 1000, longer) == bytes + histories);
    BOOST_TEST(newton_comparison_bytes(50, 1000, wider) == histories + 4.0 * (bytes - histories));
    BOOST_TEST(newton_comparison_bytes(50, 1000, widest) == newton_comparison_bytes(50, 1000, wider));
}

BOOST_AUTO_TEST_CASE(a_run_that_explodes_names_the_step) {
    Case c = noisy_quadratic();
    c.options.lr = 1e200; // Adam's first step is lr in every coordinate, and its square overflows
    BOOST_CHECK_EXCEPTION((void)compare(c), NumericalError, says("train: loss is not finite at step 1 (inf)"));
    c.options.steps = 1;
    BOOST_CHECK_EXCEPTION((void)compare(c), NumericalError, says("the loss at step 1 is not finite: inf"));
}

BOOST_AUTO_TEST_CASE(a_stationary_point_has_no_step_to_compare) {
    BOOST_CHECK_EXCEPTION((void)compare_with_newton(Quadratic(Matrix::Identity(3, 3)), Vector::Zero(3),
                                                    {.steps = 5, .batch = 1, .checkpoints = 2}),
                          NumericalError,
                          says("RunObserver: the gradient at step 1 is zero: there is no step to compare"));
}

BOOST_AUTO_TEST_CASE(an_eps_that_leaves_no_step_is_named) {
    Case c = noisy_quadratic();
    c.options.eps = 1e300; // the square of what Adam's step would be underflows
    BOOST_CHECK_EXCEPTION((void)compare(c), NumericalError,
                          says("RunObserver: the step of adam at step 1 is zero to rounding: its eps dwarfs "
                               "the gradient"));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const auto refuses = [](const auto& change, const char* message) {
        Case c = noisy_quadratic();
        change(c);
        BOOST_CHECK_EXCEPTION((void)compare(c), std::invalid_argument, says(message));
    };
    refuses([](Case& c) { c.start = Vector::Zero(3); }, "compare_with_newton: start must have 8 entries; got 3");
    refuses([](Case& c) { c.options.batch = 0; }, "compare_with_newton: batch must be at least 1; got 0");
    refuses([](Case& c) { c.options.batch = 65; }, "train: batch must be at most the number of samples (64); got 65");
    refuses([](Case& c) { c.options.concurrent = 0; }, "compare_with_newton: concurrent must be at least 1; got 0");
    refuses([](Case& c) { c.options.steps = 0; }, "log_spaced_steps: steps must be at least 1; got 0");
    refuses([](Case& c) { c.options.checkpoints = 0; }, "log_spaced_steps: count must be at least 1; got 0");
    refuses([](Case& c) { c.options.lr = 0.0; }, "adam_optimizer: lr must be greater than 0; got 0");
    refuses([](Case& c) { c.options.beta1 = 1.0; }, "momentum_preconditioner: beta1 must lie in [0, 1); got 1");
    refuses([](Case& c) { c.options.beta2 = 1.0; }, "adam_preconditioner: beta2 must lie in [0, 1); got 1");
    refuses([](Case& c) { c.options.eps = -1.0; }, "adam_preconditioner: eps must be at least 0; got -1");
}

BOOST_AUTO_TEST_SUITE_END()
