#include "hessq/core/require.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq {
namespace {

template <class Value>
void check(bool holds, std::string_view function, std::string_view rule, const Value& got) {
    if (!holds) throw std::invalid_argument(fmt::format("{}: {}; got {}", function, rule, got));
}

} // namespace

void require(bool holds, std::string_view function, std::string_view rule, std::string_view got) {
    check(holds, function, rule, got);
}

void require(bool holds, std::string_view function, std::string_view rule, Index got) {
    check(holds, function, rule, got);
}

void require(bool holds, std::string_view function, std::string_view rule, double got) {
    check(holds, function, rule, got);
}

void require_size(Index size, Index expected, std::string_view function, std::string_view what) {
    if (size != expected)
        throw std::invalid_argument(fmt::format("{}: {} must have {} entries; got {}", function, what, expected, size));
}

void require_finite(MatrixView values, std::string_view what) {
    if (values.allFinite()) return;
    for (Index j = 0; j < values.cols(); ++j)
        for (Index i = 0; i < values.rows(); ++i)
            if (!std::isfinite(values(i, j)))
                throw NumericalError(
                    values.cols() == 1
                        ? fmt::format("{} is not finite: entry {} is {}", what, i, values(i, j))
                        : fmt::format("{} is not finite: entry ({}, {}) is {}", what, i, j, values(i, j)));
}

void require_finite(double value, std::string_view what) {
    if (!std::isfinite(value)) throw NumericalError(fmt::format("{} is not finite: {}", what, value));
}

} // namespace hessq
