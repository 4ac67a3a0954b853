#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(regimes)

namespace {

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::set<std::string> names_in(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.insert(entry.path().filename().string());
    return names;
}

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

/// Runs the command into the folder `out` and returns result.json.
Json result_of(const TemporaryFolder& folder, const std::vector<std::string>& arguments,
               const std::string& out = "out") {
    const Outcome outcome = run_hessq(folder / "", with(arguments, {"--out", out, "--quiet"}));
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(outcome.err == "");
    BOOST_TEST(!std::filesystem::exists(folder / (out + ".partial")));
    return json_in(folder / out / "result.json");
}

/// What may not differ between two runs that compute the same.
std::string computed(Json result) {
    for (const char* key : {"seconds", "threads", "command_line"}) result.erase(key);
    return result.dump();
}

/// The report without the lines that say how it was made.
std::string shown(const std::filesystem::path& out) {
    const std::string report = contents(out / "report.html");
    return report.substr(0, report.find("How this was made"));
}

const std::vector<std::string> four_cells = {"regimes",  "--problem", "iris-mlp", "--batches", "2,16", "--lrs",
                                             "0.01,0.1", "--steps",   "40",       "--runs",    "2"};

/// Four cells are finished, but the disk is too full for their result.
void interrupt(const TemporaryFolder& folder, const std::string& out) {
    const Outcome outcome = run_hessq(folder / "", with(four_cells, {"--out", out, "--quiet"}), {.file_size = 4000});
    BOOST_TEST(outcome.status == 1);
    BOOST_TEST(!std::filesystem::exists(folder / out));
    BOOST_TEST_REQUIRE(std::filesystem::exists(folder / (out + ".partial")));
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

} // namespace

BOOST_AUTO_TEST_CASE(both_axes_write_their_keys) {
    const TemporaryFolder folder;
    const Json runs = result_of(folder, four_cells);
    BOOST_TEST(runs["schema"] == "hessq/regimes/1");
    BOOST_TEST(runs["problem"]["name"] == "iris-mlp");
    BOOST_TEST(runs["training"]["steps"] == 40);
    BOOST_TEST(runs["crossover"].is_null());
    BOOST_TEST_REQUIRE(runs["grid"].size() == 4u);
    const std::vector<std::pair<int, double>> places = {{2, 0.01}, {2, 0.1}, {16, 0.01}, {16, 0.1}};
    for (std::size_t i = 0; i < 4; ++i) {
        const Json& cell = runs["grid"][i];
        BOOST_TEST(cell["batch"] == places[i].first);
        BOOST_TEST(cell["lr"] == places[i].second);
        for (const char* which : {"exponent", "full_batch"}) {
            const Json& q = cell[which];
            BOOST_TEST(q["value"].is_number());
            BOOST_TEST(q["samples"].get<int>() >= 3);
            const double scatter = q["scatter_error"], sampling = q["sampling_error"];
            BOOST_TEST(std::abs(q["std_error"].get<double>() - std::hypot(scatter, sampling)) <= 1e-15);
        }
        BOOST_TEST(cell["loss"].get<double>() > 0.0);
        BOOST_TEST(cell["why"].is_null());
    }
    BOOST_TEST(names_in(folder / "out") == (std::set<std::string>{"result.json", "report.html"}),
               boost::test_tools::per_element());

    const Json cloud = result_of(folder, {"regimes", "--problem", "P2", "--axis", "distance", "--batches", "1,64",
                                          "--distances", "1,0.1", "--points", "8", "--save-arrays"});
    BOOST_TEST_REQUIRE(cloud["grid"].size() == 4u);
    BOOST_TEST(cloud["grid"][0]["distance"] == 0.1); // ascending
    BOOST_TEST(!cloud["grid"][0].contains("lr"));
    BOOST_TEST(cloud["grid"][3]["batch"] == 64);
    BOOST_TEST(cloud["grid"][3]["predicted"].is_number());
    BOOST_TEST(cloud["crossover"]["distance"].size() == cloud["crossover"]["batch"].size());
    BOOST_TEST(std::filesystem::exists(folder / "out/hessian.npy"));
}

BOOST_AUTO_TEST_CASE(adam_at_rest_on_a_diagonal_quadratic_has_the_exponents_of_its_closed_form) {
    // The slowest direction, lambda = 0.001, relaxes in sqrt(v) / (lr lambda) = 200 steps. What is left of W's own
    // scatter after 1000 steps is 1 / sqrt(1000) a direction, 0.01 in the slope for two runs.
    const TemporaryFolder folder;
    const Json rest = result_of(folder, {"regimes", "--problem", "P1", "--batches", "16,256", "--lrs", "3,30",
                                         "--steps", "8000", "--runs", "2"});
    BOOST_TEST_REQUIRE(rest["grid"].size() == 4u);
    for (const Json& cell : rest["grid"]) {
        const double q = cell["exponent"]["value"], predicted = cell["predicted"];
        BOOST_TEST(std::abs(q - predicted) < 0.04);
    }
    BOOST_TEST(rest["grid"][0]["predicted"].get<double>() < 1.3);
    BOOST_TEST(rest["grid"][3]["predicted"].get<double>() > 1.55);
    BOOST_TEST(rest["crossover"]["lr"].size() == rest["crossover"]["batch"].size());
    BOOST_TEST(rest["finding"].get<std::string>().find("stationary state for this problem") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_setting_that_overflows_is_one_cell_and_not_the_end_of_the_grid) {
    const TemporaryFolder folder;
    const auto check = [](const Json& result) {
        BOOST_TEST_REQUIRE(result["grid"].size() == 2u);
        const Json &sane = result["grid"][0], &lost = result["grid"][1];
        BOOST_TEST(sane["exponent"]["value"].is_number());
        BOOST_TEST((sane["signal_share"].get<double>() > 0.0 && sane["signal_share"].get<double>() < 1.0));
        for (const char* key : {"exponent", "full_batch", "signal_share", "loss"}) BOOST_TEST(lost[key].is_null(), key);
        BOOST_TEST(lost["why"].get<std::string>().find("finite") != std::string::npos);
        BOOST_TEST(lost["why"].get<std::string>().find("-nan") == std::string::npos);
    };
    check(result_of(folder, {"regimes", "--problem", "iris-mlp", "--batches", "16", "--lrs", "0.01,1e308", "--steps",
                             "20", "--runs", "2"}));
    check(result_of(folder, {"regimes", "--problem", "P2", "--axis", "distance", "--batches", "16", "--distances",
                             "0.1,1e200", "--points", "4"}));
}

BOOST_AUTO_TEST_CASE(gaussian_regression_has_the_exponents_that_the_theory_prints) {
    // E-b2 for s^2 = 0.04 and sigma^2 = 1/2: q / 2 = .507, .540, .672 and .857 on the population. P2's samples move its
    // spectrum by about sqrt(2 / 4096) = 2 % a direction and its fourth moments by sqrt(24 / 4096) = 8 %, which moves a
    // slope over four decades by less than 2 * 0.08 / ln 1e4 = 0.018.
    const TemporaryFolder folder;
    const Json grid = result_of(folder, {"regimes", "--problem", "P2", "--axis", "distance", "--batches",
                                         "1,16,256,4096", "--distances", "0.2", "--points", "200"})["grid"];
    const double printed[] = {1.014, 1.080, 1.344, 1.714};
    for (std::size_t i = 0; i < 4; ++i) {
        const double error = 4.0 * grid[i]["exponent"]["sampling_error"].get<double>() + 0.019;
        BOOST_TEST(std::abs(grid[i]["exponent"]["value"].get<double>() - printed[i]) < error);
        BOOST_TEST(std::abs(grid[i]["predicted"].get<double>() - printed[i]) < 0.019);
    }
}

BOOST_AUTO_TEST_CASE(an_interrupted_run_ends_as_if_it_had_not_been) {
    const TemporaryFolder folder;
    const Json whole = result_of(folder, four_cells, "whole");
    interrupt(folder, "out");
    const std::vector<std::string> lines = lines_of(contents(folder / "out.partial"));
    BOOST_TEST_REQUIRE(lines.size() == 4u);
    // Two cells are left, and half a line of the third.
    folder.write("out.partial", lines[3] + "\n" + lines[1] + "\n" + lines[0].substr(0, lines[0].size() / 2));
    const Outcome outcome = run_hessq(folder / "", with(four_cells, {"--out", "out"}));
    BOOST_TEST(outcome.status == 0);
    BOOST_TEST(outcome.err.find("out.partial: 2 of 4 pieces of an interrupted run are used\n") != std::string::npos);
    BOOST_TEST(names_in(folder / "") == (std::set<std::string>{"out", "whole"}), boost::test_tools::per_element());
    BOOST_TEST((computed(json_in(folder / "out/result.json")) == computed(whole)));
    BOOST_TEST((shown(folder / "out") == shown(folder / "whole")));
}

BOOST_AUTO_TEST_CASE(finished_cells_are_taken_as_they_are_and_only_by_the_command_that_made_them) {
    const TemporaryFolder folder;
    interrupt(folder, "out");
    std::string text = contents(folder / "out.partial");
    const std::size_t loss = text.find("\"loss\":") + 7;
    text.replace(loss, text.find(',', loss) - loss, "1234.5");
    folder.write("out.partial", text);
    const auto has_mark = [](const Json& result) { return result["grid"].dump().find("1234.5") != std::string::npos; };
    for (const std::vector<std::string>& other : std::vector<std::vector<std::string>>{
             {"--seed", "1"}, {"--init-seed", "1"}, {"--beta1", "0.8"}, {"--eps", "0.1"}, {"--sampling", "epochs"}}) {
        folder.write("out.partial", text);
        BOOST_TEST(!has_mark(result_of(folder, with(four_cells, other))), other[0]);
    }
    folder.write("out.partial", text);
    BOOST_TEST(has_mark(result_of(folder, with(four_cells, {"--threads", "1"}))));
}

BOOST_AUTO_TEST_CASE(ctrl_c_leaves_no_folder) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", {"regimes", "--problem", "P1", "--steps", "100000", "--out", "out"},
                                      {.signal_at_first_message = SIGINT});
    BOOST_TEST(outcome.signal == SIGINT);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(!std::filesystem::exists(folder / "out"));
}

BOOST_AUTO_TEST_CASE(a_file_that_hessq_did_not_write_is_refused_and_kept) {
    const TemporaryFolder folder;
    for (const char* notes : {"my notes\n", "my notes"}) {
        std::ofstream(folder / "out.partial") << notes;
        std::vector<std::string> arguments = four_cells;
        arguments.insert(arguments.end(), {"--out", "out"});
        const Outcome outcome = run_hessq(folder / "", arguments);
        BOOST_TEST(outcome.status == 2);
        BOOST_TEST(
            outcome.err.ends_with("expected a file of finished cells or nothing; got a file of something else\n"));
        std::string kept;
        std::getline(std::ifstream(folder / "out.partial"), kept);
        BOOST_TEST(kept == "my notes");
    }
}

BOOST_AUTO_TEST_CASE(the_number_of_threads_changes_nothing) {
    const TemporaryFolder folder;
    const std::vector<std::string> cloud = {"regimes", "--problem",   "P1r",     "--axis",   "distance", "--batches",
                                            "1,64",    "--distances", "0.1,1,3", "--points", "5"};
    for (const std::vector<std::string>& command : {four_cells, cloud}) {
        const Json one = result_of(folder, with(command, {"--threads", "1"}));
        for (const char* threads : {"2", "7", "0"})
            BOOST_TEST((computed(result_of(folder, with(command, {"--threads", threads}))) == computed(one)), threads);
    }
}

BOOST_AUTO_TEST_CASE(a_cell_that_diverges_is_a_cell_without_exponent) {
    const TemporaryFolder folder;
    const Json result =
        result_of(folder, {"regimes", "--problem", "P1", "--batches", "4", "--lrs", "0.01,1e200", "--steps", "30"});
    BOOST_TEST(result["grid"][0]["exponent"]["value"].is_number());
    const Json& lost = result["grid"][1];
    BOOST_TEST(lost["exponent"].is_null());
    BOOST_TEST(lost["full_batch"].is_null());
    BOOST_TEST(lost["loss"].is_null());
    BOOST_TEST(lost["why"].get<std::string>().starts_with("train: loss is not finite at step "));
    BOOST_TEST(result["finding"].get<std::string>().find("In 1 of 2 cells there is no exponent") != std::string::npos);

    const Json none =
        result_of(folder, {"regimes", "--problem", "P1", "--batches", "4", "--lrs", "1e200", "--steps", "30"});
    BOOST_TEST(none["finding"].get<std::string>().starts_with("Over 1 batch size and 1 learning rate on P1 no cell "));
}

BOOST_AUTO_TEST_CASE(a_small_problem_has_small_default_batches) {
    const TemporaryFolder folder;
    folder.write("five.csv", "x,z,y\n1,3,1\n2,1,2.5\n3,4,2\n4,1,4\n5,5,5\n");
    const Json result =
        result_of(folder, {"regimes", "--data", "five.csv", "--model", "linear", "--lrs", "0.01", "--steps", "30"});
    std::vector<int> batches;
    for (const Json& cell : result["grid"]) batches.push_back(cell["batch"]);
    BOOST_TEST(batches == (std::vector<int>{1, 3, 5}));
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line_and_leave_nothing) {
    const TemporaryFolder folder;
    const auto refuses = [&](const std::vector<std::string>& more, const std::string& message) {
        BOOST_TEST_CONTEXT(message) {
            const Outcome outcome = run_hessq(folder / "", with({"regimes", "--problem", "iris-mlp"}, more));
            BOOST_TEST(outcome.status == 2);
            BOOST_TEST(outcome.out == "");
            BOOST_TEST(outcome.err == message + "\n");
            BOOST_TEST(std::filesystem::is_empty(folder / ""));
        }
    };
    const std::string whole = "--batches: expected whole numbers of at least 1 with commas between; got ";
    refuses({"--batches", "4,x"}, whole + "4,x");
    refuses({"--batches", "0"}, whole + "0");
    refuses({"--batches", "4,"}, whole + "4,");
    refuses({"--batches", "1.5"}, whole + "1.5");
    refuses({"--batches", "4,8,4"}, "--batches: expected each number once; got 4 twice");
    refuses({"--runs", "10001"}, "--runs: expected a whole number of at most 10000; got 10001");
    refuses({"--batches", "4,9999"}, "--batches: expected at most the 150 samples of iris-mlp; got 9999");
    const std::string positive = "--lrs: expected numbers above 0 with commas between; got ";
    refuses({"--lrs", "0.1,-1"}, positive + "0.1,-1");
    refuses({"--lrs", "0"}, positive + "0");
    refuses({"--lrs", "nan"}, positive + "nan");
    refuses({"--lrs", "inf"}, positive + "inf");
    refuses({"--lrs", "0.1,0.10"}, "--lrs: expected each number once; got 0.10 twice");
    refuses({"--axis", "distance", "--distances", "1,two"},
            "--distances: expected numbers above 0 with commas between; got 1,two");
    refuses({"--axis", "distances"}, "--axis: expected one of lr, distance; got distances (did you mean distance?)");
    refuses({"--axis", "distance", "--lrs", "0.1"}, "--lrs: expected with --axis lr; got --axis distance");
    refuses({"--axis", "distance", "--steps", "30"}, "--steps: expected with --axis lr; got --axis distance");
    refuses({"--points", "5"}, "--points: expected with --axis distance; got --axis lr");
    refuses({"--runs", "1"}, "--runs: expected a whole number of at least 2; got 1");
    refuses({"--axis", "distance", "--runs", "2"}, "--runs: expected with --axis lr; got --axis distance");
    refuses({"--batch", "4"}, "hessq regimes: expected an option of regimes; got --batch (did you mean --batches?)");

    std::filesystem::create_directory(folder / "out.partial");
    const Outcome outcome = run_hessq(folder / "", {"regimes", "--problem", "iris-mlp", "--out", "out"});
    BOOST_TEST(outcome.status == 2);
    BOOST_TEST(outcome.err == std::filesystem::canonical(folder / "out.partial").string() +
                                  ": expected a file of finished cells or nothing; got a folder\n");
}

BOOST_AUTO_TEST_SUITE_END()
