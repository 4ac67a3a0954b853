#pragma once

#include "hessq/core/require.hpp"
#include "hessq/datasets/dataset.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hessq {

/// "<file>: expected ...; got ..." and, for a line of text, "<file>:<line>: expected ...; got ...".
InputError file_error(const std::filesystem::path& file, std::string_view expected, std::string_view got);
InputError line_error(const std::filesystem::path& file, Index line, std::string_view expected, std::string_view got);

/// Foreign text for a message: in quotes, on one line, at most 40 bytes of it.
std::string in_quotes(std::string_view text);

/// The bytes of a regular file that is not compressed.
std::string read_file(const std::filesystem::path& file);

/// The same for UTF-8 text without NUL bytes; a byte order mark is dropped.
std::string read_text(const std::filesystem::path& file);

/// A finite decimal number that fills the whole text, if it is one.
std::optional<double> finite_number(std::string_view text);

/// Names the data set after the file and validates it; errors name the file as it was given.
Dataset validated(Dataset data, const std::filesystem::path& file);

} // namespace hessq
