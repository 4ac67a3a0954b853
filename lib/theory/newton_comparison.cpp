#include "hessq/theory/newton_comparison.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/run_observer.hpp"
#include "method_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hessq {

FrozenMethod frozen(const Preconditioner& p, VectorView gradient) {
    FrozenMethod method{.name = p.name(), .direction = p.direction(gradient), .inverse_sqrt = p.inverse_sqrt()};
    const std::optional<Vector> diagonal = p.diagonal();
    if (diagonal && (diagonal->array() == (*diagonal)(0)).all()) // a multiple of I has every eigenvector
        method.metric = *diagonal;
    return method;
}

void require_slope(const ComparedPoint& point) {
    if (point.gradient.squaredNorm() == 0.0)
        throw NumericalError(point.who + ": the gradient" + point.where + " is zero: there is no step to compare");
}

PreconditionerComparison compare_methods(const ComparedPoint& at, MatrixView hessian, const SymmetricEigen& eigen,
                                         const std::vector<FrozenMethod>& preconditioners) {
    const Vector& lambda = eigen.values;
    const double scale = lambda.cwiseAbs().maxCoeff();
    const double zero = static_cast<double>(lambda.size()) * std::numeric_limits<double>::epsilon() * scale;

    PreconditionerComparison point;
    point.loss = at.loss;
    point.gradient_norm = at.gradient.norm();
    point.lambda_max = lambda(lambda.size() - 1);
    point.lambda_min = lambda(0);
    point.negative_eigenvalues = (lambda.array() < -zero).count();
    point.zero_eigenvalues = (lambda.array().abs() <= zero).count();
    point.eigenvalues = lambda;
    point.hessian_diagonal = hessian.diagonal();

    point.newton_status = newton_step(eigen, at.gradient).status;
    const NewtonStep newton = best_damped_step(at.objective, at.w, eigen, at.gradient, NewtonMetric::shifted);
    const NewtonStep saddle_free = best_damped_step(at.objective, at.w, eigen, at.gradient, NewtonMetric::absolute);
    point.newton_damping = newton.damping;
    point.saddle_free_damping = saddle_free.damping;

    std::vector<FrozenMethod> methods;
    methods.push_back(
        {.name = "newton", .direction = newton.step, .full_step = true, .metric = lambda.array() + newton.damping});
    methods.push_back({.name = "saddle_free_newton",
                       .direction = saddle_free.step,
                       .full_step = true,
                       .metric = lambda.array().abs() + saddle_free.damping});
    methods.insert(methods.end(), preconditioners.begin(), preconditioners.end());

    const SymmetricOperator h = dense_operator(hessian, "Hessian");
    std::vector<SymmetricOperator> seen_through;
    std::vector<std::size_t> seen_in; // the rows whose curvature that is
    for (const FrozenMethod& method : methods) {
        if (method.direction.squaredNorm() == 0.0)
            throw NumericalError(at.who + ": the step of " + method.name + at.where +
                                 " is zero to rounding: its eps dwarfs the gradient");
        MethodComparison row;
        row.name = method.name;
        row.step = (method.full_step ? full_step_quality : step_quality)(at.objective, at.w, at.loss, at.gradient, h,
                                                                         method.direction);
        row.cos_newton = cosine(method.direction, newton.step);
        row.cos_saddle_free_newton = cosine(method.direction, saddle_free.step);
        if (method.metric.size() > 0)
            row.curvature = preconditioned_curvature(eigen, method.metric);
        else {
            seen_through.push_back(*method.inverse_sqrt);
            seen_in.push_back(point.methods.size());
        }
        point.methods.push_back(std::move(row));
    }
    const std::vector<PreconditionedCurvature> seen = preconditioned_curvatures(h, eigen, seen_through);
    for (std::size_t i = 0; i < seen.size(); ++i) point.methods[seen_in[i]].curvature = seen[i];
    const double newton_decrease = point.methods.front().step.decrease_actual;
    for (MethodComparison& row : point.methods)
        row.newton_fraction = newton_decrease > 0.0 ? row.step.decrease_actual / newton_decrease
                                                    : std::numeric_limits<double>::quiet_NaN();
    return point;
}

PreconditionerComparison
compare_preconditioners(const Objective& objective, VectorView w,
                        const std::vector<std::reference_wrapper<const Preconditioner>>& preconditioners) {
    require_size(w.size(), objective.dimension(), "compare_preconditioners", "w");
    const ValueAndGradient at = objective.value_and_gradient(w);
    require_finite(at.value, "compare_preconditioners: the loss");
    require_finite(at.gradient, "compare_preconditioners: the gradient");
    const ComparedPoint point{objective, w, at.value, at.gradient, "compare_preconditioners", " at w"};
    require_slope(point);
    std::vector<FrozenMethod> methods;
    for (const Preconditioner& p : preconditioners) {
        methods.push_back(frozen(p, at.gradient));
        require_size(methods.back().direction.size(), w.size(), "compare_preconditioners",
                     "the direction of " + methods.back().name);
    }
    const Matrix hessian = objective.dense_hessian(w);
    return compare_methods(point, hessian, symmetric_eigen(hessian), methods);
}

std::vector<Index> log_spaced_steps(Index steps, Index count) {
    require(steps >= 1, "log_spaced_steps", "steps must be at least 1", steps);
    require(count >= 1, "log_spaced_steps", "count must be at least 1", count);
    const double first = std::max(1.0, static_cast<double>(steps) / 200.0);
    std::vector<Index> chosen;
    for (Index k = 0; k < count; ++k) {
        const double position = count == 1 ? 1.0 : static_cast<double>(k) / static_cast<double>(count - 1);
        const auto step =
            static_cast<Index>(std::lround(first * std::pow(static_cast<double>(steps) / first, position)));
        if (chosen.empty() || step > chosen.back()) chosen.push_back(step);
    }
    return chosen;
}

double newton_comparison_bytes(Index dimension, Index samples, const NewtonComparisonOptions& options) {
    const auto n = static_cast<double>(dimension);
    const auto m = static_cast<double>(samples);
    // At its peak a checkpoint holds the Hessian, its eigenvectors with dstedc's workspace, a second matrix of that
    // kind for the full-matrix preconditioner, and the passes of all samples.
    const double checkpoint = 8.0 * (10.0 * n * n + 4.0 * n * static_cast<double>(sample_chunk) + 20.0 * (n + m));
    return 2.0 * GradientHistory::bytes(dimension, options.steps) +
           static_cast<double>(std::min(options.concurrent, options.checkpoints)) * checkpoint;
}

NewtonComparison compare_with_newton(const FiniteSumObjective& objective, VectorView start,
                                     const NewtonComparisonOptions& options) {
    require_size(start.size(), objective.dimension(), "compare_with_newton", "start");
    require(options.batch >= 1, "compare_with_newton", "batch must be at least 1", options.batch);
    require(options.concurrent >= 1, "compare_with_newton", "concurrent must be at least 1", options.concurrent);
    const std::vector<Index> steps = log_spaced_steps(options.steps, options.checkpoints);
    const auto count = static_cast<Index>(steps.size());

    // Shares of the progress bar: a checkpoint weighs n^3, a training step n m.
    const double analysis_work = 20.0 * static_cast<double>(count) * std::pow(static_cast<double>(start.size()), 3);
    const double training_work = 12.0 * static_cast<double>(options.steps) * static_cast<double>(start.size()) *
                                 static_cast<double>(objective.samples());
    const double training_share = training_work / (training_work + analysis_work);

    RunObserver observer(objective, {.batch = options.batch,
                                     .sampling = options.sampling,
                                     .beta1 = options.beta1,
                                     .beta2 = options.beta2,
                                     .eps = options.eps,
                                     .history = options.steps});
    NewtonComparison result;
    result.loss.resize(options.steps + 1);
    std::vector<RunSnapshot> snapshots;
    const auto adam =
        adam_optimizer({.lr = options.lr, .beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps});
    const TrainResult run =
        train(objective, start, *adam,
              {.steps = options.steps, .batch = options.batch, .sampling = options.sampling, .seed = options.seed},
              [&](Index t, VectorView w, VectorView gradient) {
                  if (snapshots.size() < steps.size() && steps[snapshots.size()] == t)
                      snapshots.push_back(observer.snapshot(w));
                  result.loss(t) = *observer.observe(w, gradient);
                  if (options.progress)
                      options.progress(training_share / static_cast<double>(options.steps), "training");
              });
    snapshots.push_back(observer.snapshot(run.parameters));
    result.loss(options.steps) = snapshots.back().loss;

    result.checkpoints.resize(steps.size());
    for (Index begin = 0; begin < count; begin += options.concurrent)
        parallel_for(std::min(options.concurrent, count - begin), [&](Index k) {
            const auto c = static_cast<std::size_t>(begin + k);
            const bool last = begin + k == count - 1;
            AnalysedSnapshot analysed = observer.analyse(snapshots[c], last);
            result.checkpoints[c] = std::move(analysed.checkpoint);
            if (last) result.hessian = std::move(analysed.hessian);
            if (options.progress)
                options.progress((1.0 - training_share) / static_cast<double>(count),
                                 "step " + std::to_string(snapshots[c].step));
        });
    result.theta = snapshots.back().theta;
    result.gradient = snapshots.back().gradient;
    result.second_moment_matrix = observer.second_moment_matrix(options.steps);
    return result;
}

} // namespace hessq
