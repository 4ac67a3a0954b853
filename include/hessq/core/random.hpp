#pragma once

#include "hessq/core/types.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// A stream of random numbers without state: entry i is a pure function of (seed, stream, i).
/// Probe 17 is probe 17 whatever the block size, the thread or the order in which it was asked for.
///
/// Source     Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3 (Philox 4x32-10).
class RandomStream {
public:
    RandomStream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

    /// Uniform in the open interval (0, 1): never 0, never 1. 52 random bits.
    double uniform(std::uint64_t index) const;

    /// Standard normal (Box-Muller on two uniforms of the same index).
    double normal(std::uint64_t index) const;

    /// Two independent standard normals: the first is normal(index), the second the other number that Box and Muller's
    /// method yields for the same work.
    std::pair<double, double> normal_pair(std::uint64_t index) const;

    /// -1 or +1 with equal probability.
    double sign(std::uint64_t index) const;

    /// Uniform in {0, ..., count - 1}; the modulo bias is below count / 2^64.
    Index integer(std::uint64_t index, Index count) const;

private:
    struct Draw {
        std::uint64_t first, second;
    };
    Draw draw(std::uint64_t index) const;

    std::uint64_t seed_;
    std::uint64_t stream_;
};

/// Entry i is stream.normal(offset + i), stream.sign(offset + i).
Vector normal_vector(const RandomStream& stream, Index size, std::uint64_t offset = 0);
Vector sign_vector(const RandomStream& stream, Index size, std::uint64_t offset = 0);

/// Fills the block with standard normals in pairs: entries 2k and 2k + 1, column by column, are
/// stream.normal_pair(offset + k). Twice as fast as normal_vector, for simulations that live on random numbers.
///
/// Returns    The first index that was not used: offset + ceil(size / 2).
std::uint64_t fill_normal(const RandomStream& stream, std::uint64_t offset, Matrix& block);

/// A uniformly random order of 0, ..., count - 1 (Fisher-Yates on the stream's integers).
std::vector<Index> random_permutation(const RandomStream& stream, Index count);

} // namespace hessq
#pragma GCC visibility pop
