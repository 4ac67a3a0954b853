#include "hessq/datasets/libsvm.hpp"

#include "file.hpp"
#include "labels.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hessq {
namespace {

struct Entry {
    Index sample, feature;
    double value;
};

// Takes the next word from the front of the line; empty at its end.
std::string_view next_word(std::string_view& line) {
    constexpr std::string_view blanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

// "3:0.5"; feature indices count from 1 in the file and from 0 here.
std::optional<Entry> parse_entry(std::string_view word, Index sample) {
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    Entry entry{sample, 0, 0.0};
    const auto [stop, error] = std::from_chars(word.data(), word.data() + colon, entry.feature);
    const std::optional<double> value = finite_number(word.substr(colon + 1));
    if (error != std::errc() || stop != word.data() + colon || !value || entry.feature < 1) return std::nullopt;
    --entry.feature;
    entry.value = *value;
    return entry;
}

// A short file may announce a feature with the index 10^12.
void check_memory(Index features, Index samples, const std::filesystem::path& file) {
    const double needed = static_cast<double>(features) * static_cast<double>(samples) * sizeof(double);
    const double present =
        static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    if (needed > present / 2)
        throw file_error(file, "dense inputs of at most half of this machine's memory",
                         fmt::format("{} samples x {} features ({:.3g} GB)", samples, features, needed / 1e9));
}

} // namespace

Dataset load_libsvm(const std::filesystem::path& path, TargetKind kind) {
    const std::string text = read_text(path);
    std::vector<Entry> entries;
    std::vector<double> targets;
    Index features = 0;
    Index line_number = 0;
    for (std::string_view rest = text; !rest.empty();) {
        ++line_number;
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        line = line.substr(0, line.find('#'));
        const std::string_view label = next_word(line);
        if (label.empty()) continue;

        const std::optional<double> target = finite_number(label);
        if (!target) throw line_error(path, line_number, "a finite number as label", in_quotes(label));
        const auto sample = static_cast<Index>(targets.size());
        targets.push_back(*target);
        Index last = -1;
        for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
            const std::optional<Entry> entry = parse_entry(word, sample);
            if (!entry)
                throw line_error(path, line_number, "index:value with an index from 1 and a finite value",
                                 in_quotes(word));
            if (entry->feature <= last)
                throw line_error(path, line_number, fmt::format("an index above {}", last + 1), in_quotes(word));
            last = entry->feature;
            entries.push_back(*entry);
        }
        features = std::max(features, last + 1);
    }
    if (entries.empty()) throw file_error(path, "lines with a label and index:value pairs", "none");
    check_memory(features, static_cast<Index>(targets.size()), path);

    Dataset data;
    data.inputs = Matrix::Zero(features, static_cast<Index>(targets.size()));
    for (const Entry& entry : entries) data.inputs(entry.feature, entry.sample) = entry.value;
    const Eigen::Map<const Vector> values(targets.data(), static_cast<Index>(targets.size()));
    if (kind == TargetKind::category)
        set_classes(data, values);
    else
        data.targets = values.transpose();
    return validated(std::move(data), path);
}

} // namespace hessq
