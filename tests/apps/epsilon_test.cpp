#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(epsilon_command)

namespace {

const std::vector<std::string> small = {"epsilon", "--problem", "iris-mlp",  "--epsilons", "1e-8,0.01,100",
                                        "--steps", "20",        "--at-step", "10",         "--draws",
                                        "64",      "--seeds",   "2",         "--batch",    "16"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

Json result_of(const std::vector<std::string>& arguments) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", with(arguments, {"--json", "--no-report"}));
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    return json_of(outcome.out);
}

std::string computed(Json result) {
    for (const char* key : {"seconds", "threads", "command_line"}) result.erase(key);
    return result.dump();
}

} // namespace

BOOST_AUTO_TEST_CASE(every_epsilon_has_laws_draws_and_runs) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", with(small, {"--out", "out", "--quiet", "--save-arrays"}));
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    for (const char* file : {"report.html", "theta.npy", "gradient.npy", "hessian.npy"})
        BOOST_TEST(std::filesystem::exists(folder / "out" / file), file);
    const Json result = json_in(folder / "out/result.json");
    BOOST_TEST(result["schema"] == "hessq/epsilon/1");
    BOOST_TEST(result["point"]["step"] == 10);
    BOOST_TEST(result["point"]["dead_coordinates"] == 0);
    BOOST_TEST_REQUIRE(result["epsilons"].size() == 5u); // 0 and infinity beside the three
    BOOST_TEST(result["epsilons"][0]["eps"] == 0.0);
    BOOST_TEST(result["epsilons"][4]["eps"] == "infinity");
    BOOST_TEST(result["epsilons"][4]["run"].is_null());
    for (const Json& entry : result["epsilons"]) {
        BOOST_TEST(entry["laws"].size() == 3u);
        BOOST_TEST(entry["measured"].size() == 4u);
        for (const Json& law : entry["laws"])
            BOOST_TEST((law["limit"].is_number() || law["remark"].is_string())); // nothing is missing without a word
    }
    const Json& run = result["epsilons"][2]["run"];
    BOOST_TEST(run["readings"].back()["step"] == 20);
    const double share = run["readings"].back()["share_below_eps"];
    BOOST_TEST((share >= 0.0 && share <= 1.0));
    // Epsilon 100 is above every gradient, and the best rate grows by about as much.
    BOOST_TEST(result["epsilons"][3]["run"]["readings"].back()["share_below_eps"] == 1.0);
    const double shift = result["epsilons"][3]["best_log_lr"]["value"].get<double>() -
                         result["epsilons"][1]["best_log_lr"]["value"].get<double>();
    BOOST_TEST(shift > std::log(100.0));
}

BOOST_AUTO_TEST_CASE(the_number_of_threads_changes_nothing) {
    BOOST_TEST(
        (computed(result_of(with(small, {"--threads", "1"}))) == computed(result_of(with(small, {"--threads", "3"})))));
}

BOOST_AUTO_TEST_CASE(problems_of_every_kind_are_answered) {
    for (const char* problem : {"P1", "P2", "P5", "breast-cancer-logistic"}) {
        const Json result =
            result_of({"epsilon", "--problem", problem, "--no-runs", "--draws", "16", "--at-step", "5"});
        for (const Json& entry : result["epsilons"])
            for (const Json& law : entry["laws"])
                BOOST_TEST((law["limit"].is_number() || law["remark"].is_string()), problem);
    }
    const TemporaryFolder folder;
    folder.write("five.csv", "x,z,y\n1,3,1\n2,1,2.5\n3,4,2\n4,1,4\n5,5,5\n");
    const Outcome outcome = run_hessq(folder / "", {"epsilon", "--data", "five.csv", "--model", "linear", "--steps",
                                                    "10", "--seeds", "2", "--draws", "8", "--json", "--no-report"});
    BOOST_TEST(outcome.status == 0, outcome.err);
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line) {
    const TemporaryFolder folder;
    const auto refuses = [&](const std::vector<std::string>& more, const std::string& message) {
        const Outcome outcome = run_hessq(folder / "", with({"epsilon", "--problem", "iris-mlp"}, more));
        BOOST_TEST(outcome.status == 2);
        BOOST_TEST(outcome.err == message + "\n");
        BOOST_TEST(std::filesystem::is_empty(folder / ""));
    };
    const std::string numbers = "--epsilons: expected numbers above 0, at most 1e100, with commas between; got ";
    refuses({"--epsilons", "1,x"}, numbers + "1,x");
    refuses({"--epsilons", "0"}, numbers + "0");
    refuses({"--epsilons", "1,1.0"}, "--epsilons: expected each number once; got 1.0 twice");
    refuses({"--seeds", "1"}, "--seeds: expected a whole number of at least 2; got 1");
    refuses({"--batch", "999"}, "--batch: expected at most the 150 samples of iris-mlp; got 999");
}

BOOST_AUTO_TEST_SUITE_END()
