#pragma once

#include "hessq/core/types.hpp"

#include <cstdint>

#pragma GCC visibility push(default)
namespace hessq {

/// Columns first, ..., first + count - 1 of an endless sequence of random vectors of size n: probe 17 is a function of
/// (seed, n, 17), whatever else was asked for, in which order, and on how many threads.
///
/// Sign vectors have entries -1 and +1 with equal probability. Normal vectors have independent standard normal entries;
/// they are for estimators that need a law without preferred axes.
///
/// Cost       One random number for 62 signs, or for two normals.
/// Throws     std::invalid_argument if n < 1, first < 0 or count < 0.
Matrix sign_probes(std::uint64_t seed, Index n, Index first, Index count);
Matrix normal_probes(std::uint64_t seed, Index n, Index first, Index count);

/// Some rows of these probes, which start at a multiple of 62.
struct ProbeRows {
    Index begin = 0;
    Index size = 0;
};

/// Throws     std::invalid_argument as above, or if the rows do not lie in 0, ..., n - 1 or begin elsewhere.
Matrix sign_probes(std::uint64_t seed, Index n, Index first, Index count, ProbeRows rows);
Matrix normal_probes(std::uint64_t seed, Index n, Index first, Index count, ProbeRows rows);

/// Probes first, ..., first + z.cols() - 1 written into z, for loops that would otherwise take and return memory for
/// every block.
///
/// Shapes     z is n x any number of probes.
/// Throws     std::invalid_argument as above.
void sign_probes(std::uint64_t seed, Index first, Eigen::Ref<Matrix> z);
void normal_probes(std::uint64_t seed, Index first, Eigen::Ref<Matrix> z);

} // namespace hessq
#pragma GCC visibility pop
