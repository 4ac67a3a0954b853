#pragma once

#include "hessq/core/types.hpp"

#include <functional>
#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// Samples that one task handles at a time, at most. Sums over samples are cut by this, never by the number of
/// threads, so that the same seed gives the same bytes on one core and on many.
inline constexpr Index sample_chunk = 256;

/// While it lives, hessq's parallel work in this process uses at most this many threads.
///
/// Throws     std::invalid_argument if threads < 1.
class ThreadLimit {
public:
    explicit ThreadLimit(int threads);
    ~ThreadLimit();
    ThreadLimit(const ThreadLimit&) = delete;
    ThreadLimit& operator=(const ThreadLimit&) = delete;

private:
    struct Control;
    std::unique_ptr<Control> control_;
};

/// The number of threads the machine offers to this process.
int available_threads();

/// Runs body(0), ..., body(count - 1), each once, in any order and in parallel. Tasks must write to disjoint places.
void parallel_for(Index count, const std::function<void(Index)>& body);

/// The sum over i < count of the rows x cols matrices that body(i, sum) adds into its second argument,
/// added in a fixed tree: the same bytes for any number of threads.
///
/// Cost       rows * cols doubles for each level of the tree that is in flight.
Matrix parallel_sum(Index count, Index rows, Index cols, const std::function<void(Index, Eigen::Ref<Matrix>)>& body);

} // namespace hessq
#pragma GCC visibility pop
