#include "hessq/datasets/batch.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <string>

namespace hessq {
namespace {

// Streams of one seed: epoch e shuffles with stream epoch_stream + e, iid draws all come from iid_stream.
constexpr std::uint64_t iid_stream = 0x6261746368;       // "batch"
constexpr std::uint64_t epoch_stream = 0x65706f63680000; // "epoch"

} // namespace

Batch Batch::slice(Index begin, Index count) const {
    require(begin >= 0 && count >= 0 && begin <= count_ && count <= count_ - begin, "Batch::slice",
            "the slice must lie inside the batch of " + std::to_string(count_),
            std::to_string(count) + " from " + std::to_string(begin));
    if (indices_.empty()) return range(begin_ + begin, count);
    return Batch(std::vector<Index>(indices_.begin() + begin, indices_.begin() + begin + count));
}

void Batch::check(Index samples, std::string_view function) const {
    require(count_ >= 1, function, "a batch must hold at least one sample", count_);
    const std::string rule = "batch indices must lie in 0, ..., " + std::to_string(samples - 1);
    if (indices_.empty()) {
        require(begin_ >= 0, function, rule, begin_);
        require(count_ <= samples && begin_ <= samples - count_, function, rule,
                std::to_string(begin_) + " and the next " + std::to_string(count_ - 1));
    } else {
        const auto [least, greatest] = std::minmax_element(indices_.begin(), indices_.end());
        require(*least >= 0, function, rule, *least);
        require(*greatest < samples, function, rule, *greatest);
    }
}

Index chunk_count(const Batch& batch) {
    return batch.size() <= sample_chunk ? std::min<Index>(batch.size(), 1)
                                        : 2 * ((batch.size() + 2 * sample_chunk - 1) / (2 * sample_chunk));
}

Index chunk_begin(const Batch& batch, Index c) {
    const Index count = chunk_count(batch), least = batch.size() / count, larger = batch.size() % count;
    return c * least + std::min(c, larger);
}

Batch chunk(const Batch& batch, Index c) {
    const Index begin = chunk_begin(batch, c);
    return batch.slice(begin, chunk_begin(batch, c + 1) - begin);
}

BatchSampler::BatchSampler(Index samples, Index batch_size, Sampling sampling, std::uint64_t seed)
    : samples_(samples), batch_size_(batch_size), sampling_(sampling), seed_(seed) {
    require(batch_size >= 1, "BatchSampler", "batch size must be at least 1", batch_size);
    require(batch_size <= samples, "BatchSampler",
            "batch size must be at most the number of samples (" + std::to_string(samples) + ")", batch_size);
}

Batch BatchSampler::operator()(Index step) const {
    require(step >= 0, "BatchSampler", "steps count from 0", step);
    std::vector<Index> indices(static_cast<std::size_t>(batch_size_));
    if (sampling_ == Sampling::iid) {
        const RandomStream stream(seed_, iid_stream);
        for (Index i = 0; i < batch_size_; ++i)
            indices[static_cast<std::size_t>(i)] =
                stream.integer(static_cast<std::uint64_t>(step * batch_size_ + i), samples_);
    } else {
        const Index per_epoch = samples_ / batch_size_;
        const RandomStream stream(seed_, epoch_stream + static_cast<std::uint64_t>(step / per_epoch));
        const std::vector<Index> order = random_permutation(stream, samples_);
        std::copy_n(order.begin() + (step % per_epoch) * batch_size_, batch_size_, indices.begin());
    }
    return Batch(std::move(indices));
}

} // namespace hessq
