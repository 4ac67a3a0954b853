#include "support/run.hpp"

#include "hessq/core/require.hpp"
#include "hessq/datasets/npy.hpp"
#include "support/memory.hpp"
#include "support/user_problem.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace hessq::app {
namespace {

Problem find_problem(const CLI::App& command, const ProblemOptions& options) {
    if (!options.data.empty()) return user_problem(command, options);
    refuse_model_options(command);
    return bundled_problem(options.problem);
}

Vector find_start(const CLI::App& command, const Problem& problem, const ProblemOptions& options) {
    if (options.theta.empty()) return problem.start(options.init_seed);
    if (command.get_option("--init-seed")->count() > 0)
        throw InputError("--init-seed: expected without --theta, which holds the initial parameters; got both");
    const Vector theta = load_npy_vector(options.theta);
    const Index n = problem.objective->dimension();
    if (theta.size() != n)
        throw InputError(
            fmt::format("{}: expected {} parameters for {}; got {}", options.theta, n, problem.name, theta.size()));
    for (Index i = 0; i < n; ++i)
        if (!std::isfinite(theta(i)))
            throw InputError(
                fmt::format("{}: expected finite parameters; got {} at index {}", options.theta, theta(i), i));
    return theta;
}

/// A former result is replaced whole, and with it what this run reads from it.
void refuse_inputs_in(const std::filesystem::path& out, const ProblemOptions& options) {
    namespace fs = std::filesystem;
    const std::pair<const char*, const std::string&> inputs[] = {
        {"--data", options.data}, {"--targets", options.targets}, {"--theta", options.theta}};
    for (const auto& [option, file] : inputs) {
        std::error_code ignored;
        if (!file.empty() && fs::canonical(file, ignored).parent_path() == out)
            throw InputError(fmt::format("{}: expected a file outside the output folder, which is replaced; got {} "
                                         "(--out names another folder)",
                                         option, file));
    }
}

/// JSON and HTML are UTF-8; names of files need not be.
std::string to_utf8(const std::string& text) {
    return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

/// The names of the classes, in the order of the numbers that stand for them in targets.npy; null when targets are
/// real.
Json class_names(const Problem& problem) {
    if (!problem.data || problem.data->class_names.empty()) return nullptr;
    Json names = Json::array();
    for (const std::string& name : problem.data->class_names) names.push_back(to_utf8(name));
    return names;
}

/// "0 = setosa, 1 = versicolor, 2 = virginica", at most a line or two of it; empty when targets are real.
std::string class_list(const Problem& problem) {
    constexpr std::size_t most = 10;
    std::string list;
    const Json names = class_names(problem);
    for (std::size_t k = 0; k < std::min(most, names.size()); ++k)
        list += fmt::format("{}{} = {}", k > 0 ? ", " : "", k, names[k].get<std::string>());
    return names.size() > most ? fmt::format("{} and {} more", list, names.size() - most) : list;
}

} // namespace

NumericalError not_finite(const std::string& what, const NumericalError& error) {
    // The sign of a NaN says nothing, and differs between machines.
    std::string reason = error.what();
    if (const auto at = reason.find("-nan"); at != std::string::npos) reason.erase(at, 1);
    return NumericalError(fmt::format("{}: expected finite numbers; got '{}'", what, reason));
}

void require_written(std::ostream& output) {
    if (!output.flush())
        throw std::runtime_error("standard output: expected to write the result; got an error (is the disk full?)");
}

NewParents::NewParents(const std::filesystem::path& folder) {
    namespace fs = std::filesystem;
    std::error_code ignored; // an odd path is refused where the folder is made
    for (fs::path parent = fs::weakly_canonical(folder, ignored).parent_path();
         parent.has_relative_path() && fs::status(parent, ignored).type() == fs::file_type::not_found;
         parent = parent.parent_path())
        missing_.push_back(parent);
}

void NewParents::remove() const {
    for (const std::filesystem::path& parent : missing_) rmdir(parent.c_str()); // only if empty
}

Cell number_cell(double value, int digits) {
    Cell cell(std::isfinite(value) ? format_number(value, digits) : "-");
    cell.number = std::isfinite(value);
    return cell;
}

Json to_json(VectorView values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(value);
    return list;
}

Json to_json(const Estimate& estimate) {
    return {{"value", estimate.value}, {"std_error", estimate.std_error}, {"samples", estimate.samples}};
}

Json to_json(const TrainingOptions& training) {
    return {{"steps", training.steps}, {"batch", training.batch}, {"sampling", training.sampling},
            {"lr", training.lr},       {"beta1", training.beta1}, {"beta2", training.beta2},
            {"eps", training.eps}};
}

Output::Output(std::string command, const RunOptions& options, std::string command_line)
    : command_(std::move(command)), command_line_(to_utf8(command_line)), options_(options),
      threads_(options.threads > 0 ? static_cast<int>(options.threads) : available_threads()),
      limit_(std::make_unique<ThreadLimit>(threads_)) {}

void Output::open(const std::string& default_name) {
    const std::string given = options_.out.empty() ? "hessq-out/" + default_name : options_.out;
    std::error_code error; // a shell can stand in a folder that was deleted
    const std::filesystem::path out = std::filesystem::absolute(given, error);
    if (error)
        throw InputError(
            fmt::format("--out: expected a working folder to put {} into; got one that does not exist", given));
    parents_.emplace(out);
    folder_.emplace(out);
    parents_->remove(); // a run that is interrupted leaves nothing
}

Run::Run(const CLI::App& command, const ProblemOptions& problem, const RunOptions& options, std::string command_line)
    : Output(command.get_name(), options, std::move(command_line)), app_(command), init_seed_(problem.init_seed),
      problem_(find_problem(command, problem)), start_(find_start(command, problem_, problem)) {
    open(this->command() + "-" + problem_.name);
    refuse_inputs_in(out(), problem);
    problem_.name = to_utf8(problem_.name);
    problem_.summary = to_utf8(problem_.summary);
}

void Run::fit_batch(TrainingOptions& training) const {
    const Index samples = objective().samples();
    if (app_.get_option("--batch")->count() == 0)
        training.batch = std::min(training.batch, samples);
    else if (training.batch > samples)
        throw InputError(fmt::format("--batch: expected at most the {} samples of {}; got {}", samples, problem_.name,
                                     training.batch));
}

void Run::announce_memory(double bytes) const {
    constexpr double much = 100.0 * 1024.0 * 1024.0;
    require_memory(command(), bytes, static_cast<double>(start_.size()));
    if (bytes >= much && !is_quiet())
        std::cerr << fmt::format("{}: {} samples, {} parameters; needs about {} of memory, {} free\n", problem_.name,
                                 objective().samples(), start_.size(), format_bytes(bytes),
                                 format_bytes(available_memory()));
}

void Run::announce_dense_memory(double bytes, const std::string& instead) const {
    require_memory(command(), bytes, static_cast<double>(start_.size()));
    if (start_.size() > largest_dense_dimension)
        throw InputError(fmt::format("hessq {}: expected at most {} parameters for an exact Hessian; got {}{}",
                                     command(), largest_dense_dimension, start_.size(), instead));
    announce_memory(bytes);
}

void Output::save_array(const std::string& name, Matrix values) {
    if (!options_.save_arrays) return;
    folder_->add(name, [values = std::move(values)](const std::filesystem::path& path) { save_npy(path, values); });
}

void Output::save_array(const std::string& name, Vector values) {
    if (!options_.save_arrays) return;
    folder_->add(name,
                 [values = std::move(values)](const std::filesystem::path& path) { save_npy_vector(path, values); });
}

void Output::finish(const Json& about, const Json& result, HtmlReport report,
                    const std::vector<std::pair<std::string, std::string>>& settings, const std::string& tables,
                    const std::string& finding) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    Json document = {{"schema", "hessq/" + command_ + "/1"},
                     {"version", HESSQ_VERSION},
                     {"command_line", command_line_},
                     {"seed", options_.seed}};
    document.update(about);
    document.update(Json{{"threads", threads_}, {"seconds", seconds}, {"finding", finding}});
    document.update(result);
    const std::string text = document.dump(1) + "\n";

    if (!options_.no_report) {
        std::vector<std::pair<std::string, std::string>> entries = {{"Command", command_line_}};
        entries.insert(entries.end(), settings.begin(), settings.end());
        entries.emplace_back("Seed", std::to_string(options_.seed));
        entries.emplace_back("Threads, time", fmt::format("{}, {}", threads_, format_seconds(seconds)));
        entries.emplace_back("Version", "hessq " HESSQ_VERSION);
        report.section("How this was made");
        report.settings(entries);
        folder_->add("report.html", report.str());
    }
    folder_->add("result.json", text);
    folder_->commit();

    if (options_.json)
        std::cout << text;
    else if (!options_.quiet)
        std::cout << tables << '\n' << finding << "\n\n" << folder_->path().string() << '\n';
    require_written(std::cout);
}

void Run::finish(Json result, HtmlReport report, const std::string& tables, const std::string& finding) {
    if (problem_.data) {
        save_array("inputs.npy", Matrix(problem_.data->inputs.transpose()));
        save_array("targets.npy", Matrix(problem_.data->targets.transpose()));
    }
    std::vector<std::pair<std::string, std::string>> settings = {
        {"Problem", problem_.name + ": " + problem_.summary},
        {"Loss", problem_.loss},
        {"Conventions", problem_.conventions},
        {"Samples, parameters", fmt::format("{}, {}", objective().samples(), objective().dimension())}};
    if (const std::string classes = class_list(problem_); !classes.empty()) settings.emplace_back("Classes", classes);
    settings.emplace_back("Seed of the initial parameters", std::to_string(init_seed_));
    Output::finish({{"init_seed", init_seed_},
                    {"problem",
                     {{"name", problem_.name},
                      {"samples", objective().samples()},
                      {"parameters", objective().dimension()},
                      {"loss", problem_.loss},
                      {"classes", class_names(problem_)},
                      {"conventions", problem_.conventions}}}},
                   result, std::move(report), settings, tables, finding);
}

} // namespace hessq::app
