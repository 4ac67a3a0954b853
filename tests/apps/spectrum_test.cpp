#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(spectrum_command)

namespace {

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Json result_of(const TemporaryFolder& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--out", "out", "--quiet"});
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.err == "");
    return json_in(folder / "out/result.json");
}

void check_refused(const std::vector<std::string>& arguments, const std::string& line) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST(outcome.status == 2);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(outcome.err == line + "\n");
}

/// |measured - expected| in units of its error.
double errors(const Json& estimate, double expected) {
    return std::abs(estimate["value"].get<double>() - expected) / estimate["std_error"].get<double>();
}

} // namespace

BOOST_AUTO_TEST_CASE(what_is_estimated_holds_what_all_eigenvalues_say) {
    const TemporaryFolder folder;
    const Json result = result_of(folder, {"spectrum", "--problem", "iris-mlp", "--steps", "60", "--exact", "--count",
                                           "3", "--lanczos", "40", "--probes", "8"});
    BOOST_TEST(result["schema"] == "hessq/spectrum/1");
    BOOST_TEST(result["of"] == "hessian");
    BOOST_TEST(result["operators"].size() == 4);
    BOOST_TEST(result["density"] == result["operators"]["hessian"]["density"]);
    for (const auto& [name, matrix] : result["operators"].items()) {
        BOOST_TEST_CONTEXT(name) {
            const auto exact = matrix["exact_eigenvalues"].get<std::vector<double>>();
            const auto n = static_cast<double>(exact.size());
            double sum = 0.0, sizes = 0.0, squares = 0.0;
            for (const double x : exact) {
                sum += x;
                sizes += std::abs(x);
                squares += x * x;
            }
            BOOST_TEST(errors(matrix["trace"], sum) <= 5.0);
            BOOST_TEST(errors(matrix["effective_rank"], sizes * sizes / squares) <= 5.0);
            const Json& density = matrix["density"];
            int outside = 0;
            for (std::size_t i = 0; i < density["grid"].size(); ++i) {
                const double x = density["grid"][i];
                const auto below = static_cast<double>(std::upper_bound(exact.begin(), exact.end(), x) - exact.begin());
                if (density["lower"][i].get<double>() > below / n + 1e-12 ||
                    density["upper"][i].get<double>() < below / n - 1e-12)
                    ++outside;
            }
            BOOST_TEST(outside == 0);
            const Json& top = matrix["eigenvalues"]["top"];
            BOOST_TEST(top.size() == 3);
            for (std::size_t k = 0; k < top.size(); ++k) {
                const double expected = exact[exact.size() - 1 - k];
                BOOST_TEST(std::abs(top[k]["value"].get<double>() - expected) <= 1e-8 * std::abs(exact.back()));
                BOOST_TEST(top[k]["certified"] == true);
            }
        }
    }
    BOOST_TEST(result["operators"]["hessian"]["eigenvalues"]["bottom"].size() == 3);
    BOOST_TEST(result["operators"]["gauss-newton"]["eigenvalues"]["bottom"].empty());
    BOOST_TEST(contents(folder / "out/report.html").find("<svg") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_number_of_threads_changes_nothing) {
    std::vector<Json> results;
    for (const char* threads : {"1", "2"}) {
        const TemporaryFolder folder;
        results.push_back(result_of(folder, {"spectrum", "--problem", "iris-mlp", "--steps", "20", "--lanczos", "20",
                                             "--probes", "4", "--threads", threads, "--no-report"}));
        for (const char* key : {"seconds", "threads", "command_line"}) results.back().erase(key);
    }
    BOOST_TEST(results[0].dump() == results[1].dump());
}

BOOST_AUTO_TEST_CASE(problems_of_every_kind_are_answered) {
    const TemporaryFolder folder;
    for (const char* problem : {"P1", "P2", "diabetes-linear", "breast-cancer-logistic"}) BOOST_TEST_CONTEXT(problem) {
            const Json result =
                result_of(folder, {"spectrum", "--problem", problem, "--steps", "0", "--lanczos", "10", "--no-report"});
            BOOST_TEST(!result["operators"].contains("preconditioned"));
            BOOST_TEST(result["eigenvalues"]["top"].size() >= 1);
        }
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line) {
    check_refused({"spectrum", "--of", "hesian"}, "--of: expected some of hessian, gauss-newton, second-moment, "
                                                  "preconditioned; got hesian (did you mean hessian?)");
    check_refused({"spectrum", "--steps", "0", "--of", "preconditioned"},
                  "--of: expected at least one step of training for preconditioned; got --steps 0");
    check_refused({"spectrum", "--problem", "P1", "--of", "gauss-newton"},
                  "--of: expected a problem with a model for gauss-newton; got one without");
    check_refused({"spectrum", "--probes", "1"}, "--probes: expected a whole number of at least 2; got 1");
}

BOOST_AUTO_TEST_SUITE_END()
