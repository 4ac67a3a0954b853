#pragma once

#include "hessq/core/types.hpp"

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

} // namespace hessq
#pragma GCC visibility pop
