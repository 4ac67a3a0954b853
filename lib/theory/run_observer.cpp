#include "hessq/theory/run_observer.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/outer_product.hpp"
#include "hessq/core/require.hpp"
#include "hessq/operators/diagonals.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/preconditioners/adaptive.hpp"
#include "hessq/preconditioners/curvature.hpp"
#include "hessq/preconditioners/full_matrix.hpp"
#include "hessq/spectrum/resolved.hpp"
#include "method_rows.hpp"

#include <algorithm>

namespace hessq {
namespace {

/// The methods that see nothing but mini-batch gradients. Adam comes first.
std::vector<std::unique_ptr<Preconditioner>> gradient_watchers(Index n, const RunObserverOptions& options) {
    std::vector<std::unique_ptr<Preconditioner>> watchers;
    watchers.push_back(adam_preconditioner(n, {.beta2 = options.beta2, .eps = options.eps}));
    watchers.push_back(rmsprop_preconditioner(n, {.eps = options.eps}));
    watchers.push_back(sgd_preconditioner(n));
    watchers.push_back(momentum_preconditioner(n, options.beta1));
    watchers.push_back(adagrad_preconditioner(n));
    watchers.push_back(adabelief_preconditioner(n, {.beta1 = options.beta1, .beta2 = options.beta2}));
    return watchers;
}

Index kept_gradients(const RunObserverOptions& options) {
    return options.history > 0 ? options.history : GradientHistory::steps_that_count(options.beta2);
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
std::vector<FrozenMethod> curvature_methods(const FiniteSumObjective& objective, const RunSnapshot& snapshot,
                                            const GradientHistory& history, double beta2, MatrixView hessian) {
    std::vector<std::unique_ptr<Preconditioner>> preconditioners;
    preconditioners.push_back(full_matrix_preconditioner(history.weighted_factor(beta2, snapshot.step)));
    preconditioners.push_back(hessian_diagonal_preconditioner(hessian));
    preconditioners.push_back(hessian_row_norm_preconditioner(hessian));
    if (const auto* model = dynamic_cast<const ModelObjective*>(&objective))
        preconditioners.push_back(gauss_newton_diagonal_preconditioner(*model, snapshot.theta));
    std::vector<FrozenMethod> methods;
    for (const auto& p : preconditioners) methods.push_back(frozen(*p, snapshot.gradient));
    return methods;
}

ValueAndGradient finite_at(const FiniteSumObjective& objective, VectorView w, Index step) {
    ValueAndGradient full = objective.value_and_gradient(w);
    require_finite(full.value, "the loss at step " + std::to_string(step));
    require_finite(full.gradient, "the gradient at step " + std::to_string(step));
    return full;
}

} // namespace

struct RunSnapshot::Methods : std::vector<FrozenMethod> {};

struct RunObserver::Watched {
    std::vector<std::unique_ptr<Preconditioner>> watchers;
    GradientHistory minibatch, full_batch;
    Index steps = 0;

    Watched(Index n, const RunObserverOptions& options)
        : watchers(gradient_watchers(n, options)), minibatch(n, first(options), kept_gradients(options)),
          full_batch(n, options.full_batch ? first(options) : 1, kept_gradients(options)) {}

    /// Room at the beginning: what was asked for, or a little that grows.
    static Index first(const RunObserverOptions& options) { return options.history > 0 ? options.history : 64; }
};

RunObserver::RunObserver(const FiniteSumObjective& objective, const RunObserverOptions& options)
    : objective_(objective), options_(options) {
    require(options.batch >= 1, "RunObserver", "batch must be at least 1", options.batch);
    require(options.sampling == Sampling::iid || options.batch <= objective.samples(), "RunObserver",
            "batch must be at most the number of samples (" + std::to_string(objective.samples()) + ")", options.batch);
    require(options.history >= 0, "RunObserver", "history must be at least 0", options.history);
    watched_ = std::make_unique<Watched>(objective.dimension(), options);
}

RunObserver::~RunObserver() = default;

void RunObserver::compare_too(const Preconditioner& yours) { yours_.push_back(&yours); }

std::optional<double> RunObserver::observe(VectorView w, VectorView g) {
    require_size(w.size(), objective_.dimension(), "RunObserver::observe", "w");
    require_size(g.size(), objective_.dimension(), "RunObserver::observe", "g");
    require_finite(g, "RunObserver::observe: g");
    std::optional<double> loss;
    if (options_.full_batch) {
        const ValueAndGradient full = finite_at(objective_, w, watched_->steps);
        watched_->full_batch.observe(full.gradient);
        loss = full.value;
    }
    watched_->minibatch.observe(g);
    for (const auto& watcher : watched_->watchers) watcher->observe(g);
    ++watched_->steps;
    return loss;
}

Index RunObserver::steps() const { return watched_->steps; }

RunSnapshot RunObserver::snapshot(VectorView w) const {
    require_size(w.size(), objective_.dimension(), "RunObserver::snapshot", "w");
    require(steps() >= 1, "RunObserver::snapshot", "at least one gradient must have been observed", steps());
    const ValueAndGradient full = finite_at(objective_, w, steps());
    RunSnapshot::Methods methods;
    for (const auto& watcher : watched_->watchers) methods.push_back(frozen(*watcher, full.gradient));
    for (const Preconditioner* p : yours_) {
        methods.push_back(frozen(*p, full.gradient));
        require_size(methods.back().direction.size(), w.size(), "RunObserver::snapshot",
                     "the direction of " + methods.back().name);
    }
    return {steps(), full.value, w, full.gradient, std::make_shared<const RunSnapshot::Methods>(std::move(methods))};
}

AnalysedSnapshot RunObserver::analyse(const RunSnapshot& snapshot, bool adam_eigenvalues) const {
    const ComparedPoint at{objective_,        snapshot.theta, snapshot.loss,
                           snapshot.gradient, "RunObserver",  " at step " + std::to_string(snapshot.step)};
    require_slope(at);
    Matrix hessian = objective_.dense_hessian(snapshot.theta);
    const SymmetricEigen eigen = symmetric_eigen(hessian);
    const GradientHistory& history = watched_->minibatch;

    std::vector<FrozenMethod> methods = *snapshot.methods;
    for (FrozenMethod& method : curvature_methods(objective_, snapshot, history, options_.beta2, hessian))
        methods.push_back(std::move(method));
    NewtonCheckpoint point;
    static_cast<PreconditionerComparison&>(point) = compare_methods(at, hessian, eigen, methods);
    point.step = snapshot.step;
    point.noise_trace = noise_trace(objective_, snapshot.theta);
    const double signal = snapshot.gradient.squaredNorm();
    const double minibatch_noise =
        point.noise_trace * batch_noise_factor(options_.batch, objective_.samples(), options_.sampling);
    point.signal_share = signal / (signal + minibatch_noise);
    point.second_moment = history.diagonal(options_.beta2, snapshot.step);

    const NoiseForms noise = resolved_noise(objective_, snapshot.theta, eigen);
    point.minibatch = read_second_moment(history, options_.beta2, snapshot.step, eigen, noise);
    if (options_.full_batch)
        point.full_batch = read_second_moment(watched_->full_batch, options_.beta2, snapshot.step, eigen, noise);
    point.slopes = coordinate_slopes(point.second_moment, point.hessian_diagonal, row_norms(hessian));

    if (adam_eigenvalues) {
        const SymmetricOperator& root = *snapshot.methods->front().inverse_sqrt;
        const Matrix half = root * hessian; // P^(-1/2) (P^(-1/2) H)' is all of it
        point.adam_eigenvalues = symmetric_eigenvalues(root * half.transpose());
    }
    return {std::move(point), std::move(hessian)};
}

Matrix RunObserver::second_moment_matrix(Index step) const {
    return outer_product(watched_->minibatch.weighted_factor(options_.beta2, step));
}

const NewtonCheckpoint& RunObserver::checkpoint(VectorView w) {
    const RunSnapshot now = snapshot(w);
    AnalysedSnapshot analysed = analyse(now);
    if (!comparison_.checkpoints.empty()) comparison_.checkpoints.back().adam_eigenvalues.resize(0);
    comparison_.checkpoints.push_back(std::move(analysed.checkpoint));
    comparison_.theta = now.theta;
    comparison_.gradient = now.gradient;
    comparison_.hessian = std::move(analysed.hessian);
    comparison_.second_moment_matrix = second_moment_matrix(now.step);
    return comparison_.checkpoints.back();
}

double run_observer_bytes(Index dimension, const RunObserverOptions& options) {
    const auto n = static_cast<double>(dimension);
    const double histories = options.full_batch ? 2.0 : 1.0;
    return histories * 1.25 * GradientHistory::bytes(dimension, kept_gradients(options) + 4) + 8.0 * 20.0 * n;
}

} // namespace hessq
