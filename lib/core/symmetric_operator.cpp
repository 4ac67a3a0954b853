#include "hessq/core/symmetric_operator.hpp"

#include "hessq/core/require.hpp"

#include <utility>

namespace hessq {

SymmetricOperator::SymmetricOperator(Index dimension, Product product, std::string name)
    : dimension_(dimension), product_(std::move(product)), name_(std::move(name)) {
    require(dimension_ >= 1, "SymmetricOperator", "dimension must be at least 1", dimension_);
}

Matrix SymmetricOperator::operator*(MatrixView v) const {
    require(v.rows() == dimension_, name_ + " product",
            "the block must have as many rows as the operator has columns (" + std::to_string(dimension_) + ")",
            v.rows());
    Matrix result = product_(v);
    require(result.rows() == v.rows() && result.cols() == v.cols(), name_ + " product",
            "the result must have the shape of the block",
            std::to_string(result.rows()) + " x " + std::to_string(result.cols()));
    require_finite(result, name_ + " product");
    return result;
}

} // namespace hessq
