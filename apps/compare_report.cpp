#include "compare_report.hpp"

#include "hessq/report/plot.hpp"
#include "support/figures.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hessq::app {
namespace {

std::string words(const EigenExponent& q) { return format_estimate(q.exponent.value, q.exponent.std_error); }

/// Which law an exponent is compatible with: its 95 % interval is widened by 0.15, because no real network is the
/// Gaussian linear model that the laws are exact for.
std::string law_of(const EigenExponent& q) {
    constexpr double tolerance = 0.15;
    const auto compatible = [&](double law) {
        return q.interval.lower - tolerance <= law && law <= q.interval.upper + tolerance;
    };
    if (compatible(1.0) && compatible(2.0))
        return "too uncertain to tell the Fisher law (q = 1) from the Hessian squared";
    if (compatible(1.0)) return "compatible, to within 0.15, with the Fisher law (q = 1)";
    if (compatible(2.0)) return "compatible, to within 0.15, with the Hessian-squared law (q = 2)";
    return "compatible with neither the Fisher law (q = 1) nor the Hessian-squared law (q = 2)";
}

const MethodComparison& method(const NewtonCheckpoint& point, const std::string& name) {
    return *std::find_if(point.methods.begin(), point.methods.end(),
                         [&](const MethodComparison& row) { return row.name == name; });
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
                 const std::vector<std::string>& shown, const Value& value) {
    Plot plot{.title = title, .x_label = "step", .y_label = y_label, .log_x = true};
    for (const std::string& name : shown) {
        Series series{.label = name, .style = Series::Style::linepoints};
        for (const NewtonCheckpoint& point : comparison.checkpoints) {
            series.x.push_back(static_cast<double>(point.step));
            series.y.push_back(value(method(point, name)));
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
    const NewtonCheckpoint& last = comparison.checkpoints.back();
    std::string text;
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
    const MethodComparison& adam = method(last, "adam");
    const MethodComparison& sgd = method(last, "sgd");
    text += fmt::format(" As a Newton step, Adam's preconditioner has a cosine of {:.3f} with the {}Newton step "
                        "(plain gradient: {:.3f})",
                        adam.cos_newton, last.newton_damping > 0.0 ? "damped " : "", sgd.cos_newton);
    if (std::isfinite(adam.newton_fraction) && std::isfinite(sgd.newton_fraction))
        text +=
            fmt::format(" and one best-scaled step achieves {:.3g} % of what Newton's does (plain gradient: {:.3g} %)",
                        100.0 * adam.newton_fraction, 100.0 * sgd.newton_fraction);
    text += ".";
    if (last.newton_status != NewtonStatus::ok)
        text += fmt::format(
            " The Hessian is {}, with {} negative and {} zero eigenvalues; the Newton step is damped by the "
            "{:.3g} that lowers the loss most.",
            name_of(last.newton_status), last.negative_eigenvalues, last.zero_eigenvalues, last.newton_damping);
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

TextTable method_table(const NewtonCheckpoint& point) {
    TextTable table({"method", "cos Newton", "cos saddle-free", "decrease predicted", "actual", "of Newton",
                     "condition", "lambda max", "lambda min", "largest lr"});
    for (const MethodComparison& row : point.methods)
        table.add_row({row.name, Cell(row.cos_newton), Cell(row.cos_saddle_free_newton),
                       Cell(row.step.decrease_predicted), Cell(row.step.decrease_actual), Cell(row.newton_fraction),
                       Cell(row.curvature.condition_number), Cell(row.curvature.lambda_max),
                       Cell(row.curvature.lambda_min), Cell(row.curvature.largest_stable_lr)});
    return table;
}

void add_figures(HtmlReport& report, const NewtonComparison& comparison) {
    const NewtonCheckpoint& last = comparison.checkpoints.back();
    report.section("What the second moment measures");
    report.figure(law_plot(last, last.minibatch, "Mini-batch second moment"),
                  "What Adam averages. One point for each eigenvector with |eigenvalue| above 1e-4 of the largest.");
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

} // namespace hessq::app
