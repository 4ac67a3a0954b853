#pragma once

#include <limits>

namespace hessq {

/// The spacing of double precision at 1.
inline constexpr double eps = std::numeric_limits<double>::epsilon();

} // namespace hessq
