#include "hessq/report/table.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(table)

namespace {

const double nan_value = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

auto says(const std::string& message) {
    return [message](const std::exception& error) {
        BOOST_TEST(error.what() == message);
        return error.what() == message;
    };
}

} // namespace

BOOST_AUTO_TEST_CASE(numbers_are_as_short_as_their_digits_allow) {
    BOOST_TEST(format_number(0.0) == "0");
    BOOST_TEST(format_number(-0.0) == "0");
    BOOST_TEST(format_number(1.0) == "1");
    BOOST_TEST(format_number(-2.5) == "-2.5");
    BOOST_TEST(format_number(3.14159) == "3.142");
    BOOST_TEST(format_number(0.0123) == "0.0123");
    BOOST_TEST(format_number(0.001) == "0.001");
    BOOST_TEST(format_number(0.000123) == "1.23e-4");
    BOOST_TEST(format_number(1234.4) == "1234");
    BOOST_TEST(format_number(123456.0) == "1.235e5");
    BOOST_TEST(format_number(60000.0) == "60000");
    BOOST_TEST(format_number(1e7) == "1e7");
    BOOST_TEST(format_number(1.0 / 3.0, 2) == "0.33");
    BOOST_TEST(format_number(0.1, 17) == "0.10000000000000001");
}

BOOST_AUTO_TEST_CASE(rounding_up_to_the_next_power_of_ten_is_seen) {
    BOOST_TEST(format_number(9999.6) == "1e4");
    BOOST_TEST(format_number(0.99996) == "1");
    BOOST_TEST(format_number(9.996e-5, 3) == "1e-4");
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_have_names) {
    BOOST_TEST(format_number(nan_value) == "nan");
    BOOST_TEST(format_number(infinity) == "inf");
    BOOST_TEST(format_number(-infinity) == "-inf");
    BOOST_TEST(format_number(5e-324) == "4.941e-324");
    BOOST_TEST(format_number(1.7976931348623157e308) == "1.798e308");
}

BOOST_AUTO_TEST_CASE(a_value_has_the_digits_its_error_warrants) {
    BOOST_TEST(format_estimate(1.0412, 0.03) == "1.04 +- 0.03");
    BOOST_TEST(format_estimate(1.0412, 0.012) == "1.041 +- 0.012");
    BOOST_TEST(format_estimate(1.0412, 0.0096) == "1.0412 +- 0.0096");
    BOOST_TEST(format_estimate(-0.004, 0.3) == "0.0 +- 0.3");
    BOOST_TEST(format_estimate(150.0, 3.2) == "150 +- 3");
    BOOST_TEST(format_estimate(123456.0, 1200.0) == "(1.235 +- 0.012)e5");
    BOOST_TEST(format_estimate(1.2e-5, 3e-7) == "(1.20 +- 0.03)e-5");
    BOOST_TEST(format_estimate(0.0, 4e-20) == "(0 +- 4)e-20");
    BOOST_TEST(format_estimate(2.0, 500.0) == "(0 +- 5)e2");
    BOOST_TEST(format_estimate(2e-320, 5e-321) == "(2.0 +- 0.5)e-320");
}

BOOST_AUTO_TEST_CASE(an_error_that_is_zero_or_beyond_double_precision_is_still_shown) {
    BOOST_TEST(format_estimate(12.5, 0.0) == "12.5 +- 0");
    BOOST_TEST(format_estimate(1.0, 1e-18) == "1 +- 1e-18");
    BOOST_TEST(format_estimate(nan_value, 0.1) == "nan +- 0.1");
    BOOST_TEST(format_estimate(1.04, infinity) == "1.04 +- inf");
}

BOOST_AUTO_TEST_CASE(bytes_have_binary_units) {
    BOOST_TEST(format_bytes(0.0) == "0 B");
    BOOST_TEST(format_bytes(512.0) == "512 B");
    BOOST_TEST(format_bytes(1024.0) == "1.0 KiB");
    BOOST_TEST(format_bytes(1.3 * 1024.0 * 1024.0 * 1024.0) == "1.3 GiB");
    BOOST_TEST(format_bytes(46.4 * 1024.0 * 1024.0) == "46 MiB");
    BOOST_TEST(format_bytes(1024.0 * 1024.0 - 1.0) == "1.0 MiB");
    BOOST_TEST(format_bytes(9.97 * 1024.0) == "10 KiB");
}

BOOST_AUTO_TEST_CASE(seconds_have_the_units_people_use) {
    BOOST_TEST(format_seconds(0.0) == "0 ms");
    BOOST_TEST(format_seconds(0.32) == "320 ms");
    BOOST_TEST(format_seconds(0.9996) == "1.0 s");
    BOOST_TEST(format_seconds(12.34) == "12.3 s");
    BOOST_TEST(format_seconds(59.96) == "1 min 00 s");
    BOOST_TEST(format_seconds(125.0) == "2 min 05 s");
    BOOST_TEST(format_seconds(3599.7) == "1 h 00 min");
    BOOST_TEST(format_seconds(3720.0) == "1 h 02 min");
    BOOST_TEST(format_seconds(86390.0) == "1 d 00 h");
    BOOST_TEST(format_seconds(76.0 * 3600.0) == "3 d 04 h");
}

BOOST_AUTO_TEST_CASE(columns_line_up_with_numbers_flush_right) {
    TextTable table({"problem", "n", "exponent"});
    table.add_row({"iris", 15, Estimate{1.04, 0.03, 10, 10}});
    table.add_row({"digits", 2410, "-"});

    BOOST_TEST(table.str() == "problem     n      exponent\n"
                              "-------  ----  ------------\n"
                              "iris       15  1.04 +- 0.03\n"
                              "digits   2410             -\n");
}

BOOST_AUTO_TEST_CASE(letters_of_many_bytes_count_as_one_column_and_lines_have_no_trailing_spaces) {
    TextTable table({"name", "note"});
    table.add_row({"\u03bb\u03bb\u03bb\u03bb\u03bb", "x"});
    table.add_row({"a", ""});

    BOOST_TEST(table.str() == "name   note\n-----  ----\n\u03bb\u03bb\u03bb\u03bb\u03bb  x\na\n");
}

BOOST_AUTO_TEST_CASE(refusals_say_what_was_expected_and_seen) {
    TextTable table({"a", "b"});
    BOOST_CHECK_EXCEPTION(table.add_row({"1"}), std::invalid_argument,
                          says("TextTable::add_row: a row must have 2 entries; got 1"));
    BOOST_CHECK_EXCEPTION(TextTable({}), std::invalid_argument,
                          says("TextTable: there must be at least one header; got 0"));
    BOOST_CHECK_EXCEPTION(format_number(1.0, 0), std::invalid_argument,
                          says("format_number: digits must be from 1 to 17; got 0"));
    BOOST_CHECK_EXCEPTION(format_estimate(1.0, -0.5), std::invalid_argument,
                          says("format_estimate: std_error must not be negative; got -0.5"));
    BOOST_CHECK_EXCEPTION(format_bytes(-1.0), std::invalid_argument,
                          says("format_bytes: bytes must be finite and not negative; got -1"));
    BOOST_CHECK_EXCEPTION(format_seconds(infinity), std::invalid_argument,
                          says("format_seconds: seconds must be finite and not negative; got inf"));
}

BOOST_AUTO_TEST_SUITE_END()
