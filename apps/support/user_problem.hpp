#pragma once

#include "hessq/objectives/problems.hpp"
#include "support/options.hpp"

namespace hessq::app {

/// The model of --model on the data of --data.
///
/// Throws     InputError if an option is missing, does not apply, or the file is not as expected.
Problem user_problem(const CLI::App& command, const ProblemOptions& options);

/// Options that describe a model of one's own data have no meaning for a bundled problem.
///
/// Throws     InputError that names the first one given.
void refuse_model_options(const CLI::App& command);

} // namespace hessq::app
