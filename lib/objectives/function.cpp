#include "hessq/objectives/function.hpp"

#include "hessq/core/require.hpp"
#include "point.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace hessq {
struct FunctionObjective::Functions {
    Index dimension;
    Value value;
    Gradient gradient;
    HessianProduct hessian_product;

    Vector gradient_at(VectorView w) const {
        Vector g = gradient(w);
        require_size(g.size(), dimension, "FunctionObjective", "the gradient");
        if (!g.allFinite()) require_finite(g, "the gradient at " + point_text(w));
        return g;
    }

    Matrix product_at(VectorView w, MatrixView v) const {
        Matrix product = hessian_product ? hessian_product(w, v) : difference_product(w, v);
        if (!product.allFinite()) require_finite(product, "the Hessian product at " + point_text(w));
        return product;
    }

    Matrix difference_product(VectorView w, MatrixView v) const {
        Matrix product(dimension, v.cols());
        for (Index j = 0; j < v.cols(); ++j) {
            const double length = v.col(j).norm();
            if (length == 0.0) {
                product.col(j).setZero();
                continue;
            }
            const double t = std::cbrt(std::numeric_limits<double>::epsilon()) * (1.0 + w.norm()) / length;
            const Vector ahead = gradient_at(w + t * v.col(j));
            const Vector behind = gradient_at(w - t * v.col(j));
            product.col(j) = (ahead - behind) / (2.0 * t);
        }
        return product;
    }
};

FunctionObjective::FunctionObjective(Index dimension, Value value, Gradient gradient, HessianProduct hessian_product) {
    require(dimension >= 1, "FunctionObjective", "dimension must be at least 1", dimension);
    require(static_cast<bool>(value), "FunctionObjective", "a value must be given", "an empty function");
    require(static_cast<bool>(gradient), "FunctionObjective", "a gradient must be given", "an empty function");
    functions_ = std::make_shared<const Functions>(
        Functions{dimension, std::move(value), std::move(gradient), std::move(hessian_product)});
}

Index FunctionObjective::dimension() const { return functions_->dimension; }

double FunctionObjective::value(VectorView w) const {
    require_size(w.size(), dimension(), "FunctionObjective", "w");
    const double value = functions_->value(w);
    if (!std::isfinite(value)) require_finite(value, "the value at " + point_text(w));
    return value;
}

Vector FunctionObjective::gradient(VectorView w) const {
    require_size(w.size(), dimension(), "FunctionObjective", "w");
    return functions_->gradient_at(w);
}

SymmetricOperator FunctionObjective::hessian(VectorView w) const {
    require_size(w.size(), dimension(), "FunctionObjective", "w");
    return SymmetricOperator(
        dimension(), [functions = functions_, at = Vector(w)](MatrixView v) { return functions->product_at(at, v); },
        "Hessian");
}

} // namespace hessq
