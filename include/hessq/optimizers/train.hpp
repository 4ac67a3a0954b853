#pragma once

#include "hessq/datasets/batch.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/optimizers/optimizer.hpp"

#include <cstdint>
#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

struct TrainOptions {
    Index steps = 1000;                   ///< at least 0
    Index batch = 0;                      ///< samples a step; 0: all of them, and nothing is drawn
    Sampling sampling = Sampling::epochs; ///< how batches are drawn
    std::uint64_t seed = 0;               ///< of the batches
};

struct TrainResult {
    Vector parameters;
    Vector batch_loss; ///< entry t: the loss of step t's batch before its update
};

/// Called before the update of step t = 0, 1, ... with w and the gradient of the step's batch at w.
using TrainObserver = std::function<void(Index t, VectorView w, VectorView g)>;

/// Runs an optimizer on mini-batches. The batch of step t is a pure function of (seed, t).
///
/// Throws     std::invalid_argument if start has the wrong size, steps < 0, or not 0 <= batch <= samples;
///            NumericalError naming the step as soon as a batch's loss or gradient is not finite.
[[nodiscard]] TrainResult train(const FiniteSumObjective& objective, Vector start, Optimizer& optimizer,
                                const TrainOptions& options = {}, const TrainObserver& observer = {});

} // namespace hessq
#pragma GCC visibility pop
