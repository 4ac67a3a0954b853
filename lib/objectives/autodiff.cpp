#include "hessq/objectives/autodiff.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "point.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace hessq {
namespace {

constexpr Index entries_together = 8; ///< entries that one task takes

/// Calls work(range) for pieces of a range, in parallel.
template <class Work>
void for_pieces(const ParameterRange& rows, const Work& work) {
    parallel_for((rows.size + entries_together - 1) / entries_together, [&](Index b) {
        work(ParameterRange{rows.offset + b * entries_together,
                            std::min(entries_together, rows.size - b * entries_together)});
    });
}

double finite(double value, const char* what, VectorView w) {
    if (!std::isfinite(value)) require_finite(value, std::string(what) + " at " + point_text(w));
    return value;
}

template <class Values>
Values finite(Values values, const char* what, VectorView w) {
    if (!values.allFinite()) require_finite(values, std::string(what) + " at " + point_text(w));
    return values;
}

Vector gradient_of(const DifferentiatedSum& sum, VectorView w, const Batch& batch) {
    Vector g = Vector::Zero(w.size());
    for_pieces({0, w.size()}, [&](const ParameterRange& piece) {
        sum.add_gradient(w, batch, piece, g.segment(piece.offset, piece.size));
    });
    return g;
}

Matrix product_of(const DifferentiatedSum& sum, VectorView w, MatrixView v, const Batch& batch) {
    Matrix result = Matrix::Zero(v.rows(), v.cols());
    const Index pieces = (v.rows() + entries_together - 1) / entries_together;
    parallel_for(pieces * v.cols(), [&](Index task) {
        const Index j = task / pieces;
        const Index begin = task % pieces * entries_together;
        const ParameterRange piece{begin, std::min(entries_together, v.rows() - begin)};
        sum.add_product(w, v.col(j), batch, piece, result.col(j).segment(piece.offset, piece.size));
    });
    return result;
}

/// Rows and columns of the sum's Hessian.
Matrix block_of(const DifferentiatedSum& sum, VectorView w, const Batch& batch, const ParameterRange& rows,
                const ParameterRange& columns) {
    Matrix result = Matrix::Zero(rows.size, columns.size);
    parallel_for(columns.size, [&](Index j) {
        sum.add_product(w, Vector::Unit(w.size(), columns.offset + j), batch, rows, result.col(j));
    });
    return result;
}

/// The whole of it, each entry on and below the diagonal once.
Matrix hessian_of(const DifferentiatedSum& sum, VectorView w, const Batch& batch) {
    const Index n = w.size();
    Matrix result = Matrix::Zero(n, n);
    parallel_for(n, [&](Index j) {
        sum.add_product(w, Vector::Unit(n, j), batch, {j, n - j}, result.col(j).tail(n - j));
    });
    result.triangularView<Eigen::StrictlyUpper>() = result.transpose();
    return result;
}

Vector diagonal_of(const DifferentiatedSum& sum, VectorView w, const Batch& batch) {
    Vector result = Vector::Zero(w.size());
    parallel_for(w.size(), [&](Index j) {
        sum.add_product(w, Vector::Unit(w.size(), j), batch, {j, 1}, result.segment(j, 1));
    });
    return result;
}

void check_ranges(const ParameterRange& rows, const ParameterRange& columns, Index dimension) {
    for (const ParameterRange& range : {rows, columns})
        require(range.offset >= 0 && range.size >= 0 && range.size <= dimension - range.offset, "dense_hessian_block",
                "the ranges must lie within the " + std::to_string(dimension) + " parameters",
                std::to_string(range.size) + " from " + std::to_string(range.offset));
}

/// The only one there is. No global object: a program may build its loss before main, and before the library's own.
const Batch& the_sample() {
    static const Batch batch = Batch::all(1);
    return batch;
}

} // namespace

void AutodiffObjective::check() const {
    require(dimension_ >= 1, "AutodiffObjective", "dimension must be at least 1", dimension_);
}

double AutodiffObjective::value(VectorView w) const {
    require_size(w.size(), dimension_, "AutodiffObjective", "w");
    return finite(sum_->value(w, the_sample()), "the value", w);
}

Vector AutodiffObjective::gradient(VectorView w) const {
    (void)value(w); // where there is no loss there is no derivative, whatever the formula gives
    return finite(gradient_of(*sum_, w, the_sample()), "the gradient", w);
}

SymmetricOperator AutodiffObjective::hessian(VectorView w) const {
    (void)value(w); // where there is no loss there is no derivative, whatever the formula gives
    return SymmetricOperator(
        dimension_,
        [sum = sum_, at = Vector(w)](MatrixView v) {
            return finite(product_of(*sum, at, v, the_sample()), "the Hessian product", at);
        },
        "Hessian");
}

Matrix AutodiffObjective::dense_hessian(VectorView w) const {
    (void)value(w); // where there is no loss there is no derivative, whatever the formula gives
    return finite(hessian_of(*sum_, w, the_sample()), "the Hessian", w);
}

Matrix AutodiffObjective::dense_hessian_block(VectorView w, const ParameterRange& rows,
                                              const ParameterRange& columns) const {
    (void)value(w); // where there is no loss there is no derivative, whatever the formula gives
    check_ranges(rows, columns, dimension_);
    return finite(block_of(*sum_, w, the_sample(), rows, columns), "the Hessian", w);
}

Vector AutodiffObjective::hessian_diagonal(VectorView w) const {
    (void)value(w); // where there is no loss there is no derivative, whatever the formula gives
    return finite(diagonal_of(*sum_, w, the_sample()), "the Hessian's diagonal", w);
}

void AutodiffFiniteSum::check() const {
    require(dimension_ >= 1, "AutodiffFiniteSum", "dimension must be at least 1", dimension_);
    require(samples_ >= 1, "AutodiffFiniteSum", "samples must be at least 1", samples_);
}

namespace {

/// The mean of `loss` over the batch plus the penalty: part(sum, batch) computes either.
template <class Part>
auto mean_plus_penalty(const DifferentiatedSum& loss, const DifferentiatedSum* penalty, const Batch& batch,
                       const Part& part) {
    auto result = part(loss, batch);
    result /= static_cast<double>(batch.size());
    if (penalty) result += part(*penalty, the_sample());
    return result;
}

} // namespace

double AutodiffFiniteSum::value(VectorView w, const Batch& batch) const {
    require_size(w.size(), dimension_, "AutodiffFiniteSum", "w");
    batch.check(samples_, "AutodiffFiniteSum");
    const double mean =
        mean_plus_penalty(*loss_, penalty_.get(), batch,
                          [&](const DifferentiatedSum& sum, const Batch& part) { return sum.value(w, part); });
    return finite(mean, "the value", w);
}

ValueAndGradient AutodiffFiniteSum::value_and_gradient(VectorView w, const Batch& batch) const {
    const double mean = value(w, batch);
    const Vector g =
        mean_plus_penalty(*loss_, penalty_.get(), batch,
                          [&](const DifferentiatedSum& sum, const Batch& part) { return gradient_of(sum, w, part); });
    return {mean, finite(g, "the gradient", w)};
}

SymmetricOperator AutodiffFiniteSum::hessian(VectorView w, const Batch& batch) const {
    (void)value(w, batch);
    return SymmetricOperator(
        dimension_,
        [loss = loss_, penalty = penalty_, at = Vector(w), batch](MatrixView v) {
            return finite(mean_plus_penalty(*loss, penalty.get(), batch,
                                            [&](const DifferentiatedSum& sum, const Batch& part) {
                                                return product_of(sum, at, v, part);
                                            }),
                          "the Hessian product", at);
        },
        "Hessian");
}

Matrix AutodiffFiniteSum::dense_hessian(VectorView w, const Batch& batch) const {
    (void)value(w, batch);
    return finite(
        mean_plus_penalty(*loss_, penalty_.get(), batch,
                          [&](const DifferentiatedSum& sum, const Batch& part) { return hessian_of(sum, w, part); }),
        "the Hessian", w);
}

Matrix AutodiffFiniteSum::dense_hessian_block(VectorView w, const Batch& batch, const ParameterRange& rows,
                                              const ParameterRange& columns) const {
    (void)value(w, batch);
    check_ranges(rows, columns, dimension_);
    return finite(mean_plus_penalty(*loss_, penalty_.get(), batch,
                                    [&](const DifferentiatedSum& sum, const Batch& part) {
                                        return block_of(sum, w, part, rows, columns);
                                    }),
                  "the Hessian", w);
}

Vector AutodiffFiniteSum::hessian_diagonal(VectorView w, const Batch& batch) const {
    (void)value(w, batch);
    return finite(
        mean_plus_penalty(*loss_, penalty_.get(), batch,
                          [&](const DifferentiatedSum& sum, const Batch& part) { return diagonal_of(sum, w, part); }),
        "the Hessian's diagonal", w);
}

Matrix AutodiffFiniteSum::per_sample_gradients(VectorView w, const Batch& batch) const {
    (void)value(w, batch);
    Matrix all = Matrix::Zero(dimension_, batch.size());
    if (penalty_) all.colwise() = gradient_of(*penalty_, w, the_sample());
    parallel_for(batch.size(), [&](Index s) {
        loss_->add_gradient(w, Batch::range(batch[s], 1), {0, dimension_}, all.col(s));
    });
    return finite(std::move(all), "a sample's gradient", w);
}

} // namespace hessq
