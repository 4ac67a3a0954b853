#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(usage)

namespace {

const std::string problems = "digits-mlp, digits-softmax, digits-autoencoder, iris-mlp, breast-cancer-logistic, "
                             "breast-cancer-mlp, diabetes-linear, P1, P1r, P2, P3a, P3b, P3c, P5";
const std::string commands =
    "compare, curvature, spectrum, regimes, batch-size, epsilon, clipping, layerwise, theory, train, problems";

const std::vector<std::string> problem_options = {"--problem", "--data",        "--targets", "--target",
                                                  "--model",   "--hidden",      "--loss",    "--activation",
                                                  "--l2",      "--standardize", "--theta",   "--init-seed"};
const std::vector<std::string> run_options = {"--seed", "--threads", "--out",      "--save-arrays",
                                              "--json", "--quiet",   "--no-report"};
const std::vector<std::string> training_options = {"--steps", "--batch", "--lr",      "--beta1",
                                                   "--beta2", "--eps",   "--sampling"};

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> lists) {
    std::vector<std::string> all;
    for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
    return all;
}

/// The first words of the lines that explain an option.
std::set<std::string> explained_options(const std::string& help) {
    std::set<std::string> names;
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("  --")) names.insert(line.substr(2, line.find_first_of(" ,", 2) - 2));
    return names;
}

/// 80 columns and as many lines as a screen has.
void check_fits_a_screen(const std::string& help) {
    int count = 0;
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line); ++count) BOOST_TEST(line.size() <= 80U, line);
    BOOST_TEST(count <= 50);
}

std::vector<std::string> command_names() {
    std::vector<std::string> names;
    std::istringstream words(commands);
    for (std::string word; words >> word;) names.push_back(word.substr(0, word.find(',')));
    return names;
}

std::string help_of(const std::string& command) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", {command, "--help"});
    BOOST_TEST(outcome.status == 0);
    return outcome.out;
}

/// What bash offers when the tab key is pressed behind these words, of which the last may be begun or empty.
std::vector<std::string> completed(const std::vector<std::string>& words) {
    const TemporaryFolder folder;
    const Outcome script = run_hessq(folder / "", {"--completion", "bash"});
    BOOST_TEST(script.status == 0);
    std::ofstream file(folder / "run.bash");
    file << script.out << "COMP_WORDS=(";
    for (const std::string& word : words) file << " '" << word << "'";
    file << ")\nCOMP_CWORD=" << words.size() - 1 << "\n_hessq\nprintf '%s\\n' \"${COMPREPLY[@]}\" >answer\n";
    file.close();
    BOOST_TEST(std::system(("cd '" + (folder / "").string() + "' && touch mine.csv && bash -u run.bash").c_str()) == 0);
    std::ifstream answer(folder / "answer");
    std::vector<std::string> lines;
    for (std::string line; std::getline(answer, line);)
        if (!line.empty()) lines.push_back(line);
    return lines;
}

/// Nothing but the message: one line on standard error, none on standard output, no file.
void check_mistake(const std::vector<std::string>& arguments, const std::string& message) {
    BOOST_TEST_CONTEXT(message) {
        const TemporaryFolder folder;
        const Outcome outcome = run_hessq(folder / "", arguments);
        BOOST_TEST(outcome.status == 2);
        BOOST_TEST(outcome.signal == 0);
        BOOST_TEST(outcome.out == "");
        BOOST_TEST(outcome.err == message + "\n");
        BOOST_TEST(std::filesystem::is_empty(folder / ""));
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(version_is_one_line) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", {"--version"});
    BOOST_TEST(outcome.status == 0);
    BOOST_TEST(outcome.out == "hessq 0.1.0\n");
    BOOST_TEST(outcome.err == "");
}

BOOST_AUTO_TEST_CASE(help_lists_the_commands_with_their_summaries) {
    const TemporaryFolder folder;
    for (const char* word : {"--help", "-h"}) {
        const Outcome outcome = run_hessq(folder / "", {word});
        BOOST_TEST(outcome.status == 0);
        BOOST_TEST(outcome.err == "");
        BOOST_TEST(outcome.out == "hessq measures the curvature of machine-learning losses, exactly where that is\n"
                                  "possible, and shows what Adam's second moment really measures.\n\n"
                                  "Usage: hessq COMMAND [OPTIONS]\n\n"
                                  "Commands:\n"
                                  "  compare     Newton against Adam and RMSprop along a training run, and what v\n"
                                  "              measures\n"
                                  "  curvature   at one point: loss, gradient, Hessian, Gauss-Newton, Fisher,\n"
                                  "              noise, extreme eigenvalues\n"
                                  "  spectrum    all eigenvalues from products: their distribution with a band,\n"
                                  "              both ends, the trace\n"
                                  "  regimes     a map of what v measures: batch size against learning rate, or\n"
                                  "              distance from the minimum\n"
                                  "  batch-size  how the best learning rate depends on the batch size: laws, and\n"
                                  "              what real mini-batches say\n"
                                  "  epsilon     what Adam's epsilon does to the best learning rate, its law in the\n"
                                  "              batch size, and real runs\n"
                                  "  clipping    how long gradients are, what clipping at a norm would change, and\n"
                                  "              what it rescues\n"
                                  "  layerwise   the learning rate of a layer that is stored divided by a factor,\n"
                                  "              for every optimizer\n"
                                  "  theory      the claims of five essays, one by one: predicted, measured,\n"
                                  "              verdict\n"
                                  "  train       optimizers and Newton methods side by side\n"
                                  "  problems    the bundled problems: name, samples, parameters, what each shows\n\n"
                                  "Options:\n"
                                  "  -h, --help  print this text\n"
                                  "  --version   print the version\n\n"
                                  "'hessq COMMAND --help' explains the options of a command. To begin with:\n"
                                  "  hessq compare --problem iris-mlp\n"
                                  "  hessq compare --data mine.csv --target label --model mlp --standardize\n");
    }
}

BOOST_AUTO_TEST_CASE(help_of_a_command_explains_every_option_and_no_other) {
    const TemporaryFolder folder;
    const std::map<std::string, std::vector<std::string>> expected = {
        {"compare", joined({problem_options, run_options, training_options, {"--checkpoints"}})},
        {"curvature", joined({problem_options, run_options, {"--count", "--probes", "--products-only"}})},
        {"spectrum", joined({problem_options,
                             run_options,
                             training_options,
                             {"--of", "--count", "--probes", "--lanczos", "--max-products", "--exact"}})},
        {"regimes", joined({problem_options,
                            run_options,
                            {"--axis", "--batches", "--lrs", "--distances", "--runs", "--points", "--newton-steps",
                             "--steps", "--beta1", "--beta2", "--eps", "--sampling"}})},
        {"epsilon", joined({problem_options,
                            run_options,
                            training_options,
                            {"--epsilons", "--at-step", "--draws", "--seeds", "--no-runs"}})},
        {"clipping", joined({problem_options,
                             run_options,
                             {"--steps", "--batch", "--lr", "--beta1", "--beta2", "--eps", "--adam-lr", "--threshold",
                              "--thresholds", "--looks", "--widths", "--scale", "--rescue-steps", "--rescue-seeds",
                              "--warm-up", "--newton-steps"}})},
        {"theory", {"--quick", "--precise", "--seed", "--threads", "--out", "--json", "--quiet", "--no-report"}},
        {"layerwise", joined({problem_options,
                              run_options,
                              training_options,
                              {"--lambda", "--groups", "--methods", "--weight-decay"}})},
        {"train", joined({problem_options,
                          run_options,
                          training_options,
                          {"--methods", "--newton-steps", "--group-lr", "--clip-group", "--clip-norm", "--freeze"}})},
        {"batch-size", joined({problem_options,
                               run_options,
                               {"--at-step", "--batch", "--lr", "--beta1", "--beta2", "--eps", "--sampling",
                                "--batches", "--directions", "--target-steps", "--softsign-eps"}})},
        {"problems", {"--json"}}};
    BOOST_TEST(expected.size() == command_names().size());
    for (const auto& [command, options] : expected) {
        const Outcome outcome = run_hessq(folder / "", {command, "--help"});
        BOOST_TEST(outcome.status == 0);
        BOOST_TEST(outcome.err == "");
        check_fits_a_screen(outcome.out);
        BOOST_TEST(outcome.out.find("\nExample: hessq " + command + " ") != std::string::npos);
        const std::set<std::string> explained = explained_options(outcome.out);
        BOOST_TEST(explained == std::set<std::string>(options.begin(), options.end()),
                   boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(bash_completes_commands_options_and_their_values) {
    using Words = std::vector<std::string>;
    const auto check = [](const Words& typed, const Words& expected) {
        BOOST_TEST(completed(typed) == expected, boost::test_tools::per_element());
    };
    check({"hessq", "c"}, {"compare", "curvature", "clipping"});
    check({"hessq", "--v"}, {"--version"});
    check({"hessq", "train", "--me"}, {"--methods"});
    check({"hessq", "curvature", "--st"}, {"--standardize"}); // --steps belongs to others
    check({"hessq", "compare", "--problem", "digits"}, {"digits-mlp", "digits-softmax", "digits-autoencoder"});
    check({"hessq", "compare", "--problem", "=", "ir"}, {"iris-mlp"});
    check({"hessq", "compare", "--problem", "="}, completed({"hessq", "train", "--problem", ""}));
    check({"hessq", "train", "--activation", ""}, {"tanh", "relu", "gelu", "softplus", "sigmoid", "identity"});
    check({"hessq", "train", "--methods", "sgd,adam"}, {"sgd,adam", "sgd,adamw"});
    check({"hessq", "theory", "E-b1"}, {"E-b1", "E-b10", "E-b11", "E-b12"});
    check({"hessq", "compare", "--data", "m"}, {"mine.csv"});
    check({"hessq", "compare", "--steps", ""}, {});
    check({"hessq", "nonsense", ""}, {});
}

BOOST_AUTO_TEST_CASE(completions_and_the_manual_know_every_option_that_help_explains) {
    const TemporaryFolder folder;
    const std::string zsh = run_hessq(folder / "", {"--completion", "zsh"}).out;
    const std::string page = run_hessq(folder / "", {"--manual"}).out;
    BOOST_TEST(zsh.starts_with("#compdef hessq\n"));
    BOOST_TEST(page.starts_with(".TH HESSQ 1 "));
    for (const std::string& command : command_names()) {
        const std::vector<std::string> bash = completed({"hessq", command, "--"});
        const std::size_t arm = zsh.find("\n        " + command + ")\n");
        BOOST_REQUIRE(arm != std::string::npos);
        const std::string own = zsh.substr(arm, zsh.find(";;", arm) - arm);
        for (const std::string& option : explained_options(help_of(command))) {
            BOOST_TEST(std::count(bash.begin(), bash.end(), option) == 1, option);
            const bool in_zsh = own.find("'" + option + "[") != std::string::npos ||
                                own.find("'" + option + "=[") != std::string::npos ||
                                own.find("'*" + option + "=[") != std::string::npos;
            BOOST_TEST(in_zsh, command << " " << option);
            std::string in_roff;
            for (const char c : option) in_roff += c == '-' ? std::string("\\-") : std::string(1, c);
            BOOST_TEST(page.find(in_roff + ", " + in_roff) == std::string::npos, option << " is named twice");
            BOOST_TEST(page.find(".TP\n\\fB" + in_roff + "\\fR") != std::string::npos, option);
        }
    }
    check_mistake({"--completion", "fish"}, "--completion: expected bash or zsh; got fish");
}

BOOST_AUTO_TEST_CASE(problems_are_listed_as_a_table_and_as_json) {
    const TemporaryFolder folder;
    const Outcome table = run_hessq(folder / "", {"problems"});
    const Outcome json = run_hessq(folder / "", {"problems", "--json"});
    BOOST_TEST(table.status == 0);
    BOOST_TEST(table.err == "");
    BOOST_TEST(json.status == 0);
    BOOST_TEST(json.err == "");
    const Json document = json_of(json.out);
    BOOST_TEST(document["schema"] == "hessq/problems/1");
    BOOST_TEST(document["version"] == "0.1.0");
    BOOST_TEST(document["command_line"] == "hessq problems --json");
    std::string names;
    for (const Json& problem : document["problems"]) {
        const std::string name = problem["name"];
        names += (names.empty() ? "" : ", ") + name;
        BOOST_TEST(problem["samples"].get<long>() > 0);
        BOOST_TEST(problem["parameters"].get<long>() > 0);
        BOOST_TEST(table.out.find("\n" + name + " ") != std::string::npos);
        BOOST_TEST(table.out.find(problem["summary"].get<std::string>()) != std::string::npos);
    }
    BOOST_TEST(names == problems);
    BOOST_TEST(std::filesystem::is_empty(folder / ""));
}

BOOST_AUTO_TEST_CASE(the_command_comes_first) {
    const std::string expected = "hessq: expected one of the commands " + commands;
    check_mistake({}, expected + "; got none ('hessq --help' explains them)");
    check_mistake({""}, expected + "; got '' ('hessq --help' explains them)");
    check_mistake({"frobnicate"}, expected + "; got frobnicate ('hessq --help' explains them)");
    check_mistake({"compar"}, expected + "; got compar (did you mean compare?)");
    check_mistake({"--seed", "1", "compare"},
                  expected + " before its options; got --seed ('hessq --help' explains them)");
    check_mistake({"--"}, expected + " before its options; got -- ('hessq --help' explains them)");
}

BOOST_AUTO_TEST_CASE(unknown_options_are_answered_with_the_nearest) {
    check_mistake({"compare", "--stps", "3"},
                  "hessq compare: expected an option of compare; got --stps (did you mean --steps?)");
    check_mistake({"compare", "--prob=P1"},
                  "hessq compare: expected an option of compare; got --prob (did you mean --problem?)");
    check_mistake({"train", "-x"},
                  "hessq train: expected an option of train; got -x ('hessq train --help' lists them)");
    check_mistake(
        {"curvature", "two words"},
        "hessq curvature: expected an option of curvature; got 'two words' ('hessq curvature --help' lists them)");
    check_mistake({"compare", "train"},
                  "hessq compare: expected an option of compare; got train ('hessq compare --help' lists them)");
    check_mistake({"compare", "--", "P1"}, "hessq compare: expected nothing but options; got P1");
    check_mistake({"problems", "--jsn"},
                  "hessq problems: expected an option of problems; got --jsn (did you mean --json?)");
    check_mistake(
        {"curvature", "--steps", "3"},
        "hessq curvature: expected an option of curvature; got --steps ('hessq curvature --help' lists them)");
}

BOOST_AUTO_TEST_CASE(options_take_one_value_and_flags_none) {
    check_mistake({"compare", "--steps"}, "--steps: expected a value; got none");
    check_mistake({"compare", "--out", "--quiet"}, "--out: expected a value; got --quiet");
    check_mistake({"compare", "--out="}, "--out: expected a value; got none");
    check_mistake({"compare", "--steps", "3", "--steps=4"}, "--steps: expected once; got it 2 times");
    check_mistake({"compare", "--quiet=3"}, "--quiet: expected no value; got 3");
    check_mistake({"problems", "--json=false"}, "--json: expected no value; got false");
}

BOOST_AUTO_TEST_CASE(words_and_problems_are_answered_with_the_nearest) {
    check_mistake({"compare", "--problem", "digits-mpl"},
                  "--problem: expected one of " + problems + "; got digits-mpl (did you mean digits-mlp?)");
    check_mistake({"curvature", "--problem", ""}, "--problem: expected one of " + problems + "; got ''");
    check_mistake({"curvature", "--problem", "two\nlines"},
                  "--problem: expected one of " + problems + "; got two\\x0alines");
    check_mistake({"train", "--model", "mpl"},
                  "--model: expected one of linear, logistic, softmax, mlp; got mpl (did you mean mlp?)");
    check_mistake(
        {"train", "--activation", "rleu"},
        "--activation: expected one of tanh, relu, gelu, softplus, sigmoid, identity; got rleu (did you mean relu?)");
    check_mistake({"train", "--loss", "hinge"}, "--loss: expected one of squared, cross-entropy; got hinge");
    check_mistake({"train", "--sampling", "epoch"},
                  "--sampling: expected one of iid, epochs; got epoch (did you mean epochs?)");
    const std::string methods = "--methods: expected names from sgd, momentum, nesterov, adagrad, rmsprop, adadelta, "
                                "adam, adamw, adabelief, lars, lamb, sign, lion, shampoo, muon, adahessian, sophia, "
                                "newton, damped_newton, diagonal_newton, saddle_free_newton; got ";
    check_mistake({"train", "--methods", "sgd,adma"}, methods + "adma (did you mean adam?)");
    check_mistake({"train", "--methods", "adam,"}, methods + "''");
    check_mistake({"train", "--methods", "adam,sgd,adam"}, "--methods: expected each name once; got adam twice");
}

BOOST_AUTO_TEST_CASE(numbers_are_checked_while_the_command_line_is_read) {
    for (const std::string option : {"--steps", "--batch", "--checkpoints"})
        for (const std::string value : {"0", "-3", "1.5", "1e3", "many", ""})
            check_mistake({"compare", option, value},
                          option + ": expected a whole number of at least 1; got " + (value.empty() ? "''" : value));
    check_mistake({"train", "--newton-steps", "0"}, "--newton-steps: expected a whole number of at least 1; got 0");
    check_mistake({"curvature", "--count", "0"}, "--count: expected a whole number of at least 1; got 0");
    check_mistake({"curvature", "--probes", "1"}, "--probes: expected a whole number of at least 2; got 1");
    check_mistake({"compare", "--steps", "99999999999999999999"},
                  "--steps: expected a whole number of at most 1000000000000000; got 99999999999999999999");
    check_mistake({"compare", "--threads", "-1"}, "--threads: expected a whole number of at least 0; got -1");
    check_mistake({"compare", "--threads", "1025"}, "--threads: expected a whole number of at most 1024; got 1025");
    for (const std::string option : {"--seed", "--init-seed"})
        for (const std::string value : {"-1", "18446744073709551616", "x"})
            check_mistake({"compare", option, value},
                          option + ": expected a whole number from 0 to 2^64 - 1; got " + value);
    for (const std::string value : {"0", "-1", "nan", "inf", "1e400", "fast"})
        check_mistake({"train", "--lr", value}, "--lr: expected a number above 0; got " + value);
    for (const std::string option : {"--beta1", "--beta2"})
        for (const std::string value : {"1", "-0.1", "nan"})
            check_mistake({"train", option, value}, option + ": expected a number in [0, 1); got " + value);
    check_mistake({"train", "--l2", "-1e-9"}, "--l2: expected a number of at least 0; got -1e-9");
    check_mistake({"train", "--eps", "-1"}, "--eps: expected a number of at least 0; got -1");
}

BOOST_AUTO_TEST_CASE(options_that_do_not_belong_together_are_refused) {
    check_mistake({"compare", "--model", "mlp"}, "--model: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--hidden", "3"}, "--hidden: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--activation", "relu"},
                  "--activation: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--loss", "squared"}, "--loss: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--l2", "1"}, "--l2: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--standardize"}, "--standardize: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--targets", "y.npy"}, "--targets: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--target", "y"}, "--target: expected together with --data; got a bundled problem");
    check_mistake({"compare", "--data", "x.csv", "--problem", "P1"},
                  "hessq: expected --problem or --data; got both (P1 and x.csv)");
    check_mistake({"compare", "--data", "x.csv"},
                  "--data: expected --model linear, logistic, softmax or mlp beside it; got none");
    for (const std::string option : {"--hidden", "--activation", "--loss"})
        check_mistake({"compare", "--data", "x.csv", "--model", "softmax", option,
                       option == "--hidden" ? "3"
                       : option == "--loss" ? "squared"
                                            : "tanh"},
                      option + ": expected with --model mlp; got --model softmax");
    check_mistake({"compare", "--problem", "P1", "--theta", "x.npy", "--init-seed", "1"},
                  "--init-seed: expected without --theta, which holds the initial parameters; got both");
    check_mistake({"compare", "--out", ""}, "--out: expected a value; got ''");
}

BOOST_AUTO_TEST_SUITE_END()
