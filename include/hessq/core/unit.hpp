#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// What to divide numbers by so that the squares of their products are numbers too: a power of two near the largest of
/// them where that is at most 1e-60 or at least 1e60, and otherwise 1, which changes nothing.
double unit_of(MatrixView numbers);

} // namespace hessq
#pragma GCC visibility pop
