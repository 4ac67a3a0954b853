#pragma once

#include "hessq/core/require.hpp"
#include "hessq/core/symmetric_operator.hpp"

#include <string_view>

#pragma GCC visibility push(default)
namespace hessq {

/// "<function>, product 3: <why>", or "<function>, products 3 to 5: <why>".
NumericalError error_in_products(std::string_view function, Index first, Index count, std::string_view why);

/// Products that are counted, and that an error names. The operator must outlive it.
class CountedOperator {
public:
    CountedOperator(const SymmetricOperator& a, std::string_view function) : a_(a), function_(function) {}

    Index dimension() const { return a_.dimension(); }
    Index products() const { return products_; }

    /// From here on A / factor stands in the place of A, and of what A was divided by before.
    void divide_by(double factor) { unit_ *= factor; }
    double unit() const { return unit_; } ///< what A is divided by

    /// A V.
    ///
    /// Throws     NumericalError, with the numbers of the products counted from 1, if one is not finite.
    Matrix operator*(MatrixView v);

private:
    const SymmetricOperator& a_;
    std::string_view function_;
    Index products_ = 0;
    double unit_ = 1.0;
};

} // namespace hessq
#pragma GCC visibility pop
