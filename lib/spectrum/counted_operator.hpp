#pragma once

#include "hessq/core/symmetric_operator.hpp"

#include <string_view>

namespace hessq {

/// Products that are counted, and that an error names.
class CountedOperator {
public:
    CountedOperator(const SymmetricOperator& a, std::string_view function) : a_(a), function_(function) {}

    Index dimension() const { return a_.dimension(); }
    Index products() const { return products_; }

    /// A V.
    ///
    /// Throws     NumericalError("<function>, product <k>: <what it says>").
    Matrix operator*(MatrixView v);

private:
    const SymmetricOperator& a_;
    std::string_view function_;
    Index products_ = 0;
};

} // namespace hessq
