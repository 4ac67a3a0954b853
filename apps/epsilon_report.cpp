#include "epsilon_report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::app {
namespace {

constexpr std::size_t ratio_form = 2; ///< of EpsilonRow::curves: PyTorch's

/// JSON knows no infinity.
Json eps_json(double eps) { return std::isfinite(eps) ? Json(eps) : Json("infinity"); }

std::string eps_words(double eps) { return std::isfinite(eps) ? format_number(eps, 2) : "infinity"; }

Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

/// The largest factor by which a closed curve is off the exact one.
double worst_factor(const EpsilonCurve& curve, const std::optional<Vector>& closed) {
    if (!closed) return std::numeric_limits<double>::quiet_NaN();
    double worst = 1.0;
    for (Index k = 0; k < curve.rate.size(); ++k) {
        const double quotient = (*closed)(k) / curve.rate(k);
        if (!(quotient > 0.0 && std::isfinite(quotient))) return std::numeric_limits<double>::quiet_NaN();
        worst = std::max({worst, quotient, 1.0 / quotient});
    }
    return worst;
}

std::string peak_words(const EpsilonCurve& curve) {
    if (!curve.peak.exists) return "none";
    return fmt::format("{}{} % at B = {}", curve.peak.height >= 0.0 ? "+" : "",
                       format_number(100.0 * curve.peak.height, 3), format_number(curve.peak.batch, 3));
}

/// A peak above the limit by more than a part in a thousand.
bool is_surge(const EpsilonCurve& curve) { return curve.peak.exists && curve.peak.height > 1e-3; }

Json to_json(const EpsilonCurve& curve) {
    Json json = {{"form", form_key(curve.form)}, {"limit", number_json(curve.limit)}};
    json["curve"] = Json::array();
    for (Index k = 0; k < curve.batches.size(); ++k)
        json["curve"].push_back(
            {{"B", curve.batches(k)},
             {"eta", number_json(curve.rate(k))},
             {"essay", curve.essay ? number_json((*curve.essay)(k)) : Json(nullptr)},
             {"mean_field", curve.mean_field ? number_json((*curve.mean_field)(k)) : Json(nullptr)}});
    json["surge"] = {{"exists", curve.peak.exists},
                     {"B_peak", curve.peak.exists ? Json(curve.peak.batch) : Json(nullptr)},
                     {"height", curve.peak.exists ? Json(curve.peak.height) : Json(nullptr)},
                     {"essay_says", curve.essay_peak}};
    json["steepest_slope"] = curve.steepest > 0.0 ? Json(curve.steepest) : Json(nullptr);
    json["remark"] = curve.remark.empty() ? Json(nullptr) : Json(curve.remark);
    return json;
}

Json to_json(const EpsilonRun& run) {
    Json json;
    json["readings"] = Json::array();
    for (const DenominatorReading& r : run.readings)
        json["readings"].push_back({{"step", r.step},
                                    {"loss", r.loss},
                                    {"share_below_eps", r.below},
                                    {"quantiles", {r.low, r.quarter, r.median, r.three_quarters, r.high}},
                                    {"dead", r.dead}});
    json["exponent"] = nullptr;
    if (run.exponent)
        json["exponent"] = {{"p", app::to_json(run.exponent->plain)},
                            {"p_effective", app::to_json(run.exponent->effective)},
                            {"predicted", run.exponent->predicted}};
    json["remark"] = run.remark.empty() ? Json(nullptr) : Json(run.remark);
    return json;
}

double best_rate(const EpsilonRow& row) { return std::exp(row.best->log_rate.value); }

bool has_best(const EpsilonRow& row) { return row.best && row.best->remark.empty(); }

/// Where the exact rate of the ratio form for the batch of the runs is: the nearest of the curve.
double rate_at(const EpsilonCurve& curve, double batch) {
    Index nearest = 0;
    (void)(curve.batches.array() / batch).log().abs().minCoeff(&nearest);
    return curve.rate(nearest);
}

std::string surge_sentence(const EpsilonStudy& study) {
    std::string with, contradicted;
    for (const EpsilonRow& row : study.rows) {
        const EpsilonCurve& curve = row.curves[0];
        if (is_surge(curve)) with += (with.empty() ? "" : ", ") + eps_words(row.eps);
        if (curve.remark.empty() && is_surge(curve) != curve.essay_peak)
            contradicted += (contradicted.empty() ? "" : ", ") + eps_words(row.eps);
    }
    std::string text = with.empty()
                           ? " With exact moments of softsign no epsilon has a surge."
                           : fmt::format(" With exact moments of softsign there is a surge, a batch beyond which "
                                         "the best rate falls, for eps = {}.",
                                         with);
    if (!contradicted.empty()) text += fmt::format(" The essay's curve says otherwise for eps = {}.", contradicted);
    return text;
}

std::string measured_sentence(const EpsilonStudy& study) {
    double worst = 0.0, at_eps = 0.0;
    Index at_batch = 0;
    for (const EpsilonRow& row : study.rows)
        for (std::size_t j = 0; j < row.measured.size(); ++j) {
            const double law = rate_at(row.curves[ratio_form], static_cast<double>(study.measured_batches[j]));
            if (!row.measured[j] || !(row.measured[j]->value > 0.0) || !std::isfinite(law) || !(law > 0.0)) continue;
            const double miss = std::log(row.measured[j]->value / law);
            if (std::abs(miss) > std::abs(worst)) {
                worst = miss;
                at_eps = row.eps;
                at_batch = study.measured_batches[j];
            }
        }
    if (at_batch == 0) return "";
    return fmt::format(
        " These moments take coordinates for independent; for real mini-batches the best rate is up to {} "
        "times {} (eps = {}, B = {}).",
        format_number(std::exp(std::abs(worst)), 2), worst < 0.0 ? "smaller" : "larger", eps_words(at_eps), at_batch);
}

/// Whether real mini-batches show a peak: some measured rate above that of the full batch by three standard errors.
std::string real_surge_sentence(const EpsilonStudy& study) {
    std::string with;
    bool predicted = false;
    for (const EpsilonRow& row : study.rows) {
        const EpsilonCurve& curve = row.curves[ratio_form];
        predicted = predicted || is_surge(curve);
        if (!(curve.limit > 0.0) || !std::isfinite(curve.limit)) continue;
        for (const std::optional<Estimate>& rate : row.measured)
            if (rate && rate->value - 3.0 * rate->std_error > curve.limit) {
                with += (with.empty() ? "" : ", ") + eps_words(row.eps);
                break;
            }
    }
    if (!with.empty()) return fmt::format(" Real mini-batches exceed the full batch's rate for eps = {}.", with);
    return predicted ? " At none of the batch sizes that were drawn is the best rate above the full batch's." : "";
}

std::string run_sentence(const EpsilonStudy& study) {
    std::string text;
    const EpsilonRow* first = nullptr;
    const EpsilonRow* last = nullptr;
    for (const EpsilonRow& row : study.rows) {
        if (row.run && !row.run->readings.empty() && row.run->readings.back().below >= 0.5 && text.empty())
            text = fmt::format(" At the end of a run with eps = {}, epsilon exceeds sqrt(v) in {:.0f} % of the "
                               "coordinates.",
                               eps_words(row.eps), 100.0 * row.run->readings.back().below);
        if (has_best(row)) {
            if (!first) first = &row;
            last = &row;
        }
    }
    if (first && last && first != last)
        text += fmt::format(" The best constant learning rate of Adam goes from {} (eps = {}) to {} (eps = {}).",
                            format_number(best_rate(*first), 3), eps_words(first->eps),
                            format_number(best_rate(*last), 3), eps_words(last->eps));
    return text;
}

} // namespace

const char* form_key(EpsilonForm form) {
    return form == EpsilonForm::softsign ? "softsign" : form == EpsilonForm::clip ? "clip" : "ratio";
}

Json result_of(const EpsilonStudy& study) {
    Json result = {{"point",
                    {{"step", study.at_step},
                     {"loss", study.loss},
                     {"live_coordinates", study.live},
                     {"dead_coordinates", study.dead},
                     {"gradient_rms", study.gradient_rms},
                     {"noise_rms", study.noise_rms},
                     {"batch_gradient_rms", study.batch_rms},
                     {"sign_curvature", number_json(study.sign_curvature)},
                     {"noise_curvature", study.noise_curvature},
                     {"independent_noise_curvature", study.independent_noise_curvature}}}};
    result["epsilons"] = Json::array();
    for (const EpsilonRow& row : study.rows) {
        Json entry = {{"eps", eps_json(row.eps)}};
        for (const EpsilonCurve& curve : row.curves) entry["laws"].push_back(to_json(curve));
        entry["measured"] = Json::array();
        for (std::size_t j = 0; j < row.measured.size(); ++j)
            entry["measured"].push_back(
                {{"B", study.measured_batches[j]},
                 {"eta", row.measured[j] ? app::to_json(*row.measured[j]) : Json(nullptr)},
                 {"predicted",
                  number_json(rate_at(row.curves[ratio_form], static_cast<double>(study.measured_batches[j])))}});
        entry["run"] = row.run ? to_json(*row.run) : Json(nullptr);
        entry["best_log_lr"] = has_best(row) ? app::to_json(row.best->log_rate) : Json(nullptr);
        entry["best_loss"] = has_best(row) ? Json(row.best->loss) : Json(nullptr);
        entry["best_remark"] = row.best && !row.best->remark.empty() ? Json(row.best->remark) : Json(nullptr);
        result["epsilons"].push_back(std::move(entry));
    }
    return result;
}

std::string finding_of(const EpsilonStudy& study, const std::string& problem) {
    std::string text = fmt::format("On {} after {} steps of Adam a mini-batch gradient of {} samples is {} in root "
                                   "mean square: epsilons far below "
                                   "that leave signs, far above it SGD.",
                                   problem, study.at_step, study.batch, format_number(study.batch_rms, 2));
    if (study.dead > 0)
        text += fmt::format(" {} of {} coordinates have no gradient in any sample and are left out.", study.dead,
                            study.dead + study.live);
    return text + surge_sentence(study) + measured_sentence(study) + real_surge_sentence(study) + run_sentence(study);
}

TextTable point_table(const EpsilonStudy& study) {
    const bool remarks = std::any_of(study.rows.begin(), study.rows.end(),
                                     [](const EpsilonRow& row) { return !row.curves[0].remark.empty(); });
    std::vector<std::string> headers = {"eps",      "rate, B = infinity", "steepest slope", "surge, softsign",
                                        "essay",    "surge, clip",        "surge, PyTorch", "c5 off by",
                                        "c8 off by"};
    if (remarks) headers.push_back("remark");
    TextTable table(headers);
    for (const EpsilonRow& row : study.rows) {
        const EpsilonCurve& soft = row.curves[0];
        const auto factor = [&](const std::optional<Vector>& closed) {
            const double worst = worst_factor(soft, closed);
            return std::isfinite(worst) ? Cell("x " + format_number(worst, 2)) : Cell("-");
        };
        std::vector<Cell> cells = {Cell(eps_words(row.eps)),
                                   number_cell(soft.limit),
                                   soft.steepest > 0.0 ? Cell(format_number(soft.steepest, 3)) : Cell("-"),
                                   Cell(peak_words(soft)),
                                   Cell(soft.essay_peak ? "surge" : "none"),
                                   Cell(peak_words(row.curves[1])),
                                   Cell(peak_words(row.curves[2])),
                                   factor(soft.essay),
                                   factor(soft.mean_field)};
        if (remarks) cells.push_back(Cell(soft.remark));
        table.add_row(std::move(cells));
    }
    return table;
}

TextTable measured_table(const EpsilonStudy& study) {
    std::vector<std::string> headers = {"eps, B"};
    for (const Index batch : study.measured_batches) {
        headers.push_back(std::to_string(batch));
        headers.push_back("predicted");
    }
    TextTable table(headers);
    for (const EpsilonRow& row : study.rows) {
        std::vector<Cell> cells = {Cell(eps_words(row.eps))};
        for (std::size_t j = 0; j < row.measured.size(); ++j) {
            cells.push_back(row.measured[j] ? Cell(*row.measured[j]) : Cell("unbounded"));
            cells.push_back(
                number_cell(rate_at(row.curves[ratio_form], static_cast<double>(study.measured_batches[j]))));
        }
        table.add_row(std::move(cells));
    }
    return table;
}

TextTable run_table(const EpsilonStudy& study) {
    TextTable table({"eps", "sqrt(v) < eps at first", "at the end", "median sqrt(v)", "p of sqrt(w)", "with eps",
                     "predicted", "ln of the best lr", "best lr", "its loss", "remark"});
    for (const EpsilonRow& row : study.rows) {
        if (!row.run) continue;
        std::vector<Cell> cells = {Cell(eps_words(row.eps))};
        if (row.run->readings.empty()) {
            for (int k = 0; k < 3; ++k) cells.push_back(Cell("-"));
        } else {
            cells.push_back(Cell(fmt::format("{:.1f} %", 100.0 * row.run->readings.front().below)));
            cells.push_back(Cell(fmt::format("{:.1f} %", 100.0 * row.run->readings.back().below)));
            cells.push_back(number_cell(row.run->readings.back().median, 2));
        }
        if (row.run->exponent) {
            cells.push_back(Cell(row.run->exponent->plain));
            cells.push_back(Cell(row.run->exponent->effective));
            cells.push_back(number_cell(row.run->exponent->predicted));
        } else {
            for (int k = 0; k < 3; ++k) cells.push_back(Cell("-"));
        }
        if (has_best(row)) {
            cells.push_back(Cell(row.best->log_rate));
            cells.push_back(number_cell(best_rate(row)));
            cells.push_back(number_cell(row.best->loss));
        } else {
            for (int k = 0; k < 3; ++k) cells.push_back(Cell("-"));
        }
        cells.push_back(Cell(row.eps == 0.0 && study.dead > 0 ? "0 / 0 in coordinates without a gradient"
                             : !row.run->remark.empty()       ? row.run->remark
                             : row.best                       ? row.best->remark
                                                              : ""));
        table.add_row(std::move(cells));
    }
    return table;
}

void add_figures(HtmlReport& report, const EpsilonStudy& study) {
    Plot rates{.title = "The best rate against the batch size",
               .x_label = "batch size B",
               .y_label = "best rate / its limit for large batches",
               .log_x = true,
               .log_y = true};
    Plot heights{.title = "The surge against epsilon",
                 .x_label = "epsilon",
                 .y_label = "peak rate / its limit - 1",
                 .log_x = true};
    for (const EpsilonRow& row : study.rows) {
        const EpsilonCurve& curve = row.curves[0];
        if (!(curve.limit > 0.0) || !std::isfinite(curve.limit)) continue;
        Series line{"eps = " + eps_words(row.eps)};
        for (Index k = 0; k < curve.batches.size(); ++k) {
            if (!std::isfinite(curve.rate(k))) continue;
            line.x.push_back(curve.batches(k));
            line.y.push_back(curve.rate(k) / curve.limit);
        }
        rates.series.push_back(line);
    }
    const char* names[] = {"softsign", "clip", "g / (|g| + eps)"};
    for (std::size_t f = 0; f < 3; ++f) {
        Series line{.label = names[f], .style = Series::Style::linepoints};
        for (const EpsilonRow& row : study.rows) {
            if (!(row.eps > 0.0) || !std::isfinite(row.eps) || !row.curves[f].remark.empty()) continue;
            line.x.push_back(row.eps);
            line.y.push_back(row.curves[f].peak.exists ? std::max(0.0, row.curves[f].peak.height) : 0.0);
        }
        heights.series.push_back(line);
    }
    heights.verticals = {{study.gradient_rms, "rms of g"}};
    report.figure(rates, "Softsign, exact moments of independent coordinates. Slope 1/2: signs, slope 1: SGD.");
    report.figure(heights, "0 where the rate has no local maximum above its limit for large batches.");

    Plot quantiles{.title = "The denominators of Adam along the run with the smallest epsilon",
                   .x_label = "step",
                   .y_label = "sqrt(v_i)",
                   .log_x = true,
                   .log_y = true};
    Plot share{.title = "Coordinates in which epsilon exceeds sqrt(v)",
               .x_label = "step",
               .y_label = "share with sqrt(v_i) < eps",
               .log_x = true};
    Plot shift{.title = "The best learning rate against epsilon",
               .x_label = "epsilon",
               .y_label = "best constant lr",
               .log_x = true,
               .log_y = true};
    Series measured{.label = "runs", .style = Series::Style::linepoints},
        predicted{.label = "one step, exact moments, scaled to the first", .style = Series::Style::line};
    double scale = 0.0;
    for (const EpsilonRow& row : study.rows) {
        if (!row.run) continue;
        if (quantiles.series.empty() && !row.run->readings.empty()) {
            Series band{"5 to 95 %"}, middle{"median"};
            for (const DenominatorReading& r : row.run->readings) {
                for (Series* line : {&band, &middle}) {
                    line->x.push_back(static_cast<double>(r.step));
                    line->y.push_back(r.median);
                }
                band.lower.push_back(r.low);
                band.upper.push_back(r.high);
            }
            quantiles.series = {band, middle};
        }
        if (row.eps > 0.0 && std::isfinite(row.eps)) {
            Series line{.label = "eps = " + eps_words(row.eps), .style = Series::Style::linepoints};
            for (const DenominatorReading& r : row.run->readings) {
                line.x.push_back(static_cast<double>(r.step));
                line.y.push_back(r.below);
            }
            share.series.push_back(line);
            if (has_best(row)) {
                measured.x.push_back(row.eps);
                measured.y.push_back(best_rate(row));
                measured.lower.push_back(best_rate(row) * std::exp(-row.best->log_rate.std_error));
                measured.upper.push_back(best_rate(row) * std::exp(row.best->log_rate.std_error));
                const double law = rate_at(row.curves[ratio_form], static_cast<double>(study.batch));
                if (law > 0.0 && std::isfinite(law)) {
                    if (scale == 0.0) scale = best_rate(row) / law;
                    predicted.x.push_back(row.eps);
                    predicted.y.push_back(scale * law);
                }
            }
        }
    }
    report.section("Runs of Adam");
    if (!quantiles.series.empty())
        report.figure(quantiles, "Bias-corrected; coordinates that never had a gradient are left out.");
    if (!share.series.empty()) report.figure(share, "A run for each epsilon.");
    if (!measured.x.empty()) {
        shift.series = {measured, predicted};
        shift.verticals = {{study.batch_rms, "rms of a mini-batch gradient"}};
        report.figure(shift, "The constant rate whose run ends lowest; bars: one standard error over the seeds.");
    }
}

} // namespace hessq::app
