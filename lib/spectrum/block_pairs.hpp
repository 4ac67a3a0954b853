#pragma once

#include "hessq/core/counted_operator.hpp"
#include "hessq/spectrum/eigenpairs.hpp"

namespace hessq {

/// Eigenpairs at both ends, and one orthonormal basis of the space that all of them span.
struct OuterPairs {
    Eigenpairs top;    ///< largest first
    Eigenpairs bottom; ///< smallest first
};

/// Rayleigh-Ritz in the span of the columns of Q, given Q (orthonormal) and A Q: the outer pairs with their residuals.
OuterPairs outer_pairs(MatrixView q, MatrixView aq, Index top, Index bottom);

/// An orthonormal basis of the columns; those that depend on the ones before them are left out.
Matrix orthonormal_columns(MatrixView block);

struct BlockOptions {
    Index top = 0, bottom = 0; ///< pairs wanted
    /// Further pairs at each end that the space is grown towards. The first of them has to show that it is not one of
    /// the wanted: its residual must become a tenth of its distance from the last of these, or converge.
    Index extra = 0;
    double tolerance = 0.0; ///< on every residual, absolute
    Index max_products = 0; ///< of the operator's count
};

/// Outer eigenpairs from a block of start vectors, which may be good ones already. The residuals of the pairs that have
/// not converged enter the space in turn; when it is full, its outermost Ritz vectors stay. From p random start vectors
/// p copies of a multiple eigenvalue are found.
///
/// Cost       2 n (3 (top + bottom + 2 extra) + 40) doubles; one product for each column that enters.
/// Source     Stathopoulos and McCombs (2010), ACM Trans. Math. Softw. 37(2), 21, for what stays at a restart.
OuterPairs block_pairs(CountedOperator& a, MatrixView start, const BlockOptions& options);

} // namespace hessq
