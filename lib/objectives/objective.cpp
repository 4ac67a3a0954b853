#include "hessq/objectives/objective.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/outer_product.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hessq {
namespace {

void check_range(const ParameterRange& range, Index dimension, const char* what) {
    require(range.offset >= 0 && range.size >= 0 && range.size <= dimension - range.offset, "dense_hessian_block",
            std::string(what) + " must lie within the " + std::to_string(dimension) + " parameters",
            std::to_string(range.size) + " from " + std::to_string(range.offset));
}

/// Calls look(first column, A times some unit vectors) for all columns of a range.
template <class Look>
void for_columns(const SymmetricOperator& a, const ParameterRange& columns, const Look& look) {
    constexpr Index together = 64;
    for (Index j = 0; j < columns.size; j += together) {
        const Index k = std::min(together, columns.size - j);
        Matrix unit = Matrix::Zero(a.dimension(), k);
        unit.middleRows(columns.offset + j, k).setIdentity();
        look(j, a * unit);
    }
}

Matrix block_of(const SymmetricOperator& a, const ParameterRange& rows, const ParameterRange& columns) {
    check_range(rows, a.dimension(), "the rows");
    check_range(columns, a.dimension(), "the columns");
    Matrix result(rows.size, columns.size);
    for_columns(a, columns, [&](Index j, const Matrix& product) {
        result.middleCols(j, product.cols()) = product.middleRows(rows.offset, rows.size);
    });
    return result;
}

Vector diagonal_of(const SymmetricOperator& a) {
    Vector result(a.dimension());
    for_columns(a, {0, a.dimension()}, [&](Index j, const Matrix& product) {
        result.segment(j, product.cols()) = product.middleRows(j, product.cols()).diagonal();
    });
    return result;
}

/// The mean of g g' over a batch, from the gradients of one chunk at a time.
template <class Gradients>
Matrix mean_square(Index dimension, const Batch& batch, const Gradients& gradients) {
    Matrix sum = Matrix::Zero(dimension, dimension);
    for (Index c = 0; c < chunk_count(batch); ++c) add_outer_product(sum, gradients(chunk(batch, c)));
    mirror_lower_triangle(sum);
    sum /= static_cast<double>(batch.size());
    return sum;
}

} // namespace

double trial_value(const Objective& objective, VectorView w) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    try {
        const double value = objective.value(w);
        return std::isfinite(value) ? value : infinity;
    } catch (const NumericalError&) {
        return infinity;
    }
}

Matrix Objective::dense_hessian(VectorView w) const { return to_dense(hessian(w)); }

Matrix Objective::dense_hessian_block(VectorView w, const ParameterRange& rows, const ParameterRange& columns) const {
    return block_of(hessian(w), rows, columns);
}

Vector Objective::hessian_diagonal(VectorView w) const { return diagonal_of(hessian(w)); }

ParameterLayout Objective::layout() const {
    ParameterLayout layout;
    layout.append("w", dimension());
    return layout;
}

Matrix FiniteSumObjective::dense_hessian(VectorView w, const Batch& batch) const { return to_dense(hessian(w, batch)); }

Matrix FiniteSumObjective::dense_hessian_block(VectorView w, const Batch& batch, const ParameterRange& rows,
                                               const ParameterRange& columns) const {
    return block_of(hessian(w, batch), rows, columns);
}

Vector FiniteSumObjective::hessian_diagonal(VectorView w, const Batch& batch) const {
    return diagonal_of(hessian(w, batch));
}

Matrix FiniteSumObjective::gradient_second_moment(VectorView w, const Batch& batch) const {
    return mean_square(dimension(), batch, [&](const Batch& part) { return per_sample_gradients(w, part); });
}

Matrix ModelObjective::dense_gauss_newton(VectorView w, const Batch& batch) const {
    return to_dense(gauss_newton(w, batch));
}

Matrix ModelObjective::sampled_label_second_moment(VectorView w, const Batch& batch, std::uint64_t seed) const {
    return mean_square(dimension(), batch, [&](const Batch& part) { return sampled_label_gradients(w, part, seed); });
}

} // namespace hessq
