#include "hessq/optimizers/train.hpp"

#include "hessq/core/require.hpp"

#include <cmath>
#include <fmt/format.h>
#include <utility>

namespace hessq {
namespace {

/// Names the step where one is not finite, which some objectives return and others throw.
ValueAndGradient finite_value_and_gradient(const FiniteSumObjective& objective, VectorView w, const Batch& batch,
                                           Index step) {
    ValueAndGradient at;
    try {
        at = objective.value_and_gradient(w, batch);
    } catch (const NumericalError& error) {
        throw NumericalError(fmt::format("train: at step {}: {}", step, error.what()));
    }
    if (!std::isfinite(at.value))
        throw NumericalError(fmt::format("train: loss is not finite at step {} ({})", step, at.value));
    for (Index i = 0; i < at.gradient.size(); ++i)
        if (!std::isfinite(at.gradient(i)))
            throw NumericalError(
                fmt::format("train: gradient is not finite at step {} (entry {} is {})", step, i, at.gradient(i)));
    return at;
}

} // namespace

TrainResult train(const FiniteSumObjective& objective, Vector start, Optimizer& optimizer, const TrainOptions& options,
                  const TrainObserver& observer) {
    require_size(start.size(), objective.dimension(), "train", "start");
    require(options.steps >= 0, "train", "steps must be at least 0", options.steps);
    require(options.batch >= 0, "train", "batch must be at least 0", options.batch);
    const Index samples = objective.samples();
    require(options.batch <= samples, "train",
            "batch must be at most the number of samples (" + std::to_string(samples) + ")", options.batch);
    const BatchSampler sampler(samples, options.batch > 0 ? options.batch : samples, options.sampling, options.seed);
    const Batch all = Batch::all(samples);

    TrainResult result{std::move(start), Vector(options.steps)};
    Vector& w = result.parameters;
    for (Index t = 0; t < options.steps; ++t) {
        const Batch batch = options.batch > 0 ? sampler(t) : all;
        const ValueAndGradient at = finite_value_and_gradient(objective, w, batch, t);
        result.batch_loss(t) = at.value;
        if (observer) observer(t, w, at.gradient);
        optimizer.observe_curvature(LocalCurvature(objective, w, batch));
        optimizer.step(w, at.gradient);
    }
    return result;
}

} // namespace hessq
