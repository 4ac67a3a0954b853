#include "hessq/core/parallel.hpp"

#include "hessq/core/random.hpp"
#include "support/messages.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <vector>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(parallel)

namespace {

/// A sum whose last digits depend on the order of its terms.
Matrix rounding_sum() {
    const RandomStream stream(5, 0);
    return parallel_sum(1000, 3, 2, [&](Index i, Eigen::Ref<Matrix> sum) {
        for (Index k = 0; k < sum.size(); ++k)
            sum(k % 3, k / 3) += stream.normal(static_cast<std::uint64_t>(6 * i + k));
    });
}

Matrix rounding_sum(int threads) {
    const ThreadLimit limit(threads);
    return rounding_sum();
}

} // namespace

BOOST_AUTO_TEST_CASE(every_index_is_visited_once) {
    for (const Index count : {0, 1, 2, 777}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        parallel_for(count, [&](Index i) { ++visits[static_cast<std::size_t>(i)]; });
        for (const auto& v : visits) BOOST_TEST(v == 1);
    }
}

BOOST_AUTO_TEST_CASE(a_sum_of_whole_numbers_is_exact) {
    const Matrix sum = parallel_sum(1000, 1, 2, [](Index i, Eigen::Ref<Matrix> total) {
        total(0, 0) += static_cast<double>(i);
        total(0, 1) += 1.0;
    });
    BOOST_TEST(sum(0, 0) == 499500.0);
    BOOST_TEST(sum(0, 1) == 1000.0);
}

BOOST_AUTO_TEST_CASE(a_sum_of_nothing_is_zero) {
    const Matrix sum = parallel_sum(0, 2, 3, [](Index, Eigen::Ref<Matrix>) {});
    BOOST_TEST(sum.cwiseEqual(Matrix::Zero(2, 3)).all());
}

BOOST_AUTO_TEST_CASE(a_sum_has_the_same_bytes_for_any_number_of_threads) {
    const Matrix one = rounding_sum(1);
    for (const int threads : {2, 3, 8}) BOOST_TEST(rounding_sum(threads).cwiseEqual(one).all());
    BOOST_TEST(rounding_sum().cwiseEqual(one).all());
}

BOOST_AUTO_TEST_CASE(work_inside_work_is_done) {
    std::vector<double> sums(20);
    parallel_for(20, [&](Index i) {
        sums[static_cast<std::size_t>(i)] = parallel_sum(
            100, 1, 1, [i](Index k, Eigen::Ref<Matrix> sum) { sum(0, 0) += static_cast<double>(i * k); })(0, 0);
    });
    for (std::size_t i = 0; i < sums.size(); ++i) BOOST_TEST(sums[i] == 4950.0 * static_cast<double>(i));
}

BOOST_AUTO_TEST_CASE(an_exception_reaches_the_caller) {
    const auto fail = [](Index i) {
        if (i == 13) throw std::runtime_error("thirteen");
    };
    BOOST_CHECK_EXCEPTION(parallel_for(50, fail), std::runtime_error, says("thirteen"));
    BOOST_CHECK_EXCEPTION(parallel_sum(50, 1, 1, [&](Index i, Eigen::Ref<Matrix>) { fail(i); }), std::runtime_error,
                          says("thirteen"));
}

BOOST_AUTO_TEST_CASE(fewer_than_one_thread_is_refused) {
    BOOST_CHECK_EXCEPTION(ThreadLimit(0), std::invalid_argument,
                          says("ThreadLimit: threads must be at least 1; got 0"));
    BOOST_TEST(available_threads() >= 1);
}

BOOST_AUTO_TEST_SUITE_END()
