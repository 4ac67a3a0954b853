#include "file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <system_error>

namespace hessq {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Position of the first byte that does not belong to a UTF-8 sequence, or the size of the text. Refused here, because
// names end up in JSON and HTML. Unicode 15, table 3-7.
std::size_t first_not_utf8(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto byte = [&](std::size_t k) {
            return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : static_cast<unsigned char>(0);
        };
        const unsigned lead = byte(0);
        const unsigned second = byte(1);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4) return i;
        for (std::size_t k = 1; k < length; ++k)
            if ((byte(k) & 0xc0) != 0x80) return i;
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
            (lead == 0xf4 && second > 0x8f))
            return i;
        i += length;
    }
    return i;
}

Index line_of(std::string_view text, std::size_t position) {
    return 1 + std::count(text.begin(), text.begin() + static_cast<Index>(position), '\n');
}

} // namespace

InputError file_error(const std::filesystem::path& file, std::string_view expected, std::string_view got) {
    return InputError(fmt::format("{}: expected {}; got {}", file.string(), expected, got));
}

InputError line_error(const std::filesystem::path& file, Index line, std::string_view expected, std::string_view got) {
    return InputError(fmt::format("{}:{}: expected {}; got {}", file.string(), line, expected, got));
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 40;
    std::size_t shown = std::min(text.size(), longest);
    while (shown > 0 && shown < text.size() && is_continuation(text[shown])) --shown;
    std::string result = "'";
    for (const char c : text.substr(0, shown))
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            result += c;
    return result + (shown < text.size() ? "...'" : "'");
}

std::string read_file(const std::filesystem::path& file) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(file, error);
    if (status.type() == std::filesystem::file_type::not_found) throw file_error(file, "a file", "no such file");
    if (status.type() == std::filesystem::file_type::none) throw file_error(file, "a file", error.message());
    if (std::filesystem::is_directory(status)) throw file_error(file, "a file", "a directory");
    // Devices and pipes have no size that could be compared with what they announce, and may never end.
    if (!std::filesystem::is_regular_file(status)) throw file_error(file, "a regular file", "a device or a pipe");

    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rb"), &std::fclose);
    if (!stream) throw file_error(file, "a readable file", std::generic_category().message(errno));
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    if (error) throw file_error(file, "a readable file", error.message());
    std::string bytes(size, '\0');
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), stream.get()));
    if (std::ferror(stream.get())) throw file_error(file, "a readable file", std::generic_category().message(errno));
    if (bytes.starts_with("\x1f\x8b")) throw file_error(file, "an uncompressed file", "gzip data (gunzip it first)");
    return bytes;
}

std::string read_text(const std::filesystem::path& file) {
    std::string text = read_file(file);
    if (const std::size_t nul = text.find('\0'); nul != std::string::npos)
        throw line_error(file, line_of(text, nul), "text", "a NUL byte, as binary files and UTF-16 have them");
    if (const std::size_t wrong = first_not_utf8(text); wrong < text.size())
        throw line_error(file, line_of(text, wrong), "UTF-8 text",
                         fmt::format("the byte 0x{:02x}", static_cast<unsigned char>(text[wrong])));
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    return text;
}

std::optional<double> finite_number(std::string_view text) {
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    double value = 0.0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

Dataset validated(Dataset data, const std::filesystem::path& file) {
    data.name = file.string();
    validate(data);
    data.origin = file.string();
    data.name = file.filename().string();
    return data;
}

} // namespace hessq
