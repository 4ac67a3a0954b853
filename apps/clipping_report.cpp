#include "clipping_report.hpp"
#include "hessq/report/figures.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::app {
namespace {

/// A method's second half.
struct Late {
    double gradient_norm = 0.0, batch_norm = 0.0, sign_cosine = 0.0;
    FirstOrderError error;
};

Late late_of(const MethodTrace& method, Index from) {
    Late late;
    std::vector<TraceLook> looks;
    for (const TraceLook& look : method.trace.looks)
        if (look.step >= from) looks.push_back(look);
    for (const TraceLook& look : looks) {
        late.gradient_norm += std::sqrt(look.noise.squared_norm) / static_cast<double>(looks.size());
        late.sign_cosine += look.sign_cosine / static_cast<double>(looks.size());
    }
    late.error = first_order_error(looks);
    late.batch_norm = root_mean_square(method.trace.batch_norms.tail(method.trace.batch_norms.size() - from));
    return late;
}

/// How the seeds of one remedy fared.
struct RescueSummary {
    Index reached = 0, diverged = 0, seeds = 0;
    double median_steps = std::numeric_limits<double>::quiet_NaN(); ///< those that did not get there count as never
    double largest_loss = 0.0;                                      ///< median
    double last_loss = 0.0;                                         ///< median
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

RescueSummary summary_of(const RescueRow& row) {
    RescueSummary result{.seeds = static_cast<Index>(row.runs.size())};
    std::vector<double> steps, largest, last;
    for (const RescueRun& run : row.runs) {
        result.reached += run.reached ? 1 : 0;
        result.diverged += run.diverged ? 1 : 0;
        steps.push_back(run.reached ? static_cast<double>(*run.reached) : std::numeric_limits<double>::infinity());
        largest.push_back(run.largest_loss);
        last.push_back(run.last_loss);
    }
    result.median_steps = median(steps);
    result.largest_loss = median(largest);
    result.last_loss = median(last);
    return result;
}

const char* words_of(Rescue rescue) {
    switch (rescue) {
    case Rescue::none:
        return "nothing";
    case Rescue::warm_up:
        return "warm-up";
    case Rescue::norm_clip:
        return "clipping by norm";
    case Rescue::decrease_clip:
        return "clipping by promised decrease";
    case Rescue::value_clip:
        return "clipping by value";
    case Rescue::group_clip:
        break;
    }
    return "clipping each group";
}

Cell finite_cell(double value) { return std::isfinite(value) ? Cell(value) : Cell("-"); }

std::string percentage(double share) { return fmt::format("{:.3g} %", 100.0 * share); }

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const TraceLook& look) {
    return {{"step", look.step},
            {"loss", look.loss},
            {"gradient_norm", std::sqrt(look.noise.squared_norm)},
            {"noise_trace", look.noise.trace},
            {"sign_cosine", number(look.sign_cosine)},
            {"decrease_first_order", look.promised},
            {"decrease_second_order", look.promised - look.curvature_cost},
            {"decrease_actual", look.actual}};
}

} // namespace

double root_mean_square(VectorView norms) { return std::sqrt(norms.squaredNorm() / static_cast<double>(norms.size())); }

Json to_json(const ClippingResult& result) {
    Json json = {{"threshold", result.threshold}, {"late_from", result.late_from}};
    for (const MethodTrace& method : result.methods) {
        const Late late = late_of(method, result.late_from);
        Json looks = Json::array(), shares = Json::array();
        for (const TraceLook& look : method.trace.looks) looks.push_back(to_json(look));
        for (const double threshold : result.thresholds)
            shares.push_back({{"threshold", threshold},
                              {"all", method.trace.measured_share(threshold)},
                              {"late", method.trace.measured_share(threshold, result.late_from)},
                              {"late_predicted", method.trace.predicted_share(threshold, result.late_from)}});
        json["methods"][method.name] = {{"lr", method.lr},
                                        {"late",
                                         {{"gradient_norm", late.gradient_norm},
                                          {"batch_norm", late.batch_norm},
                                          {"sign_cosine", number(late.sign_cosine)},
                                          {"first_order_error", number(late.error.measured)},
                                          {"first_order_error_predicted", number(late.error.predicted)}}},
                                        {"clipped", shares},
                                        {"looks", looks},
                                        {"batch_norms", app::to_json(method.trace.batch_norms)}};
    }
    const StationaryMeasurement& law = result.stationary;
    json["stationary"] = {{"lr", law.lr},
                          {"batch", law.batch},
                          {"burn_in", law.burn_in},
                          {"steps", law.steps},
                          {"reference", law.reference},
                          {"reference_loss", law.least_loss},
                          {"reference_gradient_norm", number(law.gradient_norm)},
                          {"squared_norm", app::to_json(law.found.squared_norm)},
                          {"excess_loss", app::to_json(law.found.excess_loss)},
                          {"loss_ratio", app::to_json(law.found.loss_ratio)},
                          {"displacement_ratio", app::to_json(law.found.displacement_ratio)},
                          {"drift", law.found.drift}};
    const RescaledRun& scaled = result.rescaled;
    json["rescaled"] = {{"factor", scaled.factor},
                        {"batch_norm", scaled.gradient_norm},
                        {"best_rate", Json::array({number(scaled.best_rate[0]), number(scaled.best_rate[1])})},
                        {"clipped", scaled.clipped},
                        {"loss_ratio", scaled.loss_ratio},
                        {"distance", scaled.distance}};
    json["widths"] = Json::array();
    for (const WidthRow& row : result.widths)
        json["widths"].push_back({{"width", row.width},
                                  {"parameters", row.parameters},
                                  {"gradient_norm", number(row.gradient_norm)},
                                  {"batch_norm", number(row.batch_norm)},
                                  {"sign_cosine", number(row.sign_cosine)},
                                  {"clipped", number(row.measured)},
                                  {"clipped_predicted", number(row.predicted)},
                                  {"best_sign_rate", number(row.rate.searched)},
                                  {"best_sign_rate_quadratic", number(row.rate.quadratic)},
                                  {"row_sum", number(row.rate.row_sum)}});
    json["why_no_widths"] = result.why_no_widths.empty() ? Json(nullptr) : Json(result.why_no_widths);
    json["rescue"] = {
        {"scale", result.scale}, {"lr", result.rescue_lr}, {"steps", result.rescue_steps}, {"target", result.target}};
    for (const RescueRow& row : result.rescues) {
        Json runs = Json::array();
        for (const RescueRun& run : row.runs)
            runs.push_back({{"reached", run.reached ? Json(*run.reached) : Json(nullptr)},
                            {"diverged", run.diverged ? Json(*run.diverged) : Json(nullptr)},
                            {"largest_loss", number(run.largest_loss)},
                            {"last_loss", number(run.last_loss)},
                            {"steps", run.steps},
                            {"loss", run.loss}});
        json["rescue"]["remedies"][to_string(row.rescue)] = runs;
    }
    return json;
}

std::string finding_of(const ClippingResult& result, const std::string& problem) {
    const MethodTrace& sgd = result.methods.front();
    const Late late = late_of(sgd, result.late_from);
    std::string text = fmt::format(
        "On {} the full gradient of SGD is {} long over the second half of the run, but a mini-batch gradient, which "
        "is "
        "what clipping sees, {} (RMS){}. Clipping at norm {} would change {} of these steps; "
        "the moments of the per-sample gradients predict {}. ",
        problem, format_number(late.gradient_norm, 3), format_number(late.batch_norm, 3),
        late.batch_norm > 1.1 * late.gradient_norm ? ": noise makes the difference" : "",
        format_number(result.threshold), percentage(sgd.trace.measured_share(result.threshold, result.late_from)),
        percentage(sgd.trace.predicted_share(result.threshold, result.late_from)));
    const RescaledRun& scaled = result.rescaled;
    text += fmt::format(
        "That number belongs to the units of the loss: the same run with the loss times {} has {} of its steps beyond "
        "the threshold. What does not depend on units is lr E|ghat|^2 / 4 (E L - L*), 1 at the stationary state of a "
        "quadratic: {}{}. ",
        format_number(scaled.factor), percentage(scaled.clipped[1]),
        format_estimate(result.stationary.found.loss_ratio.value, result.stationary.found.loss_ratio.std_error),
        std::abs(result.stationary.found.drift) > 0.03
            ? fmt::format(" here, where the run is not stationary (a drift of {})",
                          format_number(result.stationary.found.drift, 2))
            : " here");
    text += fmt::format("Along the run SGD's first-order promise lr |g|^2 is wrong by {} of itself; the second order "
                        "says {}. ",
                        percentage(late.error.measured), percentage(late.error.predicted));
    std::vector<const WidthRow*> finite;
    for (const WidthRow& row : result.widths)
        if (std::isfinite(row.measured)) finite.push_back(&row);
    if (finite.size() < result.widths.size())
        text += fmt::format("With this learning rate {} of {} widths diverge. ", result.widths.size() - finite.size(),
                            result.widths.size());
    if (finite.size() > 1) {
        const WidthRow &narrow = *finite.front(), &wide = *finite.back();
        text += fmt::format("From width {} to {} the share beyond the threshold goes from {} to {}, and cos(sign g, g) "
                            "from {} to {}. ",
                            narrow.width, wide.width, percentage(narrow.measured), percentage(wide.measured),
                            format_number(narrow.sign_cosine, 3), format_number(wide.sign_cosine, 3));
    }
    const RescueRow *best = nullptr, *none = &result.rescues.front();
    for (const RescueRow& row : result.rescues) {
        const RescueSummary now = summary_of(row);
        if (now.reached == 0) continue;
        if (best == nullptr || now.reached > summary_of(*best).reached ||
            (now.reached == summary_of(*best).reached && now.median_steps < summary_of(*best).median_steps))
            best = &row;
    }
    const RescueSummary bare = summary_of(*none);
    text += fmt::format("From starts {} times too large, {} of {} runs without a remedy gain what an ordinary run "
                        "gains in half the time, but for 5 %{}; ",
                        format_number(result.scale), bare.reached, bare.seeds,
                        bare.diverged > 0 ? fmt::format(" ({} diverge)", bare.diverged) : "");
    if (best == nullptr) return text + "no remedy helps within these steps.";
    text += best == none
                ? "no remedy reaches that more often or sooner"
                : fmt::format("with {}, which does best, {}", words_of(best->rescue), summary_of(*best).reached);
    std::string worse;
    for (const RescueRow& row : result.rescues)
        if (summary_of(row).reached < bare.reached)
            worse += fmt::format("{}{} ({})", worse.empty() ? "" : ", ", words_of(row.rescue), summary_of(row).reached);
    return text + (worse.empty() ? "." : fmt::format("; fewer reach it with {}.", worse));
}

TextTable method_table(const ClippingResult& result) {
    TextTable table(
        {"method", "lr", "late |g|", "late |ghat|", "cos(sign g, g)", "first-order error", "second order says"});
    for (const MethodTrace& method : result.methods) {
        const Late late = late_of(method, result.late_from);
        table.add_row({method.name, method.lr, late.gradient_norm, late.batch_norm, finite_cell(late.sign_cosine),
                       finite_cell(late.error.measured), finite_cell(late.error.predicted)});
    }
    return table;
}

TextTable share_table(const ClippingResult& result) {
    std::vector<std::string> headers = {"norm"};
    for (const MethodTrace& method : result.methods) {
        headers.push_back(method.name + ", all");
        headers.push_back("late");
        headers.push_back("predicted");
    }
    TextTable table(headers);
    for (const double threshold : result.thresholds) {
        std::vector<Cell> row = {threshold};
        for (const MethodTrace& method : result.methods) {
            row.emplace_back(method.trace.measured_share(threshold));
            row.emplace_back(method.trace.measured_share(threshold, result.late_from));
            row.emplace_back(method.trace.predicted_share(threshold, result.late_from));
        }
        table.add_row(row);
    }
    return table;
}

TextTable stationary_table(const ClippingResult& result) {
    const Stationarity& found = result.stationary.found;
    const RescaledRun& scaled = result.rescaled;
    TextTable table({"quantity", "the loss", fmt::format("{} times the loss", format_number(scaled.factor))});
    table.add_row({"E|ghat|^2", found.squared_norm, "-"});
    table.add_row({"E L - L*", found.excess_loss, "-"});
    table.add_row({"lr E|ghat|^2 / 4 (E L - L*)", found.loss_ratio, scaled.loss_ratio[1]});
    table.add_row({"lr E|ghat|^2 / 2 E[ghat.(w - w0)]", found.displacement_ratio, "-"});
    table.add_row({"drift", found.drift, "-"});
    table.add_row({"late |ghat|", scaled.gradient_norm[0], scaled.gradient_norm[1]});
    table.add_row({"late share beyond the threshold", scaled.clipped[0], scaled.clipped[1]});
    table.add_row({"best rate g'g / g'Hg", finite_cell(scaled.best_rate[0]), finite_cell(scaled.best_rate[1])});
    return table;
}

TextTable width_table(const ClippingResult& result) {
    TextTable table({"width", "parameters", "late |g|", "late |ghat|", "clipped", "predicted", "cos(sign g, g)",
                     "best sign rate", "|g|_1 / s'Hs", "s'Hs / n"});
    for (const WidthRow& row : result.widths)
        table.add_row({row.width, row.parameters, finite_cell(row.gradient_norm), finite_cell(row.batch_norm),
                       finite_cell(row.measured), finite_cell(row.predicted), finite_cell(row.sign_cosine),
                       finite_cell(row.rate.searched), finite_cell(row.rate.quadratic), finite_cell(row.rate.row_sum)});
    return table;
}

TextTable rescue_table(const ClippingResult& result) {
    TextTable table({"remedy", "reached", "of", "diverged", "median steps", "largest loss", "last loss"});
    for (const RescueRow& row : result.rescues) {
        const RescueSummary summary = summary_of(row);
        table.add_row({words_of(row.rescue), summary.reached, summary.seeds, summary.diverged,
                       finite_cell(summary.median_steps), summary.largest_loss, summary.last_loss});
    }
    return table;
}

void add_sections(HtmlReport& report, const ClippingResult& result) {
    report.section("How long gradients are");
    Plot norms{.title = "Gradient norms along the runs",
               .x_label = "updates",
               .y_label = "norm",
               .log_y = true,
               .guides = {{.slope = 0.0, .x = 0.0, .y = result.threshold, .label = "threshold"}}};
    Plot cosines{.title = "cos(sign g, g) along the runs",
                 .x_label = "updates",
                 .y_label = "cosine",
                 .guides = {{.slope = 0.0, .x = 0.0, .y = limit_sign_cosine(EntryLaw::gaussian), .label = "normal"}}};
    Plot shares{.title = "Steps that clipping would change, late",
                .x_label = "norm at which to clip",
                .y_label = "share of steps",
                .log_x = true};
    Plot errors{.title = "The first-order law of the decrease",
                .x_label = "curvature cost / promised decrease",
                .y_label = "1 - actual / promised",
                .log_x = true,
                .log_y = true,
                .guides = {{.slope = 1.0, .x = 0.1, .y = 0.1, .label = "second order"}}};
    for (const MethodTrace& method : result.methods) {
        Series full{.label = method.name + ", full batch", .style = Series::Style::linepoints};
        Series batch{.label = method.name + ", mini-batches"};
        Series cosine{.label = method.name, .style = Series::Style::linepoints};
        Series error{.label = method.name, .style = Series::Style::points};
        for (const TraceLook& look : method.trace.looks) {
            const auto step = static_cast<double>(look.step);
            full.x.push_back(step);
            full.y.push_back(std::sqrt(look.noise.squared_norm));
            batch.x.push_back(step);
            batch.y.push_back(std::sqrt(squared_norm_moments(look.noise, method.trace.batch).mean));
            cosine.x.push_back(step);
            cosine.y.push_back(look.sign_cosine);
            // Steps that promise nothing have no relative error.
            if (look.promised <= 0.0) continue;
            error.x.push_back(look.curvature_cost / look.promised);
            error.y.push_back(1.0 - look.actual / look.promised);
        }
        norms.series.push_back(full);
        norms.series.push_back(batch);
        cosines.series.push_back(cosine);
        errors.series.push_back(error);
        Series measured{.label = method.name, .style = Series::Style::points};
        Series predicted{.label = method.name + ", predicted"};
        const double middle =
            root_mean_square(method.trace.batch_norms.tail(method.trace.batch_norms.size() - result.late_from));
        for (int k = -40; k <= 40; ++k) {
            const double threshold = middle * std::pow(10.0, k / 40.0);
            if (k % 4 == 0) {
                measured.x.push_back(threshold);
                measured.y.push_back(method.trace.measured_share(threshold, result.late_from));
            }
            predicted.x.push_back(threshold);
            predicted.y.push_back(method.trace.predicted_share(threshold, result.late_from));
        }
        shares.series.push_back(measured);
        shares.series.push_back(predicted);
    }
    report.figure(norms, "Mini-batches: sqrt(|g|^2 + tr Sigma / B) from all per-sample gradients at that step.");
    report.figure(shares, "Points: the second half of each run. Lines: the gamma variable with the exact mean and "
                          "variance of |ghat|^2, averaged over the looks.");
    report.table(share_table(result), "Share of steps whose mini-batch gradient is longer than the norm. Nothing is "
                                      "clipped in these runs.");
    report.figure(errors,
                  "Full-batch loss, actual steps. Points off the axes are steps whose curvature or decrease has "
                  "the other sign.");
    report.figure(cosines, "|g|_1 = sqrt(n) |g|_2 cos: the shape of the full gradient's histogram.");
    report.table(method_table(result), "Means over the second half of each run, sums over sums for the errors.");

    report.section("The stationary law, and the units of the loss");
    report.table(
        stationary_table(result),
        fmt::format("SGD with lr {}, batches of {}, {} steps after {} more than in the runs above. Excess loss "
                    "and displacement are relative to {} (L* = {}).",
                    format_number(result.stationary.lr), result.stationary.batch, result.stationary.steps,
                    result.stationary.burn_in, result.stationary.reference,
                    format_number(result.stationary.least_loss)));
    report.paragraph("The displacement ratio is 1 in every stationary state, and 1 / (1 - drift) in every run: it says "
                     "how stationary this one is. The loss ratio is 1 if, besides, the loss is quadratic.");

    report.section("Widths");
    if (result.widths.empty()) {
        report.paragraph("Left out: " + result.why_no_widths + ".");
    } else {
        Plot plot{.title = "Gradient norms against the number of parameters",
                  .x_label = "parameters",
                  .y_label = "late norm",
                  .log_x = true,
                  .log_y = true,
                  .guides = {{.slope = 0.0, .x = 1.0, .y = result.threshold, .label = "threshold"}}};
        Plot rates{.title = "The best rate of sign descent",
                   .x_label = "parameters",
                   .y_label = "rate",
                   .log_x = true,
                   .log_y = true};
        Series full{.label = "full batch", .style = Series::Style::linepoints};
        Series batch{.label = "mini-batches", .style = Series::Style::linepoints};
        Series searched{.label = "searched", .style = Series::Style::points};
        Series quadratic{.label = "|g|_1 / s'Hs"};
        for (const WidthRow& row : result.widths) {
            for (Series* series : {&full, &batch, &searched, &quadratic})
                series->x.push_back(static_cast<double>(row.parameters));
            full.y.push_back(row.gradient_norm);
            batch.y.push_back(row.batch_norm);
            searched.y.push_back(row.rate.searched);
            quadratic.y.push_back(row.rate.quadratic);
        }
        plot.series = {full, batch};
        rates.guides = {{.slope = -0.5, .x = searched.x.front(), .y = searched.y.front(), .label = "slope -1/2"}};
        rates.series = {searched, quadratic};
        report.figure(plot, "Every hidden layer of the width, SGD as above.");
        report.figure(rates, "At the end of each run, one full-batch step.");
        report.table(
            width_table(result),
            "The share of late steps beyond the threshold, measured and predicted. A row of marks: the run diverged.");
    }

    report.section("Bad starts");
    Plot losses{.title = "From a start that is too large",
                .x_label = "updates",
                .y_label = "full-batch loss",
                .log_y = true,
                .guides = {{.slope = 0.0, .x = 0.0, .y = result.target, .label = "target"}}};
    for (const RescueRow& row : result.rescues)
        losses.series.push_back(
            {.label = words_of(row.rescue), .x = row.runs.front().steps, .y = row.runs.front().loss});
    report.figure(losses, "The first of the seeds.");
    report.table(
        rescue_table(result),
        fmt::format(
            "Starts times {}, SGD with lr {}, {} steps. The target is 95 % of what an ordinary start "
            "gains in half of them, a loss of {} on average. Every clipped gradient is at most {} long, and the "
            "promised decrease at most lr times its square. Medians over the seeds.",
            format_number(result.scale), format_number(result.rescue_lr), result.rescue_steps,
            format_number(result.target), format_number(result.threshold)));
}

} // namespace hessq::app
