#pragma once

#include "hessq/core/types.hpp"

#include <cstddef>
#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

/// A = V diag(values) V', V orthogonal.
struct SymmetricEigen {
    Vector values;  ///< ascending
    Matrix vectors; ///< column k belongs to values(k)
};

/// All eigenvalues and eigenvectors of a symmetric matrix. Of a matrix that is symmetric only up to rounding,
/// (A + A') / 2 is decomposed. Within clusters of equal eigenvalues any orthonormal basis is right, and the sign of
/// every eigenvector is free. A coordinate whose row is zero beside the diagonal (the weight of a dead input) is an
/// eigenvector, exactly, and takes no part in the work.
///
/// The first call switches OpenBLAS to one thread for the whole process, so that the result has the same bytes
/// whatever the number of threads; hessq runs independent problems side by side instead.
///
/// Cost       14/3 n^3 flops for n coupled coordinates, 4/3 n^3 of them bound by memory; symmetric_eigen_bytes(n) of
///            memory.
/// Throws     std::invalid_argument if the matrix is empty, not square, not symmetric to sqrt(eps) of its largest
///            entry, or larger than 32766 (LAPACK counts its workspace in 32 bits); NumericalError if an entry is not
///            finite, the workspace does not fit in memory, or LAPACK does not converge.
/// Source     Cuppen (1981), Numer. Math. 36, 177-195, as in LAPACK's dstedc.
[[nodiscard]] SymmetricEigen symmetric_eigen(MatrixView a);

/// The eigenvalues alone, ascending.
///
/// Cost       4/3 n^3 flops and n^2 doubles.
/// Throws     As symmetric_eigen.
[[nodiscard]] Vector symmetric_eigenvalues(MatrixView a);

/// max_k |A v_k - lambda_k v_k|: within it of every lambda_k there is an eigenvalue of A.
///
/// Cost       2 n^3 flops.
/// Throws     std::invalid_argument if A has another size than the decomposition.
[[nodiscard]] double largest_residual(MatrixView a, const SymmetricEigen& eigen);

/// Bytes that symmetric_eigen allocates beside its argument: the matrix made symmetric, the vectors, four columns,
/// and dstedc's workspace of 1 + 4 n + n^2 doubles and 3 + 5 n integers.
std::size_t symmetric_eigen_bytes(Index n);

/// f(A) = V diag(f(lambda_k)) V', exactly symmetric.
///
/// Cost       n^3 flops, 2 n^2 doubles.
/// Throws     NumericalError if f is not finite at an eigenvalue.
[[nodiscard]] Matrix apply_function(const SymmetricEigen& a, const std::function<double(double)>& f);

/// |A| = V diag(|lambda_k|) V': the positive semidefinite matrix with A's eigenvectors, the one saddle-free Newton
/// divides by.
[[nodiscard]] Matrix absolute_value(const SymmetricEigen& a);

} // namespace hessq
#pragma GCC visibility pop
