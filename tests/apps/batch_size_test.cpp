#include "hessq/theory/batch_size.hpp"

#include "hessq/datasets/npy.hpp"
#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <iterator>

using namespace hessq;
using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(batch_size_command)

namespace {

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Json result_of(const TemporaryFolder& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "batch-size");
    for (const char* more : {"--out", "out", "--quiet"}) arguments.emplace_back(more);
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(outcome.err == "");
    return test::json_in(folder / "out/result.json");
}

} // namespace

BOOST_AUTO_TEST_CASE(its_numbers_are_those_of_the_saved_matrices) {
    const TemporaryFolder folder;
    const Json r = result_of(folder, {"--problem", "iris-mlp", "--at-step", "20", "--batches", "16,2", "--directions",
                                      "200", "--save-arrays"});
    BOOST_TEST(r["schema"] == "hessq/batch-size/1");
    const Vector g = load_npy_vector(folder / "out/gradient.npy");
    const Matrix h = load_npy(folder / "out/hessian.npy"), sigma = load_npy(folder / "out/noise_covariance.npy");
    const Vector curved = h * g;
    const auto near = boost::test_tools::tolerance(1e-10);
    BOOST_TEST(r["eta_max"].get<double>() == g.squaredNorm() / g.dot(curved), near);
    BOOST_TEST(r["B_noise"].get<double>() == h.cwiseProduct(sigma).sum() / g.dot(curved), near);
    BOOST_TEST(r["B_simple"].get<double>() == sigma.trace() / g.squaredNorm(), near);
    for (const char* curve : {"sgd", "sign", "adam"}) {
        BOOST_TEST_REQUIRE(r["curves"][curve].size() > 5u);
        for (const char* key : {"B", "eta", "decrease"}) BOOST_TEST(r["curves"][curve][0][key].is_number());
    }
    const double b = r["curves"]["sgd"][3]["B"];
    BOOST_TEST(r["curves"]["sgd"][3]["eta"].get<double>() ==
                   r["eta_max"].get<double>() / (1.0 + r["B_noise"].get<double>() / b),
               near);
    BOOST_TEST(r["surge"]["exists"].is_boolean());
    BOOST_TEST(r["surge"].contains("B_peak"));
    // Real mini-batches agree with the law that assumes nothing of the noise: five errors of the jackknife.
    BOOST_TEST_REQUIRE(r["measured"]["sgd"].size() == 2u);
    for (const Json& point : r["measured"]["sgd"]) {
        const Json& eta = point["eta_quadratic_model"];
        BOOST_TEST(std::abs(eta["value"].get<double>() - point["law"].get<double>()) <=
                   5.0 * eta["std_error"].get<double>());
    }
    const Json& simple = r["two_batch_estimates"]["B_simple"];
    BOOST_TEST(std::abs(simple["value"].get<double>() - r["B_simple"].get<double>()) <=
               5.0 * simple["std_error"].get<double>());
    BOOST_TEST(r["hyperbola"]["runs"].is_array());
    BOOST_TEST(r["scaling_rules"].size() > 10u);
    BOOST_TEST(contents(folder / "out/report.html").find("Learning rate against batch size") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_numbers_for_any_number_of_threads) {
    const auto computed = [](const char* threads) {
        const TemporaryFolder folder;
        Json r = result_of(folder, {"--problem", "iris-mlp", "--at-step", "5", "--batches", "4", "--directions", "8",
                                    "--no-report", "--threads", threads});
        for (const char* key : {"seconds", "threads", "command_line"}) r.erase(key);
        return r.dump();
    };
    BOOST_TEST(computed("1") == computed("2"));
}

BOOST_AUTO_TEST_CASE(a_saddle_is_said_to_have_no_best_rate) {
    const TemporaryFolder folder;
    const Json r = result_of(folder, {"--problem", "P5", "--batches", "4", "--directions", "8", "--no-report"});
    BOOST_TEST(r["eta_max"].is_null());
    BOOST_TEST(r["B_noise"].is_null());
    BOOST_TEST(r["B_simple"].is_number());
    BOOST_TEST(r["finding"].get<std::string>().find("not positive") != std::string::npos);
    BOOST_TEST(r["finding"].get<std::string>().find("inf") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", {"batch-size", "--batches", "4,x"});
    BOOST_TEST(outcome.status == 2);
    BOOST_TEST(outcome.err == "--batches: expected whole numbers of at least 1 with commas between; got 4,x\n");
    const Outcome endless = run_hessq(folder / "", {"batch-size", "--batches", "4,1000000000"});
    BOOST_TEST(endless.status == 2);
    BOOST_TEST(endless.err == "--batches: expected at most 1000000; got 1000000000\n");
    BOOST_TEST(std::filesystem::is_empty(folder / ""));
}

BOOST_AUTO_TEST_SUITE_END()
