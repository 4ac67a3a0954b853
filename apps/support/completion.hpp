#pragma once

#include <CLI/App.hpp>
#include <string>

namespace hessq::app {

/// The scripts by which a shell completes commands, options and their values, from what the commands declare.
std::string bash_completion(const CLI::App& program);
std::string zsh_completion(const CLI::App& program);

} // namespace hessq::app
