#include "hessq/results/comparison.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/npy.hpp"
#include "hessq/report/figures.hpp"
#include "hessq/report/output_folder.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>

namespace hessq {
namespace {

using Json = nlohmann::ordered_json;

const NewtonCheckpoint& last_of(const NewtonComparison& comparison) {
    require(!comparison.checkpoints.empty(), "a comparison", "there must be at least one checkpoint", Index{0});
    return comparison.checkpoints.back();
}

std::string words(const EigenExponent& q) { return format_estimate(q.exponent.value, q.exponent.std_error); }

/// Which law an exponent is compatible with: its 95 % interval may miss it by 0.15, because no real network is the
/// Gaussian linear model that the laws are exact for.
std::string law_of(const EigenExponent& q) {
    constexpr double tolerance = 0.15;
    const double lower = q.interval.lower, upper = q.interval.upper;
    const auto misses = [&](double law) { return std::max({lower - law, law - upper, 0.0}); };
    const bool fisher = misses(1.0) <= tolerance, squared = misses(2.0) <= tolerance;
    if (fisher && squared) return "too uncertain to tell the Fisher law (q = 1) from the Hessian squared";
    if (!fisher && !squared)
        return "compatible with neither the Fisher law (q = 1) nor the Hessian-squared law (q = 2)";
    const double law = fisher ? 1.0 : 2.0;
    return fmt::format("compatible with the {} law (q = {}), which the 95 % interval from {:.2f} to {:.2f} {}",
                       fisher ? "Fisher" : "Hessian-squared", law, lower, upper,
                       misses(law) == 0.0 ? "contains" : fmt::format("misses by at most {}", tolerance));
}

/// Null where a method is not among those compared.
const MethodComparison* find_method(const NewtonCheckpoint& point, const std::string& name) {
    const auto found = std::find_if(point.methods.begin(), point.methods.end(),
                                    [&](const MethodComparison& row) { return row.name == name; });
    return found == point.methods.end() ? nullptr : &*found;
}

/// Those of the reader's own, which every figure shows.
std::vector<std::string> own_methods(const NewtonCheckpoint& point) {
    const std::vector<std::string> known = {"newton",
                                            "saddle_free_newton",
                                            "adam",
                                            "rmsprop",
                                            "sgd",
                                            "momentum",
                                            "adagrad",
                                            "adabelief",
                                            "full_matrix",
                                            "hessian_diagonal",
                                            "hessian_row_norms",
                                            "gauss_newton_diagonal"};
    std::vector<std::string> own;
    for (const MethodComparison& row : point.methods)
        if (std::find(known.begin(), known.end(), row.name) == known.end()) own.push_back(row.name);
    return own;
}

Cell exponent_cell(const SecondMomentReading& reading) {
    return reading.exponent ? Cell(reading.exponent->exponent) : Cell("-");
}

/// u'Wu against |lambda| for the directions that M1 fits, with guide lines through the fit at the largest curvature.
Plot law_plot(const NewtonCheckpoint& point, const SecondMomentReading& reading, const std::string& what) {
    Plot plot{.title = fmt::format("{} at step {}", what, point.step),
              .x_label = "|eigenvalue of the Hessian|",
              .y_label = "second moment along its eigenvector",
              .log_x = true,
              .log_y = true};
    Series positive{.label = "positive eigenvalues", .style = Series::Style::points};
    Series negative{.label = "negative eigenvalues", .style = Series::Style::points};
    for (const Index k : resolved_directions(point.eigenvalues)) {
        Series& series = point.eigenvalues(k) > 0.0 ? positive : negative;
        series.x.push_back(std::abs(point.eigenvalues(k)));
        series.y.push_back(reading.forms(k));
    }
    plot.series.push_back(std::move(positive));
    if (!negative.x.empty()) plot.series.push_back(std::move(negative));
    if (reading.exponent) {
        // Through the middle of the fit, so that both lines cross the cloud.
        const double x =
            std::exp(entries_at(point.eigenvalues, resolved_directions(point.eigenvalues)).array().abs().log().mean());
        const double y = std::exp(reading.exponent->intercept + reading.exponent->exponent.value * std::log(x));
        plot.guides = {{.slope = 1.0, .x = x, .y = y, .label = "slope 1: Fisher"},
                       {.slope = 2.0, .x = x, .y = y, .label = "slope 2: Hessian squared"}};
    }
    return plot;
}

/// One line a method over the checkpoints.
template <class Value>
Plot method_plot(const NewtonComparison& comparison, const std::string& title, const std::string& y_label,
                 std::vector<std::string> shown, const Value& value) {
    Plot plot{.title = title, .x_label = "step", .y_label = y_label, .log_x = true};
    for (std::string& name : own_methods(comparison.checkpoints.back())) shown.push_back(std::move(name));
    for (const std::string& name : shown) {
        Series series{.label = name, .style = Series::Style::linepoints};
        for (const NewtonCheckpoint& point : comparison.checkpoints) {
            const MethodComparison* const row = find_method(point, name);
            if (!row) continue;
            series.x.push_back(static_cast<double>(point.step));
            series.y.push_back(value(*row));
        }
        plot.series.push_back(std::move(series));
    }
    return plot;
}

Plot exponent_plot(const NewtonComparison& comparison) {
    Plot plot{.title = "The exponent q over training",
              .x_label = "step",
              .y_label = "q in u'Wu ~ |eigenvalue|^q",
              .log_x = true};
    const auto add = [&](const char* label, SecondMomentReading NewtonCheckpoint::*reading) {
        Series series{.label = label, .style = Series::Style::linepoints};
        for (const NewtonCheckpoint& point : comparison.checkpoints) {
            if (!(point.*reading).exponent) continue;
            const EigenExponent& q = *(point.*reading).exponent;
            series.x.push_back(static_cast<double>(point.step));
            series.y.push_back(q.exponent.value);
            series.lower.push_back(q.interval.lower);
            series.upper.push_back(q.interval.upper);
        }
        if (!series.x.empty()) plot.series.push_back(std::move(series));
    };
    add("mini-batch (what Adam averages)", &NewtonCheckpoint::minibatch);
    add("full batch", &NewtonCheckpoint::full_batch);
    const double first = static_cast<double>(comparison.checkpoints.front().step);
    plot.guides = {{.slope = 0.0, .x = first, .y = 1.0, .label = "Fisher law"},
                   {.slope = 0.0, .x = first, .y = 2.0, .label = "Hessian-squared law"}};
    return plot;
}

Plot loss_plot(const NewtonComparison& comparison) {
    Series loss{.label = "Adam", .style = Series::Style::line};
    for (Index t = 0; t < comparison.loss.size(); ++t) {
        loss.x.push_back(static_cast<double>(t));
        loss.y.push_back(comparison.loss(t));
    }
    if (comparison.loss.size() == 0) {
        loss = {.label = "at checkpoints", .style = Series::Style::linepoints};
        for (const NewtonCheckpoint& point : comparison.checkpoints) {
            loss.x.push_back(static_cast<double>(point.step));
            loss.y.push_back(point.loss);
        }
    }
    Plot plot{.title = "Loss", .x_label = "step", .y_label = "full-batch loss", .log_y = true};
    plot.series = {loss};
    for (const NewtonCheckpoint& point : comparison.checkpoints)
        plot.verticals.push_back({.x = static_cast<double>(point.step)});
    return plot;
}

} // namespace

const char* name_of(NewtonStatus status) {
    switch (status) {
    case NewtonStatus::ok:
        return "positive definite";
    case NewtonStatus::indefinite:
        return "indefinite";
    case NewtonStatus::singular:
        return "singular";
    }
    return "";
}

const char* name_of(StepQuality::Scale scale) {
    switch (scale) {
    case StepQuality::Scale::quadratic_model:
        return "quadratic model";
    case StepQuality::Scale::line_search:
        return "line search";
    case StepQuality::Scale::full_step:
        return "full step";
    }
    return "";
}

std::string finding_of(const NewtonComparison& comparison) {
    const NewtonCheckpoint& last = last_of(comparison);
    std::string text;
    const double first_loss = comparison.loss.size() > 0 ? comparison.loss(0) : comparison.checkpoints.front().loss;
    if (last.loss > first_loss)
        text += fmt::format("The loss rose from {:.4g} to {:.4g} over the run: look at the learning rate first. ",
                            first_loss, last.loss);
    if (last.minibatch.exponent) {
        const EigenExponent& mini = *last.minibatch.exponent;
        text += fmt::format("At step {} what Adam averages, the mini-batch second moment, grows along the Hessian's "
                            "eigenvectors as |eigenvalue|^q with q = {} over {} directions: {}; the claim that v "
                            "measures the Hessian squared needs q = 2.",
                            last.step, words(mini), mini.directions, law_of(mini));
        double least = mini.exponent.value, greatest = least;
        for (const NewtonCheckpoint& point : comparison.checkpoints)
            if (point.minibatch.exponent) {
                least = std::min(least, point.minibatch.exponent->exponent.value);
                greatest = std::max(greatest, point.minibatch.exponent->exponent.value);
            }
        if (greatest > least) text += fmt::format(" Over the run q lay between {:.2f} and {:.2f}.", least, greatest);
        if (last.full_batch.exponent)
            text += fmt::format(" Full-batch gradients averaged along the same run give q = {}, {}.",
                                words(*last.full_batch.exponent), law_of(*last.full_batch.exponent));
        text += fmt::format(" At this point {:.3g} % of the second moment of a mini-batch gradient is signal, the rest "
                            "sampling noise.",
                            100.0 * last.signal_share);
    } else {
        text += fmt::format("At step {} too few directions carry curvature to fit an exponent.", last.step);
    }
    const MethodComparison& adam = *find_method(last, "adam");
    const MethodComparison& sgd = *find_method(last, "sgd");
    text += fmt::format(" As a Newton step, Adam's preconditioner has a cosine of {:.3f} with the {}Newton step "
                        "(plain gradient: {:.3f})",
                        adam.cos_newton, last.newton_damping > 0.0 ? "damped " : "", sgd.cos_newton);
    if (std::isfinite(adam.newton_fraction) && std::isfinite(sgd.newton_fraction))
        text +=
            fmt::format(" and one best-scaled step achieves {:.3g} % of what Newton's does (plain gradient: {:.3g} %)",
                        100.0 * adam.newton_fraction, 100.0 * sgd.newton_fraction);
    text += ".";
    const bool descends = find_method(last, "newton")->step.decrease_actual > 0.0;
    if (last.newton_status != NewtonStatus::ok) {
        text += fmt::format(" The Hessian is {}, with {} negative and {} zero eigenvalues", name_of(last.newton_status),
                            last.negative_eigenvalues, last.zero_eigenvalues);
        if (descends)
            text +=
                fmt::format("; the Newton step is damped by the {:.3g} that lowers the loss most", last.newton_damping);
        text += ".";
    }
    if (!descends) text += " No damping makes the Newton step lower the loss here, so the rows say little.";
    return text;
}

TextTable checkpoint_table(const NewtonComparison& comparison) {
    TextTable table(
        {"step", "loss", "|g|", "lambda max", "lambda min", "neg.", "zero", "signal", "q mini-batch", "q full-batch"});
    for (const NewtonCheckpoint& p : comparison.checkpoints)
        table.add_row({p.step, format_number(p.loss), format_number(p.gradient_norm, 3), format_number(p.lambda_max, 3),
                       format_number(p.lambda_min, 3), p.negative_eigenvalues, p.zero_eigenvalues,
                       format_number(p.signal_share, 2), exponent_cell(p.minibatch), exponent_cell(p.full_batch)});
    return table;
}

TextTable metric_table(const NewtonComparison& comparison) {
    TextTable table({"step", "R2 of q", "M2 signal share", "p on |H_ii|", "p on row norms"});
    const auto signal = [](const SecondMomentReading& reading) {
        return reading.sources ? Cell(format_number(reading.sources->signal_shares.mean(), 2)) : Cell("-");
    };
    const auto slope = [](const std::optional<LineFit>& fit) {
        return fit ? Cell(format_estimate(fit->slope, fit->slope_std_error)) : Cell("-");
    };
    for (const NewtonCheckpoint& p : comparison.checkpoints)
        table.add_row({p.step,
                       p.minibatch.exponent ? Cell(format_number(p.minibatch.exponent->r_squared, 3)) : Cell("-"),
                       signal(p.minibatch), slope(p.slopes.diagonal), slope(p.slopes.row_norm)});
    return table;
}

TextTable method_table(const PreconditionerComparison& point) {
    TextTable table({"method", "cos Newton", "cos saddle-free", "decrease predicted", "actual", "of Newton",
                     "condition", "lambda max", "lambda min", "largest lr"});
    for (const MethodComparison& row : point.methods)
        table.add_row({row.name, Cell(row.cos_newton), Cell(row.cos_saddle_free_newton),
                       Cell(row.step.decrease_predicted), Cell(row.step.decrease_actual), Cell(row.newton_fraction),
                       Cell(row.curvature.condition_number), Cell(row.curvature.lambda_max),
                       Cell(row.curvature.lambda_min), Cell(row.curvature.largest_stable_lr)});
    return table;
}

namespace {

void add_figures(HtmlReport& report, const NewtonComparison& comparison) {
    const NewtonCheckpoint& last = last_of(comparison);
    report.section("What the second moment measures");
    report.figure(law_plot(last, last.minibatch, "Mini-batch second moment"),
                  "What Adam averages. One point for each eigenvector with |eigenvalue| above 1e-4 of the largest.");
    if (last.full_batch.forms.size() > 0)
        report.figure(law_plot(last, last.full_batch, "Full-batch second moment"),
                      "The same average of full-batch gradients along the same trajectory: no sampling noise.");
    report.figure(exponent_plot(comparison), "Slopes of such figures at each checkpoint; bars are 95 % intervals.");
    report.figure(scatter(fmt::format("sqrt(v) against |H_ii| at step {}", last.step), "|H_ii|",
                          last.hessian_diagonal.cwiseAbs(), "sqrt(v_i)", last.second_moment.cwiseSqrt()),
                  "Coordinate by coordinate. This picture does not tell the two laws apart: a "
                  "rank-one Hessian gives slope 1/2 under both.");
    report.section("Preconditioners as Newton steps");
    const std::vector<std::string> shown = {"adam",        "rmsprop",          "sgd",
                                            "full_matrix", "hessian_diagonal", "hessian_row_norms"};
    report.figure(method_plot(comparison, "Cosine with the Newton step", "cosine", shown,
                              [](const MethodComparison& row) { return row.cos_newton; }),
                  "Every method's step from the full-batch gradient.");
    report.figure(method_plot(comparison, "Cosine with the saddle-free Newton step", "cosine", shown,
                              [](const MethodComparison& row) { return row.cos_saddle_free_newton; }),
                  "Saddle-free Newton divides by |eigenvalue|.");
    Plot decreases = method_plot(comparison, "Decrease of the loss by one best-scaled step", "actual decrease",
                                 {"newton", "adam", "rmsprop", "sgd", "full_matrix", "hessian_diagonal"},
                                 [](const MethodComparison& row) { return row.step.decrease_actual; });
    decreases.log_y = true;
    report.figure(decreases, "Each step has its best length in the quadratic model; shown is what the loss then does.");
    Plot conditions = method_plot(comparison, "Condition number of the preconditioned Hessian", "condition number",
                                  shown, [](const MethodComparison& row) { return row.curvature.condition_number; });
    conditions.log_y = true;
    report.figure(conditions, "Of P^(-1/2) H P^(-1/2), H restricted to eigenvalues above 1e-4 of its largest.");
    report.section("Spectra and loss");
    report.figure(
        magnitude_histogram(fmt::format("Eigenvalues of the Hessian at step {}", last.step), last.eigenvalues),
        "Eigenvalues smaller than 1e-8 of the largest are not shown.");
    report.figure(magnitude_histogram(fmt::format("Eigenvalues of the Hessian as Adam sees it, step {}", last.step),
                                      last.adam_eigenvalues),
                  "Of P^(-1/2) H P^(-1/2) with P = diag(sqrt(v) + eps).");
    report.figure(loss_plot(comparison), "Full-batch loss along the run; dotted lines are checkpoints.");
}

Json list_of(VectorView values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(value);
    return list;
}

Json to_json(const Estimate& estimate) {
    return {{"value", estimate.value}, {"std_error", estimate.std_error}, {"samples", estimate.samples}};
}

Json to_json(const SecondMomentReading& reading) {
    if (!reading.exponent) return nullptr;
    Json json = to_json(reading.exponent->exponent);
    json["interval_95"] = {reading.exponent->interval.lower, reading.exponent->interval.upper};
    json["r_squared"] = reading.exponent->r_squared;
    json["directions"] = reading.exponent->directions;
    json["two_source_fit"] = {{"a", reading.sources->a},
                              {"b", reading.sources->b},
                              {"mean_signal_share", reading.sources->signal_shares.mean()},
                              {"residual_rms", reading.sources->residual_rms},
                              {"identifiable", reading.sources->identifiable}};
    return json;
}

Json to_json(const std::optional<LineFit>& fit) {
    if (!fit) return nullptr;
    return {{"slope", fit->slope},
            {"std_error", fit->slope_std_error},
            {"r_squared", fit->r_squared},
            {"residual_sd", fit->residual_sd}};
}

Json to_json(const NewtonCheckpoint& point) {
    Json json = {{"step", point.step},
                 {"loss", point.loss},
                 {"gradient_norm", point.gradient_norm},
                 {"noise_trace", point.noise_trace},
                 {"signal_share", point.signal_share},
                 {"lambda_max", point.lambda_max},
                 {"lambda_min", point.lambda_min},
                 {"negative_eigenvalues", point.negative_eigenvalues},
                 {"zero_eigenvalues", point.zero_eigenvalues},
                 {"hessian", name_of(point.newton_status)},
                 {"newton_damping", point.newton_damping},
                 {"saddle_free_damping", point.saddle_free_damping},
                 {"exponent", {{"minibatch", to_json(point.minibatch)}, {"full_batch", to_json(point.full_batch)}}}};
    json["coordinate_slopes"] = {{"diagonal", to_json(point.slopes.diagonal)},
                                 {"row_norm", to_json(point.slopes.row_norm)},
                                 {"coordinates", point.slopes.coordinates},
                                 {"warning", coordinate_warning}};
    Json& methods = json["preconditioners"] = Json::object();
    for (const MethodComparison& row : point.methods)
        methods[row.name] = {{"cos_newton", row.cos_newton},
                             {"cos_saddle_free_newton", row.cos_saddle_free_newton},
                             {"cos_gradient", row.step.cosine},
                             {"best_scale", row.step.scale},
                             {"best_scale_from", name_of(row.step.scale_from)},
                             {"decrease_predicted", row.step.decrease_predicted},
                             {"decrease_actual", row.step.decrease_actual},
                             {"newton_fraction", row.newton_fraction},
                             {"curvature_along_step", row.step.curvature},
                             {"lambda_max", row.curvature.lambda_max},
                             {"lambda_min", row.curvature.lambda_min},
                             {"eigenvalue_residual", row.curvature.residual},
                             {"condition_number", row.curvature.condition_number},
                             {"condition_directions", row.curvature.directions},
                             {"largest_stable_lr", row.curvature.largest_stable_lr}};
    return json;
}

Json json_of(const NewtonComparison& comparison) {
    Json json;
    json["checkpoints"] = Json::array();
    for (const NewtonCheckpoint& point : comparison.checkpoints) json["checkpoints"].push_back(to_json(point));
    json["loss_curve"] = list_of(comparison.loss);
    return json;
}

} // namespace

void add_comparison(HtmlReport& report, const NewtonComparison& comparison) {
    add_figures(report, comparison);
    report.section("Along the run");
    report.table(checkpoint_table(comparison),
                 "Exact curvature at each checkpoint, and the exponent q of the second moments in the "
                 "Hessian's eigenbasis with its standard error.");
    report.table(metric_table(comparison),
                 fmt::format("Signal: the mean share of a lambda^2 in the two-source fit a lambda^2 + b u'Sigma u of "
                             "the second moment. p: slopes of log sqrt(v) on log |H_ii| and on log row norms. {}",
                             coordinate_warning));
    for (auto point = comparison.checkpoints.rbegin(); point != comparison.checkpoints.rend(); ++point)
        report.table(method_table(*point), fmt::format("Preconditioners as Newton steps at step {}.", point->step));
}

std::string comparison_json(const NewtonComparison& comparison) { return json_of(comparison).dump(); }

void write_comparison(const std::filesystem::path& folder, const NewtonComparison& comparison,
                      const ComparisonHeading& heading) {
    OutputFolder output(std::filesystem::absolute(folder));
    const std::string finding = finding_of(comparison);
    Json document = {{"schema", "hessq/compare/1"},
                     {"problem", {{"name", heading.name}, {"parameters", comparison.theta.size()}}},
                     {"finding", finding}};
    document.update(json_of(comparison));

    HtmlReport report("Newton against Adam: " + heading.name, finding, heading.pictures);
    add_comparison(report, comparison);
    if (!heading.settings.empty()) {
        report.section("How this was made");
        report.settings(heading.settings);
    }
    output.add("result.json", document.dump(1) + "\n");
    output.add("report.html", report.str());
    const auto save = [&](const char* name, const Vector& values) {
        output.add(name, [&values](const std::filesystem::path& path) { save_npy_vector(path, values); });
    };
    save("theta.npy", comparison.theta);
    save("gradient.npy", comparison.gradient);
    save("second_moment.npy", comparison.checkpoints.back().second_moment);
    output.add("hessian.npy", [&](const std::filesystem::path& path) { save_npy(path, comparison.hessian); });
    if (comparison.second_moment_matrix.size() > 0)
        output.add("second_moment_matrix.npy",
                   [&](const std::filesystem::path& path) { save_npy(path, comparison.second_moment_matrix); });
    output.commit();
}

} // namespace hessq
