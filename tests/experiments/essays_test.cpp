#include "hessq/core/parallel.hpp"
#include "hessq/experiments/essays.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(essays)

BOOST_AUTO_TEST_CASE(every_claim_is_stated_once_and_every_revisited_one_is_stated) {
    std::set<std::string> stated, experiments;
    for (const Experiment& experiment : all_experiments()) {
        BOOST_TEST(experiments.insert(experiment.id).second, experiment.id);
        for (const Claim& claim : experiment.claims) {
            BOOST_TEST(stated.insert(claim.id).second, claim.id);
            BOOST_TEST((!claim.statement.empty() && !claim.source.empty()), claim.id);
        }
    }
    for (const Experiment& experiment : all_experiments())
        for (const std::string& id : experiment.revisited)
            BOOST_TEST((stated.count(id) == 1), experiment.id + " " + id);
    for (int k = 1; k <= 28; ++k) BOOST_TEST((stated.count("b" + std::to_string(k)) == 1), k);
    for (int k = 1; k <= 12; ++k) BOOST_TEST((experiments.count("E-b" + std::to_string(k)) == 1), k);
    BOOST_TEST((stated.count("x1") == 1));
    for (int k = 1; k <= 14; ++k) BOOST_TEST((stated.count("c" + std::to_string(k)) == 1), k);
    for (int k = 1; k <= 4; ++k) BOOST_TEST((experiments.count("E-c" + std::to_string(k)) == 1), k);
}

BOOST_AUTO_TEST_CASE(an_experiment_gives_the_same_bytes_for_any_number_of_threads) {
    const std::vector<Experiment>& experiments = all_experiments();
    const auto experiment = std::find_if(experiments.begin(), experiments.end(),
                                         [](const Experiment& entry) { return entry.id == "E-b3"; });
    BOOST_REQUIRE((experiment != experiments.end()));
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        return experiment->run({.effort = Effort::quick});
    };
    const ExperimentResult one = run(1), two = run(2);
    BOOST_REQUIRE(one.cases.size() == two.cases.size());
    for (std::size_t i = 0; i < one.cases.size(); ++i) {
        BOOST_TEST(one.cases[i].measured.value == two.cases[i].measured.value);
        BOOST_TEST(one.cases[i].measured.std_error == two.cases[i].measured.std_error);
    }
    BOOST_TEST(one.paragraph == two.paragraph);
}

BOOST_AUTO_TEST_SUITE_END()
