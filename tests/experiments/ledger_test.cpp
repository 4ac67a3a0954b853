#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/experiments/ledger.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(ledger_of_claims)

namespace {

Case measured(const std::string& claim, double value, double std_error, double tolerance) {
    return {.claim = claim,
            .regime = "r" + std::to_string(value),
            .quantity = "x",
            .predicted = 1.0,
            .measured = {.value = value, .std_error = std_error, .samples = 10},
            .tolerance = tolerance};
}

std::vector<Experiment> two_experiments() {
    return {{.id = "E-1", .title = "one", .claims = {{"a", "first", "s"}, {"b", "second", "s"}}},
            {.id = "E-2", .title = "two", .claims = {{"c", "third", "s"}}, .revisited = {"a"}}};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_verdict_needs_the_whole_interval_on_one_side) {
    const auto of = [](double value, double std_error) {
        return verdict(1.0, {.value = value, .std_error = std_error}, 0.1);
    };
    BOOST_CHECK(of(1.0, 0.0) == Verdict::holds);
    BOOST_CHECK(of(1.05, 0.016) == Verdict::holds); // 0.05 + 0.048 <= 0.1
    BOOST_CHECK(of(1.05, 0.018) == Verdict::undecided);
    BOOST_CHECK(of(1.2, 0.033) == Verdict::fails); // 0.2 - 0.099 > 0.1
    BOOST_CHECK(of(1.2, 0.034) == Verdict::undecided);
    BOOST_CHECK(of(0.5, 0.1) == Verdict::fails);
    BOOST_CHECK(of(std::nan(""), 0.0) == Verdict::undecided);
    BOOST_CHECK(of(1.0, std::numeric_limits<double>::infinity()) == Verdict::undecided);
    BOOST_CHECK_THROW((void)verdict(1.0, {}, -1.0), std::invalid_argument);
    BOOST_CHECK_THROW((void)verdict(1.0, {.value = 1.0, .std_error = -1.0}, 1.0), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_true_statement_is_rarely_called_false_and_a_false_one_rarely_true) {
    // The prediction is at the edge of its tolerance, the worst case of either kind: the chance is that of one tail,
    // 0.135 %, however few draws tell the error. Bound: binomial, 5 sigma.
    Index false_alarms = 0, false_comfort = 0;
    const Index trials = 4000;
    for (Index seed = 0; seed < trials; ++seed) {
        const Vector x = normal_vector(RandomStream(static_cast<std::uint64_t>(seed), 0), 4);
        const Estimate mean = mean_estimate(x);
        false_alarms += verdict(0.5, mean, 0.5) == Verdict::fails;
        false_comfort += verdict(0.5, mean, 0.5) == Verdict::holds;
    }
    const double expected = 0.00135 * static_cast<double>(trials);
    BOOST_TEST(static_cast<double>(false_alarms) <= expected + 5.0 * std::sqrt(expected));
    BOOST_TEST(static_cast<double>(false_comfort) <= expected + 5.0 * std::sqrt(expected));
}

BOOST_AUTO_TEST_CASE(a_claim_holds_only_somewhere_if_its_cases_differ) {
    const Case good = measured("a", 1.0, 0.0, 0.1), bad = measured("a", 2.0, 0.0, 0.1),
               open = measured("a", 1.0, 1.0, 0.1);
    BOOST_CHECK(claim_verdict({good, good}) == Verdict::holds);
    BOOST_CHECK(claim_verdict({bad}) == Verdict::fails);
    BOOST_CHECK(claim_verdict({good, open, bad}) == Verdict::holds_only);
    BOOST_CHECK(claim_verdict({good, open}) == Verdict::undecided);
    BOOST_CHECK(claim_verdict({bad, open}) == Verdict::undecided);
    BOOST_CHECK(claim_verdict({}) == Verdict::undecided);
    BOOST_TEST(to_string(Verdict::holds_only) == "holds only");
}

BOOST_AUTO_TEST_CASE(rows_collect_the_cases_of_all_experiments) {
    const std::vector<Experiment> experiments = two_experiments();
    const std::vector<ExperimentRecord> records = {
        {&experiments[0], {.cases = {measured("a", 1.0, 0.0, 0.1)}}, 2.0},
        {&experiments[1], {.cases = {measured("c", 1.02, 0.0, 0.1), measured("a", 3.0, 0.0, 0.1)}}, 3.0}};
    const std::vector<LedgerRow> rows = ledger(experiments, records);
    BOOST_REQUIRE(rows.size() == 2); // b was not measured
    BOOST_TEST(rows[0].claim.id == "a");
    BOOST_TEST(rows[0].experiment == "E-1");
    BOOST_TEST(rows[0].cases.size() == 2u);
    BOOST_CHECK(rows[0].verdict == Verdict::holds_only);
    BOOST_TEST(rows[0].deciding == 1u); // the failing one
    BOOST_TEST(rows[0].seconds == 5.0);
    BOOST_TEST(rows[1].claim.id == "c");
    BOOST_TEST(rows[1].seconds == 3.0);

    const std::vector<ExperimentRecord> foreign = {{&experiments[0], {.cases = {measured("c", 1.0, 0.0, 0.1)}}, 1.0}};
    BOOST_CHECK_THROW((void)ledger(experiments, foreign), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(rows_are_in_the_order_of_their_numbers) {
    const std::vector<Experiment> experiments = {
        {.id = "E",
         .title = "t",
         .claims = {{"x1", "s", "s"}, {"b10", "s", "s"}, {"b9", "s", "s"}, {"0.5", "s", "s"}}}};
    std::vector<Case> cases;
    for (const Claim& claim : experiments[0].claims) cases.push_back(measured(claim.id, 1.0, 0.0, 0.1));
    const std::vector<ExperimentRecord> records = {{&experiments[0], {.cases = cases}, 1.0}};
    std::string order;
    for (const LedgerRow& row : ledger(experiments, records)) order += row.claim.id + " ";
    BOOST_TEST(order == "0.5 b9 b10 x1 ");
}

BOOST_AUTO_TEST_CASE(experiments_are_selected_by_their_ids_and_those_of_their_claims) {
    const std::vector<Experiment> experiments = two_experiments();
    const auto ids = [&](const std::vector<std::string>& wanted) {
        std::string list;
        for (const Experiment* experiment : select_experiments(experiments, wanted)) list += experiment->id + " ";
        return list;
    };
    BOOST_TEST(ids({}) == "E-1 E-2 ");
    BOOST_TEST(ids({"E-2"}) == "E-2 ");
    BOOST_TEST(ids({"b"}) == "E-1 ");
    BOOST_TEST(ids({"a"}) == "E-1 E-2 "); // stated in one, revisited in the other
    BOOST_CHECK_EXCEPTION((void)ids({"E-3"}), InputError, [](const InputError& error) {
        return std::string(error.what()) ==
               "expected ids of experiments or claims (E-1 ... c); got E-3 (did you mean E-1?)";
    });
}

BOOST_AUTO_TEST_CASE(the_letter_of_an_essay_stands_for_its_experiments) {
    const std::vector<Experiment> experiments = two_experiments();
    const std::vector<Essay> essays = {{.letter = "y", .experiments = {"E-2"}}, {.letter = "z", .experiments = {}}};
    const auto count = [&](const std::vector<std::string>& wanted) {
        return select_experiments(experiments, wanted, essays).size();
    };
    BOOST_TEST(count({"y"}) == 1u);
    BOOST_TEST(select_experiments(experiments, {"y"}, essays).front()->id == "E-2");
    BOOST_TEST(count({"y", "E-1"}) == 2u);
    BOOST_TEST(count({"z"}) == 0u); // and not all of them
    BOOST_CHECK_EXCEPTION((void)count({"w"}), InputError, [](const InputError& error) {
        return std::string(error.what()) ==
               "expected ids of experiments or claims (E-1 ... c), or the letter of an essay (y, z); got w";
    });
}

BOOST_AUTO_TEST_CASE(a_replication_says_so) {
    // Appended to what positional initialization fills, and a law unless it says otherwise.
    const Case law = {"a", "here", "x", 1.0, {}, 0.1},
               replication = {"a", "here", "x", 1.0, {}, 0.1, Prediction::printed};
    BOOST_TEST(to_string(law.prediction) == "law");
    BOOST_TEST(to_string(replication.prediction) == "printed number");
}

BOOST_AUTO_TEST_CASE(effort_scales_the_draws) {
    BOOST_TEST((ExperimentOptions{.effort = Effort::quick}.draws(100)) == 10);
    BOOST_TEST((ExperimentOptions{.effort = Effort::quick}.draws(100, 40)) == 40);
    BOOST_TEST((ExperimentOptions{.effort = Effort::standard}.draws(100, 40)) == 100);
    BOOST_TEST((ExperimentOptions{.effort = Effort::precise}.draws(100, 40)) == 2500);
}

BOOST_AUTO_TEST_SUITE_END()
