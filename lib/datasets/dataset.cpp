#include "hessq/datasets/dataset.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

namespace hessq {
namespace {

void expect(bool holds, const Dataset& data, std::string_view expected, const std::string& got) {
    if (!holds) throw InputError(fmt::format("{}: expected {}; got {}", data.name, expected, got));
}

// Rows that never vary become exactly zero: dividing their roundoff by itself would invent a feature. Scaled to
// largest entry 1 first, neither sums nor squares overflow or vanish; centered twice, the mean is 0 to the roundoff of
// the deviations, not of the entries.
void standardize_rows(Matrix& rows) {
    for (Index i = 0; i < rows.rows(); ++i) {
        auto row = rows.row(i).array();
        if ((row == row(0)).all()) {
            row.setZero();
            continue;
        }
        row /= row.abs().maxCoeff();
        for (int pass = 0; pass < 2; ++pass) {
            const double mean = row.mean();
            row -= mean;
        }
        row /= std::sqrt(row.square().mean());
    }
}

} // namespace

void validate(const Dataset& data) {
    expect(data.samples() >= 1 && data.features() >= 1, data, "at least one sample and one feature",
           fmt::format("{} samples of {} features", data.samples(), data.features()));
    expect(data.targets.cols() == data.samples() && data.targets.rows() >= 1, data, "one target for each sample",
           fmt::format("{} samples and {} targets", data.samples(), data.targets.cols()));
    expect(data.inputs.allFinite(), data, "finite inputs", "NaN or infinity");
    expect(data.targets.allFinite(), data, "finite targets", "NaN or infinity");
    if (data.class_names.empty()) return;
    expect(data.targets.rows() == 1, data, "one row of class indices", fmt::format("{} rows", data.targets.rows()));
    std::vector<bool> seen(data.class_names.size(), false);
    for (Index s = 0; s < data.samples(); ++s) {
        const double label = data.targets(0, s);
        expect(label == std::floor(label) && label >= 0.0 && label < static_cast<double>(data.classes()), data,
               fmt::format("class indices 0, ..., {}", data.classes() - 1), fmt::format("{}", label));
        seen[static_cast<std::size_t>(label)] = true;
    }
    const auto occurring = std::count(seen.begin(), seen.end(), true);
    expect(occurring >= 2, data, "at least two classes among the targets", fmt::format("{}", occurring));
}

Dataset standardize_inputs(Dataset data) {
    standardize_rows(data.inputs);
    return data;
}

Dataset standardize_targets(Dataset data) {
    require(data.class_names.empty(), "standardize_targets", "targets must be real numbers", "class labels");
    standardize_rows(data.targets);
    return data;
}

} // namespace hessq
