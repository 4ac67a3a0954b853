#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct EigenpairsOptions {
    Index top = 5;    ///< how many of the largest eigenvalues, 0, ..., n
    Index bottom = 5; ///< how many of the smallest, 0, ..., n
    /// Residual asked for, relative to |A|. Below about 1e-14 rounding decides.
    double tolerance = 1e-10;
    /// At most so many, one for the residual of each pair among them. At least 12 + wanted pairs (of both ends as many
    /// as of the larger) + those start vectors that are given, and one for each residual; n and those where it is
    /// solved densely.
    Index max_products = 10000;
    std::uint64_t seed = 0; ///< of the start vectors
    /// Whether to search what was found for eigenvalues that are missing, add them, and certify.
    bool certify = true;
    /// n x any number of start vectors, of any length: the vectors found at the point of a trajectory before. None: a
    /// random one.
    Matrix start = {};
};

/// The chance, over the random vectors, that some pair of a result is certified and is wrong.
inline constexpr double eigenpairs_failure_chance = 1e-9;

/// Some eigenvalues with unit eigenvectors and what they miss by. For each pair there is a true eigenvalue within
/// its residual.
struct Eigenpairs {
    Vector values;
    Matrix vectors;   ///< column k belongs to values(k)
    Vector residuals; ///< |A v_k - lambda_k v_k|, measured with a product of its own
    /// Whether values(k) is the k-th eigenvalue from its end, copies counted: see extreme_eigenpairs. Where it is
    /// false, that is not known. If one pair is certified, all pairs further out are.
    std::vector<bool> certified;
};

struct ExtremeEigenpairs {
    Eigenpairs top;         ///< largest first
    Eigenpairs bottom;      ///< smallest (most negative) first
    bool converged = false; ///< every residual <= tolerance times the norm
    bool certified = false; ///< every pair is
    double norm = 0.0;      ///< |A|, estimated from below: the products made and the eigenvalues found
    Index products = 0;
};

/// Both ends of the spectrum from products alone, by Lanczos with full reorthogonalization and implicit restarts, from
/// one Krylov space. Pairs that did not converge are returned too, with their residuals.
///
/// A Krylov space of one start vector holds one direction of each eigenspace, so that of several equal eigenvalues some
/// copies can be missing although every pair has converged. `certify` therefore runs Lanczos again, from two random
/// vectors orthogonal to the pairs found, until either an eigenvalue beyond one of them turns up - then a block of
/// vectors finds what is missing, and the examination begins anew - or the growth of the Lanczos polynomials leaves a
/// chance of 1e-9 that there is one. Certified means: the k-th eigenvalue of A from this end, copies counted, is
/// values(k) to within e = tolerance * norm + (sum of the squared residuals of all certified pairs)^(1/2), with the
/// possibility of e relative to the norm larger by the rounding of the products. The chance is over the random vectors
/// alone: no property of A is assumed but that it is symmetric and its products are exact to rounding.
///
/// The examination takes about 15 (w / (g + tolerance norm))^(1/2) products where g is the gap between the last pair
/// wanted and the next eigenvalue that differs from it, and w the width of the spectrum: once or twice what the pairs
/// themselves need. In a dense cluster (the zeros of a Gauss-Newton matrix among its smallest eigenvalues) that is too
/// many. For n <= 3000 it then gives up after n products and all eigenvalues are computed, otherwise after
/// max_products; pairs that are not certified by then are marked so. Without `certify`, and always when n <= 64 or a
/// Krylov space would fill R^n, all this does not happen: small operators are solved densely and every pair is certain.
///
/// With `start` the pairs grow out of the space of those vectors, in blocks: near a solution that takes far fewer
/// products.
///
/// Cost       With k = 2 max(top, bottom), or the pairs of one end: n (2 k + 40) doubles, and 8 n (2 k + 40) flops a
///            product at most beside the product itself; two to three times the memory where something was missing or
///            with `start`. The dense route: n + k products and symmetric_eigen_bytes(n).
/// Throws     std::invalid_argument if top or bottom lies outside 0, ..., n, both are 0, tolerance <= 0,
///            max_products is too small, `start` has not n rows, or the operator is not symmetric to 1e-6, with the
///            measured |A - A'| / |A|; NumericalError, which names the product, if one is not finite or `start` is not.
/// Source     Sorensen (1992), SIAM J. Matrix Anal. Appl. 13(1), 357-385; the Spectra library. van Dorsselaer,
///            Hochstenbach and van der Vorst (2000), SIAM J. Matrix Anal. Appl. 22(3), 837-852, for the certificate.
[[nodiscard]] ExtremeEigenpairs extreme_eigenpairs(const SymmetricOperator& a, const EigenpairsOptions& options = {});

struct SpectralNorm {
    double value = 0.0;     ///< max |lambda|; some |lambda| lies within the residual of it
    double residual = 0.0;  ///< of its eigenpair, measured with a product of its own
    bool converged = false; ///< residual <= tolerance times the value
    Index products = 0;
};

/// |A| = max_k |lambda_k|. An end of the spectrum that is much nearer to zero than the other need not converge, so this
/// costs fewer products than extreme_eigenpairs where the ends differ in size; where they hardly do, it costs those
/// too. How often the eigenvalue occurs does not matter here, and nothing is certified.
///
/// Cost       As extreme_eigenpairs with one pair at each end.
/// Throws     As extreme_eigenpairs.
[[nodiscard]] SpectralNorm spectral_norm(const SymmetricOperator& a, double tolerance = 1e-10);

} // namespace hessq
#pragma GCC visibility pop
