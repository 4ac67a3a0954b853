#include "hessq/core/text.hpp"

#include <boost/test/unit_test.hpp>

using hessq::matches_pattern;
using hessq::nearest_name;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(one_edit_of_each_kind_is_recognized) {
    const std::vector<std::string> names = {"digits", "iris", "breast_cancer", "diabetes"};
    BOOST_TEST(nearest_name("digit", names) == "digits");   // one missing
    BOOST_TEST(nearest_name("digitss", names) == "digits"); // one too many
    BOOST_TEST(nearest_name("digixs", names) == "digits");  // one wrong
    BOOST_TEST(nearest_name("idgits", names) == "digits");  // two swapped
    BOOST_TEST(nearest_name("breast-cancer", names) == "breast_cancer");
    BOOST_TEST(nearest_name("Iris", names) == "iris"); // case is no edit
}

BOOST_AUTO_TEST_CASE(half_a_name_finds_the_first_that_begins_with_it) {
    const std::vector<std::string> names = {"diabetes-linear", "iris-mlp", "iris-softmax"};
    BOOST_TEST(nearest_name("Iris", names) == "iris-mlp");
    BOOST_TEST(nearest_name("ir", names) == "");
    BOOST_TEST(nearest_name("mlp", names) == "");
    BOOST_TEST(nearest_name("iris", {"iris-logistic", "ires"}) == "ires"); // one edit is nearer
}

BOOST_AUTO_TEST_CASE(a_name_itself_is_its_nearest) { BOOST_TEST(nearest_name("sum", {"sun", "sum"}) == "sum"); }

BOOST_AUTO_TEST_CASE(a_third_of_the_letters_may_be_wrong_and_no_more) {
    BOOST_TEST(nearest_name("abcdxx", {"abcdef"}) == "abcdef");
    BOOST_TEST(nearest_name("abcxxx", {"abcdef"}) == "");
    BOOST_TEST(nearest_name("lr", {"l2"}) == "");
    BOOST_TEST(nearest_name("", {"x"}) == "");
    BOOST_TEST(nearest_name("x", {}) == "");
}

BOOST_AUTO_TEST_CASE(two_swapped_letters_are_one_edit) {
    BOOST_TEST(nearest_name("abdc", {"abcd"}) == "abcd"); // 2 edits would exceed 4 / 3
}

BOOST_AUTO_TEST_CASE(the_first_of_equally_near_names_wins) {
    BOOST_TEST(nearest_name("beta0", {"beta1", "beta2"}) == "beta1");
    BOOST_TEST(nearest_name("beta0", {"beta2", "beta1"}) == "beta2");
}

BOOST_AUTO_TEST_CASE(a_star_stands_for_any_letters_and_a_question_mark_for_one) {
    for (const char* pattern :
         {"layer1.weight", "layer1.*", "*", "*.weight", "layer?.weight", "l*1*t", "**", "layer1.weight*"})
        BOOST_TEST(matches_pattern("layer1.weight", pattern), pattern);
    for (const char* pattern :
         {"", "layer1", "layer1.", "layer?", "*.bias", "layer1.weight?", "layer1*weights", "Layer1.*", "?"})
        BOOST_TEST(!matches_pattern("layer1.weight", pattern), pattern);
    BOOST_TEST(matches_pattern("", ""));
    BOOST_TEST(matches_pattern("", "*"));
    BOOST_TEST(!matches_pattern("", "?"));
}

BOOST_AUTO_TEST_CASE(a_star_takes_more_letters_when_the_rest_does_not_fit) {
    BOOST_TEST(matches_pattern("aab", "*ab"));
    BOOST_TEST(matches_pattern("abcabd", "*ab?"));
    BOOST_TEST(matches_pattern("mississippi", "m*iss*ip*i"));
    BOOST_TEST(!matches_pattern("mississippi", "m*iss*iss*iss*"));
}

BOOST_AUTO_TEST_SUITE_END()
