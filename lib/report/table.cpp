#include "hessq/report/table.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

namespace hessq {
namespace {

/// The decimal exponent of the value once it is rounded to so many significant digits: 0 for 9.4, 1 for 9.96 at two.
int decimal_exponent(double value, int digits) {
    const std::string scientific = fmt::format("{:.{}e}", value, digits - 1);
    return std::atoi(scientific.c_str() + scientific.find('e') + 1);
}

std::string without_trailing_zeros(std::string number) {
    if (number.find('.') == std::string::npos) return number;
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
    return number;
}

/// value / 10^exponent with so many decimals; never "-0.00".
std::string scaled(double value, int exponent, int decimals) {
    // Two factors, because 10^324 overflows where 10^-324 is still a number.
    const int half = exponent / 2;
    const std::string text =
        fmt::format("{:.{}f}", value / std::pow(10.0, half) / std::pow(10.0, exponent - half), decimals);
    return text.find_first_not_of("-0.") == std::string::npos && text.front() == '-' ? text.substr(1) : text;
}

/// Characters, not bytes, so that accented names and Greek letters line up.
std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

} // namespace

std::string format_number(double value, int digits) {
    require(digits >= 1 && digits <= 17, "format_number", "digits must be from 1 to 17", Index{digits});
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0.0 ? "inf" : "-inf";
    if (value == 0.0) return "0";

    const int exponent = decimal_exponent(value, digits);
    const std::string rounded = fmt::format("{:.{}e}", value, digits - 1);
    const bool is_round_integer = exponent >= 0 && exponent < 7 && std::stod(rounded) == value;
    if (is_round_integer && exponent >= digits) return fmt::format("{:.0f}", value);
    if (exponent >= -3 && exponent < digits)
        return without_trailing_zeros(fmt::format("{:.{}f}", value, digits - 1 - exponent));
    return fmt::format("{}e{}", without_trailing_zeros(rounded.substr(0, rounded.find('e'))), exponent);
}

std::string format_estimate(double value, double std_error) {
    require(!(std_error < 0.0), "format_estimate", "std_error must not be negative", std_error);
    if (!std::isfinite(value) || !std::isfinite(std_error) || std_error == 0.0)
        return fmt::format("{} +- {}", format_number(value), format_number(std_error));

    const bool starts_with_one = fmt::format("{:.0e}", std_error).front() == '1';
    const int error_digits = starts_with_one ? 2 : 1;
    const int last_place = decimal_exponent(std_error, error_digits) - (error_digits - 1);
    const int exponent = value == 0.0 ? decimal_exponent(std_error, error_digits)
                                      : std::max(decimal_exponent(value, 1), decimal_exponent(std_error, error_digits));
    // A double holds 15 decimal digits: an error below them cannot be written into the value.
    if (exponent - last_place > 15)
        return fmt::format("{} +- {}", format_number(value, 15), format_number(std_error, 1));

    if (exponent >= -3 && last_place <= 0)
        return fmt::format("{} +- {}", scaled(value, 0, -last_place), scaled(std_error, 0, -last_place));
    const int decimals = exponent - last_place;
    return fmt::format("({} +- {})e{}", scaled(value, exponent, decimals), scaled(std_error, exponent, decimals),
                       exponent);
}

std::string format_bytes(double bytes) {
    require(std::isfinite(bytes) && bytes >= 0.0, "format_bytes", "bytes must be finite and not negative", bytes);
    constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    std::size_t unit = 0;
    for (; bytes >= 1023.5 && unit + 1 < units.size(); ++unit) bytes /= 1024.0;
    return fmt::format("{:.{}f} {}", bytes, unit > 0 && bytes < 9.95 ? 1 : 0, units[unit]);
}

std::string format_seconds(double seconds) {
    require(std::isfinite(seconds) && seconds >= 0.0, "format_seconds", "seconds must be finite and not negative",
            seconds);
    if (seconds < 0.9995) return format_number(1000.0 * seconds, 3) + " ms";
    if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
    // Rounded to the smaller unit shown before it is cut in two, so that no "1 min 60 s" appears.
    const double whole = std::round(seconds);
    if (whole < 3600.0) return fmt::format("{:.0f} min {:02.0f} s", std::floor(whole / 60.0), std::fmod(whole, 60.0));
    const double minutes = std::round(seconds / 60.0);
    if (minutes < 1440.0)
        return fmt::format("{:.0f} h {:02.0f} min", std::floor(minutes / 60.0), std::fmod(minutes, 60.0));
    const double hours = std::round(seconds / 3600.0);
    return fmt::format("{:.0f} d {:02.0f} h", std::floor(hours / 24.0), std::fmod(hours, 24.0));
}

TextTable::TextTable(std::vector<std::string> headers) : headers_(std::move(headers)) {
    require(!headers_.empty(), "TextTable", "there must be at least one header", Index{0});
}

void TextTable::add_row(std::vector<Cell> cells) {
    require_size(static_cast<Index>(cells.size()), static_cast<Index>(headers_.size()), "TextTable::add_row", "a row");
    rows_.push_back(std::move(cells));
}

bool TextTable::is_numeric(std::size_t j) const {
    return std::any_of(rows_.begin(), rows_.end(), [j](const auto& row) { return row[j].number; });
}

std::string TextTable::str() const {
    std::vector<std::size_t> widths;
    for (std::size_t j = 0; j < headers_.size(); ++j) {
        widths.push_back(width(headers_[j]));
        for (const auto& row : rows_) widths[j] = std::max(widths[j], width(row[j].text));
    }

    std::string out;
    const auto add_cell = [&](std::size_t j, const std::string& text) {
        const std::string padding(widths[j] - width(text), ' ');
        if (j > 0) out += "  ";
        out += is_numeric(j) ? padding + text : text + padding;
    };
    const auto end_line = [&] {
        out.erase(out.find_last_not_of(' ') + 1);
        out += '\n';
    };

    for (std::size_t j = 0; j < headers_.size(); ++j) add_cell(j, headers_[j]);
    end_line();
    for (std::size_t j = 0; j < headers_.size(); ++j) add_cell(j, std::string(widths[j], '-'));
    end_line();
    for (const auto& row : rows_) {
        for (std::size_t j = 0; j < row.size(); ++j) add_cell(j, row[j].text);
        end_line();
    }
    return out;
}

} // namespace hessq
