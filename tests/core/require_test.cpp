#include "hessq/core/require.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(require_)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

} // namespace

BOOST_AUTO_TEST_CASE(a_precondition_that_holds_is_silent) {
    BOOST_CHECK_NO_THROW(require(true, "f", "x must be positive", 1.0));
    BOOST_CHECK_NO_THROW(require_size(3, 3, "f", "x"));
    BOOST_CHECK_NO_THROW(require_finite(Matrix::Zero(2, 2), "x"));
    BOOST_CHECK_NO_THROW(require_finite(Matrix(0, 0), "x"));
    BOOST_CHECK_NO_THROW(require_finite(-std::numeric_limits<double>::max(), "x"));
}

BOOST_AUTO_TEST_CASE(a_broken_precondition_says_who_what_and_what_was_seen) {
    using Error = std::invalid_argument;
    BOOST_CHECK_EXCEPTION(require(false, "f", "mode must be a or b", "c"), Error,
                          says("f: mode must be a or b; got c"));
    BOOST_CHECK_EXCEPTION(require(false, "f", "k must be at least 1", Index{-7}), Error,
                          says("f: k must be at least 1; got -7"));
    BOOST_CHECK_EXCEPTION(require(false, "f", "x must be positive", -0.1), Error,
                          says("f: x must be positive; got -0.1"));
    BOOST_CHECK_EXCEPTION(require(false, "f", "x must be finite", not_a_number), Error,
                          says("f: x must be finite; got nan"));
    BOOST_CHECK_EXCEPTION(require_size(4, 3, "f", "the point"), Error, says("f: the point must have 3 entries; got 4"));
}

BOOST_AUTO_TEST_CASE(a_number_that_is_not_finite_is_named_with_its_place) {
    BOOST_CHECK_EXCEPTION(require_finite(not_a_number, "loss"), NumericalError, says("loss is not finite: nan"));
    BOOST_CHECK_EXCEPTION(require_finite(-infinity, "loss"), NumericalError, says("loss is not finite: -inf"));
    BOOST_CHECK_EXCEPTION(require_finite(Vector{{1.0, 2.0, not_a_number}}, "gradient"), NumericalError,
                          says("gradient is not finite: entry 2 is nan"));
    BOOST_CHECK_EXCEPTION(require_finite(Matrix{{1.0, infinity}, {not_a_number, 2.0}}, "block"), NumericalError,
                          says("block is not finite: entry (1, 0) is nan")); // columns first
}

BOOST_AUTO_TEST_SUITE_END()
