#pragma once

#include "hessq/core/statistics.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"

#include <cstddef>
#include <functional>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// T = Q'AQ of Lanczos' process: tridiagonal, k x k, with A Q = Q T + beta_k q_(k+1) e_k'.
struct Tridiagonal {
    Vector diagonal; ///< alpha_1, ..., alpha_k
    /// beta_1, ..., beta_k: the last one is what leads out of the space, 0 when nothing does.
    Vector off_diagonal;

    Index steps() const { return diagonal.size(); }
    /// The Krylov space is invariant: its Ritz values are eigenvalues.
    bool is_exhausted() const { return off_diagonal(steps() - 1) == 0.0; }
};

struct LanczosOptions {
    Index steps = 100; ///< at least 1; a space that is exhausted earlier ends earlier
    /// Rounding is relative to this, or to what T shows if that is more: what |A| was before large eigenvalues were
    /// taken out.
    double norm = 0.0;
    bool keep_bases = false; ///< the result has the bases Q
    /// Called after each step of each start vector with its T so far; true: it takes no further step.
    std::function<bool(const Tridiagonal&)> finished = {};
};

struct LanczosResult {
    std::vector<Tridiagonal> tridiagonals; ///< one for each start vector
    std::vector<Matrix> bases;             ///< n x k each, orthonormal; empty unless asked for
    double norm = 0.0;                     ///< |A|, from below: the largest |Ritz value| of all start vectors
    Index products = 0;
};

/// Lanczos' process from several start vectors side by side, so that their products are blocks.
///
/// Every new vector is orthogonalized against all before it, and again where that removed more than 30 % of it. A
/// space ends where beta <= 64 eps |A|: what is left then is rounding.
///
/// Shapes     A is n x n, symmetric; the start vectors are the columns, n x p, of any length but zero.
/// Cost       k p products and 4 n k^2 p flops at most, bound by reading the bases; lanczos_bytes(n, p, k).
/// Throws     std::invalid_argument if steps < 1, there is no start vector, it does not have n rows or is zero, or if
///            the operator is not symmetric: |Q'(A - A')q| > 1e-6 |A| for a q of a basis Q; NumericalError if a product
///            is not finite.
/// Source     Lanczos (1950), J. Res. Natl. Bur. Stand. 45, 255-282; Daniel, Gragg, Kaufman and Stewart (1976), Math.
///            Comp. 30, 772-795, for the second pass.
[[nodiscard]] LanczosResult lanczos(const SymmetricOperator& a, MatrixView start, const LanczosOptions& options = {});

/// Products with several symmetric matrices: V (n x k) to A_(which[g]) v_g in column g.
using ProductByColumn = std::function<Matrix(MatrixView v, const std::vector<Index>& which)>;

/// The same where each start vector has a matrix of its own, column j the matrix A_j, and their products have most of
/// the work in common: P_j^(-1/2) H P_j^(-1/2) with one H.
///
/// Throws     As above.
[[nodiscard]] LanczosResult lanczos(const ProductByColumn& product, MatrixView start,
                                    const LanczosOptions& options = {});

/// Memory of so many spaces of k vectors, with the blocks that are multiplied.
std::size_t lanczos_bytes(Index n, Index start_vectors, Index steps);

/// sum_j weights_j f(nodes_j).
struct Quadrature {
    Vector nodes;   ///< ascending
    Vector weights; ///< not negative; their sum is 1
};

/// Gauss's rule for the measure that puts (u_i'v)^2 on the eigenvalue lambda_i, v the unit start vector: exact for
/// polynomials up to the degree 2 k - 1. Nodes are the Ritz values.
///
/// Cost       About 30 k^2 flops.
/// Throws     NumericalError if the iteration does not converge.
/// Source     Golub and Welsch (1969), Math. Comp. 23, 221-230.
[[nodiscard]] Quadrature gauss_quadrature(const Tridiagonal& t);

/// The sharpest bounds, given T, on the share of that measure at and below x: every measure with these moments has at
/// least `lower` below x and at most `upper` up to x, by the inequality of Chebyshev, Markov and Stieltjes for the
/// Gauss-Radau rule with a node at x. In exact arithmetic: rounding moves eigenvalues by some eps |A|, so ask a little
/// below x for `lower` and a little above for `upper`.
///
/// Cost       About 30 k^2 flops.
/// Source     Golub (1973), SIAM Rev. 15(2), 318-334, for the rule; Szego (1975), Orthogonal Polynomials, 3.41.
[[nodiscard]] Interval distribution_bounds(const Tridiagonal& t, double x);

} // namespace hessq
#pragma GCC visibility pop
