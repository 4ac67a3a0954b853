#pragma once

#include <CLI/App.hpp>
#include <string>

namespace hessq::app {

/// The manual page, from what the commands declare: options that several commands have in common are explained once.
std::string manual(const CLI::App& program, const std::string& version);

} // namespace hessq::app
