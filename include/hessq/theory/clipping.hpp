#pragma once

#include "hessq/core/types.hpp"
#include "hessq/theory/epsilon.hpp"

// How long gradients are and what clipping makes of them, if the theory of "why is the default clipping norm 1" is
// right: closed forms to hold measurements against. Ids (a7, y10, ...) are those of the claims, in their order.
//
// Throughout, the mini-batch gradient ghat has mean g and covariance Sigma / B; for batches without replacement use
// batch_noise_factor in place of 1 / B. SGD steps by -rate ghat. All functions throw std::invalid_argument for numbers
// outside the range they state, and NumericalError for entries that are not finite.

#pragma GCC visibility push(default)
namespace hessq {

// --- The length of a step: a1, a3, a6 -------------------------------------------------------------------------------

/// min(1, t / |g|): what is left of a gradient of this norm. 1 for |g| = 0.
///
/// Shapes     norm >= 0, threshold t > 0.
/// Source     a1.
[[nodiscard]] double norm_clip_factor(double norm, double threshold);

enum class ClipRule {
    norm,    ///< |g| to at most t: clip_by_norm(t)
    decrease ///< the promised decrease rate |g|^2 to at most rate t^2: limited_decrease(..., rate t^2)
};

/// The length of SGD's step: rate min(|g|, t), or rate min(|g|, t^2 / |g|). Beyond the threshold the latter falls with
/// |g|; their ratio is t / |g|.
///
/// Shapes     rate, threshold > 0; norm >= 0.
/// Source     a3, a6.
[[nodiscard]] double clipped_step_length(ClipRule rule, double rate, double norm, double threshold);

// --- What a step does to the loss: a2, a8 ---------------------------------------------------------------------------

/// The expected decrease of a quadratic loss by one step of SGD, by its causes.
struct StepDecrease {
    double first_order = 0.0;    ///< rate |g|^2: all that the essay has
    double curvature_cost = 0.0; ///< rate^2 / 2 g'H g
    double noise_cost = 0.0;     ///< rate^2 / (2 B) tr(H Sigma)

    double total() const { return first_order - curvature_cost - noise_cost; }
};

/// rate |g|^2 (1 - rate lambda_g / 2) - rate^2 / (2 B) tr(H Sigma), lambda_g = g'H g / g'g. The first-order law errs by
/// rate / (2 best rate) of itself, the best rate being that of sgd_best_step: by a half where the step is best.
///
/// Shapes     rate, batch > 0, batch may be infinite; squared_norm = |g|^2 >= 0, gradient_curvature = lambda_g,
///            noise_curvature = tr(H Sigma) of one sample.
/// Source     a2, a8, yp18.
[[nodiscard]] StepDecrease sgd_step_decrease(double rate, double squared_norm, double gradient_curvature,
                                             double noise_curvature, double batch);

// --- How long gradients are: a2, a7 ---------------------------------------------------------------------------------

/// E|ghat|^2 = 4 (E L - L*) / rate at the stationary state of SGD on a quadratic, for any noise: the RMS norm of
/// mini-batch gradients is below 1 if and only if the excess loss is below rate / 4.
///
/// Shapes     excess_loss >= 0, rate > 0.
/// Source     a7, b14.
[[nodiscard]] double stationary_squared_norm(double excess_loss, double rate);

/// rate E|ghat|^2 / 4, the same law read backwards.
[[nodiscard]] double stationary_excess_loss(double squared_norm, double rate);

/// rate / (2 B) tr(H Sigma) for the *full* gradient at that state, to leading order in rate lambda_max.
///
/// Source     a7, yp17.
[[nodiscard]] double stationary_full_squared_norm(double rate, double noise_curvature, double batch);

/// The first two moments of |ghat|^2.
struct SquaredNormMoments {
    double mean = 0.0; ///< |g|^2 + tr Sigma / B
    double variance = 0.0;
};

/// What determines them at one point, x = g_s - g the noise of one sample.
struct NoiseMoments {
    double squared_norm = 0.0;   ///< |g|^2
    double trace = 0.0;          ///< tr Sigma = E|x|^2
    double gradient_form = 0.0;  ///< g'Sigma g
    double squared_trace = 0.0;  ///< tr Sigma^2
    double fourth_moment = 0.0;  ///< E|x|^4
    double gradient_third = 0.0; ///< E[(g'x) |x|^2]
};

/// Exact for a batch of B independent samples:
///
///     Var |ghat|^2 = 4 g'Sigma g / B + 4 E[(g'x) |x|^2] / B^2 + 2 (B - 1) / B^3 tr Sigma^2
///                    + (E|x|^4 - (tr Sigma)^2) / B^3.
///
/// Shapes     batch >= 1.
/// Source     a7; the variance is derived here.
[[nodiscard]] SquaredNormMoments squared_norm_moments(const NoiseMoments& noise, Index batch);

/// P(|ghat| > t), |ghat|^2 taken as the gamma variable with these moments: the fraction of steps that clipping at norm
/// t changes. Exact for isotropic Gaussian noise and g = 0; 0 or 1 for a variance of 0, where "|g| is about 1" says
/// all.
///
/// Shapes     mean, variance >= 0; threshold > 0.
/// Source     Satterthwaite (1946), Biometrics Bull. 2(6), 110-114, for the moments' gamma variable.
[[nodiscard]] double clipped_share(const SquaredNormMoments& moments, double threshold);

// --- Norms of one and two: a4, a5, a9 -------------------------------------------------------------------------------

/// cos(sign g, g) = |g|_1 / (sqrt(k) |g|_2), k the number of entries that are not 0: |g|_1 = sqrt(k) |g|_2 cos. In
/// (0, 1]; scale invariant, so it does not matter whether the entries are below 1 (y10).
///
/// Throws     std::invalid_argument if g is 0.
/// Source     a5, yp19, y10.
[[nodiscard]] double sign_cosine(VectorView g);

/// Laws of independent entries, of mean 0.
enum class EntryLaw { gaussian, laplace, uniform };

/// E|z| / sqrt(E z^2), to which the cosine tends with the number of entries: sqrt(2 / pi), 1 / sqrt(2), sqrt(3) / 2.
///
/// Source     a9.
[[nodiscard]] double limit_sign_cosine(EntryLaw law);

/// The same for Student's law: 2 sqrt(d - 2) Gamma((d + 1) / 2) / ((d - 1) sqrt(pi) Gamma(d / 2)). 2 / pi for d = 3,
/// 1 / sqrt(2) for d = 4.
///
/// Shapes     degrees_of_freedom d > 2: there is no variance at 2.
/// Source     a9.
[[nodiscard]] double student_sign_cosine(double degrees_of_freedom);

/// |g|_1 / (sqrt(N) |g|_2) where a share of the N entries is not 0, and has this cosine: cosine sqrt(share).
///
/// Shapes     0 < share <= 1, 0 < cosine <= 1.
/// Source     a9, yp19.
[[nodiscard]] double sparse_sign_cosine(double cosine, double share);

/// E cos(sign g, g) for n independent normal entries: Gamma(n / 2) sqrt(n / pi) / Gamma((n + 1) / 2). Above its limit
/// by 1 / (4 n) of itself.
///
/// Shapes     n >= 1.
/// Source     derived here: the mean of |u_1| over the sphere.
[[nodiscard]] double gaussian_sign_cosine(Index n);

// --- What clipped gradients average to: a10, a11 --------------------------------------------------------------------

/// (sum lambda^2)^2 / sum lambda^4: how many directions share the gradient of an isotropic cloud.
///
/// Throws     std::invalid_argument if all are 0.
/// Source     a10, y11.
[[nodiscard]] double effective_rank(VectorView lambda);

/// t^2 E[g_k^2 / |g|^2] along the eigenvectors, g = H delta of an isotropic cloud: the second moment where every step
/// is clipped to norm t. Exact: E[g_k^2 / |g|^2] = int_0^inf a_k / (1 + 2 a_k s) prod_j (1 + 2 a_j s)^(-1/2) ds,
/// a = lambda^2.
///
/// Cost       Some 800 n multiplications, and as many roots.
/// Error bar  None: to about 1e-13 of itself.
/// Throws     std::invalid_argument if all are 0 or threshold <= 0.
/// Source     a10; the integral is derived here.
[[nodiscard]] Vector clipped_second_moment(VectorView lambda, double threshold);

/// t^2 lambda^2 / sum lambda^2, to which it tends for a large effective_rank. In other coordinates t^2 (H^2)_ii /
/// tr H^2.
///
/// Source     a10, y11.
[[nodiscard]] Vector concentrated_second_moment(VectorView lambda, double threshold);

/// Moments of min(max(x, -t), t), x ~ N(gradient, noise_sd^2): t and t^2 times those of the clip of epsilon.hpp with
/// eps = t.
///
/// Shapes     noise_sd >= 0, threshold > 0.
/// Source     a11, c3, c9.
[[nodiscard]] UpdateMoments value_clip_moments(double gradient, double noise_sd, double threshold);

/// min(1, t / sqrt(|g|^2 + tr Sigma / B)): the factor of norm clipping where |ghat| does not scatter, that is for
/// (tr Sigma)^2 / tr Sigma^2 >> 1.
///
/// Source     a11, yp20.
[[nodiscard]] double concentrated_clip_factor(const SquaredNormMoments& moments, double threshold);

} // namespace hessq
#pragma GCC visibility pop
