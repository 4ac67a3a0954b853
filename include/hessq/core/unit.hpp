#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// What to divide numbers by so that the squares of their products are numbers too: a power of two near the largest of
/// them where that is at most 1e-60 or at least 1e60, and otherwise 1, which changes nothing.
double unit_of(MatrixView numbers);

/// |v| of numbers of any size. Eigen's stableNorm cannot be used: with EIGEN_MAX_ALIGN_BYTES above the width of the
/// vector units it asserts an alignment that its pieces do not have.
double length_of(VectorView v);

} // namespace hessq
#pragma GCC visibility pop
