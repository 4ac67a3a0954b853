#include "labels.hpp"

#include "file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace hessq {
namespace {

// Puts the index of each label among the sorted, distinct labels into the targets, and returns those.
template <class Label>
std::vector<Label> index_labels(Dataset& data, const std::vector<Label>& labels) {
    std::vector<Label> distinct = labels;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    data.targets.resize(1, static_cast<Index>(labels.size()));
    for (Index s = 0; s < data.targets.cols(); ++s)
        data.targets(0, s) = static_cast<double>(
            std::lower_bound(distinct.begin(), distinct.end(), labels[static_cast<std::size_t>(s)]) - distinct.begin());
    return distinct;
}

void set_number_classes(Dataset& data, std::vector<double> labels) {
    for (double& label : labels) label += 0.0; // -0 is called "0"
    data.class_names.clear();
    for (const double value : index_labels(data, labels)) data.class_names.push_back(fmt::format("{}", value));
}

} // namespace

void set_classes(Dataset& data, VectorView labels) {
    set_number_classes(data, std::vector<double>(labels.data(), labels.data() + labels.size()));
}

void set_classes(Dataset& data, const std::vector<std::string>& labels) {
    std::vector<double> numbers;
    numbers.reserve(labels.size());
    for (const std::string& label : labels) {
        const std::optional<double> number = finite_number(label);
        if (!number) {
            data.class_names = index_labels(data, labels);
            return;
        }
        numbers.push_back(*number);
    }
    set_number_classes(data, std::move(numbers));
}

} // namespace hessq
