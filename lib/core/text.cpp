#include "hessq/core/text.hpp"

#include <algorithm>

namespace hessq {
namespace {

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

// d(i, j) = least number of edits from a[0, i) to b[0, j); only the last three rows are kept.
std::size_t edits(const std::string& a, const std::string& b) {
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before.swap(above);
        above.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row[b.size()];
}

} // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
    const std::string wanted = lower_case(name);
    const std::string* nearest = nullptr;
    std::size_t fewest = 0;
    for (const std::string& candidate : candidates) {
        const std::size_t longer = std::max(wanted.size(), candidate.size());
        // Edits are never fewer than the difference in length: no table for names that cannot be close.
        if (longer - std::min(wanted.size(), candidate.size()) > longer / 3) continue;
        const std::size_t distance = edits(wanted, lower_case(candidate));
        if (distance <= longer / 3 && (!nearest || distance < fewest)) {
            nearest = &candidate;
            fewest = distance;
        }
    }
    if (nearest) return *nearest;
    const auto longer = std::find_if(candidates.begin(), candidates.end(), [&](const std::string& candidate) {
        return wanted.size() >= 3 && lower_case(candidate).starts_with(wanted);
    });
    return longer == candidates.end() ? std::string() : *longer;
}

bool matches_pattern(std::string_view name, std::string_view pattern) {
    // Only the last * need ever take one letter more: what the earlier ones took is settled by the text between them.
    constexpr auto none = std::string_view::npos;
    std::size_t i = 0, j = 0, star = none, taken = 0;
    while (i < name.size()) {
        if (j < pattern.size() && pattern[j] == '*') {
            star = j++;
            taken = i;
        } else if (j < pattern.size() && (pattern[j] == '?' || pattern[j] == name[i])) {
            ++i;
            ++j;
        } else if (star != none) {
            j = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', j) == none;
}

} // namespace hessq
