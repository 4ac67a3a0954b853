#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

// The parser, compiled once.

namespace hessq::test {

/// Throws std::runtime_error if the file is not there, nlohmann::json::parse_error if it is not JSON.
nlohmann::json json_in(const std::filesystem::path& file);
nlohmann::json json_of(const std::string& text);

} // namespace hessq::test
