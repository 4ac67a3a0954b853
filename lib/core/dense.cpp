#include "hessq/core/dense.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <limits>
#include <memory>

namespace hessq {

Matrix matrix_of(Index n, Index block, const std::function<Matrix(MatrixView units, Index first)>& product) {
    Matrix result(n, n);
    for (Index first = 0; first < n; first += block) {
        const Index count = std::min(block, n - first);
        Matrix units = Matrix::Zero(n, count);
        units.middleRows(first, count).setIdentity();
        result.middleCols(first, count) = product(units, first);
    }
    return result;
}

Matrix to_dense(const SymmetricOperator& a) {
    const Index n = a.dimension();
    Matrix result = matrix_of(n, 64, [&](MatrixView units, Index) { return a * units; });
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < j; ++i) result(i, j) = result(j, i) = 0.5 * (result(i, j) + result(j, i));
    return result;
}

SymmetricOperator dense_operator(Matrix a, std::string name) {
    require(a.rows() == a.cols(), "dense_operator", "the matrix must be square",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    const double scale = a.size() ? a.cwiseAbs().maxCoeff() : 0.0;
    double asymmetry = 0.0;
    for (Index j = 0; j < a.cols(); ++j)
        for (Index i = 0; i < j; ++i) asymmetry = std::max(asymmetry, std::abs(a(i, j) - a(j, i)));
    require(asymmetry <= static_cast<double>(a.rows()) * std::numeric_limits<double>::epsilon() * scale,
            "dense_operator", "the matrix must be symmetric to n * eps of its largest entry; largest |A_ij - A_ji|",
            asymmetry);
    const Index n = a.rows();
    const auto shared = std::make_shared<const Matrix>(std::move(a));
    return SymmetricOperator(
        n,
        [shared](MatrixView v) {
            // One vector costs the reading of the matrix, and half of a symmetric one is enough.
            Matrix result(v.rows(), v.cols());
            if (v.cols() == 1) {
                result.col(0).noalias() = shared->selfadjointView<Eigen::Lower>() * v.col(0);
                return result;
            }
            // Columns in fixed blocks: parallel, and the same bytes for any number of threads.
            constexpr Index block = 64;
            parallel_for((v.cols() + block - 1) / block, [&](Index b) {
                const Index k = std::min(block, v.cols() - b * block);
                result.middleCols(b * block, k).noalias() = *shared * v.middleCols(b * block, k);
            });
            return result;
        },
        std::move(name));
}

SymmetricOperator diagonal_operator(Vector d, std::string name) {
    const Index n = d.size();
    return SymmetricOperator(
        n, [d = std::move(d)](MatrixView v) -> Matrix { return d.asDiagonal() * v; }, std::move(name));
}

SymmetricOperator identity_operator(Index dimension) {
    return SymmetricOperator(
        dimension, [](MatrixView v) -> Matrix { return v; }, "identity");
}

SymmetricOperator sum(double alpha, const SymmetricOperator& a, double beta, const SymmetricOperator& b) {
    require_size(b.dimension(), a.dimension(), "sum", "the second operator");
    return SymmetricOperator(
        a.dimension(), [=](MatrixView v) -> Matrix { return alpha * (a * v) + beta * (b * v); },
        a.name() + " + " + b.name());
}

SymmetricOperator sandwich(const SymmetricOperator& b, const SymmetricOperator& a) {
    require_size(b.dimension(), a.dimension(), "sandwich", "the outer operator");
    return SymmetricOperator(
        a.dimension(), [=](MatrixView v) -> Matrix { return b * (a * (b * v)); }, b.name() + " . " + a.name());
}

Vector entries_at(VectorView v, const std::vector<Index>& chosen) {
    Vector result(static_cast<Index>(chosen.size()));
    for (Index i = 0; i < result.size(); ++i) result(i) = v(chosen[static_cast<std::size_t>(i)]);
    return result;
}

Matrix columns_at(MatrixView a, const std::vector<Index>& chosen) {
    Matrix result(a.rows(), static_cast<Index>(chosen.size()));
    for (Index j = 0; j < result.cols(); ++j) result.col(j) = a.col(chosen[static_cast<std::size_t>(j)]);
    return result;
}

} // namespace hessq
