#include "hessq/datasets/libsvm.hpp"

#include "hessq/core/require.hpp"
#include "same.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

namespace {

struct Libsvm {
    TemporaryFolder folder;

    Dataset load(std::string_view text, TargetKind kind = TargetKind::number) const {
        return load_libsvm(folder.write("t.svm", text), kind);
    }
    std::string message(std::string_view text, TargetKind kind = TargetKind::number) const {
        return refusal<InputError>([&] { (void)load(text, kind); }).substr((folder / "").string().size());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(libsvm, Libsvm)

BOOST_AUTO_TEST_CASE(entries_that_are_not_listed_are_zero) {
    const Dataset data = load("1 1:0.5 3:-2\n-1.5\n2 2:1e3\n");
    BOOST_TEST(same(data.inputs, (Matrix(3, 3) << 0.5, 0, 0, 0, 0, 1000, -2, 0, 0).finished()));
    BOOST_TEST(same(data.targets, (Matrix(1, 3) << 1, -1.5, 2).finished()));
    BOOST_TEST(data.name == "t.svm");
}

BOOST_AUTO_TEST_CASE(labels_can_be_classes) {
    const Dataset data = load("+1 1:1\n-1 1:2\n+1 1:3\n", TargetKind::category);
    BOOST_TEST(data.class_names == (std::vector<std::string>{"-1", "1"}));
    BOOST_TEST(same(data.targets, (Matrix(1, 3) << 1, 0, 1).finished()));
}

BOOST_AUTO_TEST_CASE(comments_blank_lines_and_line_ends_do_not_matter) {
    const Dataset plain = load("1 1:2\n3 1:4\n");
    for (const char* text : {"1 1:2\n3 1:4", "1 1:2\r\n3 1:4\r\n", "# made by hand\n1 1:2 # first\n\n  3\t1:4  \n\n",
                             "\xef\xbb\xbf"
                             "1 1:2\n3 1:4\n"}) {
        BOOST_TEST(same(load(text).inputs, plain.inputs));
        BOOST_TEST(same(load(text).targets, plain.targets));
    }
}

BOOST_AUTO_TEST_CASE(malformed_lines_are_refused_with_their_number) {
    const auto word = [&](const std::string& text) { return message("1 1:1\n2 " + text + "\n"); };
    const std::string pair = "t.svm:2: expected index:value with an index from 1 and a finite value; got ";
    for (const char* wrong : {"0:1", "-1:1", "1", "1:", ":1", "1:x", "1:nan", "1:1e999", "1.5:1", "qid:1",
                              "99999999999999999999:1", "1:2:3"})
        BOOST_TEST(word(wrong) == pair + "'" + wrong + "'");
    BOOST_TEST(word("3:1 2:1") == "t.svm:2: expected an index above 3; got '2:1'");
    BOOST_TEST(word("3:1 3:1") == "t.svm:2: expected an index above 3; got '3:1'");
    BOOST_TEST(message("1 1:1\nspam 1:1\n") == "t.svm:2: expected a finite number as label; got 'spam'");
    BOOST_TEST(message("1,2 1:1\n") == "t.svm:1: expected a finite number as label; got '1,2'");
    BOOST_TEST(message("") == "t.svm: expected lines with a label and index:value pairs; got none");
    BOOST_TEST(message("1\n2\n") == "t.svm: expected lines with a label and index:value pairs; got none");
    BOOST_TEST(message("1 1:1\n1 1:2\n", TargetKind::category) ==
               "t.svm: expected at least two classes among the targets; got 1");
}

BOOST_AUTO_TEST_CASE(inputs_that_cannot_fit_in_memory_are_refused_with_their_size) {
    BOOST_TEST(message("1 1000000000000:1\n2 1:1\n") ==
               "t.svm: expected dense inputs of at most half of this machine's memory; got 2 samples x 1000000000000 "
               "features (1.6e+04 GB)");
    BOOST_TEST(message("1 9223372036854775807:1\n") ==
               "t.svm: expected dense inputs of at most half of this machine's memory; got 1 samples x "
               "9223372036854775807 features (7.38e+10 GB)");
}

BOOST_AUTO_TEST_SUITE_END()
