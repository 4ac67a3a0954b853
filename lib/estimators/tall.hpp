#pragma once

#include "hessq/core/types.hpp"

#include <algorithm>

// Matrices with many rows and few columns, in chunks of rows that fit the cache: in parallel, and the same bytes for
// any number of threads.

namespace hessq {

/// Rows of one task: a multiple of 62, so that a chunk of a probe is whole random numbers.
inline constexpr Index tall_chunk = 62 * 16;
inline Index tall_chunks(Index rows) { return (rows + tall_chunk - 1) / tall_chunk; }
inline Index tall_rows(Index chunk, Index rows) { return std::min(tall_chunk, rows - chunk * tall_chunk); }

/// A'B.
Matrix inner(MatrixView a, MatrixView b);

/// Y <- Y - Q M.
void subtract_product(Eigen::Ref<Matrix> y, MatrixView q, MatrixView m);

/// Y = Q R; Y becomes Q. Where the sine of the angle between a column and those before it is always at least
/// `independent`, by Cholesky's factorisation of Y'Y, whose Q is orthonormal to eps / independent^2; otherwise by QR
/// factorisations of chunks and one of their R, which takes several times as long.
///
/// Returns    R, upper triangular.
/// Source     Demmel, Grigori, Hoemmen and Langou (2012), SIAM J. Sci. Comput. 34(1), A206-A239.
Matrix orthonormalize(Eigen::Ref<Matrix> y, double independent);

} // namespace hessq
