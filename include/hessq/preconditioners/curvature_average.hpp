#pragma once

#include "hessq/preconditioners/preconditioner.hpp"

#include <cstdint>
#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// Diagonal preconditioners that average diagonals of curvature over the steps, as Adam averages squared gradients.

/// Where a diagonal of curvature comes from.
enum class DiagonalEstimate {
    hutchinson,  ///< z o (H z) for one random sign vector: one product, and a draw whose mean is diag H
    exact,       ///< diag H from the Hessian: as many products as there are parameters
    gauss_newton ///< diag of the Gauss-Newton matrix, never negative; for models only
};

struct SophiaPreconditionerOptions {
    double beta2 = 0.99; ///< decay of the average from one estimate to the next, in [0, 1)
    double gamma = 0.01; ///< greater than 0
    double eps = 1e-12;  ///< least entry, at least 0
    Index interval = 10; ///< steps from one estimate to the next, at least 1
    DiagonalEstimate estimate = DiagonalEstimate::hutchinson;
    std::uint64_t seed = 0; ///< of the sign vectors
};

/// diag(max(gamma h, eps)), h the average of diagonals of curvature: negative curvature counts as none. h starts at 0
/// and is not corrected for that, so the first entries are too small and the step's clipping has to hold.
///
/// Throws     std::invalid_argument if dimension < 1 or an option is out of range; asking for the matrix, before any
///            curvature was observed. So for both.
/// Source     Liu et al. (2023), arXiv 2305.14342, algorithm 3. Its Hutchinson probes are normal; sign vectors have
///            less variance. Its Gauss-Newton-Bartlett estimator draws labels; ours is its mean over labels.
std::unique_ptr<Preconditioner> sophia_preconditioner(Index dimension, const SophiaPreconditionerOptions& options = {});

struct AdahessianPreconditionerOptions {
    double beta2 = 0.999; ///< decay of the average, in [0, 1)
    double eps = 1e-4;    ///< outside the power, at least 0
    double power = 1.0;   ///< of the Hessian, in [0, 1]; 1/2 is as careful as Adam is
    DiagonalEstimate estimate = DiagonalEstimate::hutchinson;
    std::uint64_t seed = 0; ///< of the sign vectors
};

/// diag((v / (1 - beta2^t))^(power / 2) + eps) with v the average of d o d, d a diagonal of curvature. A Hutchinson
/// draw squared has the mean (H^2)_ii, so with many of them the entries are row norms of H: the very matrix that Adam's
/// sqrt(v) is proportional to for full gradients over an isotropic cloud.
///
/// Source     Yao et al. (2020), arXiv 2006.00719, algorithm 1, without averaging over blocks of parameters.
std::unique_ptr<Preconditioner> adahessian_preconditioner(Index dimension,
                                                          const AdahessianPreconditionerOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
