#include "hessq/core/counted_operator.hpp"

#include <fmt/format.h>

namespace hessq {

NumericalError error_in_products(std::string_view function, Index first, Index count, std::string_view why) {
    if (count == 1) return NumericalError(fmt::format("{}, product {}: {}", function, first, why));
    return NumericalError(fmt::format("{}, products {} to {}: {}", function, first, first + count - 1, why));
}

Matrix CountedOperator::operator*(MatrixView v) {
    const Index first = products_ + 1;
    products_ += v.cols();
    try {
        Matrix result = a_ * v;
        if (unit_ != 1.0) result /= unit_;
        return result;
    } catch (const NumericalError& error) {
        throw error_in_products(function_, first, v.cols(), error.what());
    }
}

} // namespace hessq
