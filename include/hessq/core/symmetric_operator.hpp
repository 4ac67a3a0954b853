#pragma once

#include "hessq/core/types.hpp"

#include <functional>
#include <string>
#include <string_view>

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

/// Refuses an operator that is not symmetric, given |A - A'| / |A| as measured from its products. The limit, 1e-6, is
/// above the rounding of any product and of a Hessian product by differences, and far below a mistake.
///
/// Throws     std::invalid_argument with the measured number if it exceeds 1e-6.
void require_symmetric(double asymmetry, std::string_view function);

/// The same, measured from two products Y = A Z: z_0'A z_1 = z_1'A z_0 if A is symmetric. For independent random
/// vectors of the same distribution the difference has mean square |A - A'|_F^2 E z_i^2 E z_j^2.
void require_symmetric_products(MatrixView z, MatrixView y, std::string_view function);

} // namespace hessq
#pragma GCC visibility pop
