#include "hessq/core/parallel.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

namespace hessq {

struct ThreadLimit::Control {
    explicit Control(int threads)
        : control(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads)) {}
    tbb::global_control control;
};

ThreadLimit::ThreadLimit(int threads) {
    require(threads >= 1, "ThreadLimit", "threads must be at least 1", Index{threads});
    control_ = std::make_unique<Control>(threads);
}

ThreadLimit::~ThreadLimit() = default;

int available_threads() { return tbb::info::default_concurrency(); }

// Isolated, so that a thread that waits for its own small tasks never picks up a second large one
// (another checkpoint's Hessian, say) and doubles the memory that was announced.
void parallel_for(Index count, const std::function<void(Index)>& body) {
    tbb::this_task_arena::isolate([&] {
        tbb::parallel_for(
            tbb::blocked_range<Index>(0, count, 1),
            [&](const tbb::blocked_range<Index>& range) {
                for (Index i = range.begin(); i < range.end(); ++i) body(i);
            },
            tbb::simple_partitioner{});
    });
}

namespace {

struct SumBody {
    Index rows, cols;
    const std::function<void(Index, Eigen::Ref<Matrix>)>& body;
    Matrix sum = Matrix::Zero(rows, cols);

    SumBody(Index r, Index c, const std::function<void(Index, Eigen::Ref<Matrix>)>& b) : rows(r), cols(c), body(b) {}
    SumBody(SumBody& other, tbb::split) : rows(other.rows), cols(other.cols), body(other.body) {}
    void operator()(const tbb::blocked_range<Index>& range) {
        for (Index i = range.begin(); i < range.end(); ++i) body(i, sum);
    }
    void join(const SumBody& right) { sum += right.sum; }
};

} // namespace

Matrix parallel_sum(Index count, Index rows, Index cols, const std::function<void(Index, Eigen::Ref<Matrix>)>& body) {
    // A few terms share one partial sum where there are many: each partial sum costs the passage over a matrix.
    constexpr Index partial_sums = 16;
    const auto grain = static_cast<std::size_t>(std::max<Index>(1, count / partial_sums));
    SumBody total(rows, cols, body);
    tbb::this_task_arena::isolate([&] {
        tbb::parallel_deterministic_reduce(tbb::blocked_range<Index>(0, count, grain), total,
                                           tbb::simple_partitioner{});
    });
    return std::move(total.sum);
}

} // namespace hessq
