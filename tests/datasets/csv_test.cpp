#include "hessq/datasets/csv.hpp"

#include "hessq/core/require.hpp"
#include "same.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

using namespace hessq;

namespace {

struct Csv {
    TemporaryFolder folder;

    Dataset load(std::string_view text, const CsvOptions& options = {}) const {
        return load_csv(folder.write("t.csv", text), options);
    }
    // The refusal of this text, less the folder's name.
    std::string message(std::string_view text, const CsvOptions& options = {}) const {
        const std::string whole = refusal<InputError>([&] { (void)load(text, options); });
        const std::string prefix = (folder / "").string();
        BOOST_TEST(whole.starts_with(prefix));
        BOOST_TEST(whole.find('\n') == std::string::npos);
        return whole.substr(std::min(prefix.size(), whole.size()));
    }
};

const CsvOptions classes = {.target_kind = TargetKind::category};

} // namespace

BOOST_FIXTURE_TEST_SUITE(csv, Csv)

BOOST_AUTO_TEST_CASE(numbers_become_columns_of_inputs_and_a_row_of_targets) {
    const Dataset data = load("a,b,y\n1,2,3\n-4.5,5e-1,+6\n");

    BOOST_TEST(same(data.inputs, (Matrix(2, 2) << 1, -4.5, 2, 0.5).finished()));
    BOOST_TEST(same(data.targets, (Matrix(1, 2) << 3, 6).finished()));
    BOOST_TEST(data.feature_names == (std::vector<std::string>{"a", "b"}));
    BOOST_TEST(data.class_names.empty());
    BOOST_TEST(data.name == "t.csv");
    BOOST_TEST(data.origin == (folder / "t.csv").string());
}

BOOST_AUTO_TEST_CASE(any_column_can_be_the_target) {
    const Dataset data = load("a,b,c\n1,2,3\n4,5,6\n", {.target = "b"});
    BOOST_TEST(same(data.inputs, (Matrix(2, 2) << 1, 4, 3, 6).finished()));
    BOOST_TEST(same(data.targets, (Matrix(1, 2) << 2, 5).finished()));
    BOOST_TEST(data.feature_names == (std::vector<std::string>{"a", "c"}));
}

BOOST_AUTO_TEST_CASE(text_labels_are_sorted_by_their_bytes) {
    const Dataset data = load("x,y\n1,setosa\n2,Virginica\n3,\xc3\xa9toile\n4,setosa\n", classes);
    BOOST_TEST(data.class_names == (std::vector<std::string>{"Virginica", "setosa", "\xc3\xa9toile"}));
    BOOST_TEST(same(data.targets, (Matrix(1, 4) << 1, 0, 2, 1).finished()));
}

BOOST_AUTO_TEST_CASE(number_labels_are_sorted_by_value_and_equal_numbers_are_one_class) {
    const Dataset data = load("x,y\n1,10\n2,9\n3,-1\n4,9.0\n", classes);
    BOOST_TEST(data.class_names == (std::vector<std::string>{"-1", "9", "10"}));
    BOOST_TEST(same(data.targets, (Matrix(1, 4) << 2, 1, 0, 1).finished()));
}

BOOST_AUTO_TEST_CASE(one_text_label_makes_all_labels_text) {
    const Dataset data = load("x,y\n1,10\n2,9\n3,none\n", classes);
    BOOST_TEST(data.class_names == (std::vector<std::string>{"10", "9", "none"}));
}

BOOST_AUTO_TEST_CASE(line_ends_blanks_and_byte_order_marks_do_not_matter) {
    const Dataset plain = load("a,b,y\n1,2,3\n4,5,6\n");
    for (const char* text : {"a,b,y\n1,2,3\n4,5,6", "a,b,y\r\n1,2,3\r\n4,5,6\r\n",
                             "\xef\xbb\xbf"
                             "a,b,y\n1,2,3\n4,5,6\n",
                             "a,b,y\n1,2,3\n4,5,6\n\n", "a,b,y\r\n1,2,3\r\n4,5,6\r\n\r\n \r\n",
                             " a , b,\ty\n1 ,2, 3\n 4,5\t,6 \n", "\"a\",\"b\" , \"y\"\n\"1\",2,\"3\"\n4, \"5\" ,6\n"}) {
        const Dataset data = load(text);
        BOOST_TEST(same(data.inputs, plain.inputs));
        BOOST_TEST(same(data.targets, plain.targets));
        BOOST_TEST(data.feature_names == plain.feature_names);
    }
}

BOOST_AUTO_TEST_CASE(quoted_cells_hold_commas_quotes_and_line_ends) {
    const Dataset data = load("\"a, in cm\",y\n1,\"two\nlines\"\n2,\"say \"\"no\"\"\"\n3,\"\"\"\"\n", classes);
    BOOST_TEST(data.feature_names == (std::vector<std::string>{"a, in cm"}));
    BOOST_TEST(data.class_names == (std::vector<std::string>{"\"", "say \"no\"", "two\nlines"}));
}

BOOST_AUTO_TEST_CASE(lines_are_counted_through_quoted_line_ends) {
    BOOST_TEST(message("x,y\n1,\"two\nlines\"\n2,a,b\n", classes) == "t.csv:4: expected 2 columns; got 3");
}

BOOST_AUTO_TEST_CASE(numbers_round_trip_exactly) {
    const Dataset data = load("x,y\n0.1,1\n5e-324,2\n1.7976931348623157e308,3\n9007199254740993,4\n");
    BOOST_TEST(same(data.inputs, (Matrix(1, 4) << 0.1, 5e-324, 1.7976931348623157e308, 9007199254740992.0).finished()));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read_are_refused) {
    const auto refused = [&](const std::filesystem::path& path) {
        return refusal<InputError>([&] { (void)load_csv(path); });
    };
    BOOST_TEST(refused("no-such-file.csv") == "no-such-file.csv: expected a file; got no such file");
    BOOST_TEST(refused("/") == "/: expected a file; got a directory");
    BOOST_TEST(refused("/dev/zero") == "/dev/zero: expected a regular file; got a device or a pipe");
    const std::string pipe = (folder / "pipe").string();
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    BOOST_TEST(refused(pipe) == pipe + ": expected a regular file; got a device or a pipe");
    BOOST_TEST(message("\x1f\x8b\x08") == "t.csv: expected an uncompressed file; got gzip data (gunzip it first)");
}

BOOST_AUTO_TEST_CASE(files_that_are_not_text_are_refused) {
    using namespace std::string_literals;
    BOOST_TEST(message("a,y\n1,\0"s) == "t.csv:2: expected text; got a NUL byte, as binary files and UTF-16 have them");
    BOOST_TEST(message("a,y\n1,2\n3,\xe9t\xe9\n", classes) == "t.csv:3: expected UTF-8 text; got the byte 0xe9");
    for (const char* wrong :
         {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xf5", "\xe2\x82"})
        BOOST_TEST(message("a\n"s + wrong).starts_with("t.csv:2: expected UTF-8 text; got the byte 0x"));
}

BOOST_AUTO_TEST_CASE(the_header_must_name_at_least_two_different_columns) {
    BOOST_TEST(message("") == "t.csv:1: expected a header line of column names; got an empty file");
    BOOST_TEST(message("\n\n") == "t.csv:1: expected a header line of column names; got an empty file");
    BOOST_TEST(message("x\n1\n") == "t.csv:1: expected at least two columns, separated by commas; got 1");
    BOOST_TEST(message("x;y\n1;2\n") == "t.csv:1: expected at least two columns, separated by commas; got 1");
    BOOST_TEST(message("x,y,x\n1,2,3\n") == "t.csv:1: expected different column names; got 'x' twice");
    BOOST_TEST(message(",y\n1,2\n") == "t.csv:1: expected a name for every column; got none for column 1");
    BOOST_TEST(message("1,2\n3,4\n") == "t.csv:1: expected a header line of column names; got numbers");
    BOOST_TEST(message("x,y\n") == "t.csv:1: expected lines of data below the header; got the end of the file");
    BOOST_TEST(message("x,y") == "t.csv:1: expected lines of data below the header; got the end of the file");
}

BOOST_AUTO_TEST_CASE(a_target_column_that_is_not_there_brings_the_nearest_name) {
    BOOST_TEST(message("size,species\n1,2\n", {.target = "specie"}) ==
               "t.csv:1: expected a column named 'specie'; got none (did you mean 'species'?)");
    BOOST_TEST(message("size,species\n1,2\n", {.target = "weight"}) ==
               "t.csv:1: expected a column named 'weight'; got none");
}

BOOST_AUTO_TEST_CASE(ragged_lines_are_refused_with_their_number) {
    BOOST_TEST(message("a,b,y\n1,2,3\n4,5\n") == "t.csv:3: expected 3 columns; got 2");
    BOOST_TEST(message("a,b,y\n1,2,3\n4,5,6,7\n") == "t.csv:3: expected 3 columns; got 4");
    BOOST_TEST(message("a,b,y\n1,2,3\n\n4,5,6\n") == "t.csv:3: expected 3 columns; got an empty line");
}

BOOST_AUTO_TEST_CASE(cells_that_are_not_finite_numbers_are_refused_with_their_column) {
    const auto cell = [&](const std::string& text) { return message("a,b,y\n1," + text + ",3\n"); };
    const std::string expected = "t.csv:2: expected a finite number in column 'b'; got ";
    BOOST_TEST(cell("two") == expected + "'two'");
    BOOST_TEST(cell("nan") == expected + "'nan'");
    BOOST_TEST(cell("-inf") == expected + "'-inf'");
    BOOST_TEST(cell("1e999") == expected + "'1e999'");
    BOOST_TEST(cell("") == expected + "an empty cell");
    BOOST_TEST(cell("1.5.2") == expected + "'1.5.2'");
    BOOST_TEST(cell("+-1") == expected + "'+-1'");
    BOOST_TEST(cell("\"1\n2\"") == expected + "'1\\x0a2'");
    BOOST_TEST(cell(std::string(50, 'x')) == expected + "'" + std::string(40, 'x') + "...'");
    BOOST_TEST(cell(std::string(39, 'x') + "\xc3\xa9z") == expected + "'" + std::string(39, 'x') + "...'");
}

BOOST_AUTO_TEST_CASE(targets_of_the_wrong_kind_are_refused) {
    BOOST_TEST(message("x,species\n1,setosa\n") ==
               "t.csv:2: expected a finite number in the target column 'species'; got 'setosa'");
    BOOST_TEST(message("x,species\n1,a\n2,\n", classes) ==
               "t.csv:3: expected a class in column 'species'; got an empty cell");
    BOOST_TEST(message("x,species\n1,a\n2,NaN\n", classes) ==
               "t.csv:3: expected a class in column 'species'; got 'NaN'");
    for (const std::string infinite : {"inf", "-Infinity", "1e999"})
        BOOST_TEST(message("x,species\n1,a\n2," + infinite + "\n", classes) ==
                   "t.csv:3: expected a class in column 'species'; got '" + infinite + "'");
    BOOST_TEST(message("x,species\n1,a\n2,a\n", classes) ==
               "t.csv: expected at least two classes among the targets; got 1");
}

BOOST_AUTO_TEST_CASE(misplaced_quotes_are_refused) {
    BOOST_TEST(message("x,y\n1,\"a\nb\n", classes) == "t.csv:2: expected a closing quote; got the end of the file");
    BOOST_TEST(message("x,y\n1,\"a\"b\n", classes) == "t.csv:2: expected a comma after a quoted cell; got 'b'");
    BOOST_TEST(message("x,y\n1,5\"\n", classes) ==
               "t.csv:2: expected quotes around a whole cell (\" inside is written \"\"); got a quote after '5'");
}

BOOST_AUTO_TEST_SUITE_END()
