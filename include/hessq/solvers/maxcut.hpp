#pragma once

#include "hessq/core/types.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

struct MaxcutOptions {
    std::uint64_t seed = 0;     ///< of the random start
    double tolerance = 1e-12;   ///< on gap / sum_i (|P_i| + |H_ii|), above 0
    Index max_sweeps = 100'000; ///< of coordinate ascent, at least 1
};

/// The semidefinite problem behind MAXCUT's relaxation, and its dual.
struct MaxcutSolution {
    Vector p;    ///< the diagonal of P
    Matrix rows; ///< V, n x r: Z = V V' / 2 solves the dual
    /// lambda_min(2 P - H): P is feasible where this is not negative, and feasible to rounding where the method has
    /// converged.
    double certificate = 0.0;
    /// tr P + n / 2 max(0, -certificate) - tr(Z H), which proves that tr P is optimal to this much: the first two terms
    /// are the trace of a feasible matrix, and every tr(Z H) is at most the trace of any.
    double gap = 0.0;
    Index sweeps = 0;
    bool converged = false; ///< gap <= tolerance sum_i (|P_i| + |H_ii|)
};

/// The diagonal P of least trace with H <= 2 P, that is, with 2 P - H positive semidefinite. Its dual is to maximise
/// tr(Z H) over positive semidefinite Z with Z_ii = 1/2, and is solved by coordinate ascent on Z = V V' / 2 with unit
/// rows V_i:
///
///     s_i = sum_{j != i} H_ij V_j,   V_i <- s_i / |s_i| (kept if s_i = 0),   P_i = (H_ii + |s_i|) / 2.
///
/// P is unique; V is not, and its rank is that of the solution the start led to. Rows of length ceil(sqrt(2 n)) + 1
/// leave no spurious local maximum for almost every H.
///
/// Shapes     H is n x n and symmetric.
/// Cost       2 n^2 r flops a sweep; every tenth is followed by eigenvalues, 4/3 n^3 flops. The convergence is linear.
/// Throws     std::invalid_argument if H is empty, not square or not symmetric to sqrt(eps) of its largest entry, or an
///            option is out of range; NumericalError if an entry is not finite.
/// Source     Boumal, Voroninski and Bandeira (2016), arXiv 1606.04970, for the rank; theory.md, i7.
[[nodiscard]] MaxcutSolution maxcut_diagonal(MatrixView h, const MaxcutOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
