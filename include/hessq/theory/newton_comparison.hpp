#pragma once

#include "hessq/core/statistics.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/preconditioners/preconditioner.hpp"
#include "hessq/solvers/newton.hpp"
#include "hessq/solvers/step_quality.hpp"
#include "hessq/theory/second_moment_metrics.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct NewtonComparisonOptions {
    Index steps = 2000; ///< Adam updates, at least 1
    Index batch = 64;   ///< samples in a mini-batch
    Sampling sampling = Sampling::iid;
    double lr = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;   ///< also of the second moments W
    double eps = 1e-8;      ///< of Adam and RMSprop; the full-matrix preconditioner, which needs one, has its default
    std::uint64_t seed = 0; ///< of the mini-batches
    Index checkpoints = 8;  ///< at most this many, spaced in log time; the last is after the last step
    Index concurrent = 1;   ///< checkpoints analysed side by side: memory against time, never the result
    /// Called with the share of the work just done and what it was; from any thread.
    std::function<void(double, std::string_view)> progress = {};
};

/// One method at one checkpoint: its step from the full-batch gradient g, and the Hessian as it sees it.
struct MethodComparison {
    std::string name;
    StepQuality step;
    double cos_newton = 0.0;
    double cos_saddle_free_newton = 0.0;
    double newton_fraction = 0.0; ///< actual decrease over that of the Newton step; NaN unless that is one
    PreconditionedCurvature curvature;
};

/// What the second moment W = E[gg'] of a run measures: u_k'Wu_k over the eigenpairs of the Hessian.
struct SecondMomentReading {
    Vector forms;                          ///< u_k'Wu_k, in the order of the eigenvalues
    std::optional<EigenExponent> exponent; ///< metric M1
    std::optional<TwoSourceFit> sources;   ///< metric M2 on the same directions, if 3: a lambda_k^2 + b u_k'Sigma u_k
};

/// How preconditioners do as Newton steps at one point.
struct PreconditionerComparison {
    double loss = 0.0;
    double gradient_norm = 0.0;
    double lambda_max = 0.0, lambda_min = 0.0;
    Index negative_eigenvalues = 0; ///< below -n eps max |lambda|
    Index zero_eigenvalues = 0;     ///< at most n eps max |lambda|
    double newton_damping = 0.0, saddle_free_damping = 0.0;
    NewtonStatus newton_status = NewtonStatus::ok; ///< of H without damping
    std::vector<MethodComparison> methods;         ///< newton and saddle_free_newton come first
    Vector eigenvalues;                            ///< ascending
    Vector hessian_diagonal;
};

/// Compares your preconditioners with Newton's step at w: the rows that `hessq compare` prints for a checkpoint, by the
/// same code.
///
///     const auto adam = adam_preconditioner(n);   // and yours, a class of your own
///     ... observe gradients ...
///     const PreconditionerComparison found = compare_preconditioners(loss, w, {yours, *adam});
///
/// The gradient in every step is the one at w; see compare_with_newton for what the numbers mean.
///
/// Cost       One dense Hessian, one eigen-decomposition (14/3 n^3 flops), n r^2 flops with r resolved directions and
///            about 70 products with H for each preconditioner.
/// Throws     std::invalid_argument if w or a preconditioner has the wrong size; NumericalError when the gradient at w,
///            or a step, is zero.
[[nodiscard]] PreconditionerComparison
compare_preconditioners(const Objective& objective, VectorView w,
                        const std::vector<std::reference_wrapper<const Preconditioner>>& preconditioners);

/// The same at a checkpoint of a training run, and what the run's second moment measures there.
struct NewtonCheckpoint : PreconditionerComparison {
    Index step = 0;                 ///< optimizer updates made
    double noise_trace = 0.0;       ///< tr Sigma, of one sample's gradient
    double signal_share = 0.0;      ///< |g|^2 / (|g|^2 + tr Cov), Cov the mini-batch gradient's covariance
    SecondMomentReading minibatch;  ///< of the mini-batch gradients that Adam averages
    SecondMomentReading full_batch; ///< of the full-batch gradients along the same trajectory
    CoordinateSlopes slopes;        ///< of Adam's v
    Vector second_moment;           ///< Adam's v, bias-corrected
    Vector adam_eigenvalues;        ///< of P^(-1/2) H P^(-1/2) with Adam's P; last checkpoint only
};

struct NewtonComparison {
    std::vector<NewtonCheckpoint> checkpoints;
    Vector loss;     ///< full-batch loss before each update, and after the last: steps + 1 entries, or none
    Vector theta;    ///< at the last checkpoint, like all that follows
    Vector gradient; ///< full-batch
    Matrix hessian;
    Matrix second_moment_matrix; ///< W of the mini-batch gradients, which `minibatch` reads
};

/// Trains with Adam on mini-batches and, at checkpoints in log time, compares exactly what Adam's second moment
/// measures and how good each preconditioner is as a Newton step.
///
/// The gradient in every step is the full-batch one, so that methods differ by their preconditioner alone;
/// momentum's step is its buffer of mini-batch gradients. W weighs the gradients of the run as Adam's
/// bias-corrected v does; it mixes gradients of earlier points with the Hessian of the last one, as Adam does.
/// The Newton and the saddle-free step are those of best_damped_step: the damping that lowers the loss most, and none
/// on a quadratic with a minimum. They come with their length; every other step has its best one. A RunObserver does
/// the same for a run of your own.
///
/// Cost       newton_comparison_bytes; for each checkpoint one exact Hessian, one eigen-decomposition (14/3 n^3
///            flops), n r^2 flops with r resolved directions and about 70 products with H for each method, and that of
///            full_matrix_preconditioner for the steps so far.
/// Throws     std::invalid_argument for options out of range or a start of the wrong length; NumericalError when the
///            loss stops being finite, or the gradient is zero at a checkpoint: there is no step to compare.
[[nodiscard]] NewtonComparison compare_with_newton(const FiniteSumObjective& objective, VectorView start,
                                                   const NewtonComparisonOptions& options);

/// The memory that compare_with_newton needs for n parameters and m samples, rounded up generously.
double newton_comparison_bytes(Index dimension, Index samples, const NewtonComparisonOptions& options);

/// The checkpoints: at most `count` different steps, spaced evenly in log time from steps / 200 to steps.
std::vector<Index> log_spaced_steps(Index steps, Index count);

} // namespace hessq
#pragma GCC visibility pop
