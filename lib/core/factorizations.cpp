#include "hessq/core/factorizations.hpp"

#include "hessq/core/require.hpp"
#include "lapack.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace hessq {
namespace {

void check(const Matrix& a, const std::string& function) {
    require(a.size() >= 1, function, "the matrix must not be empty",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    require_finite(a, function + ": the matrix");
    use_one_blas_thread();
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

} // namespace hessq
