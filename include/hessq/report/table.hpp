#pragma once

#include "hessq/core/estimate.hpp"

#include <concepts>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// The number rounded to so many significant digits: fixed from 0.001 up to that many places before the point
/// (and for round integers below ten million), scientific elsewhere: "0.0123", "60000", "1.235e5", "-inf", "nan".
///
/// Throws     std::invalid_argument unless 1 <= digits <= 17.
std::string format_number(double value, int digits = 4);

/// A value with as many digits as its error bar warrants: "1.04 +- 0.03", "(1.235 +- 0.012)e5". The error has one
/// significant digit, or two where one would be a 1.
///
/// Throws     std::invalid_argument if std_error is negative.
std::string format_estimate(double value, double std_error);

/// "512 B", "1.3 GiB".
///
/// Throws     std::invalid_argument unless bytes is finite and not negative.
std::string format_bytes(double bytes);

/// "320 ms", "12.3 s", "2 min 05 s", "1 h 02 min", "3 d 04 h".
///
/// Throws     std::invalid_argument unless seconds is finite and not negative.
std::string format_seconds(double seconds);

/// One entry of a table: words, or a number, which is set flush right.
struct Cell {
    std::string text;
    bool number = false;

    Cell(std::string words) : text(std::move(words)) {}
    Cell(const char* words) : text(words) {}
    Cell(std::floating_point auto value) : text(format_number(value)), number(true) {}
    Cell(std::integral auto value) : text(std::to_string(value)), number(true) {}
    Cell(bool) = delete;
    Cell(const Estimate& estimate) : text(format_estimate(estimate.value, estimate.std_error)), number(true) {}
};

/// Rows of cells under headers: aligned text for the terminal, and what HtmlReport::table shows.
class TextTable {
public:
    /// Throws     std::invalid_argument if there is no header.
    explicit TextTable(std::vector<std::string> headers);

    /// Throws     std::invalid_argument unless there is one cell a header.
    void add_row(std::vector<Cell> cells);

    const std::vector<std::string>& headers() const { return headers_; }
    const std::vector<std::vector<Cell>>& rows() const { return rows_; }
    /// Whether column j is set flush right: it has numbers, whatever marks stand between them.
    bool is_numeric(std::size_t j) const;

    /// Every line ends with a newline and has no trailing spaces.
    std::string str() const;

private:
    std::vector<std::string> headers_;
    std::vector<std::vector<Cell>> rows_;
};

} // namespace hessq
#pragma GCC visibility pop
