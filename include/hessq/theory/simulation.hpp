#pragma once

#include "hessq/core/random.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

// Many independent optimization runs at once, on losses whose gradient noise has a known law: a step of a block of runs
// is a few operations on n x runs matrices. Here predictions meet trajectories, so nothing in this file uses one.

#pragma GCC visibility push(default)
namespace hessq {

/// Gradients of a block of runs: column r belongs to column r of delta = w - w*.
struct BlockGradients {
    Matrix full;      ///< of the population loss
    Matrix minibatch; ///< of a mini-batch of fresh samples; its mean over batches is `full`
};

/// A loss on an infinite population, known by the gradients that it gives to a block of runs.
struct Population {
    Index dimension = 0;
    /// Sets `out` for the block delta (n x runs) with random numbers of the stream from `index` on; returns the first
    /// index it did not use.
    std::function<std::uint64_t(MatrixView delta, const RandomStream& stream, std::uint64_t index, BlockGradients& out)>
        gradients;
};

/// P1: 1/2 sum_i lambda_i delta_i^2, gradient noise N(0, diag(noise_variance)) independent of delta.
///
/// Throws     std::invalid_argument for unequal sizes or a variance below 0.
Population noisy_quadratic(Vector lambda, Vector noise_variance);

/// P1r and others: 1/2 delta'H delta, gradient noise N(0, noise).
///
/// Cost       2 n^2 multiplications a run and step.
/// Throws     std::invalid_argument unless both are n x n and the noise is positive semidefinite.
Population noisy_quadratic(const Matrix& h, const Matrix& noise);

/// P2 in the eigenbasis of its Hessian: x ~ N(0, diag(lambda)), y = x'w* + sigma xi, loss 1/2 (x'w - y)^2, batches of
/// `batch` fresh samples.
///
/// With x = H^(1/2) z and u the direction of H^(1/2) delta, the residuals r_s = |H^(1/2) delta| (u'z_s) - sigma xi_s
/// need one component of each z_s; given these, the rest of sum_s z_s r_s is normal with variance sum_s r_s^2. So a
/// batch is drawn with n + 2 batch random numbers instead of n batch, exactly.
///
/// Throws     std::invalid_argument unless lambda_k >= 0, noise_variance >= 0 and batch >= 1.
Population gaussian_regression_population(Vector lambda, double noise_variance, Index batch);

/// Adam and its relatives on a block: m is the average of gradients with weight beta1, v that of their squares with
/// weight beta2 (none: the gradient is not divided), both corrected for their start at 0, and w moves by
/// -lr m / (sqrt(v) + eps). beta1 = 0 is RMSprop with correction; without beta2 it is SGD, its momentum an average.
struct UpdateRule {
    double lr = 0.0;
    double beta1 = 0.0;               ///< in [0, 1)
    std::optional<double> beta2 = {}; ///< in [0, 1)
    double eps = 0.0;
    bool on_full_batch = false; ///< follow the population's gradient and only watch the mini-batch's
};

struct SimulationOptions {
    Index runs = 256;      ///< at least 1
    Index block_runs = 32; ///< runs in a block: blocks are the parallel tasks and the replicates of error bars
    Index steps = 1000;    ///< observed, at least 0
    Index burn_in = 0;     ///< steps before these
    std::uint64_t seed = 0;
    std::uint64_t stream = 0; ///< block k draws from RandomStream(seed, stream + k)
};

/// Called at step t = 0, 1, ... after the burn-in, before the update. Blocks run in parallel: write only to what
/// belongs to `block`.
using BlockObserver = std::function<void(Index block, Index t, const Matrix& delta, const BlockGradients& gradients)>;

/// The number of blocks: ceil(runs / block_runs).
Index block_count(const SimulationOptions& options);

/// Runs the rule from `start` (n x runs; n x 1: every run from there).
///
/// Throws     std::invalid_argument if an option is out of range or a size is wrong; NumericalError as soon as a run
///            is not finite, naming its step.
void simulate(const Population& population, const UpdateRule& rule, const Matrix& start,
              const SimulationOptions& options, const BlockObserver& observer);

/// Second moments over time and over the runs of a block, coordinate by coordinate: n x blocks. The columns are
/// independent replicates.
struct SimulatedMoments {
    Matrix cloud;      ///< E delta_i^2
    Matrix full_batch; ///< E g_i^2
    Matrix minibatch;  ///< E ghat_i^2
    Matrix alignment;  ///< E delta_i g_i, (S H)_ii on a quadratic
};

SimulatedMoments simulated_moments(const Population& population, const UpdateRule& rule, const Matrix& start,
                                   const SimulationOptions& options);

} // namespace hessq
#pragma GCC visibility pop
