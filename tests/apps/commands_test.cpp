#include "hessq/core/types.hpp"
#include "hessq/datasets/npy.hpp"
#include "support/eigen_solvers.hpp"
#include "support/json.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

using namespace hessq;
using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(commands)

namespace {

constexpr double rounding = 1e-12; // sums over at most 1e3 x 1e3 entries, relative to their size

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Json result_in(const std::filesystem::path& folder) { return test::json_in(folder / "result.json"); }

std::set<std::string> names_in(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.insert(entry.path().filename().string());
    return names;
}

/// Runs the command into the folder `out` and returns result.json.
Json result_of(const TemporaryFolder& folder, std::vector<std::string> arguments, const std::string& out = "out") {
    arguments.insert(arguments.end(), {"--out", out, "--quiet"});
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.out == "");
    BOOST_TEST(outcome.err == "");
    return result_in(folder / out);
}

void check_common(const Json& result, const std::string& command, const std::string& problem) {
    BOOST_TEST(result["schema"] == "hessq/" + command + "/1");
    BOOST_TEST(result["version"] == "0.1.0");
    BOOST_TEST(result["command_line"].get<std::string>().starts_with("hessq " + command + " "));
    BOOST_TEST(result["seed"].is_number_unsigned());
    BOOST_TEST(result["threads"].get<int>() >= 1);
    BOOST_TEST(result["seconds"].get<double>() > 0.0);
    BOOST_TEST(!result["finding"].get<std::string>().empty());
    BOOST_TEST(result["problem"]["name"] == problem);
    BOOST_TEST(result["problem"]["samples"].get<int>() > 0);
    BOOST_TEST(result["problem"]["parameters"].get<int>() > 0);
    BOOST_TEST(!result["problem"]["loss"].get<std::string>().empty());
    BOOST_TEST(!result["problem"]["conventions"].get<std::string>().empty());
}

bool is_estimate(const Json& json) {
    return json["value"].is_number() && json["std_error"].is_number() && json["samples"].is_number_integer();
}

/// What may differ between two runs that compute the same.
std::string computed(Json result) {
    for (const char* key : {"seconds", "threads", "command_line"}) result.erase(key);
    if (result.contains("runs"))
        for (auto& [name, run] : result["runs"].items()) run.erase("seconds");
    if (result["schema"] == "hessq/train/1") result.erase("finding"); // names the seconds
    return result.dump();
}

const std::vector<std::string> short_iris = {"compare", "--problem", "iris-mlp", "--steps", "40", "--checkpoints", "3"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

} // namespace

BOOST_AUTO_TEST_CASE(curvature_runs_on_every_small_problem_and_writes_its_keys) {
    const TemporaryFolder folder;
    const Json list = test::json_of(run_hessq(folder / "", {"problems", "--json"}).out)["problems"];
    for (const Json& problem : list) {
        if (problem["parameters"].get<int>() > 520) continue;
        const std::string name = problem["name"];
        BOOST_TEST_CONTEXT(name) {
            const Json result = result_of(folder, {"curvature", "--problem", name, "--probes", "8"});
            check_common(result, "curvature", name);
            BOOST_TEST(result["problem"]["samples"] == problem["samples"]);
            BOOST_TEST(result["problem"]["parameters"] == problem["parameters"]);
            BOOST_TEST(result["loss"].is_number());
            BOOST_TEST(result["gradient_norm"].get<double>() >= 0.0);
            BOOST_TEST(result["trace"]["hessian"].is_number());
            BOOST_TEST(result["trace"]["gauss_newton"].is_number() == (name != "P1" && name != "P1r"));
            BOOST_TEST(result["trace"]["noise_covariance"].get<double>() > 0.0);
            BOOST_TEST(result["eigenvalues"]["top"].size() == 5u);
            BOOST_TEST(result["eigenvalues"]["bottom"].size() == 5u);
            BOOST_TEST(result["eigenvalues"]["top"][0].get<double>() >= result["eigenvalues"]["top"][4].get<double>());
            BOOST_TEST(result["eigenvalues"]["bottom"][0].get<double>() <=
                       result["eigenvalues"]["bottom"][4].get<double>());
            BOOST_TEST(result["negative_eigenvalues"].is_number_integer());
            BOOST_TEST(is_estimate(result["hutchinson"]["trace"]));
            BOOST_TEST(result["hutchinson"]["trace"]["samples"] == 8);
        }
    }
}

BOOST_AUTO_TEST_CASE(compare_writes_its_keys_for_every_kind_of_problem) {
    const TemporaryFolder folder;
    for (const std::string problem : {"iris-mlp", "P1", "diabetes-linear", "breast-cancer-logistic"}) {
        BOOST_TEST_CONTEXT(problem) {
            const Json result =
                result_of(folder, {"compare", "--problem", problem, "--steps", "60", "--checkpoints", "3"});
            check_common(result, "compare", problem);
            BOOST_TEST_REQUIRE(result["checkpoints"].size() == 3u);
            BOOST_TEST(result["checkpoints"].back()["step"] == 60);
            for (const Json& point : result["checkpoints"]) {
                BOOST_TEST(point["step"].is_number_integer());
                for (const char* key : {"loss", "gradient_norm", "lambda_max", "lambda_min", "signal_share"})
                    BOOST_TEST(point[key].is_number(), key);
                BOOST_TEST(point["negative_eigenvalues"].is_number_integer());
                BOOST_TEST(is_estimate(point["exponent"]["minibatch"]));
                BOOST_TEST(is_estimate(point["exponent"]["full_batch"]));
                for (const char* method : {"adam", "rmsprop", "sgd"})
                    for (const char* key :
                         {"cos_newton", "cos_saddle_free_newton", "decrease_predicted", "decrease_actual",
                          "newton_fraction", "condition_number", "largest_stable_lr"})
                        BOOST_TEST(point["preconditioners"][method][key].is_number(), method << " " << key);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(train_writes_every_run_from_the_same_start) {
    const TemporaryFolder folder;
    for (const std::string problem : {"iris-mlp", "P1", "diabetes-linear", "breast-cancer-logistic"}) {
        BOOST_TEST_CONTEXT(problem) {
            const Json result =
                result_of(folder, {"train", "--problem", problem, "--steps", "20", "--newton-steps", "3"});
            check_common(result, "train", problem);
            BOOST_TEST(result["runs"].size() == 7u);
            for (const auto& [name, run] : result["runs"].items()) {
                BOOST_TEST_REQUIRE(run["steps"].size() >= 2u, name);
                BOOST_TEST(run["loss"].size() == run["steps"].size());
                BOOST_TEST(run["seconds"].size() == run["steps"].size());
                BOOST_TEST(run["steps"][0] == 0);
                BOOST_TEST(run["loss"][0] == result["runs"]["adam"]["loss"][0]);
                BOOST_TEST(std::is_sorted(run["seconds"].begin(), run["seconds"].end()));
            }
            BOOST_TEST(result["runs"]["adam"]["steps"].back() == 20);
            BOOST_TEST(result["runs"]["adam"]["lr"] == 0.001);
        }
    }
}

BOOST_AUTO_TEST_CASE(training_options_change_the_training) {
    const TemporaryFolder folder;
    const std::vector<std::string> train = {"train", "--problem", "iris-mlp", "--steps", "20", "--methods", "adam"};
    const auto last_loss = [&](const std::vector<std::string>& more) {
        const Json result = result_of(folder, with(train, more));
        BOOST_TEST(result["runs"].size() == 1u);
        return result["runs"]["adam"]["loss"].back().get<double>();
    };
    std::set<double> losses = {last_loss({})};
    for (const std::vector<std::string>& option : std::vector<std::vector<std::string>>{{"--lr", "0.01"},
                                                                                        {"--beta1", "0.5"},
                                                                                        {"--beta2", "0.9"},
                                                                                        {"--eps", "0.1"},
                                                                                        {"--batch", "7"},
                                                                                        {"--steps", "25"},
                                                                                        {"--sampling", "epochs"},
                                                                                        {"--seed", "1"},
                                                                                        {"--init-seed", "1"}}) {
        std::vector<std::string> more = option;
        if (option[0] == "--steps") { // given once only
            const Json result =
                result_of(folder, {"train", "--problem", "iris-mlp", "--methods", "adam", "--steps", "25"});
            BOOST_TEST(losses.insert(result["runs"]["adam"]["loss"].back().get<double>()).second);
            continue;
        }
        BOOST_TEST(losses.insert(last_loss(more)).second, option[0] << " changes nothing");
    }
    const Json newton = result_of(
        folder, {"train", "--problem", "diabetes-linear", "--methods", "damped_newton", "--newton-steps", "1"});
    BOOST_TEST(newton["runs"]["damped_newton"]["steps"].back() == 1);
}

BOOST_AUTO_TEST_CASE(a_method_that_diverges_does_not_take_the_results_of_the_others) {
    // On least squares gradient descent diverges beyond 2 / lambda_max, about 1/2 here; Newton's line search does not.
    const TemporaryFolder folder;
    const std::string why =
        "hessq train, sgd with lr 3: expected finite numbers; got 'train: loss is not finite at step ";
    const Outcome outcome = run_hessq(folder / "", {"train", "--problem", "diabetes-linear", "--lr", "3", "--methods",
                                                    "sgd,damped_newton", "--out", "out"});
    BOOST_TEST(outcome.status == 1);
    BOOST_TEST(outcome.err.starts_with(why));
    BOOST_TEST(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    BOOST_TEST((outcome.out.find("Numbers that were not finite ended sgd early.") != std::string::npos), outcome.out);
    const Json runs = result_in(folder / "out")["runs"];
    BOOST_TEST(runs["sgd"]["stopped"].get<std::string>().starts_with(why));
    BOOST_TEST(runs["sgd"]["loss"].back() > runs["sgd"]["loss"].front());
    BOOST_TEST(runs["damped_newton"]["stopped"].is_null());
    BOOST_TEST(runs["damped_newton"]["loss"].back() < runs["damped_newton"]["loss"].front());
}

BOOST_AUTO_TEST_CASE(the_names_of_classes_are_told_in_the_order_of_their_numbers) {
    const TemporaryFolder folder;
    folder.write("kinds.csv", "x,kind\n1,low\n2,\"high, one\"\n3,mid\n4,low\n");
    const Json result = result_of(folder, {"curvature", "--data", "kinds.csv", "--model", "softmax"});
    BOOST_TEST(result["problem"]["classes"] == Json({"high, one", "low", "mid"}));
    BOOST_TEST((contents(folder / "out/report.html").find("0 = high, one, 1 = low, 2 = mid") != std::string::npos));
    BOOST_TEST(result_of(folder, {"curvature", "--problem", "diabetes-linear"})["problem"]["classes"].is_null());
}

BOOST_AUTO_TEST_CASE(a_default_batch_larger_than_the_data_is_all_of_the_data) {
    const TemporaryFolder folder;
    folder.write("five.csv", "x,y\n1,1\n2,2.5\n3,2\n4,4\n5,5\n");
    const Json result = result_of(folder, {"train", "--data", "five.csv", "--model", "linear", "--steps", "5"});
    BOOST_TEST(result["training"]["batch"] == 5);
}

BOOST_AUTO_TEST_CASE(the_default_folder_is_named_for_command_and_problem) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", {"curvature", "--problem", "diabetes-linear"});
    BOOST_TEST(outcome.status == 0);
    BOOST_TEST(outcome.err == "");
    BOOST_TEST(names_in(folder / "hessq-out") == std::set<std::string>{"curvature-diabetes-linear"},
               boost::test_tools::per_element());
    const std::filesystem::path out = folder / "hessq-out/curvature-diabetes-linear";
    BOOST_TEST(names_in(out) == (std::set<std::string>{"result.json", "report.html"}),
               boost::test_tools::per_element());
    BOOST_TEST(contents(out / "report.html").starts_with("<!DOCTYPE html>"));
    BOOST_TEST(contents(out / "report.html").ends_with("</html>\n"));
    const Json result = result_in(out);
    BOOST_TEST(outcome.out.starts_with("quantity "));
    BOOST_TEST(outcome.out.find(result["finding"].get<std::string>()) != std::string::npos);
    BOOST_TEST(outcome.out.ends_with("\n" + std::filesystem::canonical(out).string() + "\n"));
    BOOST_TEST(result["command_line"] == "hessq curvature --problem diabetes-linear");
}

BOOST_AUTO_TEST_CASE(json_prints_the_result_and_nothing_else) {
    const TemporaryFolder folder;
    const Outcome outcome =
        run_hessq(folder / "", {"curvature", "--problem", "P5", "--json", "--no-report", "--out", "a/b/c"});
    BOOST_TEST(outcome.status == 0);
    BOOST_TEST(outcome.err == "");
    BOOST_TEST(names_in(folder / "a/b/c") == std::set<std::string>{"result.json"}, boost::test_tools::per_element());
    BOOST_TEST(outcome.out == contents(folder / "a/b/c/result.json"));
    check_common(test::json_of(outcome.out), "curvature", "P5");
}

BOOST_AUTO_TEST_CASE(a_former_result_is_replaced) {
    const TemporaryFolder folder;
    result_of(folder, {"curvature", "--problem", "diabetes-linear", "--save-arrays"});
    BOOST_TEST(result_of(folder, {"curvature", "--problem", "P1", "--no-report"})["problem"]["name"] == "P1");
    BOOST_TEST(names_in(folder / "out") == std::set<std::string>{"result.json"}, boost::test_tools::per_element());
    BOOST_TEST(names_in(folder / "") == std::set<std::string>{"out"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_a_run_reads_is_not_replaced_with_the_former_result) {
    const TemporaryFolder folder;
    const std::vector<std::string> train = {"train", "--problem", "iris-mlp", "--methods", "sgd", "--steps", "5"};
    result_of(folder, with(train, {"--save-arrays"}));
    const std::string theta = contents(folder / "out/theta.npy");
    for (const std::string out : {"out", "out/", "./out/../out"}) {
        const Outcome outcome = run_hessq(folder / "", with(train, {"--theta", "out/theta.npy", "--out", out}));
        BOOST_TEST(outcome.status == 2);
        BOOST_TEST(outcome.err == "--theta: expected a file outside the output folder, which is replaced; got "
                                  "out/theta.npy (--out names another folder)\n");
    }
    BOOST_TEST(contents(folder / "out/theta.npy") == theta);
    result_of(folder, with(train, {"--theta", "out/theta.npy"}), "more");
}

BOOST_AUTO_TEST_CASE(much_memory_is_announced_before_it_is_used) {
    const TemporaryFolder folder;
    const Outcome outcome =
        run_hessq(folder / "", {"curvature", "--problem", "digits-mlp"}, {.signal_at_first_message = SIGINT});
    BOOST_TEST(outcome.err.starts_with("digits-mlp: 1797 samples, 2410 parameters; needs about 222 MiB of memory, "));
    BOOST_TEST(outcome.err.ends_with(" free\n"));
}

BOOST_AUTO_TEST_CASE(curvature_arrays_agree_with_the_result) {
    const TemporaryFolder folder;
    const Json result = result_of(folder, {"curvature", "--problem", "iris-mlp", "--save-arrays", "--count", "3"});
    BOOST_TEST(names_in(folder / "out") ==
                   (std::set<std::string>{"result.json", "report.html", "theta.npy", "inputs.npy", "targets.npy",
                                          "gradient.npy", "hessian.npy", "noise_covariance.npy"}),
               boost::test_tools::per_element());
    const Vector theta = load_npy_vector(folder / "out/theta.npy");
    const Vector gradient = load_npy_vector(folder / "out/gradient.npy");
    const Matrix hessian = load_npy(folder / "out/hessian.npy");
    const Matrix noise = load_npy(folder / "out/noise_covariance.npy");
    BOOST_TEST(theta.size() == 67);
    BOOST_TEST(gradient.size() == 67);
    BOOST_TEST(hessian.rows() == 67);
    BOOST_TEST(hessian.cols() == 67);
    BOOST_TEST(load_npy(folder / "out/inputs.npy").rows() == 150);
    BOOST_TEST(load_npy(folder / "out/inputs.npy").cols() == 4);
    BOOST_TEST(load_npy(folder / "out/targets.npy").rows() == 150);
    BOOST_TEST(load_npy(folder / "out/targets.npy").cols() == 1);
    const auto close = [](double found, const Json& expected) {
        return std::abs(found - expected.get<double>()) <= rounding * std::abs(expected.get<double>());
    };
    BOOST_TEST(close(gradient.norm(), result["gradient_norm"]));
    BOOST_TEST(close(hessian.trace(), result["trace"]["hessian"]));
    BOOST_TEST(close(noise.trace(), result["trace"]["noise_covariance"]));
    const Vector lambda = Eigen::SelfAdjointEigenSolver<Matrix>(hessian).eigenvalues();
    BOOST_TEST(close(lambda(66), result["eigenvalues"]["top"][0]));
    BOOST_TEST(close(lambda(0), result["eigenvalues"]["bottom"][0]));
    BOOST_TEST(result["eigenvalues"]["top"].size() == 3u);

    BOOST_TEST(result_of(folder, {"curvature", "--problem", "iris-mlp", "--theta", "out/theta.npy"}, "again")["loss"] ==
               result["loss"]);
    const Json products = result_of(
        folder, {"curvature", "--problem", "iris-mlp", "--products-only", "--count", "3", "--save-arrays"}, "products");
    BOOST_TEST(products["negative_eigenvalues"].is_null());
    BOOST_TEST(is_estimate(products["trace"]["hessian"]));
    const double top = products["eigenvalues"]["top"][0].get<double>();
    const double residual = products["eigenvalue_residuals"]["top"][0].get<double>();
    BOOST_TEST(std::abs(top - lambda(66)) <= residual + rounding * lambda(66));
    BOOST_TEST(!std::filesystem::exists(folder / "products/hessian.npy"));
}

BOOST_AUTO_TEST_CASE(compare_arrays_are_those_of_the_last_checkpoint) {
    const TemporaryFolder folder;
    const Json result = result_of(folder, with(short_iris, {"--save-arrays"}));
    const Json& last = result["checkpoints"].back();
    const Vector gradient = load_npy_vector(folder / "out/gradient.npy");
    BOOST_TEST(std::abs(gradient.norm() - last["gradient_norm"].get<double>()) <= rounding * gradient.norm());
    const Vector v = load_npy_vector(folder / "out/second_moment.npy");
    BOOST_TEST(v.size() == 67);
    BOOST_TEST((v.array() > 0.0).all());
    BOOST_TEST(load_npy(folder / "out/noise_covariance.npy").rows() == 67);
    const Matrix second_moment = load_npy(folder / "out/second_moment_matrix.npy");
    BOOST_TEST((second_moment.diagonal() - v).norm() <= rounding * v.norm());
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(load_npy(folder / "out/hessian.npy"));
    const Vector lambda = eigen.eigenvalues();
    // q from these files alone: the line through log u'Wu against log |lambda|.
    const Vector forms =
        eigen.eigenvectors().cwiseProduct(second_moment * eigen.eigenvectors()).colwise().sum().transpose();
    const Vector size = lambda.cwiseAbs();
    double n = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
    for (Index k = 0; k < size.size(); ++k)
        if (size(k) >= 1e-4 * size.maxCoeff()) {
            const double a = std::log(size(k)), b = std::log(forms(k));
            n += 1.0, x += a, y += b, xx += a * a, xy += a * b;
        }
    const Json& q = last["exponent"]["minibatch"];
    BOOST_TEST(q["directions"] == n);
    BOOST_TEST(std::abs((n * xy - x * y) / (n * xx - x * x) - q["value"].get<double>()) <= 1e-9);
    BOOST_TEST(std::abs(lambda(66) - last["lambda_max"].get<double>()) <= rounding * lambda(66));
    const Json again = result_of(folder, {"curvature", "--problem", "iris-mlp", "--theta", "out/theta.npy"}, "again");
    BOOST_TEST(again["loss"] == last["loss"]);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes_on_any_number_of_threads) {
    const TemporaryFolder folder;
    const std::vector<std::vector<std::string>> commands = {
        with(short_iris, {"--save-arrays"}),
        {"curvature", "--problem", "breast-cancer-logistic", "--save-arrays"},
        {"train", "--problem", "iris-mlp", "--steps", "20", "--newton-steps", "2", "--save-arrays"}};
    for (const std::vector<std::string>& command : commands) {
        BOOST_TEST_CONTEXT(command[0]) {
            const Json one = result_of(folder, with(command, {"--threads", "1"}), "one");
            BOOST_TEST(one["threads"] == 1);
            const std::vector<std::vector<std::string>> others = {
                {"--threads", "1"}, {"--threads", "2"}, {"--threads", "64"}, {"--threads", "0"}, {"--seed", "0"}};
            for (const auto& other : others) {
                const Json again = result_of(folder, with(command, other), "other");
                BOOST_TEST((computed(again) == computed(one)), other[0] << " " << other[1]);
                for (const std::string& name : names_in(folder / "one"))
                    if (name.ends_with(".npy"))
                        BOOST_TEST((contents(folder / "one" / name) == contents(folder / "other" / name)), name);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(different_seeds_give_different_runs) {
    const TemporaryFolder folder;
    const Json zero = result_of(folder, short_iris);
    const Json batches = result_of(folder, with(short_iris, {"--seed", "7"}));
    const Json start = result_of(folder, with(short_iris, {"--init-seed", "7"}));
    BOOST_TEST(batches["loss_curve"][0] == zero["loss_curve"][0]);
    BOOST_TEST(batches["loss_curve"].back() != zero["loss_curve"].back());
    BOOST_TEST(start["loss_curve"][0] != zero["loss_curve"][0]);
}

BOOST_AUTO_TEST_CASE(epochs_draw_each_sample_once) {
    const TemporaryFolder folder;
    // One batch of all samples is the same batch in any order of epochs; drawn independently it is not.
    const auto last_loss = [&](const std::string& sampling, const std::string& seed) {
        return result_of(folder, {"compare", "--problem", "diabetes-linear", "--steps", "3", "--batch", "442",
                                  "--sampling", sampling, "--seed", seed})["loss_curve"]
            .back()
            .get<double>();
    };
    BOOST_TEST(std::abs(last_loss("epochs", "1") - last_loss("epochs", "2")) <= rounding);
    BOOST_TEST(std::abs(last_loss("iid", "1") - last_loss("iid", "2")) > rounding);
}

BOOST_AUTO_TEST_CASE(ctrl_c_leaves_nothing) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        const TemporaryFolder folder;
        const Outcome outcome = run_hessq(
            folder / "",
            {"train", "--problem", "digits-mlp", "--methods", "damped_newton,adam", "--newton-steps", "100000"},
            {.signal_at_first_message = signal});
        BOOST_TEST(outcome.signal == signal);
        BOOST_TEST(outcome.out == "");
        BOOST_TEST(std::filesystem::is_empty(folder / ""));
    }
}

BOOST_AUTO_TEST_SUITE_END()
