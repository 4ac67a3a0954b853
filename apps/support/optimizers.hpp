#pragma once

#include "hessq/optimizers/registry.hpp"
#include "support/options.hpp"

#include <memory>
#include <string>
#include <vector>

namespace hessq::app {

/// The names of a list option, each once and in the order given.
///
/// Throws     InputError naming the known ones, and the nearest.
std::vector<std::string> chosen_names(const std::string& option, const std::string& text,
                                      const std::vector<std::string>& known);

/// What happens to gradients and updates by groups of parameters.
struct GroupOptions {
    std::vector<std::string> rates;  ///< PATTERN=X: the learning rate times X
    std::vector<std::string> clips;  ///< PATTERN=X: each group's gradient to the norm X
    std::vector<std::string> frozen; ///< PATTERN
    double clip_norm = 0.0;          ///< of all gradients together; 0: none

    bool any() const { return !rates.empty() || !clips.empty() || !frozen.empty() || clip_norm > 0.0; }
};

/// --group-lr, --clip-group, --freeze and --clip-norm; all but the last may be given many times.
void add_group_options(CLI::App& command, GroupOptions& options);

/// The optimizer with these in front of and behind it: frozen groups have no gradient and do not move, then each group
/// is clipped, then all of them by their common norm, and the update is scaled.
///
/// Throws     InputError if a pattern fits no group or a factor is out of range.
std::unique_ptr<Optimizer> with_groups(std::unique_ptr<Optimizer> optimizer, const ParameterLayout& layout,
                                       const GroupOptions& options);

/// What was given on the command line; every optimizer has its own defaults for the rest.
OptimizerSettings given_settings(const CLI::App& command, const TrainingOptions& training);

/// The groups of the problem that fit the pattern of an option.
///
/// Throws     InputError listing the groups if there is none.
std::vector<Index> groups_of(const std::string& option, const ParameterLayout& layout, const std::string& pattern);

/// Says in the help of --lr, --beta1, --beta2 and --eps that each optimizer has its own default.
void describe_own_defaults(CLI::App& command);

} // namespace hessq::app
