#pragma once

#include <limits>

namespace hessq {

/// The spacing of double precision at 1.
inline constexpr double machine_epsilon = std::numeric_limits<double>::epsilon();

} // namespace hessq
