#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

namespace hessq::app {

/// A command declares its options on `command` and returns what to do once they are read.
/// The argument of that function is the whole command line, for the record.
using Action = std::function<void(const std::string& command_line)>;

Action compare_command(CLI::App& command);
Action curvature_command(CLI::App& command);
Action spectrum_command(CLI::App& command);
Action regimes_command(CLI::App& command);
Action batch_size_command(CLI::App& command);
Action epsilon_command(CLI::App& command);
Action clipping_command(CLI::App& command);
Action layerwise_command(CLI::App& command);
Action theory_command(CLI::App& command);
Action train_command(CLI::App& command);
Action problems_command(CLI::App& command);

} // namespace hessq::app
