#pragma once

#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/newton_comparison.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

// What `hessq compare` prints and writes, for its own runs and for those of a RunObserver.

#pragma GCC visibility push(default)
namespace hessq {

/// "positive definite", "indefinite", "singular".
const char* name_of(NewtonStatus status);

/// "quadratic model", "line search", "full step".
const char* name_of(StepQuality::Scale scale);

/// What was found, in a paragraph of plain words.
///
/// Throws     std::invalid_argument if there is no checkpoint. So for all that take a comparison.
std::string finding_of(const NewtonComparison& comparison);

/// One row a checkpoint.
TextTable checkpoint_table(const NewtonComparison& comparison);

/// One row a checkpoint: the two-source fit (metric M2) and the coordinate slopes (M3).
TextTable metric_table(const NewtonComparison& comparison);

/// What must stand beside coordinate slopes.
inline constexpr const char* coordinate_warning =
    "Coordinate slopes do not tell the two laws apart: a rank-one Hessian gives p = 1/2 under both.";

/// One row a method.
TextTable method_table(const PreconditionerComparison& point);

/// Figures and tables.
void add_comparison(HtmlReport& report, const NewtonComparison& comparison);

/// A JSON object with the keys "checkpoints" and "loss_curve" of result.json (docs/commands.md). Numbers that are not
/// finite become null.
std::string comparison_json(const NewtonComparison& comparison);

struct ComparisonHeading {
    std::string name = "a run"; ///< of the loss or the run
    /// What a reader should know about how it was made: names and values, at the end of the report.
    std::vector<std::pair<std::string, std::string>> settings = {};
    PictureOptions pictures = {};
};

/// Writes result.json, report.html and the arrays theta.npy, gradient.npy, hessian.npy, second_moment.npy (v) and
/// second_moment_matrix.npy (W) of the last checkpoint into a folder, complete or not at all. result.json has the keys
/// that `hessq compare` writes, but for those of its command line ("version", "command_line", "seed", "threads",
/// "seconds", "training").
///
/// Throws     InputError if the folder cannot be written or holds files that hessq does not write; std::runtime_error
///            when writing fails.
void write_comparison(const std::filesystem::path& folder, const NewtonComparison& comparison,
                      const ComparisonHeading& heading = {});

} // namespace hessq
#pragma GCC visibility pop
