#include "hessq/spectrum/dense_eigen.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <complex>
#include <limits>
#include <mutex>
#include <string>
#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <lapacke.h>

namespace hessq {
namespace {

constexpr Index block = 64;                // columns of one task, whatever the number of threads
constexpr Index largest_dimension = 32766; // 1 + 6 n + 2 n^2 < 2^31

void use_one_blas_thread() {
    static std::once_flag once;
    std::call_once(once, [] { openblas_set_num_threads(1); });
}

// (A + A') / 2, checked: dsyevd reads one triangle and would silently ignore the other.
Matrix checked_symmetric(MatrixView a, const std::string& function) {
    require(a.rows() == a.cols(), function, "the matrix must be square",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    require(a.rows() >= 1, function, "the matrix must not be empty", a.rows());
    require(a.rows() <= largest_dimension, function, "dimension must be at most 32766", a.rows());
    require_finite(a, function + ": the matrix");
    Matrix result = a;
    double asymmetry = 0.0;
    for (Index j = 0; j < a.cols(); ++j)
        for (Index i = j + 1; i < a.rows(); ++i) {
            asymmetry = std::max(asymmetry, std::abs(a(i, j) - a(j, i)));
            result(i, j) = result(j, i) = 0.5 * (a(i, j) + a(j, i));
        }
    require(asymmetry <= std::sqrt(std::numeric_limits<double>::epsilon()) * a.cwiseAbs().maxCoeff(), function,
            "the matrix must be symmetric to sqrt(eps) of its largest entry; largest |A_ij - A_ji|", asymmetry);
    return result;
}

// Overwrites the matrix with its eigenvectors (job 'V') or with rubbish (job 'N').
Vector dsyevd(Matrix& a, char job, const std::string& function) {
    use_one_blas_thread();
    Vector values(a.rows());
    const auto n = static_cast<lapack_int>(a.rows());
    const lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, job, 'L', n, a.data(), n, values.data());
    if (info == LAPACK_WORK_MEMORY_ERROR)
        throw NumericalError(function + ": not enough memory for n = " + std::to_string(n));
    if (info != 0) throw NumericalError(function + ": LAPACK dsyevd failed with info = " + std::to_string(info));
    return values;
}

// max_k |A v_k - lambda_k v_k|, in blocks so that it needs no second n x n matrix.
double largest_residual(MatrixView a, const SymmetricEigen& eigen) {
    const Index n = a.rows(), blocks = (n + block - 1) / block;
    Vector largest(blocks);
    parallel_for(blocks, [&](Index b) {
        const Index first = b * block, k = std::min(block, n - first);
        const auto v = eigen.vectors.middleCols(first, k);
        Matrix r = v * (-eigen.values.segment(first, k)).asDiagonal();
        r.noalias() += a * v;
        largest(b) = r.colwise().norm().maxCoeff();
    });
    return largest.maxCoeff();
}

} // namespace

SymmetricEigen symmetric_eigen(MatrixView a) {
    const std::string function = "symmetric_eigen";
    SymmetricEigen eigen;
    eigen.vectors = checked_symmetric(a, function);
    eigen.values = dsyevd(eigen.vectors, 'V', function);
    eigen.residual = largest_residual(a, eigen);
    return eigen;
}

Vector symmetric_eigenvalues(MatrixView a) {
    const std::string function = "symmetric_eigenvalues";
    Matrix work = checked_symmetric(a, function);
    return dsyevd(work, 'N', function);
}

std::size_t symmetric_eigen_bytes(Index n) {
    require(n >= 1, "symmetric_eigen_bytes", "dimension must be at least 1", n);
    const auto m = static_cast<std::size_t>(n);
    return sizeof(double) * (m * m + m + (1 + 6 * m + 2 * m * m)) + sizeof(lapack_int) * (3 + 5 * m);
}

Matrix apply_function(const SymmetricEigen& a, const std::function<double(double)>& f) {
    const Index n = a.values.size();
    const Vector values = a.values.unaryExpr(f);
    require_finite(values, "apply_function: f of the eigenvalues");
    const Matrix scaled = a.vectors * values.asDiagonal();
    Matrix result(n, n);
    // Each task makes the lower part of its columns; the mirror image makes the result exactly symmetric.
    parallel_for((n + block - 1) / block, [&](Index b) {
        const Index first = b * block, k = std::min(block, n - first);
        result.block(first, first, n - first, k).noalias() =
            scaled.bottomRows(n - first) * a.vectors.middleRows(first, k).transpose();
    });
    for (Index j = 0; j < n; ++j)
        for (Index i = j + 1; i < n; ++i) result(j, i) = result(i, j);
    return result;
}

Matrix absolute_value(const SymmetricEigen& a) {
    return apply_function(a, [](double lambda) { return std::abs(lambda); });
}

} // namespace hessq
