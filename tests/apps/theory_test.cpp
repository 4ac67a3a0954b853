#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(theory_command)

namespace {

Json quick(const std::vector<std::string>& ids, const std::vector<std::string>& more = {}) {
    const TemporaryFolder folder;
    std::vector<std::string> arguments = {"theory"};
    arguments.insert(arguments.end(), ids.begin(), ids.end());
    arguments.insert(arguments.end(), {"--quick", "--json"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    return json_of(outcome.out);
}

/// The lines "claim | verdict | quantity | where", one a case.
std::set<std::string> verdicts_of(const Json& result) {
    std::set<std::string> lines;
    for (const Json& claim : result["claims"])
        for (const Json& tested : claim["cases"])
            lines.insert(tested["claim"].get<std::string>() + " | " + tested["verdict"].get<std::string>() + " | " +
                         tested["quantity"].get<std::string>() + " | " + tested["regime"].get<std::string>());
    return lines;
}

std::set<std::string> lines_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::set<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        if (!line.empty() && line.front() != '#') lines.insert(line);
    return lines;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_claim_is_predicted_measured_and_judged) {
    const Json result = quick({"E-b1", "b14"});
    BOOST_TEST(result["schema"] == "hessq/theory/1");
    BOOST_TEST(result["effort"] == "quick");
    std::set<std::string> ids;
    for (const Json& claim : result["claims"]) {
        ids.insert(claim["id"].get<std::string>());
        for (const char* key : {"statement", "regime", "source", "quantity"})
            BOOST_TEST(!claim[key].get<std::string>().empty());
        BOOST_TEST(claim["predicted"].is_number());
        BOOST_TEST(claim["measured"]["value"].is_number());
        BOOST_TEST(claim["measured"]["std_error"].get<double>() >= 0.0);
        BOOST_TEST(claim["measured"]["samples"].get<int>() >= 1);
        BOOST_TEST(claim["seconds"].get<double>() > 0.0);
        BOOST_TEST(!claim["cases"].empty());
        BOOST_TEST(claim["essay"] == "b");
        BOOST_TEST(claim["cases"][0]["prediction"] == "law");
    }
    BOOST_TEST(result["finding"].get<std::string>().find("asked for") != std::string::npos);
    BOOST_TEST((ids.count("b4") == 1 && ids.count("b14") == 1));
    for (const Json& claim : result["claims"])
        if (claim["id"] == "b4") BOOST_TEST(claim["verdict"] == "holds only");
}

BOOST_AUTO_TEST_CASE(the_terminal_says_where_a_claim_holds_and_whose_it_is) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", {"theory", "E-b1", "--quick", "--out", "out"});
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    const auto says = [&](const std::string& text) { return outcome.out.find(text) != std::string::npos; };
    BOOST_TEST(says("(b) Is Adam's second moment the Hessian squared?\nSu Jianlin, kexue.fm/archives/10588"));
    BOOST_TEST(says("holds: injected isotropic cloud, full batch, diagonal H\n"));
    BOOST_TEST(says("Only the experiments that were asked for have been run"));
    std::ifstream stream(folder / "out/report.html");
    const std::string report{std::istreambuf_iterator<char>(stream), {}};
    for (const char* part : {"<nav><ul>", "<h2 id=\"section1\">(b) Is Adam", "<h3 id=\"section2\">E-b1: "})
        BOOST_TEST((report.find(part) != std::string::npos), part);
}

BOOST_AUTO_TEST_CASE(the_seed_settles_every_byte_but_the_seconds) {
    const auto measured = [](const Json& result) {
        std::string all;
        for (const Json& claim : result["claims"]) all += claim["cases"].dump();
        return all;
    };
    const std::string one = measured(quick({"E-b1"}, {"--threads", "1"}));
    BOOST_TEST(one == measured(quick({"E-b1"}, {"--threads", "2"})));
    BOOST_TEST(one != measured(quick({"E-b1"}, {"--seed", "1"})));
}

// A verdict that changes is a finding or a fault, never a trifle. The file was written by this very command.
BOOST_AUTO_TEST_CASE(every_verdict_of_a_quick_run_is_the_one_on_record) {
    const std::set<std::string> recorded = lines_of(HESSQ_TEST_DATA "/reference/theory_verdicts.txt");
    const std::set<std::string> found = verdicts_of(quick({}));
    for (const std::string& line : found) BOOST_TEST((recorded.count(line) == 1), "not on record: " + line);
    for (const std::string& line : recorded) BOOST_TEST((found.count(line) == 1), "not found again: " + line);
    BOOST_TEST(found.size() > 50u);
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line_and_leave_nothing) {
    const TemporaryFolder folder;
    const auto refusal = [&](const std::vector<std::string>& arguments) {
        const Outcome outcome = run_hessq(folder / "", arguments);
        BOOST_TEST(outcome.status == 2);
        BOOST_TEST(outcome.out == "");
        BOOST_TEST(std::filesystem::is_empty(folder / ""));
        return outcome.err;
    };
    BOOST_TEST(refusal({"theory", "--quick", "--precise"}) ==
               "hessq theory: expected --quick or --precise; got both\n");
    BOOST_TEST(refusal({"theory", "E-b33"}).ends_with("got E-b33 (did you mean E-b3?)\n"));
    BOOST_TEST(refusal({"theory", "q"}).find("or the letter of an essay (b") != std::string::npos);
    BOOST_TEST(refusal({"theory", "--problem", "P1"}).starts_with("hessq theory: expected an option of theory"));
}

BOOST_AUTO_TEST_SUITE_END()
