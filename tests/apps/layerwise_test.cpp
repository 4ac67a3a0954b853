#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <iterator>

using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(layerwise)

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

void check_refused(const TemporaryFolder& folder, const std::vector<std::string>& arguments, const std::string& line) {
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST(outcome.status == 2);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(outcome.err == line + "\n");
}

} // namespace

BOOST_AUTO_TEST_CASE(every_optimizer_follows_its_law) {
    const TemporaryFolder folder;
    const Json result = result_of(folder, {"layerwise", "--problem", "iris-mlp", "--steps", "12"});
    BOOST_TEST(result["schema"] == "hessq/layerwise/1");
    BOOST_TEST(result["groups"].size() == 4);
    BOOST_TEST(result["optimizers"].size() == 18);
    for (const auto& [name, optimizer] : result["optimizers"].items()) {
        BOOST_TEST_CONTEXT(name) {
            BOOST_TEST(optimizer["follows"] == true);
            BOOST_TEST(std::abs(optimizer["exponent"].get<double>() - optimizer["predicted_exponent"].get<double>()) <=
                       1e-9);
            BOOST_TEST(optimizer["deviation"]["translated"].get<double>() <= 1e-11);
            BOOST_TEST(optimizer["rate"].size() == result["lambda"].size());
        }
    }
    BOOST_TEST(result["optimizers"]["sgd"]["predicted_exponent"] == 2.0);
    BOOST_TEST(result["optimizers"]["adam"]["deviation"]["rate_only"].get<double>() > 1e-6);
    BOOST_TEST(contents(folder / "out/report.html").find("<svg") != std::string::npos);
    BOOST_TEST(result["finding"].get<std::string>().find("18 of 18 optimizers") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_layer_can_be_chosen_and_draws_are_then_off) {
    const TemporaryFolder folder;
    const Json result =
        result_of(folder, {"layerwise", "--problem", "iris-mlp", "--steps", "12", "--groups", "layer0.*", "--methods",
                           "adamw,adahessian", "--lambda", "0.5,2,8", "--weight-decay", "0.5"});
    BOOST_TEST(result["groups"] == Json({"layer0.weight", "layer0.bias"}));
    BOOST_TEST(result["optimizers"]["adamw"]["follows"] == true);
    BOOST_TEST(result["optimizers"]["adahessian"]["follows"] == false);
    BOOST_TEST(result["training"]["weight_decay"] == 0.5);
}

BOOST_AUTO_TEST_CASE(problems_of_one_group_and_data_of_ones_own_work) {
    const TemporaryFolder folder;
    const Json quadratic = result_of(folder, {"layerwise", "--problem", "P1", "--steps", "3", "--methods", "adam,sgd"});
    BOOST_TEST(quadratic["groups"] == Json({"w"}));
    BOOST_TEST(quadratic["optimizers"]["sgd"]["follows"] == true);
    folder.write("five.csv", "x,y\n1,1\n2,2.5\n3,2\n4,4\n5,5\n");
    const Json own = result_of(
        folder, {"layerwise", "--data", "five.csv", "--model", "linear", "--steps", "3", "--methods", "adam,lars"});
    BOOST_TEST(own["optimizers"]["lars"]["follows"] == true);
}

BOOST_AUTO_TEST_CASE(a_run_that_overflows_is_said_to) {
    const TemporaryFolder folder;
    const Json result = result_of(folder, {"layerwise", "--problem", "diabetes-linear", "--methods", "sgd,adam", "--lr",
                                           "1e30", "--steps", "40", "--no-report"});
    BOOST_TEST(result["optimizers"]["sgd"]["failure"].is_string());
    BOOST_TEST(result["finding"].get<std::string>().find("Without a result: sgd (") != std::string::npos);
    // When no optimizer has one, there is nothing to report.
    const Outcome none = run_hessq(folder / "", {"layerwise", "--problem", "diabetes-linear", "--methods", "sgd",
                                                 "--lr", "1e300", "--steps", "5", "--quiet", "--out", "none"});
    BOOST_TEST(none.status == 1);
    BOOST_TEST(
        none.err.starts_with("hessq layerwise: expected a result of at least one optimizer; got none (sgd: train: "
                             "loss is not finite at step 1 ("));
    BOOST_TEST(!std::filesystem::exists(folder / "none"));
}

BOOST_AUTO_TEST_CASE(mistakes_get_one_line) {
    const TemporaryFolder folder;
    check_refused(folder, {"layerwise", "--problem", "iris-mlp", "--groups", "layer9.*"},
                  "--groups: expected a pattern that fits one of the groups layer0.weight, layer0.bias, layer1.weight, "
                  "layer1.bias; got layer9.*");
    check_refused(folder, {"layerwise", "--problem", "iris-mlp", "--lambda", "1,2"},
                  "--lambda: expected at least three numbers; got 1,2");
    check_refused(folder, {"layerwise", "--problem", "iris-mlp", "--lambda", "0,1,2"},
                  "--lambda: expected numbers above 0 with commas between; got 0,1,2");
}

BOOST_AUTO_TEST_CASE(train_freezes_groups_and_gives_them_rates_and_clips) {
    const TemporaryFolder folder;
    const auto train = [&](const std::vector<std::string>& more) {
        std::vector<std::string> arguments = {"train", "--problem", "iris-mlp", "--methods", "adam", "--steps", "10"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return result_of(folder, arguments)["runs"]["adam"]["loss"].back().get<double>();
    };
    const double plain = train({});
    const double start = result_of(
        folder, {"train", "--problem", "iris-mlp", "--methods", "adam", "--steps", "10"})["runs"]["adam"]["loss"][0];
    BOOST_TEST(train({"--freeze", "*"}) == start);
    BOOST_TEST(train({"--group-lr", "*=1"}) == plain);
    BOOST_TEST(train({"--group-lr", "*=0"}) == start);
    BOOST_TEST(train({"--group-lr", "layer1.*=0.1"}) != plain);
    BOOST_TEST(train({"--clip-norm", "1e9"}) == plain);
    BOOST_TEST(train({"--clip-norm", "0.01"}) != plain);
    BOOST_TEST(train({"--clip-group", "layer0.*=0.01", "--clip-group", "layer1.bias=0.02"}) != plain);
    const Json chosen = result_of(folder, {"train", "--problem", "iris-mlp", "--steps", "2", "--freeze", "layer0.*"});
    BOOST_TEST(chosen["runs"].size() == 4);
    BOOST_TEST(chosen["groups"]["frozen"] == Json({"layer0.*"}));
    // Given twice: both count.
    BOOST_TEST(train({"--freeze", "layer0.*", "--freeze", "layer1.*"}) == start);
}

BOOST_AUTO_TEST_CASE(train_takes_every_optimizer) {
    const TemporaryFolder folder;
    const Json result = result_of(
        folder, {"train", "--problem", "iris-mlp", "--steps", "5", "--methods",
                 "sgd,momentum,nesterov,adagrad,rmsprop,adadelta,adam,adamw,adabelief,lars,lamb,sign,lion,shampoo,muon,"
                 "adahessian,sophia,newton"});
    BOOST_TEST(result["runs"].size() == 18);
    for (const auto& [name, run] : result["runs"].items())
        BOOST_TEST(run["loss"].back().get<double>() < run["loss"][0].get<double>(), name);
}

BOOST_AUTO_TEST_CASE(patterns_and_factors_that_do_not_fit_get_one_line) {
    const TemporaryFolder folder;
    const std::string groups = "layer0.weight, layer0.bias, layer1.weight, layer1.bias";
    check_refused(folder, {"train", "--problem", "iris-mlp", "--freeze", "layer2.*"},
                  "--freeze: expected a pattern that fits one of the groups " + groups + "; got layer2.*");
    check_refused(folder, {"train", "--problem", "iris-mlp", "--group-lr", "bias=2"},
                  "--group-lr: expected a pattern that fits one of the groups " + groups + "; got bias");
    check_refused(folder, {"train", "--problem", "iris-mlp", "--group-lr", "layer1.*"},
                  "--group-lr: expected PATTERN=X with a number of at least 0; got layer1.*");
    check_refused(folder, {"train", "--problem", "iris-mlp", "--clip-group", "layer1.*=0"},
                  "--clip-group: expected PATTERN=X with a number above 0; got layer1.*=0");
    check_refused(folder, {"train", "--problem", "iris-mlp", "--freeze"}, "--freeze: expected a value; got none");
    check_refused(
        folder, {"train", "--problem", "iris-mlp", "--freeze", "*", "--methods", "adam,damped_newton"},
        "--methods: expected optimizers where --group-lr, --clip-group, --clip-norm or --freeze are given; got "
        "damped_newton, a line search");
}

BOOST_AUTO_TEST_SUITE_END()
