#include "hessq/core/factorizations.hpp"

#include "hessq/core/require.hpp"
#include "lapack.hpp"

#include <algorithm>
#include <complex>
#include <string>
#include <utility>
#include <vector>

namespace hessq {
namespace {

void check(const Matrix& a, const std::string& function) {
    require(a.size() >= 1, function, "the matrix must not be empty",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    require_finite(a, function + ": the matrix");
    use_one_blas_thread();
}

void check_square(const Matrix& a, const std::string& function) {
    check(a, function);
    require(a.rows() == a.cols(), function, "the matrix must be square",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
}

void check_right_side(const Matrix& b, Index n, const std::string& function) {
    require_size(b.rows(), n, function, "a column of B");
    require_finite(b, function + ": B");
}

void check(lapack_int info, const char* routine, const Matrix& a, const std::string& function) {
    if (info != 0)
        throw NumericalError(function + ": LAPACK " + routine + " failed with info = " + std::to_string(info) +
                             " for a " + std::to_string(a.rows()) + " x " + std::to_string(a.cols()) + " matrix");
}

lapack_int count(Index n) { return static_cast<lapack_int>(n); }

/// `vectors`: 'S' for k of each, 'N' for none.
ThinSvd svd(Matrix a, char vectors, const std::string& function) {
    check(a, function);
    const Index m = a.rows(), n = a.cols(), k = std::min(m, n), wanted = vectors == 'S' ? k : 0;
    ThinSvd result{Matrix(m, wanted), Vector(k), Matrix()};
    Matrix right(wanted, n);
    check(LAPACKE_dgesdd(LAPACK_COL_MAJOR, vectors, count(m), count(n), a.data(), count(m), result.values.data(),
                         result.u.data(), count(m), right.data(), count(std::max<Index>(1, wanted))),
          "dgesdd", a, function);
    result.v = right.transpose();
    return result;
}

} // namespace

ThinQr thin_qr(Matrix a) {
    const std::string function = "thin_qr";
    check(a, function);
    const Index m = a.rows(), n = a.cols(), k = std::min(m, n);
    Vector scales(k);
    check(LAPACKE_dgeqrf(LAPACK_COL_MAJOR, count(m), count(n), a.data(), count(m), scales.data()), "dgeqrf", a,
          function);
    Matrix r = a.topRows(k).triangularView<Eigen::Upper>();
    a.conservativeResize(Eigen::NoChange, k);
    check(LAPACKE_dorgqr(LAPACK_COL_MAJOR, count(m), count(k), count(k), a.data(), count(m), scales.data()), "dorgqr",
          a, function);
    return {std::move(a), std::move(r)};
}

ThinSvd thin_svd(Matrix a) { return svd(std::move(a), 'S', "thin_svd"); }

Vector singular_values(Matrix a) { return svd(std::move(a), 'N', "singular_values").values; }

std::optional<Matrix> cholesky(Matrix a) {
    const std::string function = "cholesky";
    check_square(a, function);
    const Index n = a.rows();
    const lapack_int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', count(n), a.data(), count(n));
    if (info > 0) return std::nullopt; // the order of a leading minor that is not positive
    check(info, "dpotrf", a, function);
    a.triangularView<Eigen::StrictlyUpper>().setZero();
    return a;
}

Matrix cholesky_solve(MatrixView l, Matrix b) {
    const std::string function = "cholesky_solve";
    const Matrix factor = l;
    check_square(factor, function);
    check_right_side(b, factor.rows(), function);
    const lapack_int n = count(factor.rows());
    check(LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'L', n, count(b.cols()), factor.data(), n, b.data(), n), "dpotrs", factor,
          function);
    return b;
}

Matrix linear_solve(Matrix a, Matrix b) {
    const std::string function = "linear_solve";
    check_square(a, function);
    check_right_side(b, a.rows(), function);
    const lapack_int n = count(a.rows());
    std::vector<lapack_int> pivots(static_cast<std::size_t>(n));
    const lapack_int info =
        LAPACKE_dgesv(LAPACK_COL_MAJOR, n, count(b.cols()), a.data(), n, pivots.data(), b.data(), n);
    if (info > 0) throw NumericalError(function + ": the matrix is singular");
    check(info, "dgesv", a, function);
    return b;
}

ComplexSchur complex_schur(MatrixView a) {
    const std::string function = "complex_schur";
    const Matrix given = a;
    check_square(given, function);
    const Index n = a.rows();
    ComplexSchur result{Eigen::MatrixXcd(n, n), given.cast<std::complex<double>>()};
    Eigen::VectorXcd eigenvalues(n);
    lapack_int sorted = 0;
    check(LAPACKE_zgees(LAPACK_COL_MAJOR, 'V', 'N', nullptr, count(n), result.t.data(), count(n), &sorted,
                        eigenvalues.data(), result.u.data(), count(n)),
          "zgees", given, function);
    return result;
}

} // namespace hessq
