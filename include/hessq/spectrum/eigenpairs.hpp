#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

struct EigenpairsOptions {
    Index top = 5;    ///< how many of the largest eigenvalues, 0, ..., n
    Index bottom = 5; ///< how many of the smallest, 0, ..., n
    /// Residual asked for, relative to |A|. Below about 1e-14 rounding decides.
    double tolerance = 1e-10;
    /// At most so many, but as many as there are pairs wanted; each pair costs one more, for its residual.
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
    double norm = 0.0;      ///< |A|, estimated from below: the products made and the eigenvalues found
    Index products = 0;
};

/// Both ends of the spectrum from products alone, by Lanczos with full reorthogonalization and implicit restarts, from
/// one Krylov space. Pairs that did not converge are returned too, with their residuals.
///
/// Multiplicities are not certified: a Krylov space of one start vector holds one direction of each eigenspace, so
/// that of several equal eigenvalues some copies can be missing although every pair has converged. Only the dense
/// route, taken when n <= 64 or when a Krylov space would fill R^n, is sure to count them.
///
/// Cost       With k = 2 max(top, bottom), or the pairs of one end: n (2 k + 40) doubles, and 8 n (2 k + 40) flops a
/// product at most beside the
///            product itself. The dense route: n + k products and symmetric_eigen_bytes(n).
/// Throws     std::invalid_argument if top or bottom lies outside 0, ..., n, both are 0, tolerance <= 0 or
///            max_products < 1; NumericalError if a product is not finite.
/// Source     Sorensen (1992), SIAM J. Matrix Anal. Appl. 13(1), 357-385; the Spectra library.
[[nodiscard]] ExtremeEigenpairs extreme_eigenpairs(const SymmetricOperator& a, const EigenpairsOptions& options = {});

struct SpectralNorm {
    double value = 0.0;     ///< max |lambda|; some |lambda| lies within the residual of it
    double residual = 0.0;  ///< of its eigenpair, measured with a product of its own
    bool converged = false; ///< residual <= tolerance times the value
    Index products = 0;
};

/// |A| = max_k |lambda_k|. An end of the spectrum that is much nearer to zero than the other need not converge, so this
/// costs fewer products than extreme_eigenpairs where the ends differ in size; where they hardly do, it costs those
/// too.
///
/// Cost       As extreme_eigenpairs with one pair at each end.
/// Throws     std::invalid_argument if tolerance <= 0; NumericalError if a product is not finite.
[[nodiscard]] SpectralNorm spectral_norm(const SymmetricOperator& a, double tolerance = 1e-10);

} // namespace hessq
#pragma GCC visibility pop
