#include "hessq/core/random.hpp"
#include "hessq/datasets/npy.hpp"
#include "support/json.hpp"
#include "support/program.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

using namespace hessq;
using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(own_data)

namespace {

constexpr Index samples = 12;

/// Twelve samples of two features, three classes "red", "green", "blue" and a number.
Matrix inputs() { return normal_vector(RandomStream(5, 0), 2 * samples).reshaped(samples, 2); }
int label(Index s) { return static_cast<int>(s % 3); }
double number(Index s) { return 0.5 * static_cast<double>(s) - 1.0; }

std::string csv() {
    const Matrix x = inputs();
    std::string text = "a,color,b,pair,number\n";
    for (Index s = 0; s < samples; ++s)
        text += std::to_string(x(s, 0)) +
                (s % 3 == 0   ? ",blue,"
                 : s % 3 == 1 ? ",green,"
                              : ",red,") +
                std::to_string(x(s, 1)) + (s % 2 == 0 ? ",0," : ",1,") + std::to_string(number(s)) + "\n";
    return text;
}

/// The same without the columns of text and pairs, with the class last.
std::string class_csv() {
    const Matrix x = inputs();
    std::string text = "a,b,color\n";
    for (Index s = 0; s < samples; ++s)
        text += std::to_string(x(s, 0)) + "," + std::to_string(x(s, 1)) + "," + std::to_string(label(s)) + "\n";
    return text;
}

std::string number_csv(bool first) {
    const Matrix x = inputs();
    std::string text = first ? "y,a,b\n" : "a,b,y\n";
    for (Index s = 0; s < samples; ++s) {
        const std::string features = std::to_string(x(s, 0)) + "," + std::to_string(x(s, 1));
        text += first ? std::to_string(number(s)) + "," + features : features + "," + std::to_string(number(s));
        text += "\n";
    }
    return text;
}

Json curvature(const TemporaryFolder& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "curvature");
    arguments.insert(arguments.end(), {"--json", "--no-report", "--save-arrays", "--out", "out"});
    const Outcome outcome = run_hessq(folder / "", arguments);
    BOOST_TEST_REQUIRE(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.err == "");
    return test::json_of(outcome.out);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_model_has_its_parameters_and_loss) {
    const TemporaryFolder folder;
    folder.write("classes.csv", class_csv());
    folder.write("pairs.csv", "a,b,pair\n1,2,no\n2,1,yes\n0,1,no\n1,1,yes\n");
    folder.write("numbers.csv", number_csv(false));
    struct Case {
        std::vector<std::string> arguments;
        std::string name, loss;
        int parameters;
    };
    const std::vector<Case> cases = {
        {{"--data", "numbers.csv", "--model", "linear"}, "numbers-linear", "squared", 3},
        {{"--data", "pairs.csv", "--model", "logistic"}, "pairs-logistic", "logistic cross-entropy", 3},
        {{"--data", "classes.csv", "--model", "softmax"}, "classes-softmax", "softmax cross-entropy", 9},
        {{"--data", "classes.csv", "--model", "mlp"}, "classes-mlp", "softmax cross-entropy", 32 * 3 + 3 * 33},
        {{"--data", "classes.csv", "--model", "mlp", "--hidden", "4,3"},
         "classes-mlp",
         "softmax cross-entropy",
         12 + 15 + 12},
        {{"--data", "numbers.csv", "--model", "mlp", "--hidden", "4", "--loss", "squared"},
         "numbers-mlp",
         "squared",
         12 + 5}};
    for (const Case& c : cases) {
        const Json problem = curvature(folder, c.arguments)["problem"];
        BOOST_TEST(problem["name"] == c.name);
        BOOST_TEST(problem["loss"] == c.loss);
        BOOST_TEST(problem["parameters"] == c.parameters, c.name);
    }
}

BOOST_AUTO_TEST_CASE(activations_penalty_and_standardization_change_the_loss) {
    const TemporaryFolder folder;
    folder.write("classes.csv", class_csv());
    std::set<double> losses;
    const auto is_new = [&](const std::vector<std::string>& more) {
        std::vector<std::string> arguments = {"--data", "classes.csv", "--model", "mlp", "--hidden", "4"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return losses.insert(curvature(folder, arguments)["loss"].get<double>()).second;
    };
    for (const char* activation : {"tanh", "relu", "gelu", "softplus", "sigmoid", "identity"})
        BOOST_TEST(is_new({"--activation", activation}), activation);
    BOOST_TEST(!is_new({"--activation", "tanh"}));
    BOOST_TEST(!is_new({}), "tanh is the default");
    BOOST_TEST(is_new({"--l2", "0.1"}));
    BOOST_TEST(is_new({"--init-seed", "2"}));
    BOOST_TEST(is_new({"--standardize"}));
    const Matrix x = load_npy(folder / "out/inputs.npy");
    const double eps = std::numeric_limits<double>::epsilon();
    for (Index j = 0; j < 2; ++j) {
        BOOST_TEST(std::abs(x.col(j).mean()) <= static_cast<double>(samples) * eps);
        BOOST_TEST(std::abs(x.col(j).squaredNorm() / static_cast<double>(samples) - 1.0) <=
                   static_cast<double>(samples) * eps);
    }
}

BOOST_AUTO_TEST_CASE(the_target_column_is_the_last_or_the_named_one) {
    const TemporaryFolder folder;
    folder.write("last.csv", number_csv(false));
    folder.write("first.csv", number_csv(true));
    const Json last = curvature(folder, {"--data", "last.csv", "--model", "linear"});
    const Json first = curvature(folder, {"--data", "first.csv", "--target", "y", "--model", "linear"});
    BOOST_TEST(first["loss"] == last["loss"]);
    BOOST_TEST(first["trace"] == last["trace"]);
    const Outcome text =
        run_hessq(folder / "", {"curvature", "--data", folder.write("text.csv", csv()).string(), "--model", "linear"});
    BOOST_TEST(text.status == 2);
    BOOST_TEST(text.err ==
               (folder / "text.csv").string() + ":2: expected a finite number in column 'color'; got 'blue'\n");
}

BOOST_AUTO_TEST_CASE(csv_npy_libsvm_and_idx_files_give_the_same_result) {
    const TemporaryFolder folder;
    // Bytes, so that IDX can hold them, too.
    std::string text = "a,b,label\n", svm, bytes, labels;
    Matrix x(samples, 2);
    Vector y(samples);
    for (Index s = 0; s < samples; ++s) {
        x(s, 0) = static_cast<double>(3 * s % 7 + 1);
        x(s, 1) = static_cast<double>(5 * s % 11 + 1);
        y(s) = label(s);
        const auto word = [](double value) { return std::to_string(static_cast<int>(value)); };
        text += word(x(s, 0)) + "," + word(x(s, 1)) + "," + word(y(s)) + "\n";
        svm += word(y(s)) + " 1:" + word(x(s, 0)) + " 2:" + word(x(s, 1)) + "\n";
        bytes += {static_cast<char>(x(s, 0)), static_cast<char>(x(s, 1))};
        labels += static_cast<char>(y(s));
    }
    folder.write("d.csv", text);
    folder.write("d.libsvm", svm);
    folder.write("d-ubyte", idx_bytes(8, {static_cast<std::uint32_t>(samples), 2}, bytes));
    folder.write("labels-ubyte", idx_bytes(8, {static_cast<std::uint32_t>(samples)}, labels));
    save_npy(folder / "d.npy", x);
    save_npy_vector(folder / "labels.npy", y);

    const auto traces = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--model", "softmax"});
        const Json result = curvature(folder, arguments);
        return std::pair(result["loss"].dump(), result["trace"].dump());
    };
    const auto expected = traces({"--data", "d.csv"});
    BOOST_TEST((traces({"--data", "d.npy", "--targets", "labels.npy"}) == expected));
    BOOST_TEST((traces({"--data", "d.libsvm"}) == expected));
    BOOST_TEST((traces({"--data", "d-ubyte", "--targets", "labels-ubyte"}) == expected));
    BOOST_TEST((load_npy(folder / "out/inputs.npy").array() == x.array()).all());
    BOOST_TEST((load_npy(folder / "out/targets.npy").array() == y.array()).all());
}

BOOST_AUTO_TEST_CASE(names_that_are_not_utf8_do_not_spoil_the_result) {
    const TemporaryFolder folder;
    folder.write("na\xffme.csv", number_csv(false));
    const Json result = curvature(folder, {"--data", "na\xffme.csv", "--model", "linear"});
    BOOST_TEST(result["problem"]["name"] == "na\xef\xbf\xbdme-linear");
}

BOOST_AUTO_TEST_CASE(two_samples_are_enough_for_every_command) {
    const TemporaryFolder folder;
    folder.write("two.csv", "x,y\n1,no\n2,yes\n");
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"curvature"}, {"compare", "--steps", "3"}, {"train", "--steps", "3", "--newton-steps", "2"}})
        for (const char* model : {"logistic", "softmax", "mlp"}) {
            std::vector<std::string> arguments = command;
            arguments.insert(arguments.end(), {"--data", "two.csv", "--model", model, "--quiet"});
            const Outcome outcome = run_hessq(folder / "", arguments);
            BOOST_TEST(outcome.status == 0, command[0] << " " << model << ": " << outcome.err);
        }
}

BOOST_AUTO_TEST_SUITE_END()
