#include "counted_operator.hpp"

#include "hessq/core/require.hpp"

#include <fmt/format.h>

namespace hessq {

Matrix CountedOperator::operator*(MatrixView v) {
    const Index first = products_ + 1;
    products_ += v.cols();
    try {
        return a_ * v;
    } catch (const NumericalError& error) {
        if (v.cols() == 1) throw NumericalError(fmt::format("{}, product {}: {}", function_, first, error.what()));
        throw NumericalError(fmt::format("{}, products {} to {}: {}", function_, first, products_, error.what()));
    }
}

} // namespace hessq
