#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"
#include "hessq/datasets/batch.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/theory/epsilon.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What the laws of epsilon.hpp predict of a loss with samples, and what is measured there: best rates of real
// mini-batches at one point, the denominators of an Adam run, and the learning rate that runs like best.

#pragma GCC visibility push(default)
namespace hessq {

// --- One point ------------------------------------------------------------------------------------------------------

/// A point of a loss without its dead coordinates: those in which no sample has a gradient (a weight behind a pixel
/// that is always black). No update ever moves them, and the essay's averages over coordinates must not count them.
struct EpsilonPoint {
    double loss = 0.0;
    StepProblem problem;     ///< of the live coordinates
    Matrix sample_gradients; ///< live x m, not divided by m
    std::vector<Index> live;
    Index dead = 0;
    double noise_curvature = 0.0; ///< tr(Sigma H), Sigma with its correlations
};

/// Cost       One dense Hessian, n m doubles, 2 n^2 m flops.
/// Throws     NumericalError if a number is not finite or no coordinate is live.
[[nodiscard]] EpsilonPoint epsilon_point(const FiniteSumObjective& objective, VectorView w);

/// |g|, or sqrt of the mean of g_i^2 + sigma_i^2 / B: how large a mini-batch gradient is in a coordinate, and so the
/// epsilon that begins to matter.
[[nodiscard]] double gradient_scale(const StepProblem& problem, double batch);

/// One law against the batch size, at one epsilon. eps = infinity is the gradient itself: rates are then those of SGD,
/// elsewhere those of updates within [-1, 1].
struct EpsilonCurve {
    EpsilonForm form = EpsilonForm::softsign;
    double eps = 0.0;
    Vector batches;
    Vector rate;                           ///< exact moments, independent coordinates (c14); infinite where unbounded
    double limit = 0.0;                    ///< B = infinity
    std::optional<Vector> essay = {};      ///< c5; none where its kappa^2 is infinite
    std::optional<Vector> mean_field = {}; ///< c8
    RatePeak peak = {};                    ///< of `rate`, inside the batches
    bool essay_peak = false;               ///< what c5 says: nu'H nu > 2 tr H
    double steepest = 0.0;                 ///< the largest d ln rate / d ln B between neighboring batches; 0 if unknown
    std::string remark = {};               ///< why something is missing; empty otherwise
};

/// Shapes     batches ascending, at least 3, above 0.
/// Cost       For each batch the moments of all coordinates and n^2 flops.
[[nodiscard]] EpsilonCurve epsilon_curve(EpsilonForm form, const StepProblem& problem, double eps, VectorView batches);

/// The best rate of updates u(ghat) of real mini-batches, drawn with replacement: mean of u'g over mean of u'H u. For
/// eps = infinity u = ghat.
///
/// Error bar  Jackknife over the draws.
/// Returns    Nothing where the mean of u'H u is not above 0: no rate is too large.
[[nodiscard]] std::optional<Estimate> measured_rate(const EpsilonPoint& point, EpsilonForm form, double eps,
                                                    Index batch, Index draws, std::uint64_t seed);

// --- Adam runs ------------------------------------------------------------------------------------------------------

struct EpsilonRunOptions {
    Index steps = 300; ///< at least 1
    Index batch = 64;
    double lr = 1e-2;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    Sampling sampling = Sampling::iid;
    std::uint64_t seed = 0;
    Index readings = 8;    ///< in log time
    bool exponents = true; ///< of the end; needs all eigenvectors of the Hessian
};

/// The bias-corrected sqrt(v_i) after `step` updates, over the live coordinates.
struct DenominatorReading {
    Index step = 0;
    double loss = 0.0;
    double below = 0.0;                                                              ///< share with sqrt(v_i) < eps
    double low = 0.0, quarter = 0.0, median = 0.0, three_quarters = 0.0, high = 0.0; ///< quantiles 0.05 ... 0.95
    Index dead = 0; ///< coordinates with v_i = 0 so far
};

/// b26, in the eigenbasis of the Hessian at the end: with w_k = u_k'W u_k, W the average of gradients' outer products
/// that Adam's v is the diagonal of, the slope of ln(sqrt(w_k) + eps) on ln |lambda_k|.
struct DenominatorExponent {
    Estimate plain;         ///< p: of sqrt(w_k)
    Estimate effective;     ///< of sqrt(w_k) + eps
    double predicted = 0.0; ///< p times the mean of sqrt(w_k) / (sqrt(w_k) + eps)
};

struct EpsilonRun {
    std::vector<DenominatorReading> readings;
    std::optional<DenominatorExponent> exponent;
    Vector root_second_moment; ///< sqrt(v_i) at the end, live coordinates
    std::string remark = {};   ///< why the run ended early or has no exponent
};

/// Throws     std::invalid_argument for options out of range.
[[nodiscard]] EpsilonRun epsilon_run(const FiniteSumObjective& objective, VectorView start,
                                     const EpsilonRunOptions& options);

/// The constant learning rate whose run ends lowest.
struct BestRunRate {
    Estimate log_rate;       ///< ln lr, mean over the seeds
    double loss = 0.0;       ///< the lowest, mean over the seeds
    std::string remark = {}; ///< why there is none
};

/// For each of `seeds` seeds of the mini-batches a search by factors of 2, then of sqrt(2), with the same mini-batches
/// for every rate, refined by the parabola through the lowest three losses in ln lr.
///
/// Error bar  Over the seeds.
/// Cost       About 7 runs a seed if `options.lr` is near.
[[nodiscard]] BestRunRate best_run_rate(const FiniteSumObjective& objective, VectorView start,
                                        const EpsilonRunOptions& options, Index seeds);

} // namespace hessq
#pragma GCC visibility pop
