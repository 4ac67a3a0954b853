#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

struct QuadraticOptions {
    Vector minimum = {};          ///< w*, n entries; empty: the origin
    Matrix noise_covariance = {}; ///< C, n x n, symmetric positive semidefinite; empty: no noise
    Index samples = 1;            ///< m; more than the rank of C
    std::uint64_t seed = 0;       ///< of the noise vectors
};

/// A quadratic with additive gradient noise, written as a mean over m samples:
///
///     l_s(w) = 1/2 (w - w*)' H (w - w*) + xi_s' (w - w*).
///
/// The noise vectors have mean 0 and covariance (1/m) sum_s xi_s xi_s' = C, both exactly (to rounding): normal draws
/// are centered, whitened and multiplied by a root of C. So L(w) = 1/2 (w - w*)' H (w - w*), the per-sample covariance
/// of the gradient is C at every w, and a mini-batch of B samples drawn with replacement has noise C / B.
///
/// Shapes     H and C are n x n. H may be indefinite: w* is then a saddle.
/// Cost       Noise: n m doubles. A gradient: n^2 + n |batch|; a product with k vectors: n^2 k.
class Quadratic final : public FiniteSumObjective {
public:
    /// Throws     std::invalid_argument if H is not square and symmetric to n eps of its largest entry, C is not a
    ///            symmetric positive semidefinite n x n matrix, w* does not have n entries, samples < 1, or
    ///            samples <= rank C: m centered vectors span at most m - 1 dimensions.
    explicit Quadratic(Matrix h, const QuadraticOptions& options = {});

    const Matrix& matrix() const { return h_; }
    const Vector& minimum() const { return minimum_; }
    /// xi_1, ..., xi_m: n x m, or n x 0 without noise.
    const Matrix& noise() const { return noise_; }

    Index dimension() const override { return h_.rows(); }
    Index samples() const override { return samples_; }

    using FiniteSumObjective::dense_hessian;
    using FiniteSumObjective::gradient;
    using FiniteSumObjective::hessian;
    using FiniteSumObjective::hessian_diagonal;
    using FiniteSumObjective::value;
    using FiniteSumObjective::value_and_gradient;
    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override;
    SymmetricOperator hessian(VectorView w, const Batch& batch) const override;
    Matrix dense_hessian(VectorView w, const Batch& batch) const override;
    Vector hessian_diagonal(VectorView w, const Batch& batch) const override {
        return dense_hessian(w, batch).diagonal();
    }
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override;

private:
    Matrix h_;
    SymmetricOperator operator_;
    Vector minimum_;
    Matrix noise_;
    Index samples_;
};

/// n numbers from low to high, evenly spaced in the logarithm, ascending; both end points are exact.
///
/// Throws     std::invalid_argument unless n >= 2 and 0 < low < high.
Vector log_uniform_spectrum(Index n, double low, double high);

/// 1/n, ..., 1/3, 1/2, 1: ascending.
///
/// Throws     std::invalid_argument if n < 1.
Vector power_law_spectrum(Index n);

/// A bulk of n - 1 numbers, log-uniform on [low, high], and one outlier: ascending, the spike last.
///
/// Throws     std::invalid_argument unless n >= 3 and 0 < low < high < spike.
Vector spiked_spectrum(Index n, double low, double high, double spike);

/// The rotation R = expm(theta K / sqrt(n)), K = A - A', A_ij independent N(0, 1). It is the identity for theta = 0
/// and forgets the axes for theta around 1.
///
/// Cost       About 20 n^3.
/// Throws     std::invalid_argument if n < 1 or theta is not finite.
Matrix random_rotation(Index n, double theta, std::uint64_t seed);

/// R diag(spectrum) R' with R = random_rotation(n, theta, seed): dials how far a matrix is from diagonal without
/// touching its eigenvalues. Exactly symmetric.
///
/// Throws     std::invalid_argument if the spectrum is empty or theta is not finite.
Matrix rotated(VectorView spectrum, double theta, std::uint64_t seed);

} // namespace hessq
#pragma GCC visibility pop
