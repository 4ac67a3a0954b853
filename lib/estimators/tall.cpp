#include "tall.hpp"

#include "hessq/core/parallel.hpp"

#include "hessq/core/factorizations.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace hessq {
namespace {

/// Thin QR of one piece, which becomes its Q.
Matrix householder(Eigen::Ref<Matrix> y) {
    ThinQr factored = thin_qr(y);
    y = factored.q;
    return std::move(factored.r);
}

} // namespace

Matrix inner(MatrixView a, MatrixView b) {
    const Index n = a.rows();
    return parallel_sum(tall_chunks(n), a.cols(), b.cols(), [&](Index c, Eigen::Ref<Matrix> sum) {
        const Index rows = tall_rows(c, n);
        sum.noalias() += a.middleRows(c * tall_chunk, rows).transpose() * b.middleRows(c * tall_chunk, rows);
    });
}

void subtract_product(Eigen::Ref<Matrix> y, MatrixView q, MatrixView m) {
    const Index n = y.rows();
    if (m.rows() == 0) return;
    parallel_for(tall_chunks(n), [&](Index c) {
        const Index rows = tall_rows(c, n);
        y.middleRows(c * tall_chunk, rows).noalias() -= q.middleRows(c * tall_chunk, rows) * m;
    });
}

Matrix orthonormalize(Eigen::Ref<Matrix> y, double independent) {
    const Index n = y.rows(), k = y.cols();
    const Matrix gram = inner(y, y);
    const Vector length = gram.diagonal().cwiseSqrt();
    if (length.minCoeff() > 0.0 && std::isfinite(length.maxCoeff())) {
        const Vector inverse = length.cwiseInverse();
        const std::optional<Matrix> factor = cholesky(inverse.asDiagonal() * gram * inverse.asDiagonal());
        if (factor && factor->diagonal().minCoeff() >= independent) {
            const Matrix r = factor->transpose() * length.asDiagonal();
            Matrix r_inverse = Matrix::Identity(k, k);
            r.triangularView<Eigen::Upper>().solveInPlace(r_inverse);
            parallel_for(tall_chunks(n), [&](Index c) {
                auto piece = y.middleRows(c * tall_chunk, tall_rows(c, n));
                const Matrix q = piece * r_inverse;
                piece = q;
            });
            return r;
        }
    }
    // Every piece needs k rows: the last takes what would be too little.
    const Index pieces = std::max<Index>(1, n / tall_chunk);
    if (pieces < 2 || k > tall_chunk) return householder(y);
    const auto piece = [&](Index p) {
        return y.middleRows(p * tall_chunk, p + 1 < pieces ? tall_chunk : n - p * tall_chunk);
    };
    Matrix stacked(pieces * k, k);
    parallel_for(pieces, [&](Index p) { stacked.middleRows(p * k, k) = householder(piece(p)); });
    const Matrix r = householder(stacked);
    parallel_for(pieces, [&](Index p) {
        const Matrix q = piece(p) * stacked.middleRows(p * k, k);
        piece(p) = q;
    });
    return r;
}

} // namespace hessq
