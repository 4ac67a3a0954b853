#pragma once

#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/regimes.hpp"
#include "support/run.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hessq::app {

/// The measured diagram, and what is predicted of it.
struct RegimeGrid {
    bool by_distance = false; ///< the second axis: the distance from the minimum instead of the learning rate
    std::vector<Index> batches;
    std::vector<double> positions;
    std::vector<RegimeCell> cells;                     ///< batch by batch
    std::vector<std::optional<double>> predicted = {}; ///< q of each cell, where a closed form exists; else empty
    Series crossover = {};   ///< the predicted line, x the position and y the batch; empty where there is none
    double start_loss = 0.0; ///< of the runs, or at the center of the cloud
    double start_gradient_norm = 0.0;

    const RegimeCell& cell(std::size_t batch, std::size_t position) const {
        return cells[batch * positions.size() + position];
    }
};

/// A cell as result.json has it, and back. Numbers that are not finite are null, and NaN when read.
Json to_json(const RegimeCell& cell, bool by_distance);
RegimeCell regime_cell(const Json& json);

/// What was found, in a paragraph of plain words.
std::string finding_of(const RegimeGrid& grid, const std::string& problem);

/// q with its error bar: rows are batch sizes, columns learning rates or distances.
TextTable exponent_table(const RegimeGrid& grid);

/// One row a cell, with everything known about it.
TextTable cell_table(const RegimeGrid& grid);

void add_figures(HtmlReport& report, const RegimeGrid& grid);

/// What the error bars contain.
const char* error_bar_words(bool by_distance);

} // namespace hessq::app
