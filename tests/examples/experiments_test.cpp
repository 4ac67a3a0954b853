#include "hessq/experiments/ledger.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(experiments_example)

BOOST_AUTO_TEST_CASE(a_verdict_follows_from_three_numbers) {
    // Two measurements of something predicted to be 2 within 0.1, and one that is too coarse to tell.
    const Verdict near = verdict(2.0, {.value = 2.03, .std_error = 0.01}, 0.1); // 0.03 + 3 * 0.01 <= 0.1: holds
    const Verdict off = verdict(2.0, {.value = 1.02, .std_error = 0.01}, 0.1);  // 0.98 - 3 * 0.01 > 0.1: fails
    const Verdict coarse = verdict(2.0, {.value = 1.9, .std_error = 0.2}, 0.1); // undecided

    BOOST_CHECK(near == Verdict::holds);
    BOOST_CHECK(off == Verdict::fails);
    BOOST_CHECK(coarse == Verdict::undecided);
}

BOOST_AUTO_TEST_SUITE_END()
