#include "regimes_report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::app {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

const char* axis_key(bool by_distance) { return by_distance ? "distance" : "lr"; }
const char* axis_word(bool by_distance) { return by_distance ? "distance" : "learning rate"; }

Json to_json(const std::optional<RegimeExponent>& q) {
    if (!q) return nullptr;
    Json json = app::to_json(q->exponent);
    json["scatter_error"] = q->scatter_error;
    json["sampling_error"] = q->sampling_error;
    return json;
}

double number_or_nan(const Json& json) { return json.is_number() ? json.get<double>() : nan_value; }

std::optional<RegimeExponent> exponent_from(const Json& json) {
    if (json.is_null()) return std::nullopt;
    RegimeExponent q;
    q.exponent = {.value = number_or_nan(json["value"]),
                  .std_error = number_or_nan(json["std_error"]),
                  .samples = json["samples"].get<Index>()};
    q.scatter_error = number_or_nan(json["scatter_error"]);
    q.sampling_error = number_or_nan(json["sampling_error"]);
    return q;
}

/// No real network is the Gaussian linear model that the laws are exact for, so an exponent may be this far off; and
/// one whose standard error is larger than this is not called near to anything.
constexpr double tolerance = 0.15;

bool is_near(const Estimate& q, double law) { return std::abs(q.value - law) <= tolerance + 2.0 * q.std_error; }

std::string counted(std::size_t count, const std::string& what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string cells_of(Index count, std::size_t total) {
    return count == static_cast<Index>(total) ? fmt::format("all {} cells", total)
                                              : fmt::format("{} of {} cells", count, total);
}

std::string place(const RegimeGrid& grid, const RegimeCell& cell) {
    return fmt::format("batch {}, {} {}", cell.batch, axis_word(grid.by_distance), format_number(cell.position));
}

struct Extremes {
    const RegimeCell* least = nullptr;
    const RegimeCell* largest = nullptr;
};

Extremes extremes(const RegimeGrid& grid, std::optional<RegimeExponent> RegimeCell::*which) {
    Extremes found;
    for (const RegimeCell& cell : grid.cells) {
        if (!(cell.*which)) continue;
        const double q = (cell.*which)->exponent.value;
        if (!found.least || q < (found.least->*which)->exponent.value) found.least = &cell;
        if (!found.largest || q > (found.largest->*which)->exponent.value) found.largest = &cell;
    }
    return found;
}

std::string words(const RegimeExponent& q) { return format_estimate(q.exponent.value, q.exponent.std_error); }

std::string measured_words(const RegimeGrid& grid) {
    Index squared = 0, fisher = 0, neither = 0, unsure = 0, missing = 0;
    for (const RegimeCell& cell : grid.cells) {
        if (!cell.minibatch)
            ++missing;
        else if (!(cell.minibatch->exponent.std_error <= tolerance))
            ++unsure;
        else if (is_near(cell.minibatch->exponent, 2.0))
            ++squared;
        else if (is_near(cell.minibatch->exponent, 1.0))
            ++fisher;
        else
            ++neither;
    }
    const std::size_t total = grid.cells.size();
    std::string text = fmt::format(
        "It is near 2, the Hessian-squared law, in {}, near 1, the Fisher law, in {}, and near neither in {} (near: "
        "within {} plus two standard errors).",
        cells_of(squared, total), cells_of(fisher, total), cells_of(neither, total), tolerance);
    if (unsure > 0)
        text += fmt::format(" In {} the error bar is larger than {}: too uncertain to say.", cells_of(unsure, total),
                            tolerance);
    if (missing > 0) text += fmt::format(" In {} there is no exponent; the table says why.", cells_of(missing, total));
    return text;
}

std::string training_words(const RegimeGrid& grid) {
    const Index worse = std::count_if(grid.cells.begin(), grid.cells.end(),
                                      [&](const RegimeCell& cell) { return cell.loss > grid.start_loss; });
    if (worse == 0) return "";
    return fmt::format(" In {} the runs ended above the loss of {} they had started from, on average.",
                       cells_of(worse, grid.cells.size()), format_number(grid.start_loss));
}

struct Miss {
    double worst = 0.0;
    const RegimeCell* where = nullptr;
    Index near = 0, compared = 0; ///< cells
};

Miss against_prediction(const RegimeGrid& grid) {
    Miss miss;
    for (std::size_t i = 0; i < grid.predicted.size(); ++i) {
        if (!grid.predicted[i] || !grid.cells[i].minibatch) continue;
        const Estimate& q = grid.cells[i].minibatch->exponent;
        ++miss.compared;
        miss.near += is_near(q, *grid.predicted[i]);
        const double distance = std::abs(q.value - *grid.predicted[i]);
        if (miss.where && distance <= miss.worst) continue;
        miss.worst = distance;
        miss.where = &grid.cells[i];
    }
    return miss;
}

std::string prediction_words(const RegimeGrid& grid) {
    const Miss miss = against_prediction(grid);
    if (!miss.where) return "";
    const std::string worst =
        fmt::format("the largest deviation is {} ({})", format_number(miss.worst, 2), place(grid, *miss.where));
    if (grid.by_distance) return fmt::format(" The closed form for this problem predicts every cell; {}.", worst);
    // Runs need time to come to rest, and which of them had it is not known: only how many agree.
    std::string text =
        fmt::format(" The closed form of Adam's stationary state for this problem (beta2 near 1) is met by "
                    "{}, in the same sense of near; {}.",
                    cells_of(miss.near, grid.cells.size()), worst);
    if (miss.near < miss.compared)
        text += " Runs that have not come to rest, or still have the way there in their average, differ from it.";
    return text;
}

HeatMap exponent_map(const RegimeGrid& grid, const std::string& title,
                     std::optional<RegimeExponent> RegimeCell::*which) {
    // 1/2 to 5/2: the Fisher law and the Hessian squared are equally far from the middle.
    HeatMap map{.title = title,
                .x_label = grid.by_distance ? "distance s: standard deviation of each parameter around the minimum"
                                            : "learning rate of Adam",
                .y_label = "samples in a mini-batch",
                .value_label = "exponent q: 1 Fisher, 2 Hessian squared",
                .x = grid.positions,
                .y = {grid.batches.begin(), grid.batches.end()},
                .low = 0.5,
                .high = 2.5};
    for (const RegimeCell& cell : grid.cells)
        map.values.push_back(cell.*which ? (cell.*which)->exponent.value : nan_value);
    return map;
}

} // namespace

Json to_json(const RegimeCell& cell, bool by_distance) {
    Json json = {{"batch", cell.batch},
                 {axis_key(by_distance), cell.position},
                 {"exponent", to_json(cell.minibatch)},
                 {"full_batch", to_json(cell.full_batch)},
                 {"loss", cell.loss},
                 {"signal_share", cell.signal_share}};
    json["why"] = cell.why.empty() ? Json(nullptr) : Json(cell.why);
    return json;
}

RegimeCell regime_cell(const Json& json) {
    return {.batch = json["batch"].get<Index>(),
            .position = number_or_nan(json.contains("lr") ? json["lr"] : json["distance"]),
            .minibatch = exponent_from(json["exponent"]),
            .full_batch = exponent_from(json["full_batch"]),
            .loss = number_or_nan(json["loss"]),
            .signal_share = number_or_nan(json["signal_share"]),
            .why = json["why"].is_string() ? json["why"].get<std::string>() : ""};
}

std::string finding_of(const RegimeGrid& grid, const std::string& problem) {
    const Extremes mini = extremes(grid, &RegimeCell::minibatch), full = extremes(grid, &RegimeCell::full_batch);
    std::string text = fmt::format("Over {} and {} on {}", counted(grid.batches.size(), "batch size"),
                                   counted(grid.positions.size(), axis_word(grid.by_distance)), problem);
    if (!mini.least) return text + fmt::format(" no cell has an exponent. The first one: {}.", grid.cells.front().why);
    text += fmt::format(", the exponent q of {} ranges from {} ({}) to {} ({}). ",
                        grid.by_distance ? "the mini-batch second moment around the minimum" : "what Adam averages",
                        words(*mini.least->minibatch), place(grid, *mini.least), words(*mini.largest->minibatch),
                        place(grid, *mini.largest));
    text += measured_words(grid);
    if (full.least) {
        const std::string low = words(*full.least->full_batch), high = words(*full.largest->full_batch);
        text += low == high ? fmt::format(" Full-batch gradients at the same points have q = {} in every cell.", low)
                            : fmt::format(" Full-batch gradients at the same points have q from {} to {}.", low, high);
    }
    text += (grid.by_distance ? "" : training_words(grid)) + prediction_words(grid);
    if (grid.by_distance)
        text += fmt::format(" The center of the cloud has a loss of {} and a gradient of norm {}.",
                            format_number(grid.start_loss), format_number(grid.start_gradient_norm, 2));
    return text;
}

TextTable exponent_table(const RegimeGrid& grid) {
    std::vector<std::string> headers = {fmt::format("batch, {}", axis_key(grid.by_distance))};
    for (const double position : grid.positions) headers.push_back(format_number(position));
    TextTable table(headers);
    for (std::size_t i = 0; i < grid.batches.size(); ++i) {
        std::vector<Cell> row = {grid.batches[i]};
        for (std::size_t j = 0; j < grid.positions.size(); ++j) {
            const RegimeCell& cell = grid.cell(i, j);
            row.push_back(cell.minibatch ? Cell(cell.minibatch->exponent) : Cell("-"));
        }
        table.add_row(std::move(row));
    }
    return table;
}

TextTable cell_table(const RegimeGrid& grid) {
    const bool predicts = !grid.predicted.empty();
    std::vector<std::string> headers = {
        "batch",       axis_word(grid.by_distance), "q", "scatter", "sampling", "directions", "loss", "q, full batch",
        "signal share"};
    if (predicts) headers.insert(headers.begin() + 3, grid.by_distance ? "q, predicted" : "q, at rest");
    const bool remarks =
        std::any_of(grid.cells.begin(), grid.cells.end(), [](const RegimeCell& cell) { return !cell.why.empty(); });
    if (remarks) headers.push_back("remark");
    TextTable table(headers);
    for (std::size_t i = 0; i < grid.cells.size(); ++i) {
        const RegimeCell& cell = grid.cells[i];
        std::vector<Cell> row = {cell.batch, cell.position};
        row.push_back(cell.minibatch ? Cell(cell.minibatch->exponent) : Cell("-"));
        if (predicts) row.push_back(grid.predicted[i] ? Cell(*grid.predicted[i]) : Cell("-"));
        row.push_back(number_cell(cell.minibatch ? cell.minibatch->scatter_error : nan_value, 2));
        row.push_back(number_cell(cell.minibatch ? cell.minibatch->sampling_error : nan_value, 2));
        row.push_back(cell.minibatch ? Cell(cell.minibatch->exponent.samples) : Cell("-"));
        row.push_back(number_cell(cell.loss, 4));
        row.push_back(cell.full_batch ? Cell(cell.full_batch->exponent) : Cell("-"));
        row.push_back(number_cell(cell.signal_share, 2));
        if (remarks) row.push_back(Cell(cell.why));
        table.add_row(std::move(row));
    }
    return table;
}

void add_figures(HtmlReport& report, const RegimeGrid& grid) {
    HeatMap mini = exponent_map(grid, "What the mini-batch second moment measures", &RegimeCell::minibatch);
    std::string caption = "One cell for each setting, with its exponent q: blue where the second moment follows the "
                          "Fisher law (q = 1), orange where it follows the Hessian squared (q = 2), pale between, deep "
                          "blue below both, gray where there is none.";
    const auto on_the_map = [&](double batch) {
        return batch >= static_cast<double>(grid.batches.front()) && batch <= static_cast<double>(grid.batches.back());
    };
    const std::vector<double>& line = grid.crossover.y;
    if (!line.empty() && std::none_of(line.begin(), line.end(), on_the_map)) {
        caption += " The predicted cross-over lies outside the map.";
    } else if (!line.empty()) {
        mini.lines.push_back(grid.crossover);
        caption += grid.by_distance
                       ? " The dashed line is predicted, not fitted: on it the cross-over curvature lambda_x is the "
                         "middle of the spectrum (its geometric mean), so that half of the directions follow each law; "
                         "above it the Hessian squared wins."
                       : " The dashed line is predicted, not fitted, for runs that have come to rest: on it Adam's "
                         "stationary second moment has the exponent 3/2 at the middle of the spectrum (its geometric "
                         "mean), half-way between the laws; above it the Hessian squared wins.";
    }
    report.figure(mini, caption);
    report.figure(
        exponent_map(grid, "Full-batch gradients at the same points", &RegimeCell::full_batch),
        grid.by_distance
            ? "The same points without sampling noise: the second moment is then that of the cloud alone, and "
              "on a quadratic q = 2. No row depends on the batch."
            : "The same runs, read without sampling noise: what is left is the spread of the parameters.");
}

const char* error_bar_words(bool by_distance) {
    return by_distance
               ? "std_error is the root of the sum of two squares: scatter_error, the directions' deviations from the "
                 "line, and sampling_error, the jackknife over the independent points of the cloud. Gradient noise is "
                 "exact. Another minimum is not in it."
               : "q is the mean over the runs of a cell. std_error is the root of the sum of two squares: "
                 "scatter_error, "
                 "the directions' deviations from the line, and sampling_error, of that mean, from the spread of the "
                 "runs. Another start is not in it.";
}

} // namespace hessq::app
