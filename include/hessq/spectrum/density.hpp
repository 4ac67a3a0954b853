#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/spectrum/eigenpairs.hpp"
#include "hessq/spectrum/lanczos.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct DensityOptions {
    Index steps = 100;      ///< of Lanczos for each probe, at least 1
    Index probes = 10;      ///< random start vectors, at least 1
    std::uint64_t seed = 0; ///< probe l depends on (seed, l) alone
    Index block = 0;        ///< probes side by side: memory, never the result beyond rounding; 0: all of them
    /// Eigenpairs to take out: each counts exactly, and the probes are for the rest. Outliers belong here.
    Eigenpairs known = {};
    /// Called with the products made so far.
    std::function<void(Index)> progress = {};
};

/// What Lanczos from random vectors has learned about the eigenvalues of a matrix; everything below is read off it
/// without a further product.
struct SpectralMeasure {
    Index dimension = 0;                   ///< n
    Vector known;                          ///< eigenvalues that were given, ascending
    std::vector<Tridiagonal> tridiagonals; ///< one for each probe, of the other eigenvalues
    Vector shares;                         ///< |g_l|^2 of the normal probe g_l over the sum of these
    double norm = 0.0;                     ///< |A|, from below
    /// Eigenvalues are known up to this: rounding, max(64, sqrt(n)) eps |A|, and twice the residuals of the known
    /// pairs.
    double resolution = 0.0;
    Index products = 0;

    Index unknown() const { return dimension - known.size(); }
    /// The average of the probes' Gauss rules, for the eigenvalues that are not known; empty if all are.
    Quadrature quadrature() const;
};

/// Runs Lanczos from normal random vectors, orthogonal to the known eigenvectors.
///
/// Shapes     A is n x n, symmetric; the known eigenvectors are orthonormal.
/// Cost       steps probes products and the work of `lanczos`; spectral_measure_bytes.
/// Throws     std::invalid_argument if an option is out of range or the known vectors are not orthonormal to 1e-8;
///            NumericalError if a product is not finite.
/// Source     Ubaru, Chen and Saad (2017), SIAM J. Matrix Anal. Appl. 38(4), 1075-1099.
[[nodiscard]] SpectralMeasure spectral_measure(const SymmetricOperator& a, const DensityOptions& options = {});

/// Memory of spectral_measure.
std::size_t spectral_measure_bytes(Index n, const DensityOptions& options);

/// F(x), the share of the n eigenvalues that are at most x, with a band.
struct EigenvalueDistribution {
    Vector grid;
    Vector value;
    Vector lower, upper;
    double confidence = 0.0; ///< of the whole band: that lower <= F <= upper at every point of the grid at once
};

/// The distribution function of the eigenvalues with a band that holds all of it, jumps included.
///
/// Method     The weight W(x) that all probes together put on the eigenvalues up to x lies between the bounds of
///            Chebyshev, Markov and Stieltjes for the Krylov spaces. With probes weighted by |g_l|^2 the weights of the
///            N unknown eigenvalues have exactly the Dirichlet law with all parameters m / 2, whatever the matrix is,
///            so that W at the k-th of them is a Beta(m k / 2, m (N - k) / 2) variable. F = k / N is in the band where
///            W can be what was seen at a local level; that level makes all k right at once with the probability of
///            `confidence`, by Siegmund's approximation to the maximum of an Ornstein-Uhlenbeck process, or
///            Bonferroni's where that is closer.
/// Between    F at other places lies between the lower end of the point before and the upper end of the point after.
/// Coverage   At least the confidence: 95 to 98 % for 95 % over all matrices (docs/spectrum.md).
/// Cost       60 k^2 flops for each point and probe, in parallel.
/// Throws     std::invalid_argument unless the grid ascends, is finite and 0 < confidence < 1.
/// Source     Chen, Trogdon and Ubaru (2021), ICML, for bounds of this kind; Siegmund (1985), Sequential Analysis.
[[nodiscard]] EigenvalueDistribution eigenvalue_distribution(const SpectralMeasure& measure, VectorView grid,
                                                             double confidence = 0.95);

/// Places where the distribution function is worth being looked at: about so many Ritz values, evenly by rank, and both
/// sides of zero.
///
/// Throws     std::invalid_argument if points < 2.
[[nodiscard]] Vector spectral_grid(const SpectralMeasure& measure, Index points = 200);

/// How many eigenvalues lie in an interval.
struct EigenvalueCount {
    double value = 0.0; ///< estimate
    Index lower = 0;    ///< the interval of the counts that are compatible with what was seen
    Index upper = 0;
    double confidence = 0.0;
};

/// The number of eigenvalues in (from, to], both ends widened by the resolution for the upper count and narrowed for
/// the lower; the ends may be infinite. (-resolution, resolution] counts zeros.
///
/// Error bar  As eigenvalue_distribution, but for this one count alone.
/// Throws     std::invalid_argument unless from < to and 0 < confidence < 1.
[[nodiscard]] EigenvalueCount eigenvalue_count(const SpectralMeasure& measure, double from, double to,
                                               double confidence = 0.95);

/// (1/n) sum_i N(x; lambda_i, width^2), estimated: for pictures. Its integral is 1.
///
/// Throws     std::invalid_argument unless width > 0.
[[nodiscard]] Vector smoothed_density(const SpectralMeasure& measure, VectorView x, double width);

} // namespace hessq
#pragma GCC visibility pop
