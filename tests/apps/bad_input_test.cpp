#include "hessq/datasets/npy.hpp"
#include "support/program.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(bad_input)

namespace {

std::set<std::string> names_in(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        names.insert(entry.path().lexically_relative(folder).string());
    return names;
}

std::string without_amounts(const std::string& text) {
    return std::regex_replace(text, std::regex("[0-9.]+ ([KMGTP]iB|B|bytes)\\b"), "# $1");
}

/// The command says its one line and leaves the folder as it was.
void check_refusal(const TemporaryFolder& folder, const std::vector<std::string>& arguments, int status,
                   const std::string& message, const Surroundings& surroundings = {}) {
    BOOST_TEST_CONTEXT(message) {
        const std::set<std::string> before = names_in(folder / "");
        const Outcome outcome = run_hessq(folder / "", arguments, surroundings);
        BOOST_TEST(outcome.status == status);
        BOOST_TEST(outcome.signal == 0);
        BOOST_TEST(outcome.out == "");
        BOOST_TEST(without_amounts(outcome.err) == message + "\n");
        BOOST_TEST(names_in(folder / "") == before, boost::test_tools::per_element());
    }
}

void check_data(const std::string& name, const std::string& bytes, const std::string& model, const std::string& message,
                const std::vector<std::string>& more = {}) {
    const TemporaryFolder folder;
    folder.write(name, bytes);
    std::vector<std::string> arguments = {"curvature", "--data", name, "--model", model};
    arguments.insert(arguments.end(), more.begin(), more.end());
    check_refusal(folder, arguments, 2, message);
}

const std::vector<std::string> diabetes = {"curvature", "--problem", "diabetes-linear"};

std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

} // namespace

BOOST_AUTO_TEST_CASE(files_that_are_missing_empty_binary_or_truncated) {
    const TemporaryFolder folder;
    check_refusal(folder, {"curvature", "--data", "absent.csv", "--model", "linear"}, 2,
                  "absent.csv: expected a file; got no such file");
    check_refusal(folder, {"curvature", "--data", "/", "--model", "linear"}, 2,
                  "/: expected a name that ends in .csv, .npy, .libsvm, .svm, .idx or -ubyte; got ''");
    std::filesystem::create_directory(folder / "folder.csv");
    check_refusal(folder, {"curvature", "--data", "folder.csv", "--model", "linear"}, 2,
                  "folder.csv: expected a file; got a directory");
    check_data("empty.csv", "", "linear", "empty.csv:1: expected a header line of column names; got an empty file");
    check_data("header.csv", "x,y\n", "linear",
               "header.csv:1: expected lines of data below the header; got the end of the file");
    check_data("binary.csv", std::string("x,y\n1,\0\n", 8), "linear",
               "binary.csv:2: expected text; got a NUL byte, as binary files and UTF-16 have them");
    check_data("latin.csv", "x,y\n1,\xe9\n", "softmax", "latin.csv:2: expected UTF-8 text; got the byte 0xe9");
    check_data("data.txt", "x,y\n1,2\n", "linear",
               "data.txt: expected a name that ends in .csv, .npy, .libsvm, .svm, .idx or -ubyte; got 'data.txt'");
    check_data("empty.libsvm", "", "linear",
               "empty.libsvm: expected lines with a label and index:value pairs; got none");
    check_data("x.idx", "PK\x03\x04", "linear",
               "x.idx: expected an IDX file, which begins with two zero bytes; got 'PK\\x03\\x04'",
               {"--targets", "x.idx"});
    check_data("x.npy", "", "linear", "x.npy: expected a NumPy array file (.npy); got an empty file",
               {"--targets", "x.npy"});
    check_data("x.npy", "x", "linear", "x.npy: expected a second file with the targets (--targets FILE); got none");
    check_data("x.csv", "x,y\n1,2\n", "linear",
               "x.csv: expected no file of targets, which this format holds itself; got 'x.csv'",
               {"--targets", "x.csv"});
    check_data("x.libsvm", "1 1:2\n", "linear",
               "x.libsvm: expected no target column, which only .csv files have; got 'y'", {"--target", "y"});
}

BOOST_AUTO_TEST_CASE(rows_and_numbers_that_are_not_as_announced) {
    check_data("ragged.csv", "x,z,y\n1,2,3\n1,2\n", "linear", "ragged.csv:3: expected 3 columns; got 2");
    check_data("text.csv", "x,y\n1,2\nmany,3\n", "linear",
               "text.csv:3: expected a finite number in column 'x'; got 'many'");
    check_data("nan.csv", "x,y\n1,2\nnan,3\n", "linear",
               "nan.csv:3: expected a finite number in column 'x'; got 'nan'");
    check_data("inf.csv", "x,y\n1,inf\n2,3\n", "linear",
               "inf.csv:2: expected a finite number in the target column 'y'; got 'inf'");
    check_data("gap.csv", "x,y\n1,2\n,3\n", "linear",
               "gap.csv:3: expected a finite number in column 'x'; got an empty cell");
    check_data("words.csv", "x,y\n1,2\n2,red\n", "linear",
               "words.csv:3: expected a finite number in the target column 'y'; got 'red'");
    check_data("x.libsvm", "1 1:2\n0 2:nan\n", "linear",
               "x.libsvm:2: expected index:value with an index from 1 and a finite value; got '2:nan'");
    check_data("iris.csv", "x,species\n1,a\n2,b\n", "softmax",
               "iris.csv:1: expected a column named 'speces'; got none (did you mean 'species'?)",
               {"--target", "speces"});
}

BOOST_AUTO_TEST_CASE(classes_that_do_not_fit_the_model) {
    for (const char* model : {"logistic", "softmax", "mlp"})
        check_data("one.csv", "x,y\n1,a\n2,a\n", model,
                   "one.csv: expected at least two classes among the targets; got 1");
    check_data("three.csv", "x,y\n1,a\n2,b\n3,c\n", "logistic",
               "three.csv: expected two classes for --model logistic; got 3");
}

BOOST_AUTO_TEST_CASE(numbers_taken_for_class_labels_are_refused) {
    std::string prices = "x,price\n";
    for (int i = 0; i < 12; ++i) prices += std::to_string(i) + "," + std::to_string(i) + ".5\n";
    check_data("prices.csv", prices, "mlp",
               "prices.csv: expected classes, with two samples each or more; got 12 different targets of 12 samples "
               "(for numbers: --model linear, or --model mlp --loss squared)");
}

BOOST_AUTO_TEST_CASE(parameters_that_do_not_fit_the_problem) {
    const TemporaryFolder folder;
    save_npy_vector(folder / "short.npy", Vector::Zero(10));
    check_refusal(folder, with(diabetes, {"--theta", "short.npy"}), 2,
                  "short.npy: expected 11 parameters for diabetes-linear; got 10");
    Vector theta = Vector::Zero(11);
    theta(3) = std::numeric_limits<double>::quiet_NaN();
    save_npy_vector(folder / "nan.npy", theta);
    check_refusal(folder, with(diabetes, {"--theta", "nan.npy"}), 2,
                  "nan.npy: expected finite parameters; got nan at index 3");
    theta(3) = -std::numeric_limits<double>::infinity();
    save_npy_vector(folder / "inf.npy", theta);
    check_refusal(folder, with(diabetes, {"--theta", "inf.npy"}), 2,
                  "inf.npy: expected finite parameters; got -inf at index 3");
    save_npy(folder / "matrix.npy", Matrix::Zero(11, 2));
    check_refusal(folder, with(diabetes, {"--theta", "matrix.npy"}), 2, "matrix.npy: expected a vector; got 11 x 2");
    check_refusal(folder, with(diabetes, {"--theta", "absent.npy"}), 2,
                  "absent.npy: expected a file; got no such file");
    save_npy_vector(folder / "cut.npy", Vector::Zero(11));
    std::filesystem::resize_file(folder / "cut.npy", std::filesystem::file_size(folder / "cut.npy") - 8);
    check_refusal(folder, with(diabetes, {"--theta", "cut.npy"}), 2,
                  "cut.npy: expected numbers of # bytes for shape 11; got # bytes in all");
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_the_data) {
    const TemporaryFolder folder;
    for (const char* command : {"compare", "train"})
        check_refusal(folder, {command, "--problem", "iris-mlp", "--batch", "151"}, 2,
                      "--batch: expected at most the 150 samples of iris-mlp; got 151");
}

BOOST_AUTO_TEST_CASE(widths_of_hidden_layers_are_positive_whole_numbers) {
    for (const std::string widths : {"0", "8,-1", "8,", ",8", "8,,8", "8 8", "wide", "99999999999999999999"})
        check_data("x.csv", "x,y\n1,a\n2,b\n", "mlp",
                   "--hidden: expected whole numbers of at least 1 with commas between; got " + widths,
                   {"--hidden", widths});
}

BOOST_AUTO_TEST_CASE(output_folders_that_cannot_be_written) {
    const TemporaryFolder folder;
    folder.write("file", "mine");
    std::filesystem::create_directory(folder / "mine");
    folder.write("mine/thesis.txt", "mine");
    const auto refused = [&](const std::string& out, const std::string& message) {
        const std::string shown = out.starts_with("/") ? "" : std::filesystem::canonical(folder / "").string() + "/";
        check_refusal(folder, with(diabetes, {"--out", out}), 2, shown + message);
    };
    refused("file", "file: expected a folder; got a file");
    refused("file/out", "file/out: expected a folder that can be made; got Not a directory");
    refused("mine", "mine: expected a new folder, an empty one or one that hessq wrote; got a folder with other files "
                    "(thesis.txt)");
    refused("/proc/out", "/proc: expected a folder that can be written; got No such file or directory");
    refused("/proc/new/out", "/proc/new/out: expected a folder that can be made; got No such file or directory");
    refused(".", ".: expected a folder that can be replaced; got the working folder");
    refused(std::string(300, 'x'),
            std::string(300, 'x') + ": expected a folder that can be made; got File name too long");
    if (geteuid() != 0) { // root may write everywhere
        std::filesystem::create_directory(folder / "locked");
        std::filesystem::permissions(folder / "locked", std::filesystem::perms::owner_read);
        refused("locked/out", "locked/out: expected a folder that can be made; got Permission denied");
        std::filesystem::permissions(folder / "locked", std::filesystem::perms::owner_all);
    }
}

BOOST_AUTO_TEST_CASE(a_working_folder_that_was_deleted) {
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "gone");
    const Outcome outcome = run_hessq(folder / "gone", {"curvature", "--problem", "P1"}, {.folder_is_deleted = true});
    BOOST_TEST(outcome.status == 2);
    BOOST_TEST(outcome.err == "--out: expected a working folder to put hessq-out/curvature-P1 into; got one that does "
                              "not exist\n");
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_what_was_there) {
    const TemporaryFolder folder;
    const std::string out = std::filesystem::canonical(folder / "").string() + "/new/out";
    const Surroundings full{.file_size = 1024};
    check_refusal(folder, with(diabetes, {"--out", "new/out"}), 1,
                  out + "/report.html: expected to write # bytes; got File too large", full);
    check_refusal(folder, with(diabetes, {"--out", "new/out", "--no-report"}), 1,
                  out + "/result.json: expected to write # bytes; got File too large", full);
    check_refusal(folder, {"curvature", "--problem", "P1", "--out", "new/out", "--save-arrays"}, 1,
                  out + "/hessian.npy: expected a file that can be written; got File too large", full);
    const Outcome former = run_hessq(folder / "", with(diabetes, {"--out", "new/out", "--quiet"}));
    BOOST_TEST(former.status == 0);
    check_refusal(folder, with(diabetes, {"--out", "new/out"}), 1,
                  out + "/report.html: expected to write # bytes; got File too large", full);
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite) {
    const TemporaryFolder folder;
    check_refusal(
        folder, {"compare", "--problem", "iris-mlp", "--lr", "1e300"}, 1,
        "hessq compare, Adam with lr 1e+300: expected finite numbers; got 'train: loss is not finite at step 1 (nan)'");
    check_refusal(
        folder, {"train", "--problem", "iris-mlp", "--lr", "1e300", "--methods", "adam"}, 1,
        "hessq train, adam with lr 1e+300: expected finite numbers; got 'train: loss is not finite at step 1 (nan)'");
    save_npy_vector(folder / "huge.npy", Vector::Constant(11, 1e200));
    check_refusal(folder, with(diabetes, {"--theta", "huge.npy"}), 1,
                  "hessq curvature: expected finite numbers; got 'the loss is not finite: nan'");
    check_refusal(folder,
                  {"train", "--problem", "diabetes-linear", "--theta", "huge.npy", "--methods", "damped_newton"}, 1,
                  "hessq train, damped_newton: expected finite numbers; got 'minimize_newton: loss at iteration 0 is "
                  "not finite: nan'");
}

BOOST_AUTO_TEST_CASE(a_hessian_that_does_not_fit_in_memory) {
    const TemporaryFolder folder;
    folder.write("x.csv", "x,y\n1,a\n2,b\n");
    const auto refused = [&](const std::string& command, const std::string& hidden, const std::string& parameters,
                             const std::string& unit) {
        check_refusal(folder, {command, "--data", "x.csv", "--model", "mlp", "--hidden", hidden}, 1,
                      "hessq " + command + ": expected to need at most the # GiB of memory that are free; got # " +
                          unit + " for " + parameters + " parameters");
    };
    for (const char* command : {"curvature", "compare", "train"}) {
        refused(command, "1000000000,1000000000", "1.000000005e+18", "PiB");
        // Products of widths that no 64-bit number holds.
        refused(command, "9000000000000000000,9000000000000000000,9000000000000000000", "1.62e+38", "PiB");
    }
    refused("compare", "1000000", "4000002", "PiB");
    check_refusal(
        folder, {"compare", "--problem", "iris-mlp", "--steps", "1000000000000000"}, 1,
        "hessq compare: expected to need at most the # GiB of memory that are free; got # PiB for 67 parameters");
    // A process that may hold less than the machine has.
    check_refusal(
        folder, {"compare", "--problem", "digits-mlp", "--threads", "1"}, 1,
        "hessq compare: expected to need at most the # MiB of memory that are free; got # MiB for 2410 parameters",
        {.address_space = rlim_t{400} << 20});
}

BOOST_AUTO_TEST_CASE(curvature_that_does_not_fit_exactly_is_estimated) {
    const TemporaryFolder folder;
    folder.write("x.csv", "x,y\n1,a\n2,b\n");
    const Outcome outcome = run_hessq(folder / "", {"curvature", "--data", "x.csv", "--model", "mlp", "--hidden",
                                                    "10000", "--count", "1", "--no-report", "--out", "out"});
    BOOST_TEST(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.err.find("exact work on 40002 parameters would need ") != std::string::npos);
    BOOST_TEST(outcome.err.find(": estimates from products instead\n") != std::string::npos);
    BOOST_TEST(outcome.out.find("trace of the Hessian, ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_small_address_space_ends_in_a_result_or_one_line) {
    const TemporaryFolder folder;
    const Outcome outcome = run_hessq(folder / "", with(diabetes, {"--quiet", "--out", "out", "--threads", "1"}),
                                      {.address_space = rlim_t{512} << 20});
    BOOST_TEST(outcome.status == 0, outcome.err);
    BOOST_TEST(outcome.err == "");
    check_refusal(
        folder, diabetes, 1,
        "hessq curvature: expected to need at most the # B of memory that are free; got # KiB for 11 parameters",
        {.address_space = rlim_t{200} << 20});
}

BOOST_AUTO_TEST_CASE(standard_output_that_is_full) {
    const TemporaryFolder folder;
    const std::string command = std::string(HESSQ_PROGRAM) + " problems > /dev/full 2> " + (folder / "err").string();
    const int status = std::system(command.c_str());
    BOOST_TEST(WEXITSTATUS(status) == 1);
    std::ifstream file(folder / "err");
    const std::string message{std::istreambuf_iterator<char>(file), {}};
    BOOST_TEST(message == "standard output: expected to write the result; got an error (is the disk full?)\n");
}

BOOST_AUTO_TEST_SUITE_END()
