#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/theory/clipping.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// What clipping meets on a real problem: gradient norms along training runs, the stationary law, what first-order
// predictions of the loss are worth, and runs that start badly. Mini-batches are drawn with replacement.

#pragma GCC visibility push(default)
namespace hessq {

// --- Gradients at one point -----------------------------------------------------------------------------------------

/// |g|^2, tr Sigma, g'Sigma g, E|x|^4 and E[(g'x) |x|^2] over all samples. tr Sigma^2 is exact for up to `pairs`
/// samples; beyond, it comes from all pairs among that many samples drawn without replacement, without bias.
///
/// Cost       One gradient, 3 n m flops in chunks of 256 samples, n pairs^2 flops and n pairs doubles.
/// Throws     std::invalid_argument if w has the wrong size or pairs < 2; NumericalError if a gradient is not finite.
[[nodiscard]] NoiseMoments noise_moments(const FiniteSumObjective& objective, VectorView w, Index pairs = 256);

// --- Gradients along a run: a1, a2, a5, a8 --------------------------------------------------------------------------

struct GradientTraceOptions {
    Index steps = 1000;     ///< at least 1
    Index batch = 64;       ///< from 1 to the samples
    Index looks = 20;       ///< at least 1: full-batch measurements, evenly spaced from step 0 on
    std::uint64_t seed = 0; ///< of the batches
    Index pairs = 256;      ///< as in noise_moments
};

/// One full-batch measurement, before the update u of this step.
struct TraceLook {
    Index step = 0;
    double loss = 0.0;
    NoiseMoments noise = {};
    double sign_cosine = 0.0;    ///< of the full gradient; NaN where it is 0
    double promised = 0.0;       ///< g'u, g the full gradient: the first-order decrease
    double curvature_cost = 0.0; ///< u'H u / 2
    double actual = 0.0;         ///< L(w) - L(w - u)
};

struct GradientTrace {
    std::vector<TraceLook> looks;
    Vector batch_norms; ///< |ghat| of every step
    Vector parameters;  ///< at the end
    Index batch = 0;

    /// The fraction of steps from `from` on whose |ghat| exceeds the threshold.
    double measured_share(double threshold, Index from = 0) const;
    /// The mean over the looks from `from` on of clipped_share.
    double predicted_share(double threshold, Index from = 0) const;
};

/// Runs the optimizer as train() does, and looks. Nothing is clipped: the run says what clipping would see.
///
/// Cost       As training, and for each look three losses, a gradient, a Hessian product and noise_moments.
/// Throws     As train.
[[nodiscard]] GradientTrace trace_gradients(const FiniteSumObjective& objective, VectorView start, Optimizer& optimizer,
                                            const GradientTraceOptions& options);

/// 1 - actual / promised over the looks, sums over sums: the error of the first-order law of a2 and a4, and what
/// a8 says of it, curvature cost / promised. NaN where nothing was promised.
struct FirstOrderError {
    double measured = 0.0;
    double predicted = 0.0;
};
[[nodiscard]] FirstOrderError first_order_error(const std::vector<TraceLook>& looks);

// --- The stationary law: a7 -----------------------------------------------------------------------------------------

struct StationarityOptions {
    double lr = 0.1;
    Index batch = 64;
    Index burn_in = 1000; ///< at least 0
    Index steps = 4000;   ///< observed, at least `blocks`
    Index blocks = 20;    ///< at least 2, of successive steps: the replicates of the error bars
    std::uint64_t seed = 0;
};

struct Stationarity {
    Estimate squared_norm;       ///< E|ghat|^2
    Estimate excess_loss;        ///< E L - L*, full batch
    Estimate loss_ratio;         ///< lr E|ghat|^2 / (4 (E L - L*)): 1 on a quadratic
    Estimate displacement_ratio; ///< lr E|ghat|^2 / (2 E[ghat.(w - w0)]): 1 in every stationary state
    double drift = 0.0;          ///< (|w_T - w0|^2 - |w_0 - w0|^2) / (lr^2 sum |ghat|^2): 0 in a stationary state
    Vector parameters;           ///< at the end
};

/// SGD from `start`; w0 = `origin` is any fixed point, L* = `least_loss`.
///
/// Step by step |w - w0|^2 changes by -2 lr ghat.(w - w0) + lr^2 |ghat|^2, so that displacement_ratio =
/// 1 / (1 - drift) for every run: it says whether the state is stationary, and nothing else.
///
/// Error bar  Block jackknife: right where a block is long against the time 1 / (lr lambda) of the flattest direction.
/// Throws     As train; std::invalid_argument for options out of range.
/// Source     a7; Yaida (2019), arXiv 1810.00004.
[[nodiscard]] Stationarity measure_stationarity(const FiniteSumObjective& objective, VectorView start,
                                                VectorView origin, double least_loss,
                                                const StationarityOptions& options);

/// factor L(w): the same problem in other units. Gradients are `factor` times as long, and with lr / factor SGD makes
/// the same run.
///
/// Throws     std::invalid_argument if the factor is not positive and finite or the objective is empty.
std::shared_ptr<const FiniteSumObjective> rescaled(std::shared_ptr<const FiniteSumObjective> objective, double factor);

/// g'g / g'H g at a point, infinite if g'H g <= 0: the best rate of a full-batch step.
[[nodiscard]] double best_full_batch_rate(const FiniteSumObjective& objective, VectorView w);

// --- Networks of other widths: a5 -----------------------------------------------------------------------------------

/// The same network on the same data, every hidden layer of this width.
///
/// Throws     std::invalid_argument if it has no hidden layer or width < 1.
Mlp with_width(const Mlp& network, Index width);

struct SignRate {
    double searched = 0.0;  ///< the rate that minimises L(w - rate sign(g)) along the ray, the first minimum from 0
    double quadratic = 0.0; ///< |g|_1 / s'H s, s = sign(g); infinite if s'H s <= 0
    double row_sum = 0.0;   ///< s'H s / n
};

/// The best full-batch step of sign descent at a point.
///
/// Cost       Some 50 losses, one gradient and one Hessian product.
/// Throws     std::invalid_argument if g is 0; NumericalError if a loss is not finite.
[[nodiscard]] SignRate best_sign_rate(const FiniteSumObjective& objective, VectorView w);

// --- Bad starts: a3, a6 ---------------------------------------------------------------------------------------------

enum class Rescue {
    none,
    warm_up,       ///< the rate rises linearly over warm_up_steps
    norm_clip,     ///< |ghat| to at most t
    decrease_clip, ///< the promised decrease to at most lr t^2 a step: the essay's replacement of the warm-up
    value_clip,    ///< every entry to at most t / sqrt(n), so that |ghat| is at most t, too
    group_clip     ///< each of the k groups to at most t / sqrt(k), likewise
};

std::string to_string(Rescue rescue);
/// In the order above.
const std::vector<Rescue>& all_rescues();

struct RescueOptions {
    double lr = 0.1; ///< what the optimizer was made with
    Index steps = 1000;
    Index batch = 64;
    double threshold = 1.0;
    Index warm_up_steps = 100;
    double target = 0.0; ///< a full-batch loss
    Index looks = 100;   ///< at least 1: how often the full-batch loss is compared with the target
    std::uint64_t seed = 0;
};

struct RescueRun {
    std::optional<Index> reached = {};  ///< the first look at which the loss was at most the target
    std::optional<Index> diverged = {}; ///< the last step whose batch had a finite loss and gradient
    double largest_loss = 0.0;          ///< full batch, over the looks; infinite if diverged
    double last_loss = 0.0;             ///< infinite if diverged
    std::vector<double> steps = {}, loss = {};
};

/// One run from a bad start.
///
/// Throws     std::invalid_argument for options out of range. A run that diverges is an outcome.
[[nodiscard]] RescueRun rescue_run(const FiniteSumObjective& objective, VectorView start, Rescue rescue,
                                   const std::function<std::unique_ptr<Optimizer>()>& make_optimizer,
                                   const RescueOptions& options);

} // namespace hessq
#pragma GCC visibility pop
