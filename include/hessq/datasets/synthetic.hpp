#pragma once

#include "hessq/core/types.hpp"
#include "hessq/datasets/dataset.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

/// Data with the parameters of the linear model that drew its targets: weight (outputs x features, row-major), bias.
struct SyntheticData {
    Dataset data;
    Vector parameters;
};

struct GaussianRegressionOptions {
    Vector coefficients = {}; ///< theta*, one for each feature; empty: normal draws
    double noise = 1.0;       ///< sigma, at least 0
    std::uint64_t seed = 0;
};

/// Linear regression with every moment known: x ~ N(0, diag(spectrum)), y = x' theta* + sigma xi, xi ~ N(0, 1). The
/// population Hessian of 1/2 (a'x + b - y)^2 is diag(spectrum, 1), the 1 belonging to the bias b, whose truth is 0.
///
/// Throws     std::invalid_argument if samples < 1, the spectrum is empty or holds a number below 0, there are not as
///            many coefficients as features, or noise < 0.
SyntheticData gaussian_regression(Index samples, VectorView spectrum, const GaussianRegressionOptions& options = {});

struct SoftmaxDataOptions {
    double scale = 1.0;            ///< standard deviation of the logits over x; 0: labels are independent of x
    double misspecification = 0.0; ///< standard deviation of the part of the logits that no linear model has
    std::uint64_t seed = 0;
};

/// Softmax regression with labels drawn from the model: x ~ N(0, I), P(y = c | x) = softmax(z)_c,
///
///     z = W x + b + misspecification / sqrt(2 features) V (x o x - 1),
///
/// W_ij ~ N(0, scale^2 / features), b_i ~ N(0, scale^2 / 4), V_ij ~ N(0, 1). `parameters` are W and b: the truth when
/// the misspecification is 0, and then the per-sample gradients there have E gg' = H.
///
/// Throws     std::invalid_argument if samples < 1, features < 1, classes < 2, scale < 0 or misspecification < 0.
SyntheticData softmax_data(Index samples, Index features, Index classes, const SoftmaxDataOptions& options = {});

/// Class frequencies pi_k ~ 1/k, k = 1, ..., classes, summing to 1.
///
/// Throws     std::invalid_argument if classes < 1.
Vector zipf_frequencies(Index classes);

struct GaussianMixtureOptions {
    double mean_scale = 1.0; ///< standard deviation of the entries of the class means
    std::uint64_t seed = 0;
};

/// One Gaussian for each class: y = k with probability frequencies_k, mu_k ~ N(0, mean_scale^2 I), x | k ~ N(mu_k, I).
/// A rare class need not occur.
///
/// Throws     std::invalid_argument if samples < 1, features < 1, there are fewer than 2 frequencies, one is
///            negative, or they do not sum to 1 within classes * eps; mean_scale < 0.
Dataset gaussian_mixture(Index samples, Index features, VectorView frequencies,
                         const GaussianMixtureOptions& options = {});

/// A Gaussian mixture of equally frequent classes, for trying things out.
///
/// Throws     std::invalid_argument if samples < 1, features < 1 or classes < 2.
Dataset synthetic_classification(Index samples, Index features, Index classes, std::uint64_t seed);

struct LinearTeacherOptions {
    double noise = 0.1; ///< standard deviation of the targets around the teacher, at least 0
    std::uint64_t seed = 0;
};

/// Targets from a linear map of low rank: x ~ N(0, I), y = M x + noise xi, M = A B / sqrt(rank), A (outputs x rank) and
/// B (rank x features) with independent N(0, 1) entries.
///
/// Throws     std::invalid_argument if samples, features, outputs or rank is below 1, or noise < 0.
Dataset linear_teacher(Index samples, Index features, Index outputs, Index rank,
                       const LinearTeacherOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
