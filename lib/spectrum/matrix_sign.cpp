#include "hessq/spectrum/matrix_sign.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace hessq {
namespace {

void check(MatrixView a, const std::string& function) {
    require(a.size() >= 1, function, "the matrix must not be empty", a.size());
    require_finite(a, function + ": the matrix");
}

} // namespace

Matrix matrix_sign(MatrixView a) {
    check(a, "matrix_sign");
    const ThinSvd svd = thin_svd(a);
    const double zero =
        static_cast<double>(std::max(a.rows(), a.cols())) * std::numeric_limits<double>::epsilon() * svd.values(0);
    const Vector ones = (svd.values.array() > zero).cast<double>();
    return svd.u * ones.asDiagonal() * svd.v.transpose();
}

Matrix newton_schulz_sign(MatrixView a, const NewtonSchulzOptions& options) {
    check(a, "newton_schulz_sign");
    require(options.steps >= 1, "newton_schulz_sign", "steps must be at least 1", options.steps);
    require(options.eps > 0.0, "newton_schulz_sign", "eps must be greater than 0", options.eps);
    const bool tall = a.rows() > a.cols();
    Matrix x = tall ? Matrix(a.transpose()) : Matrix(a);
    x /= std::max(x.norm(), options.eps);
    for (Index k = 0; k < options.steps; ++k) {
        const Matrix gram = x * x.transpose();
        const Matrix polynomial = options.b * gram + options.c * gram * gram;
        x = options.a * x + polynomial * x;
    }
    return tall ? Matrix(x.transpose()) : x;
}

} // namespace hessq
