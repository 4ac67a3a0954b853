#pragma once

#include "hessq/core/types.hpp"
#include "hessq/solvers/maxcut.hpp"

#include <optional>
#include <vector>

// What the second moment of gradients must be, if the theory of "Adam's second moment is the Hessian squared" is right:
// closed forms to hold measurements against. Ids (b12, x1, ...) are those of the claims, in their order.
//
// Throughout, the loss is 1/2 delta'H delta around its minimum (unless a function says otherwise), lambda are the
// eigenvalues of H and everything of length n lives in its eigenbasis. W = E[ghat ghat'] is the second moment that Adam
// averages. `cloud_variance` is s^2, the variance of each coordinate of delta; `noise` is Cov ghat = Sigma / B,
// B samples drawn afresh or with replacement. A batch may be infinite: the full-batch gradient.
//
// All functions throw std::invalid_argument for sizes that differ and for numbers outside the range they state;
// matrices called symmetric are symmetric to sqrt(eps) of their largest entry.

#pragma GCC visibility push(default)
namespace hessq {

// --- Gaussian linear regression and the cross-over: 0.3, b12, b27 ---------------------------------------------------

/// x ~ N(0, H), y = x'theta* + noise, loss 1/2 (x'theta - y)^2, and theta spread as N(theta*, cloud_variance I).
struct RegressionCloud {
    double cloud_variance = 1.0; ///< s^2, at least 0
    double noise_variance = 0.0; ///< sigma^2, of the labels, at least 0
    double batch = 1.0;          ///< B, at least 1; may be infinite
};

/// W_k = s^2 lambda_k^2 (1 + 1/B) + lambda_k (sigma^2 + s^2 tr H) / B. Without label noise (b27) the second,
/// Fisher-like term stays: s^2 [(1 + 1/B) H^2 + tr H / B H].
///
/// Shapes     lambda >= 0: all eigenvalues of H, for their sum is its trace.
/// Source     0.3, b12, b27.
[[nodiscard]] Vector regression_second_moment(VectorView lambda, const RegressionCloud& cloud);

/// lambda_x = (sigma^2 + s^2 tr H) / (s^2 (B + 1)): below it W follows the Fisher law, above it the Hessian squared.
/// Infinite without a cloud, zero for an infinite batch.
///
/// Source     0.3.
[[nodiscard]] double cross_over_eigenvalue(VectorView lambda, const RegressionCloud& cloud);

/// p = 1/2 + 1/2 lambda / (lambda + lambda_x): the slope of log sqrt(W_k) on log lambda_k, at lambda.
///
/// Source     0.3.
[[nodiscard]] double local_exponent(double lambda, double cross_over);

/// (1 + 1/B) g g' + (2 L / B) H at one point, g = H delta and 2 L = sigma^2 + delta'H delta. Exact.
///
/// Source     b12.
[[nodiscard]] Matrix regression_batch_second_moment(MatrixView h, VectorView delta, double noise_variance,
                                                    double batch);

// --- Stationary states: b14, x1 -------------------------------------------------------------------------------------

struct StationaryMoments {
    Matrix cloud;      ///< S = E[delta delta']
    Matrix minibatch;  ///< W = H S H + noise
    Matrix full_batch; ///< E[g g'] = H S H, along the same trajectory
};

/// theta <- theta - lr ghat with noise that does not depend on theta: H S + S H - lr H S H = lr noise, so that
/// W = (H S + S H) / lr.
///
/// Shapes     H (positive definite) and noise (symmetric) are n x n; 0 < lr lambda < 2.
/// Cost       9 n^3 flops for the eigenvalues, 16 n^3 for products.
/// Source     b14; Yaida (2019), arXiv 1810.00004.
[[nodiscard]] StationaryMoments stationary_sgd(MatrixView h, MatrixView noise, double lr);

/// theta <- theta - D ghat with a fixed D: W = H S D^-1 + D^-1 S H.
///
/// Shapes     D (`step_matrix`) is symmetric and positive definite; the eigenvalues of D H are between 0 and 2.
/// Cost       As stationary_sgd.
/// Source     x1.
[[nodiscard]] StationaryMoments stationary_preconditioned(MatrixView h, MatrixView noise, MatrixView step_matrix);

struct StationaryAdamOptions {
    double tolerance = 1e-10;   ///< on the residual, above 0
    Index max_iterations = 200; ///< of Newton's method, at least 1
};

struct StationaryAdam {
    StationaryMoments moments;
    Vector root_second_moment; ///< sqrt(v_i) = sqrt(W_ii)
    /// Largest |ln W_ii / v_i| between the v that made the cloud and the W it makes; infinite if the iterations ran out
    /// before the noise was the one asked for.
    double residual = 0.0;
    Index iterations = 0;
    bool converged = false;
};

/// Adam with beta1 = 0, beta2 -> 1 and eps = 0: the preconditioned iteration whose D = lr diag(W_ii)^(-1/2) is that of
/// its own W. In one dimension sqrt(v) = (lr lambda + sqrt(lr^2 lambda^2 + 16 noise)) / 4: sqrt(noise) for a small lr,
/// and the edge of stability lr lambda / 2 without noise.
///
/// In general, as the noise vanishes, sqrt(v) tends to the edge_root_second_moment of maxcut_diagonal(H), beta1 = 0.
///
/// Solved by Newton's method on ln v with step halving, from above, where the steps are stable, and through larger
/// noises. The closer the state is to the edge, the larger the residual that rounding leaves.
///
/// Shapes     H is positive definite, noise positive semidefinite with noise_ii > 0.
/// Cost       10 n^4 flops an iteration.
/// Source     x1, b16.
[[nodiscard]] StationaryAdam stationary_adam(MatrixView h, MatrixView noise, double lr,
                                             const StationaryAdamOptions& options = {});

/// sqrt(v_i) = 2 (S H)_ii / lr: what stationarity alone says about Adam (beta1 = 0, beta2 -> 1), for every H and every
/// noise.
///
/// Source     x1.
[[nodiscard]] Vector adam_root_second_moment(MatrixView cloud, MatrixView h, double lr);

/// sqrt(v_k) of Adam's stationary state on a diagonal H with noise along its axes, momentum included (beta2 -> 1,
/// eps = 0): the positive root r of
///
///     2 r^3 - kappa_1 L r^2 - 2 c r - (1 - kappa_1) c L = 0,    L = lr lambda_k, c = noise_k,
///
/// which is what v = lambda^2 S + c says when S is the stationary variance of momentum with the rate lr / r, lr c (1 +
/// beta1) / (lambda (2 (1 + beta1) r - (1 - beta1) L)). sqrt(c) for a small lr, the edge of stability kappa_1 L / 2
/// without noise; for beta1 near 1 there is (c L / 2)^(1/3) between them.
///
/// Shapes     lambda > 0, noise >= 0; 0 <= beta1 < 1.
/// Source     x1, i6.
[[nodiscard]] Vector stationary_adam_root(VectorView lambda, VectorView noise, double lr, double beta1);

/// The factor f for which, with noise_k = f lambda_k, this sqrt(v) goes as lambda^(3/4) at lambda: half-way from the
/// Fisher law (smaller lr, larger f) to the Hessian squared. f = lr^2 lambda / z^2 with a number z that depends on
/// beta1 alone; z^2 = 16 / 3 for beta1 = 0.
[[nodiscard]] double stationary_adam_crossover(double lambda, double lr, double beta1);

struct IsotropicAdamNoise {
    Matrix noise;                       ///< Cov ghat
    double least_eigenvalue = 0.0;      ///< of it
    bool positive_semidefinite = false; ///< to rounding; where it is not, no noise makes Adam's cloud isotropic
};

/// The noise for which Adam's own stationary cloud is s^2 I. By x1 D^-1 = 2 s^2 / lr^2 diag(H_ii), and then
///
///     noise = W - H S H = 2 s^4 / lr^2 (H diag(H_ii) + diag(H_ii) H) - s^2 H^2.
///
/// For a diagonal H this is s^2 lambda^2 (4 s^2 / lr^2 - 1): there is one where s > lr / 2, the amplitude at the edge
/// of stability.
///
/// Shapes     H is symmetric with H_ii > 0.
/// Source     x1.
[[nodiscard]] IsotropicAdamNoise noise_for_isotropic_adam_cloud(MatrixView h, double cloud_variance, double lr);

// --- Stationary SGD on regression: b15, x4, x5 ----------------------------------------------------------------------

struct RegressionStationaryState {
    double load = 0.0;   ///< K = lr / B sum_k lambda_k / (2 - lr lambda_k (1 + 1/B))
    double tau = 0.0;    ///< tr(H S) = sigma^2 K / (1 - K)
    Vector cloud;        ///< s_k = lr / B (sigma^2 + tau) / (2 - lr lambda_k (1 + 1/B))
    Vector minibatch;    ///< 2 lambda_k s_k / lr
    Vector full_batch;   ///< lambda_k^2 s_k
    bool stable = false; ///< K < 1 and lr lambda_max (1 + 1/B) < 2; otherwise all moments are infinite
};

/// SGD on the Gaussian regression of RegressionCloud with the noise it really has, which depends on theta. For
/// lr lambda << 2 the cloud is isotropic, lr sigma^2 / (2 B (1 - K)); the signal's share of W_k is
/// lr lambda_k (1 + 1/B) / 2.
///
/// Shapes     lambda >= 0, all eigenvalues of H.
/// Source     b15, x4, x5.
[[nodiscard]] RegressionStationaryState stationary_regression_sgd(VectorView lambda, double noise_variance,
                                                                  double batch, double lr);

// --- Noise exponents: b16 -------------------------------------------------------------------------------------------

/// S_k = lr sqrt(noise_k) / (2 lambda_k): the cloud of Adam (beta2 -> 1) to leading order in lr lambda / sqrt(noise),
/// for noise with the eigenvectors of a diagonal H. beta1 does not matter at this order.
///
/// Shapes     lambda > 0; noise_k >= 0 is the variance of ghat_k.
/// Source     b16.
[[nodiscard]] Vector adam_cloud(VectorView lambda, VectorView noise, double lr);

/// Powers of lambda where noise_k ~ lambda_k^gamma, for lr lambda << 2.
struct StationaryExponents {
    double cloud = 0.0;  ///< of S_k: 0 is isotropic
    double signal = 0.0; ///< of sqrt(lambda_k^2 S_k)
    double noise = 0.0;  ///< of sqrt(noise_k)
};

/// gamma - 1, (gamma + 1) / 2, gamma / 2: isotropic for gamma = 1.
///
/// Source     b16.
[[nodiscard]] StationaryExponents sgd_exponents(double gamma);

/// gamma / 2 - 1, 1/2 + gamma / 4, gamma / 2: isotropic for gamma = 2.
///
/// Source     b16.
[[nodiscard]] StationaryExponents adam_exponents(double gamma);

// --- Transients of gradient descent: b17, b21 -----------------------------------------------------------------------

/// The expectation of v after gradient descent has seen the gradients g_0, ..., g_{T-1}, over starts N(0, s^2 I),
/// without bias correction: (1 - beta2) s^2 lambda^2 (rho^T - beta2^T) / (rho - beta2), rho = (1 - lr lambda)^2.
///
/// Shapes     lambda of any sign; T = steps >= 1; 0 <= beta2 < 1.
/// Source     b17, xp12.
[[nodiscard]] Vector transient_second_moment(VectorView lambda, double cloud_variance, double lr, double beta2,
                                             Index steps);

/// AdaGrad's sum of E g_t^2 over the same T gradients: s^2 lambda^2 (1 - rho^T) / (1 - rho); for T -> infinity
/// s^2 lambda / (lr (2 - lr lambda)), infinite unless 0 <= lr lambda < 2.
///
/// Shapes     lambda of any sign; T = steps >= 1, may be infinite.
/// Source     b17.
[[nodiscard]] Vector adagrad_sum(VectorView lambda, double cloud_variance, double lr, double steps);

/// S_k = s^2 (1 - lr lambda_k)^(2 T) after T steps: it explodes where lambda < 0, and the squared law with it.
///
/// Source     b21.
[[nodiscard]] Vector transient_cloud(VectorView lambda, double cloud_variance, double lr, Index steps);

// --- Averages: the bench's EMA, b18, b19, x3 ------------------------------------------------------------------------

/// kappa_1 = (1 - beta1) / (1 + beta1): the variance of an EMA of white noise of variance 1.
[[nodiscard]] double ema_variance(double beta1);

/// Var v / (E v)^2 = 2 (1 - beta2) / (1 + beta2) (1 + beta2 rho^2) / (1 - beta2 rho^2), v an EMA of squares of a
/// stationary Gaussian AR(1) of mean zero and autocorrelation rho: the full-batch gradient along SGD, rho =
/// 1 - lr lambda.
///
/// Source     test bench, i8.
[[nodiscard]] double ema_relative_variance(double rho, double beta2);

/// E m^2 = kappa_1 [(1 + beta1 rho) / (1 - beta1 rho) + white] for m an EMA of an AR(1) of variance 1 plus
/// independent white noise of variance `white`. Not what mini-batch SGD makes: see sgd_momentum_moment.
///
/// Source     b18.
[[nodiscard]] double ar1_momentum_moment(double rho, double white, double beta1);

/// corr(m_t, g_t) = sqrt((1 - beta1^2) / (1 - beta1^2 rho^2)), without white noise.
///
/// Source     b18.
[[nodiscard]] double momentum_gradient_correlation(double rho, double beta1);

/// E m^2 = kappa_1 c (1 - beta1) / (1 - beta1 rho), c = 2 noise / (2 - lr lambda), rho = 1 - lr lambda: m an EMA of the
/// mini-batch gradients of stationary SGD, which does not step along m. Smaller than the average of white noise, for
/// the noise of one step is undone by the next.
///
/// Shapes     0 < lr lambda < 2.
/// Source     x3.
[[nodiscard]] double sgd_momentum_moment(double lambda, double lr, double noise, double beta1);

/// S = lr c (1 + beta1) / (lambda (2 (1 + beta1) - lr (1 - beta1) lambda)), c = noise: the variance of a parameter that
/// steps along m, an EMA of its mini-batch gradients, in the stationary state. Momentum changes nothing of leading
/// order in lr lambda, lr c / (2 lambda).
///
/// Shapes     lambda > 0; 0 < lr lambda < 2 (1 + beta1) / (1 - beta1).
/// Source     i6.
[[nodiscard]] double momentum_cloud(double lambda, double lr, double noise, double beta1);

/// E (g_t - m_t)^2 = 2 beta1^2 / (1 + beta1) [(1 - rho) / (1 - beta1 rho) + white]: what AdaBelief averages, in the
/// setting of ar1_momentum_moment. With white = 0 it is ~ lambda^3 for a full-batch gradient in flat directions.
///
/// Source     b19.
[[nodiscard]] double ar1_belief_moment(double rho, double white, double beta1);

/// E (ghat_t - m_t)^2 = c [1 - 2 (1 - beta1) (1 - lr lambda beta1 / (2 (1 - beta1 rho))) + kappa_1 (1 - beta1) /
/// (1 - beta1 rho)] in the setting of sgd_momentum_moment.
///
/// Source     x3.
[[nodiscard]] double sgd_belief_moment(double lambda, double lr, double noise, double beta1);

// --- Beyond the quadratic: b20 --------------------------------------------------------------------------------------

/// Of the full-batch gradient.
struct AnharmonicMoments {
    Vector mean;          ///< s^2 / 2 T:I
    Matrix second_moment; ///< covariance + mean mean'
    Matrix covariance;    ///< s^2 H^2 + s^4 / 2 sum_jk T_ijk T_ljk
};

/// g_i = (H delta)_i + 1/2 sum_jk T_ijk delta_j delta_k, delta ~ N(0, s^2 I): exact for a cubic loss.
///
/// Shapes     T holds n symmetric n x n matrices, T[i](j, k) the third derivative.
/// Cost       n^4 flops.
/// Source     b20.
[[nodiscard]] AnharmonicMoments anharmonic_moments(MatrixView h, const std::vector<Matrix>& third_derivative,
                                                   double cloud_variance);

// --- Off the axes, and the best diagonal: b22, b23, b24 -------------------------------------------------------------

/// |H - diag(H_ii)|_F / |H|_F; 0 for H = 0.
///
/// Source     b22, xp1.
[[nodiscard]] double off_diagonal_share(MatrixView h);

/// D_i = H_ii / (H^2)_ii: the diagonal D that minimises E|delta - D H delta|^2 over an isotropic cloud.
///
/// Shapes     H is symmetric; none of its rows is zero.
/// Source     b23, xp2.
[[nodiscard]] Vector best_diagonal_in_distance(MatrixView h);

/// The diagonal D that minimises the expected loss after one step delta - D H delta: (H o H^2) D = diag(H^2), o
/// entrywise. Entries can be negative.
///
/// Shapes     H is positive definite.
/// Source     xp2.
[[nodiscard]] Vector best_diagonal_in_loss(MatrixView h);

/// D_k = s^2 lambda_k / W_k = B / (B + 1) / (lambda_k + lambda_x): of all steps delta - D ghat on a regression's cloud
/// the one with the least expected loss; Newton's method damped by the cross-over.
///
/// Shapes     lambda > 0, s^2 > 0.
/// Source     b24.
[[nodiscard]] Vector best_diagonal_with_noise(VectorView lambda, const RegressionCloud& cloud);

/// The expected decrease of the loss by one step delta - t D ghat at its best length t, relative to that of the best
/// diagonal: (sum lambda^2 D)^2 / (sum lambda D^2 W sum lambda^3 / W). The cloud is isotropic; its variance cancels.
///
/// Shapes     D, lambda >= 0 (not all zero) and W > 0 in the eigenbasis; D not zero.
/// Source     b24.
[[nodiscard]] double one_step_efficiency(VectorView d, VectorView lambda, VectorView second_moment);

/// The batch from which on Adam, D = W^(-1/2), is more efficient than SGD, D = 1, on a regression's cloud; 1 if it
/// always is. Nothing where H is a multiple of the identity to rounding. Bisects for a single crossing, to 1e-12 of the
/// batch.
///
/// Shapes     lambda > 0; cloud_variance > 0.
/// Source     b24, x6.
[[nodiscard]] std::optional<double> adam_overtakes_sgd_batch(VectorView lambda, double cloud_variance,
                                                             double noise_variance);

// --- Class frequencies: b25 -----------------------------------------------------------------------------------------

/// Means over the block of weights of each class.
struct SoftmaxBlocks {
    Vector second_moment; ///< of W_ii
    Vector curvature;     ///< of H_ii
};

/// Softmax regression at zero weights with biases that fit the class frequencies, for classes x | k ~ N(mu_k, I). With
/// a_k = 1 + |mu_k|^2 / d, mu the mean over classes,
///
///     curvature_k = pi_k (1 - pi_k) sum_j pi_j a_j,
///     second_moment_k = (1 - 1/B) pi_k^2 |mu_k - mu|^2 / d + (pi_k (1 - pi_k)^2 a_k + pi_k^2 sum_{j != k} pi_j a_j) /
///     B:
///
/// ~ pi_k^2 for full batches, with no cloud, and ~ pi_k for B = 1. Exact.
///
/// Shapes     frequencies sum to 1, one for each of the classes; class_means is d x classes, a mean a column.
/// Source     b25, xp11.
[[nodiscard]] SoftmaxBlocks untrained_softmax_blocks(VectorView frequencies, MatrixView class_means, double batch);

// --- Epsilon, and directions: b26, b28 ------------------------------------------------------------------------------

/// eps / s: sqrt(v) + eps = s (|lambda| + eps / s) damps as Levenberg and Marquardt do.
///
/// Source     b26.
[[nodiscard]] double epsilon_damping(double eps, double cloud_sd);

/// p sqrt(v) / (sqrt(v) + eps): the local exponent of sqrt(v) + eps where that of sqrt(v) is p.
///
/// Source     b26.
[[nodiscard]] double damped_exponent(double p, double root_second_moment, double eps);

/// cos = m_a / sqrt(m_2a), m_a = (kappa^a - 1) / (a ln kappa): the cosine between the Newton step delta and
/// lambda^a o delta for an isotropic cloud and lambda log-uniform on [1, kappa], of many dimensions. SGD is a = 1,
/// Adam under the Fisher law a = 1/2, under the squared law a = 0.
///
/// Shapes     kappa > 1.
/// Source     b28.
[[nodiscard]] double power_direction_cosine(double a, double kappa);

// --- The deterministic edge of stability: 0.5, E-b7 -----------------------------------------------------------------

/// sqrt(v_i) = lr kappa_1 lambda_i / 2 for RMSprop (beta1 = 0) and Adam without noise on a diagonal H: exact for the
/// two-cycle of RMSprop, 6 to 14 % below the time average of Adam's bursts at beta1 = 0.9.
///
/// Source     0.5, i5.
[[nodiscard]] Vector edge_root_second_moment(VectorView lambda, double lr, double beta1);

/// sqrt(v_i) = lr kappa_1 P_i for any H, P from maxcut_diagonal(H): exact for beta1 = 0 where the dual solution has
/// rank one, and as beta2 -> 1 otherwise.
///
/// Source     0.5, i7, x10.
[[nodiscard]] Vector edge_root_second_moment(const MaxcutSolution& maxcut, double lr, double beta1);

/// lr kappa_1 / 2, the amplitude of every coordinate: the cloud is isotropic, E delta_i^2 = lr^2 kappa_1^2 / 4.
///
/// Source     0.5, i5.
[[nodiscard]] double edge_amplitude(double lr, double beta1);

} // namespace hessq
#pragma GCC visibility pop
