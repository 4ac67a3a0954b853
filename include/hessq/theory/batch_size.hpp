#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/types.hpp"

#include <functional>

// How the best rate of one step and its decrease of the loss depend on the size B of the batch, if the theory of
// "learning rate versus batch size" is right: closed forms to hold measurements against. Ids (d4, y4, ...) are those
// of the claims, in their order.
//
// Throughout, a step is theta <- theta - rate u, and the loss changes as its quadratic model says: it falls by
// rate g'E[u] - rate^2 / 2 E[u'H u]. The best step is that of the rate at which this is largest. The mini-batch
// gradient has mean g and covariance Sigma / B. B may be any number above 0, below 1 to look at limits, and infinite.
//
// All functions throw std::invalid_argument for sizes that differ and for numbers outside the range they state, and
// NumericalError for entries that are not finite; matrices called symmetric are symmetric to sqrt(eps) of their
// largest entry.

#pragma GCC visibility push(default)
namespace hessq {

// --- Scaling rules: d2, d3 ------------------------------------------------------------------------------------------

/// The batch times k: SGD's noise per time stays the same with rate times k, that of an increment, or Adam's per time,
/// with rate times sqrt(k).
enum class ScalingRule { linear, square_root };

/// Source     d2, d3.
[[nodiscard]] double scaled_rate(ScalingRule rule, double rate, double factor);

struct AdamSettings {
    double rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
};

/// B -> k B: rate sqrt(k), 1 - beta -> k (1 - beta), eps / sqrt(k).
///
/// Throws     std::invalid_argument unless k > 0 and k (1 - beta) <= 1 for both betas.
/// Source     d3; Malladi et al. (2022), arXiv 2205.10287.
[[nodiscard]] AdamSettings malladi_rule(const AdamSettings& settings, double factor);

// --- The best step: d8 ----------------------------------------------------------------------------------------------

enum class StepStatus {
    bounded,  ///< E[u'H u] > 0: there is a best rate
    unbounded ///< E[u'H u] <= 0: the model falls for ever along u, and rate and decrease are infinite
};

struct BestStep {
    double rate = 0.0;     ///< eta* = E[u]'g / E[u'H u]; negative where u ascends
    double decrease = 0.0; ///< (E[u]'g)^2 / (2 E[u'H u])
    StepStatus status = StepStatus::bounded;
};

/// Where the loss's gradient, curvature and noise are known.
struct StepProblem {
    Vector gradient; ///< g, at least one entry
    Matrix hessian;  ///< H, symmetric
    Vector noise_sd; ///< sigma_i = sqrt(Sigma_ii) >= 0, of one sample
};

/// For a direction u of any law with E[u u'] = second_moment.
///
/// Shapes     second_moment is symmetric.
/// Source     d8.
[[nodiscard]] BestStep best_step(VectorView gradient, MatrixView hessian, VectorView mean, MatrixView second_moment);

/// For a direction of uncorrelated coordinates: E[u'H u] = E[u]'H E[u] + sum_i H_ii Var u_i.
///
/// Shapes     variance >= 0.
/// Source     d8, c14.
[[nodiscard]] BestStep best_uncorrelated_step(VectorView gradient, MatrixView hessian, VectorView mean,
                                              VectorView variance);

// --- SGD: d4-d7 -----------------------------------------------------------------------------------------------------

struct NoiseScales {
    double rate_max = 0.0;     ///< eta_max = g'g / g'H g
    double decrease_max = 0.0; ///< (g'g)^2 / (2 g'H g)
    double noise_batch = 0.0;  ///< B_noise = tr(Sigma H) / g'H g; can be negative if H is indefinite
    double simple_batch = 0.0; ///< B_simple = tr Sigma / g'g
    /// Unbounded if g'H g <= 0: then rate_max and decrease_max are infinite, and noise_batch is not a number.
    StepStatus status = StepStatus::bounded;
};

/// The two noise batches agree where tr(Sigma H) / tr Sigma = g'H g / g'g (y5).
///
/// Shapes     g is not zero; H and Sigma (`noise`) are symmetric.
/// Source     d4-d6, yp6; McCandlish et al. (2018), arXiv 1812.06162.
[[nodiscard]] NoiseScales noise_scales(VectorView gradient, MatrixView hessian, MatrixView noise);

/// rate_max / (1 + noise_batch / B) and decrease_max / (1 + noise_batch / B), for any law of the noise.
///
/// With momentum, pass momentum_batch(B, beta1).
/// Source     d4, d6.
[[nodiscard]] BestStep sgd_best_step(const NoiseScales& scales, double batch);

/// B (1 + beta1) / (1 - beta1): momentum averages as much noise away as a batch of this size, if the gradient stands
/// still. 19 B for beta1 = 0.9. Of SGD and of signs of the momentum, not of Adam (adam_curve).
///
/// Source     d17, yp8.
[[nodiscard]] double momentum_batch(double batch, double beta1);

/// S steps of B samples, E = B S samples in all, reach the same loss: (S / S_min - 1) (E / E_min - 1) = 1.
struct HyperbolaFit {
    double steps_min = 0.0;      ///< S_min
    double samples_min = 0.0;    ///< E_min
    double critical_batch = 0.0; ///< E_min / S_min: the noise batch, if it did not change on the way
    double r_squared = 0.0;      ///< of the fit that was made
};

/// Ordinary least squares of 1/S = 1/S_min - (E_min / S_min) / E.
///
/// Steps need not be integers. S_min depends on the runs with the largest batches alone, and can be far off in a fit
/// whose r_squared is near 1.
///
/// Shapes     At least 3 runs; steps and samples above 0.
/// Throws     NumericalError if the line has no positive intercept.
/// Source     d7, E-d4.
[[nodiscard]] HyperbolaFit fit_inverse_hyperbola(VectorView steps, VectorView samples);

/// Least squares of ln S = ln S_min + ln(1 + E_min / (S_min B)), B = E / S: every run counts alike.
///
/// Shapes     As fit_inverse_hyperbola.
/// Source     d7, E-d4.
[[nodiscard]] HyperbolaFit fit_log_hyperbola(VectorView steps, VectorView samples);

// --- Signs, exactly: d9, i14, y4 ------------------------------------------------------------------------------------

/// E sign(ghat_i) = erf(g_i / sigma_i sqrt(B / 2)) for a Gaussian ghat. Without noise sign(g_i), which is 0 for g_i =
/// 0.
///
/// Source     d9.
[[nodiscard]] Vector sign_means(VectorView gradient, VectorView noise_sd, double batch);

/// The best step along sign(ghat), coordinates independent: Adam's first step if the bias is corrected and eps = 0, and
/// any step of Adam with beta1 = beta2 = 0.
///
/// The decrease need not grow with B (y4).
/// Source     d9, d10, yp7.
[[nodiscard]] BestStep sign_best_step(const StepProblem& problem, double batch);

/// P(x <= h, y <= k) of standard normals with correlation r in [-1, 1]; h and k finite.
///
/// Source     i14; Owen (1956), Ann. Math. Stat. 27(4), 1075-1090.
[[nodiscard]] double bivariate_normal_cdf(double h, double k, double r);

/// E sign(h + x) sign(k + y) = 4 Phi2(h, k; r) - 2 Phi(h) - 2 Phi(k) + 1 for standard normals with correlation r in
/// [-1, 1]: 2 / pi arcsin(r) for h = k = 0.
///
/// Source     i14.
[[nodiscard]] double sign_product_mean(double h, double k, double r);

/// E sign(ghat) sign(ghat)' for ghat ~ N(g, Sigma / B) with any Sigma (`noise`).
///
/// Shapes     Sigma is symmetric, Sigma_ii >= 0, |Sigma_ij| <= sqrt(Sigma_ii Sigma_jj). B is finite.
/// Cost       n^2 evaluations of Owen's T, in parallel: 0.2 microseconds each.
/// Source     i14, E-d5.
[[nodiscard]] Matrix sign_second_moment(VectorView gradient, MatrixView noise, double batch);

/// The best step along sign(ghat) for correlated coordinates.
///
/// Shapes     As sign_second_moment.
/// Source     d8, i14, E-d5.
[[nodiscard]] BestStep correlated_sign_best_step(VectorView gradient, MatrixView hessian, MatrixView noise,
                                                 double batch);

// --- Signs, approximately: d9, d11-d13, d17, yp2, yp5 ---------------------------------------------------------------

/// E sign(ghat) ~ g / sqrt(g^2 + c sigma^2 / B).
enum class Attenuation {
    essay,     ///< c = pi / 2: exact for small B
    mean_field ///< c = 1: the smaller error if it has to hold for all B
};

/// Source     d9, d17.
[[nodiscard]] Vector attenuated_means(VectorView gradient, VectorView noise_sd, double batch, Attenuation attenuation);

/// sign_best_step with attenuated_means: the variance of a coordinate is 1 - E[u_i]^2.
///
/// Shapes     g_i and sigma_i are not both 0.
/// Source     d9.
[[nodiscard]] BestStep attenuated_sign_best_step(const StepProblem& problem, double batch, Attenuation attenuation);

/// kappa^2, the one number that is to stand for all sigma_i^2 / (g_i^2 + eps^2).
enum class NoiseRatio {
    mean_of_ratios, ///< mean_i sigma_i^2 / (g_i^2 + eps^2): d11, c3; dominated by the smallest gradients (yp2)
    ratio_of_sums   ///< sum_i sigma_i^2 / sum_i (g_i^2 + eps^2): B_simple for eps = 0; d17, c8
};

/// Infinite if a denominator is 0 and its noise is not; a coordinate without both counts as 0.
///
/// Source     c3, c8, d11, d17, yp2, yp3.
[[nodiscard]] double noise_ratio(VectorView gradient, VectorView noise_sd, NoiseRatio convention, double eps = 0.0);

/// The law that mean field makes of every bounded direction. With beta = (1 + noise_batch / B)^(-1/2) the model falls
/// by rate beta slope - rate^2 / 2 (flat + beta^2 excess).
struct AttenuatedCurve {
    double slope = 0.0;       ///< |g|_1 for signs
    double flat = 0.0;        ///< T: what noise alone costs, tr H for signs
    double excess = 0.0;      ///< O: what the signal adds, sign(g)'H sign(g) - tr H for signs
    double noise_batch = 0.0; ///< c kappa^2
};

/// Rate slope / (flat / beta + excess beta): for excess > 0 it is rate_max / ((b / beta + beta / b) / 2) with
/// b = sqrt(flat / excess) and rate_max = slope / (2 sqrt(flat excess)).
///
/// Source     d11-d13, d17, yp5, c5.
[[nodiscard]] BestStep attenuated_step(const AttenuatedCurve& curve, double batch);

/// A best rate that is larger for some batch than for the next larger ones.
struct RatePeak {
    bool exists = false; ///< all that follows is 0 otherwise
    double batch = 0.0;
    double rate = 0.0;
    double height = 0.0; ///< rate / rate for B = infinity - 1; a local maximum can lie below that limit (yp4, y2)
};

/// "Surge": beta^2 = flat / excess is inside (0, 1), so where excess > flat > 0. B = noise_batch flat /
/// (excess - flat).
///
/// Shapes     noise_batch > 0.
/// Source     d12, i16.
[[nodiscard]] RatePeak surge(const AttenuatedCurve& curve);

/// The decrease is decrease_max / (1 + noise_batch / B), as for SGD, with this curve's own numbers.
struct DecreaseLaw {
    double decrease_max = 0.0;               ///< slope^2 / (2 (flat + excess))
    double noise_batch = 0.0;                ///< noise_batch flat / (flat + excess); means nothing if unbounded
    StepStatus status = StepStatus::bounded; ///< unbounded if flat + excess <= 0
};

/// Source     d13, yp5.
[[nodiscard]] DecreaseLaw decrease_law(const AttenuatedCurve& curve);

/// Signs: slope |g|_1, flat tr H, excess sum_{i != j} sign(g_i g_j) H_ij, c of the attenuation.
///
/// For a diagonal H the rate is bounded and grows with B: with sqrt(B) for small B. For the signs of a momentum pass
/// momentum_batch(B, beta1) to attenuated_step.
/// Shapes     noise_ratio is finite.
/// Source     d11-d13, d17.
[[nodiscard]] AttenuatedCurve sign_curve(const StepProblem& problem, Attenuation attenuation, NoiseRatio convention);

/// Adam with momentum, beta2 -> 1, eps = 0 and a gradient that stands still: E u_i^2 = (g_i^2 + kappa_1 sigma_i^2 / B)
/// / (g_i^2 + sigma_i^2 / B), kappa_1 = (1 - beta1) / (1 + beta1). Mean field with B_simple: flat is kappa_1 tr H,
/// excess sign(g)'H sign(g) - kappa_1 tr H. Exact where all sigma_i / |g_i| agree.
///
/// For a diagonal H there is a peak if beta1 > 1/3, at B = B_simple (1 - beta1) / (3 beta1 - 1).
/// Shapes     g is not zero, unless there is no noise.
/// Source     d17, E-d6.
[[nodiscard]] AttenuatedCurve adam_curve(const StepProblem& problem, double beta1);

/// (1 + B_simple / B)^(-1/2) with B_simple = m n sigma^2 / |G|_F^2: what is left of msign(G) in the mean of
/// msign(G + noise / sqrt(B)), and of the best rate of Muon for the Hessian (G G')^(1/2) / rate_max on rows.
///
/// Assumed    sigma^2 is the variance of an entry, all singular values of G are equal and n >> m: within 0.003 for
///            8 x 512, but 0.04 off for 32 x 32 and 0.15 off for unequal singular values.
/// Source     d17, yp8.
[[nodiscard]] double muon_attenuation(Index rows, Index cols, double noise_sd, double gradient_norm, double batch);

/// Muon's best step: rate_max times that attenuation, and decrease_max times its square.
///
/// Assumed    As muon_attenuation, and the Hessian that it is for. simple_batch is m n sigma^2 / |G|_F^2.
/// Source     d17.
[[nodiscard]] BestStep muon_best_step(const BestStep& noiseless, double simple_batch, double batch);

// --- The paper on surges: d16 ---------------------------------------------------------------------------------------

/// For small B: rate = rate_max / ((sqrt(batch / B) + sqrt(B / batch)) / 2).
struct SmallBatchLaw {
    double rate_max = 0.0;                   ///< sqrt(batch / (2 pi)) sum_i g_i^2 / sigma_i / tr H
    double batch = 0.0;                      ///< pi tr H / (2 sum_{i != j} g_i g_j H_ij / (sigma_i sigma_j))
    StepStatus status = StepStatus::bounded; ///< unbounded if the sum over i != j is not above 0: nothing is then known
};

/// The ratio to sign_best_step tends to 1 for B -> 0.
///
/// Shapes     sigma_i > 0, tr H > 0.
/// Source     d16, yp1.
[[nodiscard]] SmallBatchLaw small_batch_law(const StepProblem& problem);

/// Source     d16.
[[nodiscard]] double small_batch_rate(const SmallBatchLaw& law, double batch);

// --- Curves of the batch size: yp4, yp16, E-d8 ----------------------------------------------------------------------

/// Of B, for 0 < B <= infinity.
using BatchCurve = std::function<double(double)>;

/// A grid in ln B, refined where something was found.
struct BatchRange {
    double least = 1e-3; ///< above 0
    double largest = 1e9;
    Index points = 241; ///< at least 3
};

/// The highest local maximum inside the range. What falls by less than 1e-9 of the rate on either side is rounding,
/// not a peak; a peak narrower than the grid can be missed.
///
/// Cost       points + 40 evaluations.
/// Throws     NumericalError if the curve is not finite somewhere.
/// Source     yp4.
[[nodiscard]] RatePeak find_rate_peak(const BatchCurve& rate, const BatchRange& range = {});

/// d ln f / d ln B from four points, to about 1e-10 for a smooth curve with f > 0.
///
/// Shapes     B is finite.
/// Source     yp16.
[[nodiscard]] double local_slope(const BatchCurve& curve, double batch);

struct SteepestSlope {
    double batch = 0.0;
    double slope = 0.0;
};

/// The largest local_slope in the range.
///
/// Source     yp16.
[[nodiscard]] SteepestSlope steepest_slope(const BatchCurve& curve, const BatchRange& range = {});

struct DecreaseFit {
    double noise_batch = 0.0;   ///< B0
    double max_deviation = 0.0; ///< the largest |f(B) / f(infinity) - 1 / (1 + B0 / B)|
};

/// The B0 for which max_deviation is least, on the grid of the range.
///
/// Throws     NumericalError if the curve is not finite somewhere, or not above 0 for B = infinity.
/// Source     E-d8, y3, yp15.
[[nodiscard]] DecreaseFit fit_decrease_law(const BatchCurve& decrease, const BatchRange& range = {});

// --- Adam's update: d18, yp7, yp9 -----------------------------------------------------------------------------------

/// sqrt((snr + kappa_1) / (snr + 1)): the root mean square of m / sqrt(v), beta2 -> 1, snr = B g_i^2 / sigma_i^2 the
/// same for all i.
///
/// Source     d18, yp9.
[[nodiscard]] double update_rms(double snr, double beta1);

/// (R^2 - kappa_1) / (1 - R^2): from R, the root mean square of the update or |m| / |g|. Negative where R is below that
/// of noise alone.
///
/// Shapes     0 <= rms < 1.
/// Source     d18, yp9.
[[nodiscard]] double snr_from_update_rms(double rms, double beta1);

/// (1 - beta1) / sqrt(1 - beta2): Adam's first update without bias correction, 3.16 by default and not 1.
///
/// Source     yp7.
[[nodiscard]] double uncorrected_first_update(double beta1, double beta2);

// --- Measuring the simple noise batch: E-d3 -------------------------------------------------------------------------

struct SimpleNoiseEstimate {
    Estimate squared_gradient; ///< |g|^2, unbiased; can be negative
    Estimate noise_trace;      ///< tr Sigma, unbiased
    Estimate simple_batch;     ///< their ratio, without its bias of first order
};

/// From the squared norms of gradients of two batch sizes b < B, pair by pair:
/// |g|^2 = (B |G_B|^2 - b |G_b|^2) / (B - b), tr Sigma = (|G_b|^2 - |G_B|^2) / (1 / b - 1 / B).
///
/// Shapes     At least 2 independent pairs; 0 < b < B.
/// Error bar  One sigma: from the scatter of the pairs, for the ratio by the jackknife.
/// Source     E-d3; McCandlish et al. (2018), arXiv 1812.06162, appendix A.1.
[[nodiscard]] SimpleNoiseEstimate estimate_simple_noise(VectorView small_squares, VectorView large_squares,
                                                        double small_batch, double large_batch);

} // namespace hessq
#pragma GCC visibility pop
