#include "hessq/objectives/function.hpp"

#include "hessq/core/require.hpp"
#include "point.hpp"

#include <algorithm>
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

    static double step(VectorView w, double length) {
        return std::cbrt(std::numeric_limits<double>::epsilon()) * (1.0 + w.norm()) / length;
    }

    struct Difference {
        Vector product;
        double gradient; ///< the larger |g| of the two
    };
    Difference difference(VectorView w, VectorView v, double t) const {
        const Vector ahead = gradient_at(w + t * v);
        const Vector behind = gradient_at(w - t * v);
        return {(ahead - behind) / (2.0 * t), std::max(ahead.norm(), behind.norm())};
    }

    Matrix difference_product(VectorView w, MatrixView v) const {
        Matrix product(dimension, v.cols());
        for (Index j = 0; j < v.cols(); ++j) {
            const double length = v.col(j).norm();
            if (length == 0.0)
                product.col(j).setZero();
            else
                product.col(j) = difference(w, v.col(j), step(w, length)).product;
        }
        return product;
    }

    double difference_error(VectorView w, VectorView v) const {
        const double length = v.norm();
        if (length == 0.0) return 0.0;
        const double t = step(w, length);
        const Difference whole = difference(w, v, t);
        const Difference half = difference(w, v, 0.5 * t);
        // Of g itself, and of w + t v, which moves g by the curvature along v.
        const double rounding = whole.gradient + whole.product.norm() / length * w.norm();
        return 4.0 / 3.0 * (whole.product - half.product).norm() +
               4.0 * std::numeric_limits<double>::epsilon() * rounding / t;
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

bool FunctionObjective::products_by_differences() const { return !functions_->hessian_product; }

Vector FunctionObjective::product_error(VectorView w, MatrixView v) const {
    require_size(w.size(), dimension(), "FunctionObjective::product_error", "w");
    require_size(v.rows(), dimension(), "FunctionObjective::product_error", "each vector");
    Vector error = Vector::Zero(v.cols());
    if (products_by_differences())
        for (Index j = 0; j < v.cols(); ++j) error(j) = functions_->difference_error(w, v.col(j));
    return error;
}

} // namespace hessq
