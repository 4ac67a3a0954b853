#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(clipping_command)

namespace {

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

/// Few steps of everything.
const std::vector<std::string> little = {"clipping", "--steps",        "40", "--looks",        "4", "--rescue-steps",
                                         "20",       "--rescue-seeds", "2",  "--newton-steps", "2"};

Json result_of(const TemporaryFolder& folder, const std::vector<std::string>& more, const std::string& out = "out") {
    const Outcome outcome = run_hessq(folder / "", with(with(little, {"--out", out, "--quiet"}), more));
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.err == "");
    return test::json_in(folder / out / "result.json");
}

} // namespace

BOOST_AUTO_TEST_CASE(a_network_gets_every_part) {
    const TemporaryFolder folder;
    const Json result = result_of(folder, {"--problem", "iris-mlp", "--widths", "4,8", "--save-arrays"});
    BOOST_TEST(result.at("schema") == "hessq/clipping/1");
    for (const char* method : {"sgd", "sign", "adam"}) {
        const Json& trace = result.at("methods").at(method);
        BOOST_TEST(trace.at("batch_norms").size() == 40u);
        BOOST_TEST(trace.at("looks").size() == 4u);
        // The fraction that a threshold changes is what the norms say.
        for (const Json& row : trace.at("clipped")) {
            double longer = 0.0;
            for (const double norm : trace.at("batch_norms")) longer += norm > row.at("threshold").get<double>();
            BOOST_TEST(row.at("all").get<double>() == longer / 40.0);
            BOOST_TEST(
                (row.at("late_predicted").get<double>() >= 0.0 && row.at("late_predicted").get<double>() <= 1.0));
        }
        const double cosine = trace.at("late").at("sign_cosine");
        BOOST_TEST((cosine > 0.0 && cosine <= 1.0));
    }
    BOOST_TEST(result.at("widths").size() == 2u);
    BOOST_TEST(result.at("widths")[1].at("parameters") == 4 * 8 + 8 + 8 * 3 + 3);
    BOOST_TEST(result.at("why_no_widths").is_null());
    BOOST_TEST(result.at("rescue").at("remedies").size() == 6u);
    BOOST_TEST(result.at("rescue").at("remedies").at("norm_clip").size() == 2u);
    // In other units the same run.
    const Json& rescaled = result.at("rescaled");
    BOOST_TEST(rescaled.at("distance").get<double>() < 1e-9);
    BOOST_TEST(std::abs(rescaled.at("batch_norm")[1].get<double>() / rescaled.at("batch_norm")[0].get<double>() -
                        100.0) < 1e-6);
    BOOST_TEST(std::abs(rescaled.at("loss_ratio")[1].get<double>() / rescaled.at("loss_ratio")[0].get<double>() - 1.0) <
               1e-6);
    for (const char* file : {"report.html", "theta.npy", "gradient.npy", "inputs.npy", "targets.npy"})
        BOOST_TEST(std::filesystem::exists(folder / "out" / file), file);
}

BOOST_AUTO_TEST_CASE(a_problem_without_hidden_layers_says_what_is_left_out) {
    const TemporaryFolder folder;
    for (const char* problem : {"P1", "diabetes-linear", "breast-cancer-logistic"}) {
        const Json result = result_of(folder, {"--problem", problem, "--no-report"});
        BOOST_TEST(result.at("widths").empty());
        BOOST_TEST(result.at("why_no_widths") == "the problem has no hidden layer");
    }
    // A quadratic keeps its promise to second order.
    const Json quadratic = result_of(folder, {"--problem", "P1", "--no-report"});
    for (const Json& look : quadratic.at("methods").at("adam").at("looks"))
        BOOST_TEST(std::abs(look.at("decrease_second_order").get<double>() - look.at("decrease_actual").get<double>()) <
                   1e-9);
    BOOST_TEST(quadratic.at("stationary").at("reference") == "the minimum in closed form");
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_numbers_for_any_number_of_threads) {
    const TemporaryFolder folder;
    const auto computed = [&](const std::string& threads) {
        Json result = result_of(folder, {"--problem", "P5", "--widths", "5", "--no-report", "--threads", threads});
        for (const char* key : {"seconds", "threads", "command_line"}) result.erase(key);
        return result.dump();
    };
    BOOST_TEST(computed("1") == computed("3"));
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line) {
    const TemporaryFolder folder;
    const auto refused = [&](const std::vector<std::string>& more, const std::string& line, int status = 2) {
        const Outcome outcome = run_hessq(folder / "", with(little, more));
        BOOST_TEST(outcome.status == status);
        BOOST_TEST(outcome.out == "");
        BOOST_TEST(outcome.err == line + "\n");
    };
    refused({"--problem", "P1", "--widths", "8"},
            "--widths: expected a problem with a hidden layer; got P1, which has none");
    refused({"--thresholds", "1,0"}, "--thresholds: expected numbers above 0 with commas between; got 1,0");
    refused({"--threshold", "0"}, "--threshold: expected a number above 0; got 0");
    BOOST_TEST(run_hessq(folder / "", with(little, {"--problem", "P1", "--lr", "1e9"})).status == 1);
}

BOOST_AUTO_TEST_SUITE_END()
