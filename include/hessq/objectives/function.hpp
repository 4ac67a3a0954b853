#pragma once

#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"

#include <functional>
#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// A loss made of your own functions:
///
///     const FunctionObjective bowl(2, [](VectorView w) { return w.squaredNorm(); },
///                                  [](VectorView w) -> Vector { return 2.0 * w; });
///     const Matrix h = bowl.dense_hessian(w);
///
/// Without a Hessian product, H v is the central difference of gradients (g(w + t v) - g(w - t v)) / (2 t) with the
/// step t = eps^(1/3) (1 + |w|) / |v|, eps = 2^-52.
///
/// Cost       A product by differences: 2 gradients a vector, one after the other.
/// Error bar  Differences: about t^2 |v|^3 |D^3 g| / 6 from truncation and eps |g| / t from rounding, both of order
///            eps^(2/3) = 4e-11 relative where w, g and its derivatives are of order one. H v is then symmetric and
///            linear in v to that accuracy only. product_error measures it for your function at your point.
/// Throws     Any function: NumericalError if a callable returns a number that is not finite; it says which callable
///            and at which point.
class FunctionObjective : public Objective {
public:
    using Value = std::function<double(VectorView w)>;
    using Gradient = std::function<Vector(VectorView w)>;
    using HessianProduct = std::function<Matrix(VectorView w, MatrixView v)>; ///< n x k in, H(w) V out

    /// The callables must be pure functions; they need not be thread-safe unless the objective is shared by threads.
    ///
    /// Throws     std::invalid_argument if dimension < 1 or the value or gradient is empty.
    FunctionObjective(Index dimension, Value value, Gradient gradient, HessianProduct hessian_product = {});

    Index dimension() const override;
    double value(VectorView w) const override;
    Vector gradient(VectorView w) const override;
    SymmetricOperator hessian(VectorView w) const override;

    /// Whether hessian(w) takes differences of gradients.
    bool products_by_differences() const;

    /// How far hessian(w) * v may be off, one length for each column; zeros if you gave a product. To leading order the
    /// truncation error of D(t) = (g(w + t v) - g(w - t v)) / (2 t) is 4/3 (D(t) - D(t/2)); to its length is added
    /// 4 eps (|g| + |H v| |w| / |v|) / t for the rounding of g and of w + t v.
    ///
    /// Cost       4 gradients a vector.
    /// Throws     std::invalid_argument if the sizes of w or v are wrong.
    Vector product_error(VectorView w, MatrixView v) const;

private:
    struct Functions;
    std::shared_ptr<const Functions> functions_;
};

} // namespace hessq
#pragma GCC visibility pop
