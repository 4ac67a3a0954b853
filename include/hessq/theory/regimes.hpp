#pragma once

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"
#include "hessq/datasets/batch.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The phase diagram of what Adam averages: the eigenbasis exponent q (metric M1) as a function of the batch size and of
// the learning rate, or of the batch size and the distance from the minimum.

#pragma GCC visibility push(default)
namespace hessq {

/// The exponent q of a second moment. `exponent.std_error` is the root of the sum of the squares of two errors:
/// scatter, how well a line describes W (that of eigen_exponent), and sampling, what another draw of the mini-batches
/// or of the cloud would change. The scatter contains some of the sampling, so that their sum is rather too large than
/// too small. Neither knows another start or another minimum.
struct RegimeExponent {
    Estimate exponent; ///< samples: directions in the fit, the fewest of all runs
    double scatter_error = 0.0;
    double sampling_error = 0.0; ///< of the mean over runs, from their spread; or the jackknife over points of a cloud
};

/// One point of the diagram.
struct RegimeCell {
    Index batch = 0;
    double position = 0.0;                         ///< the learning rate, or the distance s
    std::optional<RegimeExponent> minibatch = {};  ///< of the gradients that Adam averages
    std::optional<RegimeExponent> full_batch = {}; ///< of full-batch gradients at the same points
    double loss = 0.0; ///< full-batch, mean over the ends of the runs or over the cloud. NaN if diverged
    /// tr E[g g'] / tr W, g full-batch and W = E[g g'] + E[(ghat - g)(ghat - g)']: from 0 to 1. NaN if diverged.
    double signal_share = 0.0;
    std::string why = {}; ///< why there is no mini-batch exponent; empty where there is one
};

struct RegimeOptions {
    Index batch = 64; ///< samples in a mini-batch
    double lr = 1e-3;
    Index steps = 1000; ///< Adam updates, at least 1
    Sampling sampling = Sampling::iid;
    double beta1 = 0.9;
    double beta2 = 0.999; ///< also of the second moment W
    double eps = 1e-8;
    std::uint64_t seed = 0; ///< of the mini-batches; run r has regime_seed(seed, r)
    Index runs = 4;         ///< with mini-batches of their own, from the same start; at least 2
};

/// The seed itself for run 0, and others that share no mini-batch with it.
std::uint64_t regime_seed(std::uint64_t seed, Index run);

/// Trains with Adam and reads W = sum_t w_t g_t g_t', with the weights of Adam's bias-corrected v, in the eigenbasis of
/// the exact Hessian at the end of the run; for the mini-batch gradients and for the full-batch gradients at the same
/// points. As in `compare`, W mixes gradients of earlier points with the Hessian of the last one: Adam does.
///
/// Error bar  See RegimeExponent; q is the mean over the runs. Leaving out blocks of one run's steps is no
///            substitute for runs: W is not stationary, and its drift, which every run repeats, would pass for noise.
/// Cost       regime_bytes; for each run `steps` mini-batch and full-batch gradients, one dense Hessian, one
///            eigen-decomposition, 4 n T r flops for r resolved directions and T steps.
/// Returns    A loss or gradient that stops being finite, or no line to fit, is an outcome: see `why`.
/// Throws     std::invalid_argument for options out of range or a start of the wrong length.
/// Source     theory.md 0.1 and metric M1.
[[nodiscard]] RegimeCell measure_regime(const FiniteSumObjective& objective, VectorView start,
                                        const RegimeOptions& options = {});

struct CloudRegimeOptions {
    double distance = 0.1; ///< s, above 0: the standard deviation of every coordinate
    std::vector<Index> batches = {64};
    Index points = 64; ///< of the cloud, at least 3
    Sampling sampling = Sampling::iid;
    std::uint64_t seed = 0; ///< of the points. Point i is center + s z_i with the same z_i for every s
};

/// The same without a run: at points center + delta, delta ~ N(0, s^2 I), where nothing made the cloud but us,
/// W = E[g g'] + factor Sigma with g and Sigma exact at every point and factor = batch_noise_factor. One cell for each
/// batch, in their order; they share the points.
///
/// Shapes     h is the eigen-decomposition of the Hessian at the center.
/// Error bar  See RegimeExponent. Sampling: the points, one by one; they are independent.
/// Cost       For each point one gradient and the noise along r resolved directions, 2 n m r flops.
/// Returns    As measure_regime.
/// Throws     std::invalid_argument for options out of range or shapes that differ.
[[nodiscard]] std::vector<RegimeCell> measure_cloud_regimes(const FiniteSumObjective& objective, VectorView center,
                                                            const SymmetricEigen& h, const CloudRegimeOptions& options);

/// The memory that measure_regime needs for n parameters and m samples, rounded up generously; 0 steps for
/// measure_cloud_regimes.
double regime_bytes(Index dimension, Index samples, Index steps);

/// A loss whose second moment over an isotropic cloud around its minimum is known: along an eigenvector of H
///
///     W = s^2 lambda^2 (1 + a f) + lambda (noise + a s^2 tr H) f,    f = batch_noise_factor, 1 / B for iid batches.
///
/// Gaussian linear regression has a = 1 and noise = sigma^2 (0.3 of the theory); a quadratic with additive noise of
/// covariance `noise` H has a = 0.
struct IsotropicLaw {
    double noise = 1.0;
    double trace = 0.0; ///< tr H
    bool gaussian_inputs = false;

    /// W along an eigenvector with eigenvalue lambda.
    double second_moment(double lambda, double distance, double noise_factor) const;

    /// lambda_x: above it W follows the Hessian squared, below it the Fisher law.
    double crossover_curvature(double distance, double noise_factor) const;

    /// The noise factor f at which lambda_x = lambda. Infinity where lambda_x stays below lambda for every batch.
    double crossover_factor(double lambda, double distance) const;
};

} // namespace hessq
#pragma GCC visibility pop
