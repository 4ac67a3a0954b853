#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/layout.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/theory/batch_size.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What the laws of batch_size.hpp predict, measured on a loss with samples: exact moments at one point, directions of
// real mini-batches, the rate that is best for them, runs to a target. Mini-batches are drawn with replacement, so that
// the covariance of their gradient is Sigma / B for every B.

#pragma GCC visibility push(default)
namespace hessq {

// --- What is exact at one point -------------------------------------------------------------------------------------

/// Loss, gradient, Hessian and the covariance of one sample's gradient at one point, over all samples.
struct LocalModel {
    double loss = 0.0;
    Vector gradient; ///< g
    Matrix hessian;  ///< H
    Matrix noise;    ///< Sigma, centered, divisor m
    /// Coordinates that some sample has a gradient in. In the others (a weight behind a pixel that is always black) no
    /// direction made of gradients ever moves.
    std::vector<Index> live;
};

/// Cost       One dense Hessian and n^2 m multiply-adds; 2 n^2 doubles.
/// Throws     NumericalError if a number is not finite.
[[nodiscard]] LocalModel local_model(const FiniteSumObjective& objective, VectorView w);

/// The live coordinates alone: no prediction of batch_size.hpp depends on the others, and the averages over
/// coordinates in them must not.
struct LiveProblem {
    StepProblem step;
    Matrix noise;
};

[[nodiscard]] LiveProblem live_problem(const LocalModel& model);

// --- Directions of real mini-batches --------------------------------------------------------------------------------

enum class DirectionKind {
    sgd,      ///< the mini-batch gradient
    sign,     ///< its signs
    softsign, ///< ghat / sqrt(ghat^2 + eps^2)
    momentum, ///< (1 - beta1) sum_k beta1^k ghat_(t-k): an average of gradients
    adam,     ///< that average over sqrt(v), v the average of squares with weight beta2, bias corrected, eps = 0
    muon      ///< msign of each weight matrix, U V' of its singular value decomposition; other groups do not move
};

struct DirectionOptions {
    DirectionKind kind = DirectionKind::sgd;
    double eps = 0.0;            ///< of softsign
    double beta1 = 0.9;          ///< in [0, 1)
    double beta2 = 0.999;        ///< in [0, 1)
    ParameterLayout layout = {}; ///< of muon
};

/// Draws directions at one point that stands still.
class DirectionSource {
public:
    /// Keeps the gradients of all samples.
    ///
    /// Cost       n m doubles.
    DirectionSource(const FiniteSumObjective& objective, VectorView w);

    /// `count` independent directions for batches of B: n x count. The averages of momentum and adam have forgotten
    /// their start, m = g and v = g^2 + Sigma_ii / B, to 1 part in 1000 of the variance of m.
    ///
    /// Cost       count B n additions, times ln(1000) / (2 (1 - beta1)) for momentum and adam.
    /// Throws     std::invalid_argument if batch or count is below 1 or a beta is not in [0, 1).
    [[nodiscard]] Matrix directions(const DirectionOptions& options, Index batch, Index count, std::uint64_t seed,
                                    std::uint64_t stream) const;

    /// |G|^2 of `count` mini-batches.
    [[nodiscard]] Vector squared_norms(Index batch, Index count, std::uint64_t seed, std::uint64_t stream) const;

private:
    Vector batch_gradient(Index batch, std::uint64_t seed, std::uint64_t stream, std::uint64_t draw) const;

    Matrix gradients_; ///< n x m
    Vector mean_;
    Vector variance_; ///< Sigma_ii
};

/// The groups that are matrices, more than one row and more than one column: what Muon moves.
[[nodiscard]] std::vector<ParameterGroup> matrix_groups(const ParameterLayout& layout);

/// sum of Sigma_ii over the groups / sum of g_i^2: B_simple = m n sigma^2 / |G|_F^2 of muon_attenuation.
///
/// Throws     std::invalid_argument if there is no gradient in the groups.
[[nodiscard]] double group_noise_batch(const LocalModel& model, const std::vector<ParameterGroup>& groups);

/// E <msign(G_B), msign(G)> / rank G for the matrix of one group: what is left of Muon's direction.
///
/// Shapes     directions: n x count of kind muon; noiseless: that of the full gradient.
[[nodiscard]] Estimate matrix_sign_alignment(MatrixView directions, VectorView noiseless, const ParameterGroup& group);

/// The direction of the full gradient, without noise.
[[nodiscard]] Vector noiseless_direction(const DirectionOptions& options, VectorView gradient);

// --- The best rate --------------------------------------------------------------------------------------------------

struct MeasuredStep {
    Estimate rate;
    Estimate decrease;
    StepStatus status = StepStatus::bounded; ///< unbounded: no rate within the search was too large
};

/// The best step of the quadratic model g, H over the directions: any law, any correlations.
///
/// Error bar  Jackknife over the directions; the bias of the ratio is taken off.
[[nodiscard]] MeasuredStep model_best_step(const LocalModel& model, MatrixView directions);

struct RateSearch {
    double start = 1.0;   ///< where the search begins, above 0
    Index doublings = 24; ///< it reaches from start / 2^doublings to start 2^doublings
};

/// The rate at which the mean of L(w - rate u_k) over the directions is least, by evaluating the loss itself. The
/// same directions are used for all rates. Losses that are not finite count as infinite.
///
/// Error bar  One sigma: of the rate sd(f_k') / (sqrt(count) f''), f_k the loss along direction k and f their mean.
/// Cost       About 20 full-batch losses a direction.
/// Throws     std::invalid_argument for fewer than 2 directions.
[[nodiscard]] MeasuredStep loss_best_step(const FiniteSumObjective& objective, VectorView w, MatrixView directions,
                                          const RateSearch& search);

// --- Runs -----------------------------------------------------------------------------------------------------------

struct TargetRun {
    Index batch = 0;
    double rate = 0.0;   ///< the best of the constant rates tried
    Estimate steps = {}; ///< until the mean loss of the runs is at the target; not an integer
    bool reached = false;
};

struct TargetOptions {
    Index batch = 1;
    double target = 0.0; ///< of the full-batch loss
    double rate = 0.0;   ///< the first to be tried; then its doubles and halves as long as they are faster
    Index max_steps = 10'000;
    Index runs = 8; ///< at least 2
    std::uint64_t seed = 0;
    std::uint64_t stream = 0; ///< run r is number stream + r of those that the seed has
};

/// SGD with the constant rate that gets to the target in the fewest steps.
///
/// Error bar  sd of the runs' losses at the crossing over sqrt(runs) and the slope of the mean loss there. That the
///            rate is the best of a grid of factor 2 is not in it.
/// Throws     std::invalid_argument if an option is out of range.
[[nodiscard]] TargetRun steps_to_target(const FiniteSumObjective& objective, VectorView start,
                                        const TargetOptions& options);

/// The least loss after so many full-batch steps with one of the rates rate, rate / 2, ..., rate / 64; that of the
/// start if all of them end above it. A target that the runs of all batch sizes can reach.
[[nodiscard]] double descent_target(const FiniteSumObjective& objective, VectorView start, double rate, Index steps);

/// A rule applied to one run: batch times k, steps over k, and the rate as the rule says.
struct RuleTest {
    std::string rule; ///< "sgd, linear", "sgd, square root", "adam, linear", "adam, square root", "adam, Malladi"
    double factor = 1.0;
    double rate = 0.0;
    Estimate loss;   ///< after as many samples as the run with factor 1
    Estimate change; ///< (loss - loss for factor 1) / (start's loss - loss for factor 1): 0 if the rule is exact,
                     ///< not a number if the run with factor 1 did not get below its start
};

struct RuleOptions {
    Index batch = 4;
    Index steps = 256; ///< of the run with factor 1; a multiple of the factors
    double sgd_rate = 0.1;
    AdamSettings adam = {};
    std::vector<Index> factors = {2, 4, 8};
    Index runs = 16; ///< at least 2
    std::uint64_t seed = 0;
};

/// Every rule for every factor; factors that malladi_rule refuses are left out of its tests.
///
/// Error bar  From the spread of the runs, each with mini-batches of its own.
/// Throws     std::invalid_argument if an option is out of range.
[[nodiscard]] std::vector<RuleTest> test_scaling_rules(const FiniteSumObjective& objective, VectorView start,
                                                       const RuleOptions& options);

} // namespace hessq
#pragma GCC visibility pop
