#pragma once

#include "hessq/datasets/batch.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/preconditioners/preconditioner.hpp"
#include "hessq/theory/newton_comparison.hpp"

#include <memory>
#include <optional>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct RunObserverOptions {
    Index batch = 64;                  ///< samples behind each gradient that you report
    Sampling sampling = Sampling::iid; ///< how you draw them; both for the noise that the gradients carry
    double beta1 = 0.9;                ///< of momentum and AdaBelief
    double beta2 = 0.999;              ///< of Adam, AdaBelief and the second moments W
    double eps = 1e-8;                 ///< of Adam and RMSprop
    /// The newest so many gradients are kept for the second moments; 0: all that count in them, 32 222 for beta2 =
    /// 0.999. Fewer: the averages are over those. Adam's own matrix is a recursion and forgets nothing.
    Index history = 0;
    /// Whether the gradient of all samples is taken at every step, for the second moment without sampling noise and for
    /// the loss: one pass over the data each.
    bool full_batch = true;
};

/// What there was to compare at one moment of a run.
struct RunSnapshot {
    struct Methods;
    Index step = 0; ///< gradients observed before
    double loss = 0.0;
    Vector theta, gradient;                 ///< the gradient is that of all samples
    std::shared_ptr<const Methods> methods; ///< those that watched the gradients, frozen
};

struct AnalysedSnapshot {
    NewtonCheckpoint checkpoint;
    Matrix hessian;
};

/// Watches a training run of your own, whatever trains it, and says at any time what `hessq compare` reports at a
/// checkpoint:
///
///     RunObserver observer(loss, {.batch = 32});
///     for (...) {
///         observer.observe(w, g);              // the mini-batch gradient g at w
///         w -= ...;                            // your update
///     }
///     const NewtonCheckpoint& found = observer.checkpoint(w);
///
/// compare_with_newton is this on a run of Adam. Beside Newton's steps it compares Adam, RMSprop, AdaGrad, AdaBelief,
/// momentum and the plain gradient, all fed with your gradients, whatever preconditioners you add, and the diagonals of
/// curvature.
///
/// Memory     Bounded, however long the run: at most T gradients, T = `history`, in 10 n T bytes, twice that with
///            full_batch, and 20 n doubles (run_observer_bytes). Each checkpoint that you ask for keeps about 8 n
///            doubles, the last one n^2 more.
/// Throws     std::invalid_argument for options out of range.
class RunObserver {
public:
    /// The objective must outlive the observer.
    explicit RunObserver(const FiniteSumObjective& objective, const RunObserverOptions& options = {});
    ~RunObserver();
    RunObserver(const RunObserver&) = delete;
    RunObserver& operator=(const RunObserver&) = delete;

    /// Compares this one, too. It is looked at when a snapshot is taken, and must live until then; feeding it with
    /// gradients is up to you (as an optimizer of yours does with its own).
    void compare_too(const Preconditioner& yours);

    /// The mini-batch gradient g of the next step, at w, before the update. Returns the loss of all samples at w, if
    /// the observer computes it.
    ///
    /// Throws     std::invalid_argument if a size is wrong; NumericalError if the loss or gradient is not finite.
    std::optional<double> observe(VectorView w, VectorView g);

    /// Gradients observed.
    Index steps() const;

    /// What there is to compare at w, after the gradients so far.
    ///
    /// Cost       One gradient of all samples and a few n doubles.
    /// Throws     std::invalid_argument before the first gradient, or if w has the wrong size.
    RunSnapshot snapshot(VectorView w) const;

    /// The comparison for a snapshot, also of an earlier step as long as its gradients are still kept. From
    /// several threads at once, but not while another one observes.
    /// `adam_eigenvalues`: also the spectrum of the Hessian as Adam sees it, one more eigen-decomposition.
    ///
    /// Cost       As compare_with_newton, for one checkpoint.
    /// Throws     NumericalError when the gradient is zero: there is no step to compare; std::invalid_argument when
    ///            gradients that count are gone.
    [[nodiscard]] AnalysedSnapshot analyse(const RunSnapshot& snapshot, bool adam_eigenvalues = true) const;

    /// W of the mini-batch gradients before `step`, weighted as Adam's bias-corrected v weighs their squares: its
    /// diagonal is v, and the exponent q of a snapshot of that step is fitted to its quadratic forms. n x n.
    ///
    /// Cost       n^2 T multiply-adds with T gradients that count, and n T doubles.
    /// Throws     std::invalid_argument if step is not from 1 to steps(), or gradients that count are gone.
    [[nodiscard]] Matrix second_moment_matrix(Index step) const;

    /// The comparison at w now. It is kept for comparison().
    const NewtonCheckpoint& checkpoint(VectorView w);

    /// All checkpoints so far, and w, gradient, Hessian and W of the last: what compare_with_newton returns, but for
    /// the loss of every step.
    const NewtonComparison& comparison() const { return comparison_; }

private:
    const FiniteSumObjective& objective_;
    RunObserverOptions options_;
    struct Watched;
    std::unique_ptr<Watched> watched_;
    std::vector<const Preconditioner*> yours_;
    NewtonComparison comparison_;
};

/// The memory that an observer takes at most, without that of an analysis under way.
double run_observer_bytes(Index dimension, const RunObserverOptions& options);

} // namespace hessq
#pragma GCC visibility pop
