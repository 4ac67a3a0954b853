#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>

namespace hessq {

struct EigenpairsOptions {
    Index top = 5;    ///< how many of the largest eigenvalues, 0, ..., n
    Index bottom = 5; ///< how many of the smallest, 0, ..., n
    /// Residual asked for, relative to |A|. Below about 1e-14 rounding decides.
    double tolerance = 1e-10;
    /// For each end. No restart begins that could exceed it; the first 3 k + 21 are always spent.
    Index max_products = 10000;
    std::uint64_t seed = 0; ///< of the start vectors
};

/// Some eigenvalues with unit eigenvectors and what they miss by. For each pair there is a true eigenvalue within
/// its residual.
struct Eigenpairs {
    Vector values;
    Matrix vectors;   ///< column k belongs to values(k)
    Vector residuals; ///< |A v_k - lambda_k v_k|, measured with a product of its own
};

struct ExtremeEigenpairs {
    Eigenpairs top;         ///< largest first
    Eigenpairs bottom;      ///< smallest (most negative) first
    bool converged = false; ///< every residual <= tolerance times the norm
    double norm = 0.0;      ///< |A|, estimated from below: power steps and the eigenvalues found
    Index products = 0;
};

/// Both ends of the spectrum from products alone, by implicitly restarted Lanczos with full reorthogonalisation.
/// Pairs that did not converge are returned too, with their residuals.
///
/// Multiplicities are not certified: a Krylov space of one start vector holds one direction of each eigenspace, so
/// that of several equal eigenvalues some copies can be missing although every pair has converged. Only the dense
/// route, taken when n <= 64 or when a Krylov space would fill R^n, is sure to count them.
///
/// Cost       With k pairs at an end: 16 products for |A|, then for each end 3 k + 21 and at most k + 20 more a
///            restart, one vector at a time; n (2 k + 20) doubles. The dense route: n + k products and
///            symmetric_eigen_bytes(n).
/// Throws     std::invalid_argument if top or bottom lies outside 0, ..., n, both are 0, tolerance <= 0 or
///            max_products < 1; NumericalError if a product is not finite.
/// Source     Calvetti, Reichel and Sorensen (1994), ETNA 2, 1-21; Spectra's SymEigsSolver.
[[nodiscard]] ExtremeEigenpairs extreme_eigenpairs(const SymmetricOperator& a, const EigenpairsOptions& options = {});

} // namespace hessq
