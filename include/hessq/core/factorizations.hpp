#pragma once

#include "hessq/core/types.hpp"

#include <optional>

#pragma GCC visibility push(default)
namespace hessq {

// Through LAPACK, like symmetric_eigen in core/dense_eigen.hpp, and with what is said there about OpenBLAS's threads.

/// A = Q R for A of m x n, k = min(m, n).
struct ThinQr {
    Matrix q; ///< m x k, orthonormal columns
    Matrix r; ///< k x n, upper triangular or trapezoidal; its diagonal has any sign
};

/// Cost       About 4 m n^2 flops for m >= n, and as much memory as the result.
/// Throws     std::invalid_argument if the matrix is empty; NumericalError if an entry is not finite.
/// Source     LAPACK's dgeqrf and dorgqr.
[[nodiscard]] ThinQr thin_qr(Matrix a);

/// A = U diag(values) V' for A of m x n, k = min(m, n).
struct ThinSvd {
    Matrix u;      ///< m x k, orthonormal columns
    Vector values; ///< descending, not negative
    Matrix v;      ///< n x k, orthonormal columns
};

/// Cost       About 10 m n^2 flops for m >= n.
/// Throws     std::invalid_argument if the matrix is empty; NumericalError if an entry is not finite or the iteration
///            does not converge.
/// Source     Gu and Eisenstat (1995), SIAM J. Matrix Anal. Appl. 16(1), 79-92, as in LAPACK's dgesdd.
[[nodiscard]] ThinSvd thin_svd(Matrix a);

/// The singular values alone, descending.
///
/// Throws     As thin_svd.
[[nodiscard]] Vector singular_values(Matrix a);

/// The lower triangular L of A = L L', positive on its diagonal, for a symmetric A of which the lower triangle is read;
/// nothing where A is not positive definite to rounding.
///
/// Cost       n^3 / 3 flops.
/// Throws     std::invalid_argument if the matrix is empty or not square; NumericalError if an entry is not finite.
/// Source     LAPACK's dpotrf.
[[nodiscard]] std::optional<Matrix> cholesky(Matrix a);

/// X with L L' X = B, for the factor of cholesky(A): A X = B.
///
/// Cost       2 n^2 flops a column of B.
/// Throws     std::invalid_argument if L is empty or not square, or B has not as many rows; NumericalError if an
///            entry is not finite.
/// Source     LAPACK's dpotrs.
[[nodiscard]] Matrix cholesky_solve(MatrixView l, Matrix b);

/// X with A X = B, by LU with partial pivoting.
///
/// Cost       2/3 n^3 + 2 n^2 flops a column of B.
/// Throws     std::invalid_argument if A is empty or not square, or B has not as many rows; NumericalError if an
///            entry is not finite or A is exactly singular.
/// Source     LAPACK's dgesv.
[[nodiscard]] Matrix linear_solve(Matrix a, Matrix b);

/// A = U T U* for a square A, symmetric or not.
struct ComplexSchur {
    Eigen::MatrixXcd u; ///< unitary
    Eigen::MatrixXcd t; ///< upper triangular, the eigenvalues of A on its diagonal
};

/// Cost       About 25 n^3 complex flops.
/// Throws     std::invalid_argument if the matrix is empty or not square; NumericalError if an entry is not finite or
///            the iteration does not converge.
/// Source     LAPACK's zgees.
[[nodiscard]] ComplexSchur complex_schur(MatrixView a);

} // namespace hessq
#pragma GCC visibility pop
