#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/datasets/batch.hpp"
#include "hessq/objectives/objective.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// The first two moments of the per-sample gradients g_s at one point.
struct GradientMoments {
    Vector mean;          ///< (1/m) sum_s g_s: the gradient of the batch
    Matrix second_moment; ///< (1/m) sum_s g_s g_s': uncentred, labels of the data. The empirical Fisher matrix
    Index samples = 0;    ///< m
};

/// E g and E gg' over the samples of a batch, or over all of them. The gradients are those of l_s + R, not divided by
/// the batch size: with a penalty R, every g_s contains its gradient.
///
/// Cost       That of objective.gradient_second_moment: n^2 m multiply-adds unless it knows a shorter way.
/// Throws     std::invalid_argument if w has the wrong size or the batch is empty or out of range; NumericalError if
///            a gradient is not finite.
GradientMoments gradient_moments(const FiniteSumObjective& objective, VectorView w, const Batch& batch);
GradientMoments gradient_moments(const FiniteSumObjective& objective, VectorView w);

/// Sigma = (1/m) sum_s (g_s - g)(g_s - g)' with g the full gradient at the same w: the covariance of one sample's
/// gradient. Divisor m, because the m samples are the whole population that batches are drawn from. It is E gg' - g g'
/// where at least 1e-4 of every E g_i^2 is noise, so that twelve digits remain; elsewhere each g_s is centred before it
/// is squared, and nothing cancels.
///
/// Cost       That of objective.gradient_second_moment, and n^2 m multiply-adds more where the gradients are centred.
/// Throws     std::invalid_argument if w has the wrong size; NumericalError if a gradient is not finite.
Matrix noise_covariance(const FiniteSumObjective& objective, VectorView w);

/// diag Sigma and tr Sigma of noise_covariance, without n^2 work.
///
/// Cost       One gradient and n m flops in chunks of 256 samples; 256 n doubles a thread.
Vector noise_diagonal(const FiniteSumObjective& objective, VectorView w);
double noise_trace(const FiniteSumObjective& objective, VectorView w);

/// u_k' Sigma u_k for every column of U: the noise along each direction, without forming Sigma.
///
/// Shapes     U is n x k.
/// Cost       One gradient and 2 n m k flops in chunks of 256 samples.
Vector noise_quadratic_forms(const FiniteSumObjective& objective, VectorView w, MatrixView u);

/// W = E hat(g) hat(g)' for the mean gradient hat(g) of a batch of B out of m samples, from the moments of single
/// samples: g g' + Sigma / B for Sampling::iid, g g' + Sigma / B (m - B) / (m - 1) for Sampling::epochs, where each
/// batch is drawn without replacement. Over one whole epoch of full batches (B = m) no noise is left.
///
/// Shapes     mean has n entries, sigma is n x n.
/// Throws     std::invalid_argument if B < 1, m < 1, B > m without replacement, or the shapes differ.
Matrix batch_second_moment(VectorView mean, MatrixView sigma, Index batch_size, Index samples, Sampling sampling);

/// Var hat(g) = factor * Sigma for such batches: 1 / B, or (m - B) / (B (m - 1)) without replacement.
///
/// Throws     std::invalid_argument if B < 1, m < 1, or B > m without replacement.
double batch_noise_factor(Index batch_size, Index samples, Sampling sampling);

/// The empirical Fisher matrix E gg', and Sigma, of all samples as operators: no n x n matrix is formed.
///
/// Cost       Keeps n m doubles, the gradients; 4 n m flops a vector.
/// Throws     As gradient_moments.
SymmetricOperator empirical_fisher(const FiniteSumObjective& objective, VectorView w);
SymmetricOperator noise_covariance_operator(const FiniteSumObjective& objective, VectorView w);

} // namespace hessq
#pragma GCC visibility pop
