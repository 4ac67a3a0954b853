#pragma once

#include "hessq/core/types.hpp"
#include "hessq/theory/batch_size.hpp"

// What epsilon does to the law between rate and batch size: exact moments of an update u(ghat) of one coordinate, and
// the approximations that the essay makes of them. Ids (c3, y1, ...) are those of the claims, in their order.
//
// Throughout, ghat ~ N(g, sigma^2 / B) in each coordinate, independently; a = g sqrt(B) / sigma and
// b = eps sqrt(B) / sigma. eps = 0 makes signs of all forms; for eps -> infinity eps u is the gradient itself.
// Steps, statuses, batches and what is thrown are as in batch_size.hpp.

#pragma GCC visibility push(default)
namespace hessq {

// --- Updates and their moments: c1-c4, c8, c9, c13 ------------------------------------------------------------------

enum class EpsilonForm {
    softsign, ///< x / sqrt(x^2 + eps^2): eps inside the root of Adam
    clip,     ///< min(max(x / eps, -1), 1)
    ratio     ///< x / (|x| + eps): eps outside the root, as PyTorch has it
};

/// u(x): at |x| = eps it is 1 / sqrt(2), 1 and 1 / 2. For eps = 0 the sign of x, 0 for x = 0.
///
/// Source     c1, c3, c13.
[[nodiscard]] double epsilon_update(EpsilonForm form, double x, double eps);

struct UpdateMoments {
    double mean = 0.0;     ///< E u
    double second = 0.0;   ///< E u^2
    double variance = 0.0; ///< computed as such where it is small against E u^2
};

/// Moments of u(x), x ~ N(gradient, noise_sd^2): for a batch noise_sd = sigma / sqrt(B), and 0 without noise. Closed
/// for clip, quadrature otherwise.
///
/// Shapes     noise_sd, eps >= 0.
/// Cost       Some 500 exponentials.
/// Error bar  None: a few eps of E u and of E u^2, of the mean also for small g; the variance to 1e-12 of itself or
///            1e-15.
/// Source     c3, c9, y8; for ratio no closed form is known (c13, y13).
[[nodiscard]] UpdateMoments update_moments(EpsilonForm form, double gradient, double noise_sd, double eps);

/// erf(b / sqrt(2)) / b, b = eps / noise_sd: the slope of E clip on a at a = 0; sqrt(2 / pi) for b = 0.
///
/// Source     c3.
[[nodiscard]] double clip_slope(double b);

/// E u ~ a / sqrt(a^2 + b^2 + c) and E u^2 ~ 1 - b^2 / (a^2 + b^2 + c): what the essays make of softsign. c = pi / 2
/// (essay) carries the constant of erf into the linear regime, where 1 is right (c11).
///
/// Shapes     gradient, noise_sd and eps are not all 0.
/// Source     c3, c4, c8, c10.
[[nodiscard]] UpdateMoments attenuated_moments(double gradient, double noise_sd, double eps, Attenuation attenuation);

// --- The best step: c5, c7, c8, c14 ---------------------------------------------------------------------------------

/// From exact moments, coordinates independent.
///
/// Cost       That of update_moments for each coordinate; runs of coordinates of equal |g_i| and sigma_i cost one.
/// Source     c14.
[[nodiscard]] BestStep epsilon_best_step(EpsilonForm form, const StepProblem& problem, double eps, double batch);

/// The essay's curve: slope sum nu_i g_i, flat tr H, excess nu'H nu - tr H, nu = softsign(g, eps), and c of the
/// attenuation times kappa^2 = noise_ratio(..., convention, eps). For eps = 0 it is sign_curve.
///
/// By this curve there is a peak iff nu'H nu > 2 tr H. For eps -> infinity eps times the rate tends to
/// |g|^2 / (g'H g + c mean(sigma_i^2) tr H / B), where SGD has tr(Sigma H) (c7, c11, y7).
///
/// Shapes     noise_ratio is finite.
/// Source     c5 (essay, mean_of_ratios), c8 (mean_field, ratio_of_sums).
[[nodiscard]] AttenuatedCurve softsign_curve(const StepProblem& problem, double eps, Attenuation attenuation,
                                             NoiseRatio convention);

// --- Surges: c6, c12, y1, y2 ----------------------------------------------------------------------------------------

/// The highest local maximum of the exact rate.
///
/// Source     yp4, y1, y2.
[[nodiscard]] RatePeak epsilon_rate_peak(EpsilonForm form, const StepProblem& problem, double eps,
                                         const BatchRange& range = {});

/// d ln rate / d(1/B) for B -> infinity, exact: with u and its derivatives u', u'' at g
///
///     sum g_i sigma_i^2 u''_i / (2 sum g_i u_i)
///         - (sum u''_i sigma_i^2 (H u)_i + sum H_ii u'_i^2 sigma_i^2) / u'H u.
///
/// Where it is above 0 the rate exceeds its limit for some batch: a surge. For equal |g_i| and equal sigma_i the sign
/// is that of 3 - 2 (eps / g)^2 tr H / s'H s for softsign and of 1 - eps / |g| tr H / s'H s for ratio, s = sign(g).
///
/// Shapes     eps > 0 and u'H u > 0. Not for clip, whose moments have no such expansion.
/// Source     y1.
[[nodiscard]] double large_batch_derivative(EpsilonForm form, const StepProblem& problem, double eps);

/// K(eps / |g|): for equal |g_i| and equal sigma_i, and exact moments, the rate exceeds its limit for B -> infinity for
/// some batch if and only if s'Hs / tr H > K, s = sign(g). With u the update without noise it is
///
///     K = inf over B of Var u(ghat) / (E u(ghat) (u - E u(ghat))),
///
/// because rate(B) exceeds rate(infinity) where E u (u - E u) s'Hs > Var u tr H. It is 2 for eps = 0, the
/// essay's criterion. Else 2/3 (eps / g)^2 for softsign and eps / |g| for ratio, where the infimum is the limit of
/// large batches; for clip 0 up to eps = |g|, where 1 - E u dominates Var u in large batches, and numbers from the
/// minimum over B beyond it: 1 at 1.17, 2 at 1.31, growing with (eps / g)^2.
///
/// That K jumps at eps = 0 is about tiny heights: for small eps the rate exceeds its limit by about (eps / g)^2.
///
/// Shapes     ratio = eps / |g| >= 0.
/// Error bar  None: closed, to 1e-7 of itself for clip.
/// Source     y1; for clip, and that the bounds are sharp, derived here (docs/epsilon.md).
[[nodiscard]] double surge_threshold(EpsilonForm form, double ratio);

/// The inverse: the eps / |g| above 0 below which the exact rate exceeds its limit for some batch, also for a diagonal
/// H: sqrt(3/2 s'Hs / tr H) for softsign, s'Hs / tr H for ratio, and at least 1 for clip.
///
/// Beyond it the limit is reached from below; a lower local maximum can be left before it.
///
/// Shapes     sign_curvature = s'H s / tr H > 0, s = sign(g).
/// Source     y1; as surge_threshold.
[[nodiscard]] double surge_limit(EpsilonForm form, double sign_curvature);

} // namespace hessq
#pragma GCC visibility pop
