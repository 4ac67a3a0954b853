#include "hessq/report/figures.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hessq {

std::vector<double> to_list(VectorView values) { return {values.begin(), values.end()}; }

Plot magnitude_histogram(const std::string& title, VectorView values) {
    constexpr Index cells = 40;
    constexpr double width = 8.0 / static_cast<double>(cells);
    const double bottom = std::log10(values.cwiseAbs().maxCoeff()) - 8.0;
    Plot plot{.title = title, .x_label = "log10 |eigenvalue|", .y_label = "how many"};
    for (const double sign : {1.0, -1.0}) {
        Vector counts = Vector::Zero(cells);
        for (const double value : values) {
            if (sign * value <= 0.0) continue;
            const double place = (std::log10(std::abs(value)) - bottom) / width;
            if (place >= 0.0) counts(std::min(cells - 1, static_cast<Index>(place))) += 1.0;
        }
        if (counts.isZero()) continue;
        const Vector centers = Vector::LinSpaced(cells, bottom + 0.5 * width, bottom + 8.0 - 0.5 * width);
        plot.series.push_back({.label = sign > 0.0 ? "positive" : "negative",
                               .x = to_list(centers),
                               .y = to_list(counts),
                               .style = Series::Style::boxes});
    }
    return plot;
}

Plot scatter(const std::string& title, const std::string& x_label, VectorView x, const std::string& y_label,
             VectorView y) {
    return {.title = title,
            .x_label = x_label,
            .y_label = y_label,
            .log_x = true,
            .log_y = true,
            .series = {{.x = to_list(x), .y = to_list(y), .style = Series::Style::points}}};
}

} // namespace hessq
