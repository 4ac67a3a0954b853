#include "hessq/core/parallel.hpp"
#include "hessq/datasets/batch.hpp"

#include "support/temporary_folder.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numeric>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(batch)

namespace {

std::vector<Index> entries(const Batch& batch) {
    std::vector<Index> result;
    for (Index i = 0; i < batch.size(); ++i) result.push_back(batch[i]);
    return result;
}

Batch list(std::vector<Index> indices) { return Batch(std::move(indices)); }

std::string misuse(const Batch& batch, Index samples) {
    return refusal<std::invalid_argument>([&] { batch.check(samples, "f"); });
}

} // namespace

BOOST_AUTO_TEST_CASE(ranges_and_lists_hold_what_they_were_given) {
    BOOST_TEST(entries(Batch::all(3)) == (std::vector<Index>{0, 1, 2}));
    BOOST_TEST(entries(Batch({1, 4})) == (std::vector<Index>{1, 4}));
    BOOST_TEST(entries(Batch::range(5, 2)) == (std::vector<Index>{5, 6}));
    BOOST_TEST(entries(list({7, 1, 7})) == (std::vector<Index>{7, 1, 7}));
}

BOOST_AUTO_TEST_CASE(a_slice_is_that_part_of_a_range_or_a_list) {
    BOOST_TEST(entries(Batch::range(5, 4).slice(1, 2)) == (std::vector<Index>{6, 7}));
    BOOST_TEST(entries(list({9, 4, 4, 2}).slice(1, 3)) == (std::vector<Index>{4, 4, 2}));
    BOOST_TEST(list({9, 4}).slice(2, 0).size() == 0);
    BOOST_TEST(Batch::all(3).slice(3, 0).size() == 0);
}

BOOST_AUTO_TEST_CASE(a_slice_outside_the_batch_is_refused) {
    const auto message = [](Index begin, Index count) {
        return refusal<std::invalid_argument>([&] { (void)Batch::all(4).slice(begin, count); });
    };
    constexpr Index huge = std::numeric_limits<Index>::max();
    BOOST_TEST(message(1, 4) == "Batch::slice: the slice must lie inside the batch of 4; got 4 from 1");
    BOOST_TEST(message(-1, 2) == "Batch::slice: the slice must lie inside the batch of 4; got 2 from -1");
    BOOST_TEST(message(0, -1) == "Batch::slice: the slice must lie inside the batch of 4; got -1 from 0");
    BOOST_TEST(message(2, huge) ==
               "Batch::slice: the slice must lie inside the batch of 4; got 9223372036854775807 from 2");
}

BOOST_AUTO_TEST_CASE(check_accepts_batches_inside_the_samples_and_no_others) {
    BOOST_TEST(misuse(Batch::all(4), 4) == "");
    BOOST_TEST(misuse(list({3, 0, 3}), 4) == "");
    BOOST_TEST(misuse(Batch::all(0), 4) == "f: a batch must hold at least one sample; got 0");
    BOOST_TEST(misuse(Batch(std::vector<Index>{}), 4) == "f: a batch must hold at least one sample; got 0");
    BOOST_TEST(misuse(Batch::range(-1, 2), 4) == "f: batch indices must lie in 0, ..., 3; got -1");
    BOOST_TEST(misuse(Batch::range(2, 3), 4) == "f: batch indices must lie in 0, ..., 3; got 2 and the next 2");
    BOOST_TEST(misuse(Batch::range(std::numeric_limits<Index>::max(), 2), 4) ==
               "f: batch indices must lie in 0, ..., 3; got 9223372036854775807 and the next 1");
    BOOST_TEST(misuse(list({1, -2}), 4) == "f: batch indices must lie in 0, ..., 3; got -2");
    BOOST_TEST(misuse(list({1, 4}), 4) == "f: batch indices must lie in 0, ..., 3; got 4");
}

BOOST_AUTO_TEST_CASE(a_sampler_refuses_sizes_and_steps_out_of_range) {
    const auto message = [](Index samples, Index size) {
        return refusal<std::invalid_argument>([&] { BatchSampler(samples, size, Sampling::iid, 0); });
    };
    BOOST_TEST(message(4, 0) == "BatchSampler: batch size must be at least 1; got 0");
    BOOST_TEST(message(4, 5) == "BatchSampler: batch size must be at most the number of samples (4); got 5");
    for (const Sampling sampling : {Sampling::iid, Sampling::epochs})
        BOOST_TEST(refusal<std::invalid_argument>([&] { (void)BatchSampler(4, 2, sampling, 0)(-1); }) ==
                   "BatchSampler: steps count from 0; got -1");
}

BOOST_AUTO_TEST_CASE(a_batch_is_a_pure_function_of_seed_and_step) {
    for (const Sampling sampling : {Sampling::iid, Sampling::epochs}) {
        const BatchSampler first(100, 8, sampling, 5);
        const BatchSampler again(100, 8, sampling, 5);
        const BatchSampler other(100, 8, sampling, 6);
        std::vector<std::vector<Index>> forward;
        for (Index step = 0; step < 30; ++step) forward.push_back(entries(first(step)));
        for (Index step = 29; step >= 0; --step) {
            const std::vector<Index>& expected = forward[static_cast<std::size_t>(step)];
            BOOST_TEST(entries(again(step)) == expected);
            BOOST_TEST(entries(other(step)) != expected);
            if (step > 0) BOOST_TEST(forward[static_cast<std::size_t>(step - 1)] != expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(iid_draws_are_uniform_and_uncorrelated_within_a_batch) {
    constexpr Index samples = 10, batch_size = 4, steps = 20000;
    const BatchSampler sampler(samples, batch_size, Sampling::iid, 1);
    std::vector<double> singles(samples, 0.0), pairs(samples * samples, 0.0);
    for (Index step = 0; step < steps; ++step) {
        const Batch batch = sampler(step);
        for (Index i = 0; i < batch_size; ++i) singles[static_cast<std::size_t>(batch[i])] += 1.0;
        pairs[static_cast<std::size_t>(batch[0] * samples + batch[1])] += 1.0;
    }

    // Pearson's statistic is about chi-squared with k - 1 degrees of freedom: mean k - 1, variance 2 (k - 1).
    const auto excess = [](const std::vector<double>& counts) {
        const auto k = static_cast<double>(counts.size());
        const double expected = std::accumulate(counts.begin(), counts.end(), 0.0) / k;
        double statistic = 0.0;
        for (const double count : counts) statistic += (count - expected) * (count - expected) / expected;
        return (statistic - (k - 1.0)) / std::sqrt(2.0 * (k - 1.0));
    };
    BOOST_TEST(std::abs(excess(singles)) < 4.0);
    BOOST_TEST(std::abs(excess(pairs)) < 4.0); // repeats within a batch occur as often as any other pair
}

BOOST_AUTO_TEST_CASE(an_epoch_visits_every_sample_once_and_the_next_in_another_order) {
    constexpr Index samples = 12, batch_size = 3, per_epoch = 4;
    const BatchSampler sampler(samples, batch_size, Sampling::epochs, 7);
    std::vector<Index> previous;
    for (Index epoch = 0; epoch < 5; ++epoch) {
        std::vector<Index> order;
        for (Index step = 0; step < per_epoch; ++step)
            for (const Index i : entries(sampler(epoch * per_epoch + step))) order.push_back(i);
        BOOST_TEST(order != previous);
        previous = order;
        std::sort(order.begin(), order.end());
        BOOST_TEST(order == entries(Batch::all(samples)));
    }
}

BOOST_AUTO_TEST_CASE(a_remainder_smaller_than_the_batch_is_dropped) {
    const BatchSampler sampler(11, 4, Sampling::epochs, 3); // 2 batches an epoch, 3 samples left out
    std::vector<Index> order = entries(sampler(0));
    for (const Index i : entries(sampler(1))) order.push_back(i);
    std::sort(order.begin(), order.end());
    BOOST_TEST(order.size() == 8U);
    BOOST_TEST((std::adjacent_find(order.begin(), order.end()) == order.end()));
    // Step 2 begins the next epoch: it is drawn from all samples again.
    BOOST_TEST(sampler(2).size() == 4);
    BOOST_TEST(misuse(sampler(2), 11) == "");
}

BOOST_AUTO_TEST_CASE(chunks_put_together_are_the_batch) {
    for (const Index size : {Index{1}, sample_chunk, sample_chunk + 1, 3 * sample_chunk}) {
        const Batch batch = Batch::range(5, size);
        std::vector<Index> together;
        for (Index c = 0; c < chunk_count(batch); ++c) {
            BOOST_TEST(chunk(batch, c).size() <= sample_chunk);
            for (const Index i : entries(chunk(batch, c))) together.push_back(i);
        }
        BOOST_TEST(together == entries(batch));
    }
}

BOOST_AUTO_TEST_CASE(a_batch_of_all_samples_is_a_permutation_each_step) {
    const BatchSampler sampler(6, 6, Sampling::epochs, 2);
    for (Index step = 0; step < 4; ++step) {
        std::vector<Index> order = entries(sampler(step));
        std::sort(order.begin(), order.end());
        BOOST_TEST(order == entries(Batch::all(6)));
    }
}

BOOST_AUTO_TEST_SUITE_END()
