#pragma once

#include "hessq/core/types.hpp"

#include <functional>
#include <string>

#pragma GCC visibility push(default)
namespace hessq {

/// A symmetric n x n matrix known by its products with blocks of vectors: a Hessian, a Gauss-Newton or
/// Fisher matrix, E[gg'], a preconditioner or its inverse. A value type; copies share what the product captured.
///
/// The product must be linear and symmetric and must give the same bytes for the same block, whatever the
/// number of threads. The operator checks shapes and finiteness so that its product need not.
class SymmetricOperator {
public:
    /// V (n x k) to A V (n x k).
    using Product = std::function<Matrix(MatrixView)>;

    /// `name` appears in error messages: "Hessian", "Gauss-Newton", ...
    SymmetricOperator(Index dimension, Product product, std::string name = "operator");

    Index dimension() const { return dimension_; }
    const std::string& name() const { return name_; }

    /// Throws     std::invalid_argument if v does not have n rows; NumericalError if A v is not finite.
    Matrix operator*(MatrixView v) const;

private:
    Index dimension_;
    Product product_;
    std::string name_;
};

} // namespace hessq
#pragma GCC visibility pop
