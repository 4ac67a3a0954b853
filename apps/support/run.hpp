#pragma once

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/report/html.hpp"
#include "hessq/report/output_folder.hpp"
#include "hessq/report/progress.hpp"
#include "hessq/report/table.hpp"
#include "support/options.hpp"

#include <chrono>
#include <filesystem>
#include <iosfwd>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace hessq::app {

using Json = nlohmann::ordered_json;

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// The cell of a table: `digits` significant digits, "-" unless finite.
Cell number_cell(double value, int digits = 3);

/// A vector as a JSON list; numbers that are not finite become null.
Json to_json(VectorView values);
Json to_json(const Estimate& estimate);
Json to_json(const TrainingOptions& training);

/// "<what>: expected finite numbers; got '<error>'".
NumericalError not_finite(const std::string& what, const NumericalError& error);

/// Throws     std::runtime_error if what was printed did not arrive (a full disk).
void require_written(std::ostream& output);

/// Runs `work`. A NumericalError in it, most often of a loss that overflowed, is passed on with what it happened to.
template <class Work>
auto with_finite_numbers(const std::string& what, const Work& work) {
    try {
        return work();
    } catch (const NumericalError& error) {
        throw not_finite(what, error);
    }
}

/// The parents of a folder that are not there yet. Making the folder makes them, too; they disappear again with this
/// object unless something is in them.
class NewParents {
public:
    explicit NewParents(const std::filesystem::path& folder);
    ~NewParents() { remove(); }
    NewParents(const NewParents&) = delete;
    NewParents& operator=(const NewParents&) = delete;

    void remove() const;

private:
    std::vector<std::filesystem::path> missing_; ///< innermost first
};

/// LAPACK counts its workspace, 1 + 6 n + 2 n^2, in 32 bits.
inline constexpr Index largest_dense_dimension = 32766;

/// How a command runs and where its results go: its threads, its folder, its record.
class Output {
public:
    Output(std::string command, const RunOptions& options, std::string command_line);

    std::uint64_t seed() const { return options_.seed; }
    int threads() const { return threads_; }
    bool save_arrays() const { return options_.save_arrays; }
    /// Nothing but the result, or nothing at all, is to be printed.
    bool is_quiet() const { return options_.quiet || options_.json; }
    ProgressOptions progress_options() const { return {.quiet = is_quiet()}; }
    const std::string& command() const { return command_; }

    /// Checks, before any computing, that the results can be written: to --out, or to hessq-out/<default_name>.
    ///
    /// Throws     InputError if they cannot.
    void open(const std::string& default_name);
    /// Where the results will be: absolute.
    const std::filesystem::path& out() const { return folder_->path(); }

    /// A file of --save-arrays; ignored without that option.
    void save_array(const std::string& name, Matrix values);
    void save_array(const std::string& name, Vector values);

    /// Adds what every command has in common to `result` and `report`, writes result.json, report.html and the arrays,
    /// and prints `tables` and the finding, or the JSON text with --json. `about` are the command's own entries at the
    /// head of the result, `settings` those among the report's.
    void finish(const Json& about, const Json& result, HtmlReport report,
                const std::vector<std::pair<std::string, std::string>>& settings, const std::string& tables,
                const std::string& finding);

private:
    std::string command_;
    std::string command_line_;
    RunOptions options_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    int threads_;
    std::unique_ptr<ThreadLimit> limit_;
    std::optional<NewParents> parents_;
    std::optional<OutputFolder> folder_;
};

/// One execution of a command that analyses a problem. Made before any computing, so that every mistake in the command
/// line or its files is found at once; finish() writes everything or nothing.
class Run : public Output {
public:
    /// Throws     InputError and std::invalid_argument for whatever is wrong with the options or files.
    Run(const CLI::App& command, const ProblemOptions& problem, const RunOptions& options, std::string command_line);

    const Problem& problem() const { return problem_; }
    const FiniteSumObjective& objective() const { return *problem_.objective; }
    /// The problem's model, or null when it is none (a quadratic).
    const ModelObjective* model() const { return dynamic_cast<const ModelObjective*>(problem_.objective.get()); }
    const Vector& start() const { return start_; }

    /// The mini-batch of a problem with fewer samples than the default is all of them.
    ///
    /// Throws     InputError("--batch: expected at most the 150 samples of iris-mlp; got 9999").
    void fit_batch(TrainingOptions& training) const;

    /// Says how much memory the work will need if that is much (100 MiB), and refuses when the machine does not have
    /// it. With fewer to say, a run that fails later prints its reason and nothing else.
    ///
    /// Throws     NumericalError as require_memory does.
    void announce_memory(double bytes) const;
    /// The same for work that decomposes the whole Hessian, which LAPACK can for a limited number of parameters.
    ///
    /// Throws     InputError beyond that number.
    void announce_dense_memory(double bytes, const std::string& instead) const;

    /// Output::finish with what is said of a problem.
    void finish(Json result, HtmlReport report, const std::string& tables, const std::string& finding);

private:
    const CLI::App& app_;
    std::uint64_t init_seed_;
    Problem problem_;
    Vector start_;
};

} // namespace hessq::app
