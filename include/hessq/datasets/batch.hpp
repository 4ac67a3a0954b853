#pragma once

#include "hessq/core/types.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// Which samples a finite sum runs over: a contiguous range, or any list of indices (repeats allowed).
class Batch {
public:
    /// All of 0, ..., samples - 1.
    static Batch all(Index samples) { return range(0, samples); }
    static Batch range(Index begin, Index count) {
        Batch batch;
        batch.begin_ = begin;
        batch.count_ = count;
        return batch;
    }
    explicit Batch(std::vector<Index> indices)
        : count_(static_cast<Index>(indices.size())), indices_(std::move(indices)) {}

    Index size() const { return count_; }
    Index operator[](Index i) const { return indices_.empty() ? begin_ + i : indices_[static_cast<std::size_t>(i)]; }
    /// Whether it is a range: batch[i] = batch[0] + i.
    bool is_range() const { return indices_.empty(); }
    /// The part [begin, begin + count) of this batch.
    Batch slice(Index begin, Index count) const;

    /// Throws std::invalid_argument if empty or an index lies outside 0, ..., samples - 1.
    void check(Index samples, std::string_view function) const;

private:
    Batch() = default; // of two numbers, Batch({1, 4}) would be ambiguous

    Index begin_ = 0;
    Index count_ = 0;
    std::vector<Index> indices_;
};

/// A batch is worked through in chunks of at most sample_chunk samples whose sizes differ by one at most. Where one
/// chunk is not enough their number is even, for the sake of two threads.
Index chunk_count(const Batch& batch);
/// The position of the c-th chunk's first sample in the batch; chunk_begin(batch, chunk_count(batch)) is its size.
Index chunk_begin(const Batch& batch, Index c);
Batch chunk(const Batch& batch, Index c);

/// How mini-batches are drawn.
enum class Sampling {
    iid,   ///< every batch independent, drawn with replacement: Cov of the mean is Sigma / B
    epochs ///< without replacement through a random order, a fresh order each epoch; a remainder smaller than B is
           ///< dropped
};

/// The mini-batch of step t: a pure function of (seed, t), so that runs can be resumed and compared.
class BatchSampler {
public:
    /// Throws     std::invalid_argument unless 1 <= batch_size <= samples.
    BatchSampler(Index samples, Index batch_size, Sampling sampling, std::uint64_t seed);

    Index batch_size() const { return batch_size_; }

    /// Cost       iid: batch_size draws. epochs: a new order of all samples.
    /// Throws     std::invalid_argument if step < 0.
    Batch operator()(Index step) const;

private:
    Index samples_;
    Index batch_size_;
    Sampling sampling_;
    std::uint64_t seed_;
};

} // namespace hessq
#pragma GCC visibility pop
