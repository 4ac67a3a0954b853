#include "hessq/core/symmetric_operator.hpp"

#include "hessq/core/require.hpp"

#include <cmath>
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

void require_symmetric(double asymmetry, std::string_view function) {
    require(asymmetry <= 1e-6, function, "the operator must be symmetric to 1e-6; measured |A - A'| / |A|", asymmetry);
}

void require_symmetric_products(MatrixView z, MatrixView y, std::string_view function) {
    const double difference = z.col(0).dot(y.col(1)) - z.col(1).dot(y.col(0));
    // E (z'A x - x'A z)^2 = |A - A'|_F^2 s^2 and E |A z|^2 |z|^2 / n = |A|_F^2 s^2, with s = E |z|^2 / n.
    const double scale =
        (y.colwise().squaredNorm().array() * z.colwise().squaredNorm().array()).mean() / static_cast<double>(z.rows());
    if (scale > 0.0) require_symmetric(std::abs(difference) / std::sqrt(scale), function);
}

} // namespace hessq
