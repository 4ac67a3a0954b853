#include "hessq/theory/newton_comparison.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/operators/diagonals.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/preconditioners/adaptive.hpp"
#include "hessq/preconditioners/curvature.hpp"
#include "hessq/preconditioners/full_matrix.hpp"
#include "hessq/spectrum/dense_eigen.hpp"
#include "hessq/spectrum/resolved.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace hessq {
namespace {

/// A method's step, frozen at a checkpoint, and the matrix P it divides by.
struct Method {
    std::string name;
    Vector direction;
    bool full_step = false; ///< the direction has its length already; the others are scaled to their best
    Vector metric = {};     ///< the eigenvalues of P when P has the eigenvectors of H; otherwise empty
    std::optional<SymmetricOperator> inverse_sqrt = {}; ///< P^(-1/2) of every preconditioner
};

Method frozen(const Preconditioner& p, VectorView gradient) {
    Method method{.name = p.name(), .direction = p.direction(gradient), .inverse_sqrt = p.inverse_sqrt()};
    const std::optional<Vector> diagonal = p.diagonal();
    if (diagonal && (diagonal->array() == (*diagonal)(0)).all()) // a multiple of I has every eigenvector
        method.metric = *diagonal;
    return method;
}

/// What the training run leaves for the analysis of a checkpoint.
struct Snapshot {
    Index step = 0;
    double loss = 0.0;
    Vector theta, gradient;
    std::vector<Method> methods; ///< those that watched the gradients
};

struct Trajectory {
    GradientHistory minibatch, full_batch;
    std::vector<Snapshot> snapshots;
    Vector loss;
};

/// The methods that see nothing but mini-batch gradients.
std::vector<std::unique_ptr<Preconditioner>> gradient_watchers(Index n, const NewtonComparisonOptions& options) {
    std::vector<std::unique_ptr<Preconditioner>> watchers;
    watchers.push_back(adam_preconditioner(n, {.beta2 = options.beta2, .eps = options.eps}));
    watchers.push_back(rmsprop_preconditioner(n, {.eps = options.eps}));
    watchers.push_back(sgd_preconditioner(n));
    watchers.push_back(momentum_preconditioner(n, options.beta1));
    watchers.push_back(adagrad_preconditioner(n));
    watchers.push_back(adabelief_preconditioner(n, {.beta1 = options.beta1, .beta2 = options.beta2}));
    return watchers;
}

Trajectory record(const FiniteSumObjective& objective, VectorView start, const NewtonComparisonOptions& options,
                  const std::vector<Index>& checkpoints, double progress_share) {
    const Index n = objective.dimension();
    const std::vector<std::unique_ptr<Preconditioner>> watchers = gradient_watchers(n, options);
    Trajectory run{GradientHistory(n, options.steps), GradientHistory(n, options.steps), {}, Vector(options.steps + 1)};
    const auto look = [&](Index t, VectorView w) {
        const ValueAndGradient full = objective.value_and_gradient(w);
        require_finite(full.value, "the loss at step " + std::to_string(t));
        require_finite(full.gradient, "the gradient at step " + std::to_string(t));
        run.loss(t) = full.value;
        if (run.snapshots.size() < checkpoints.size() && checkpoints[run.snapshots.size()] == t) {
            Snapshot snapshot{t, full.value, w, full.gradient, {}};
            for (const auto& watcher : watchers) snapshot.methods.push_back(frozen(*watcher, full.gradient));
            run.snapshots.push_back(std::move(snapshot));
        }
        return full.gradient;
    };
    const auto adam =
        adam_optimizer({.lr = options.lr, .beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps});
    const TrainResult result =
        train(objective, start, *adam,
              {.steps = options.steps, .batch = options.batch, .sampling = options.sampling, .seed = options.seed},
              [&](Index t, VectorView w, VectorView gradient) {
                  run.full_batch.observe(look(t, w));
                  run.minibatch.observe(gradient);
                  for (const auto& watcher : watchers) watcher->observe(gradient);
                  if (options.progress)
                      options.progress(progress_share / static_cast<double>(options.steps), "training");
              });
    look(options.steps, result.parameters);
    return run;
}

/// u_k'Sigma u_k along the resolved directions.
struct NoiseForms {
    std::vector<Index> directions;
    Vector forms;
};

NoiseForms resolved_noise(const FiniteSumObjective& objective, VectorView w, const SymmetricEigen& eigen) {
    NoiseForms noise{resolved_directions(eigen.values), {}};
    noise.forms = noise_quadratic_forms(objective, w, columns_at(eigen.vectors, noise.directions));
    return noise;
}

SecondMomentReading read_second_moment(const GradientHistory& history, double beta2, Index step,
                                       const SymmetricEigen& eigen, const NoiseForms& noise) {
    SecondMomentReading reading;
    reading.forms = history.quadratic_forms(eigen.vectors, beta2, step);
    reading.exponent = eigen_exponent(eigen.values, reading.forms);
    std::vector<Index> fitted, entries; // the directions where W sees something, and which of the noise's they are
    for (std::size_t i = 0; i < noise.directions.size(); ++i)
        if (reading.forms(noise.directions[i]) > 0.0) {
            fitted.push_back(noise.directions[i]);
            entries.push_back(static_cast<Index>(i));
        }
    if (fitted.size() < 3) return reading;
    reading.sources = fit_two_sources(entries_at(reading.forms, fitted), entries_at(eigen.values, fitted).cwiseAbs2(),
                                      entries_at(noise.forms, entries));
    return reading;
}

/// The methods that are made from the Hessian, or from the whole history, at the checkpoint.
std::vector<Method> curvature_methods(const FiniteSumObjective& objective, const Snapshot& snapshot,
                                      const GradientHistory& history, double beta2, MatrixView hessian) {
    std::vector<std::unique_ptr<Preconditioner>> preconditioners;
    preconditioners.push_back(full_matrix_preconditioner(history.weighted_factor(beta2, snapshot.step)));
    preconditioners.push_back(hessian_diagonal_preconditioner(hessian));
    preconditioners.push_back(hessian_row_norm_preconditioner(hessian));
    if (const auto* model = dynamic_cast<const ModelObjective*>(&objective))
        preconditioners.push_back(gauss_newton_diagonal_preconditioner(*model, snapshot.theta));
    std::vector<Method> methods;
    for (const auto& p : preconditioners) methods.push_back(frozen(*p, snapshot.gradient));
    return methods;
}

NewtonCheckpoint analyse(const FiniteSumObjective& objective, const Trajectory& run, const Snapshot& snapshot,
                         const NewtonComparisonOptions& options, Matrix& hessian) {
    if (snapshot.gradient.squaredNorm() == 0.0)
        throw NumericalError("compare_with_newton: the gradient at step " + std::to_string(snapshot.step) +
                             " is zero: there is no step to compare");
    hessian = objective.dense_hessian(snapshot.theta);
    const SymmetricEigen eigen = symmetric_eigen(hessian);
    const Vector& lambda = eigen.values;
    const Vector& gradient = snapshot.gradient;
    const double scale = lambda.cwiseAbs().maxCoeff();
    const double zero = static_cast<double>(lambda.size()) * std::numeric_limits<double>::epsilon() * scale;

    NewtonCheckpoint point;
    point.step = snapshot.step;
    point.loss = snapshot.loss;
    point.gradient_norm = gradient.norm();
    point.noise_trace = noise_trace(objective, snapshot.theta);
    const double minibatch_noise =
        point.noise_trace * batch_noise_factor(options.batch, objective.samples(), options.sampling);
    point.signal_share = gradient.squaredNorm() / (gradient.squaredNorm() + minibatch_noise);
    point.lambda_max = lambda(lambda.size() - 1);
    point.lambda_min = lambda(0);
    point.negative_eigenvalues = (lambda.array() < -zero).count();
    point.zero_eigenvalues = (lambda.array().abs() <= zero).count();
    point.eigenvalues = lambda;
    point.hessian_diagonal = hessian.diagonal();
    point.second_moment = run.minibatch.diagonal(options.beta2, snapshot.step);

    const NoiseForms noise = resolved_noise(objective, snapshot.theta, eigen);
    point.minibatch = read_second_moment(run.minibatch, options.beta2, snapshot.step, eigen, noise);
    point.full_batch = read_second_moment(run.full_batch, options.beta2, snapshot.step, eigen, noise);
    point.slopes = coordinate_slopes(point.second_moment, point.hessian_diagonal, row_norms(hessian));

    point.newton_status = newton_step(eigen, gradient).status;
    const NewtonStep newton = best_damped_step(objective, snapshot.theta, eigen, gradient, NewtonMetric::shifted);
    const NewtonStep saddle_free = best_damped_step(objective, snapshot.theta, eigen, gradient, NewtonMetric::absolute);
    point.newton_damping = newton.damping;
    point.saddle_free_damping = saddle_free.damping;

    std::vector<Method> methods;
    methods.push_back(
        {.name = "newton", .direction = newton.step, .full_step = true, .metric = lambda.array() + newton.damping});
    methods.push_back({.name = "saddle_free_newton",
                       .direction = saddle_free.step,
                       .full_step = true,
                       .metric = lambda.array().abs() + saddle_free.damping});
    for (const Method& method : snapshot.methods) methods.push_back(method);
    for (Method& method : curvature_methods(objective, snapshot, run.minibatch, options.beta2, hessian))
        methods.push_back(std::move(method));

    const SymmetricOperator h = dense_operator(hessian, "Hessian");
    for (const Method& method : methods) {
        if (method.direction.squaredNorm() == 0.0)
            throw NumericalError("compare_with_newton: the step of " + method.name + " at step " +
                                 std::to_string(snapshot.step) + " is zero to rounding: its eps dwarfs the gradient");
        MethodComparison row;
        row.name = method.name;
        row.step = (method.full_step ? full_step_quality : step_quality)(objective, snapshot.theta, snapshot.loss,
                                                                         gradient, h, method.direction);
        row.cos_newton = cosine(method.direction, newton.step);
        row.cos_saddle_free_newton = cosine(method.direction, saddle_free.step);
        row.curvature = method.metric.size() > 0 ? preconditioned_curvature(eigen, method.metric)
                                                 : preconditioned_curvature(h, eigen, *method.inverse_sqrt);
        point.methods.push_back(std::move(row));
    }
    const double newton_decrease = point.methods.front().step.decrease_actual;
    for (MethodComparison& row : point.methods) row.newton_fraction = row.step.decrease_actual / newton_decrease;

    if (snapshot.step == options.steps) { // Adam watches first
        const SymmetricOperator& root = *snapshot.methods.front().inverse_sqrt;
        const Matrix half = root * hessian; // P^(-1/2) (P^(-1/2) H)' is all of it
        point.adam_eigenvalues = symmetric_eigenvalues(root * half.transpose());
    }
    return point;
}

} // namespace

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
    const Trajectory run = record(objective, start, options, steps, training_share);

    NewtonComparison result;
    result.checkpoints.resize(steps.size());
    for (Index begin = 0; begin < count; begin += options.concurrent)
        parallel_for(std::min(options.concurrent, count - begin), [&](Index k) {
            const auto c = static_cast<std::size_t>(begin + k);
            Matrix hessian;
            result.checkpoints[c] = analyse(objective, run, run.snapshots[c], options, hessian);
            if (begin + k == count - 1) result.hessian = std::move(hessian);
            if (options.progress)
                options.progress((1.0 - training_share) / static_cast<double>(count),
                                 "step " + std::to_string(run.snapshots[c].step));
        });
    result.loss = run.loss;
    result.theta = run.snapshots.back().theta;
    result.gradient = run.snapshots.back().gradient;
    return result;
}

} // namespace hessq
