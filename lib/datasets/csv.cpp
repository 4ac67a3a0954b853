#include "hessq/datasets/csv.hpp"

#include "file.hpp"
#include "hessq/core/text.hpp"
#include "labels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hessq {
namespace {

// What other programs write for a label that they do not have or a number that overflowed; never a class of its own.
bool is_not_finite(std::string_view label) {
    if (label == "nan" || label == "NaN") return true;
    const std::string text(label);
    char* end = nullptr;
    return !text.empty() && std::isinf(std::strtod(text.c_str(), &end)) && *end == '\0';
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Splits text into rows of cells. Cells are views of the text, in which quoted cells are unquoted in place.
class CsvReader {
public:
    CsvReader(const std::filesystem::path& file, std::string text) : file_(file), text_(std::move(text)) {
        while (!text_.empty() && (is_blank(text_.back()) || text_.back() == '\n')) text_.pop_back();
        at_ = text_.data();
        end_ = at_ + text_.size();
    }
    CsvReader(const CsvReader&) = delete;
    CsvReader& operator=(const CsvReader&) = delete;

    /// The line on which the row begins that next_row reads, or has just read.
    Index line() const { return row_line_; }

    bool next_row(std::vector<std::string_view>& cells) {
        cells.clear();
        row_line_ = line_;
        if (at_ == end_) return false;
        for (;;) {
            cells.push_back(next_cell());
            if (at_ == end_) return true;
            if (*at_++ == '\n') {
                ++line_;
                return true;
            }
        }
    }

private:
    bool at_cell_end() const { return at_ == end_ || *at_ == ',' || *at_ == '\n'; }
    void skip_blanks() {
        while (at_ != end_ && is_blank(*at_)) ++at_;
    }

    std::string_view next_cell() {
        skip_blanks();
        if (at_ != end_ && *at_ == '"') return quoted_cell();
        const char* begin = at_;
        for (; !at_cell_end(); ++at_)
            if (*at_ == '"')
                throw line_error(file_, line_, "quotes around a whole cell (\" inside is written \"\")",
                                 "a quote after " + in_quotes({begin, static_cast<std::size_t>(at_ - begin)}));
        const char* end = at_;
        while (end != begin && is_blank(end[-1])) --end;
        return {begin, static_cast<std::size_t>(end - begin)};
    }

    std::string_view quoted_cell() {
        const Index opened = line_;
        const char* begin = ++at_;
        char* out = at_;
        for (;; ++at_) {
            if (at_ == end_) throw line_error(file_, opened, "a closing quote", "the end of the file");
            if (*at_ == '"') {
                if (at_ + 1 == end_ || at_[1] != '"') break;
                ++at_;
            }
            if (*at_ == '\n') ++line_;
            *out++ = *at_;
        }
        ++at_;
        skip_blanks();
        if (!at_cell_end())
            throw line_error(file_, line_, "a comma after a quoted cell", in_quotes({at_, std::size_t{1}}));
        return {begin, static_cast<std::size_t>(out - begin)};
    }

    const std::filesystem::path& file_;
    std::string text_;
    char* at_ = nullptr;
    const char* end_ = nullptr;
    Index line_ = 1;
    Index row_line_ = 1;
};

void check_header(const std::vector<std::string_view>& cells, const std::filesystem::path& file) {
    if (cells.size() < 2)
        throw line_error(file, 1, "at least two columns, separated by commas", fmt::format("{}", cells.size()));
    std::unordered_set<std::string_view> seen;
    std::size_t numbers = 0;
    for (std::size_t j = 0; j < cells.size(); ++j) {
        if (cells[j].empty())
            throw line_error(file, 1, "a name for every column", fmt::format("none for column {}", j + 1));
        if (!seen.insert(cells[j]).second)
            throw line_error(file, 1, "different column names", in_quotes(cells[j]) + " twice");
        if (finite_number(cells[j])) ++numbers;
    }
    // Taken as a header, a first line of data would be lost without a word.
    if (numbers == cells.size()) throw line_error(file, 1, "a header line of column names", "numbers");
}

std::size_t target_column(const std::vector<std::string>& names, const std::string& target,
                          const std::filesystem::path& file) {
    if (target.empty()) return names.size() - 1;
    const auto found = std::find(names.begin(), names.end(), target);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    const std::string nearest = nearest_name(target, names);
    throw line_error(file, 1, fmt::format("a column named {}", in_quotes(target)),
                     nearest.empty() ? "none" : fmt::format("none (did you mean {}?)", in_quotes(nearest)));
}

} // namespace

Dataset load_csv(const std::filesystem::path& path, const CsvOptions& options) {
    CsvReader reader(path, read_text(path));
    std::vector<std::string_view> cells;
    if (!reader.next_row(cells)) throw line_error(path, 1, "a header line of column names", "an empty file");
    check_header(cells, path);
    const std::vector<std::string> names(cells.begin(), cells.end());
    const std::size_t target = target_column(names, options.target, path);
    const bool classes = options.target_kind == TargetKind::category;

    std::vector<double> inputs; // sample after sample
    std::vector<double> targets;
    std::vector<std::string> labels;
    while (reader.next_row(cells)) {
        if (cells.size() != names.size())
            throw line_error(path, reader.line(), fmt::format("{} columns", names.size()),
                             cells.size() == 1 && cells[0].empty() ? "an empty line" : fmt::format("{}", cells.size()));
        for (std::size_t j = 0; j < cells.size(); ++j) {
            const std::optional<double> number = finite_number(cells[j]);
            if (j == target && classes) {
                if (cells[j].empty() || is_not_finite(cells[j]))
                    throw line_error(path, reader.line(), "a class in column " + in_quotes(names[j]),
                                     cells[j].empty() ? "an empty cell" : in_quotes(cells[j]));
                labels.emplace_back(cells[j]);
            } else if (number) {
                (j == target ? targets : inputs).push_back(*number);
            } else {
                throw line_error(path, reader.line(),
                                 fmt::format("a finite number in {}column {}", j == target ? "the target " : "",
                                             in_quotes(names[j])),
                                 cells[j].empty() ? "an empty cell" : in_quotes(cells[j]));
            }
        }
    }
    if (inputs.empty()) throw line_error(path, reader.line(), "lines of data below the header", "the end of the file");

    Dataset data;
    const auto features = static_cast<Index>(names.size()) - 1;
    data.inputs = Eigen::Map<const Matrix>(inputs.data(), features, static_cast<Index>(inputs.size()) / features);
    if (classes)
        set_classes(data, labels);
    else
        data.targets = Eigen::Map<const Matrix>(targets.data(), 1, static_cast<Index>(targets.size()));
    for (std::size_t j = 0; j < names.size(); ++j)
        if (j != target) data.feature_names.push_back(names[j]);
    return validated(std::move(data), path);
}

} // namespace hessq
