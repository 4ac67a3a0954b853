#include "batch_size_report.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::app {
namespace {

Cell number_or_dash(double value) {
    Cell cell(std::isfinite(value) ? format_number(value) : "-");
    cell.number = std::isfinite(value);
    return cell;
}

Cell estimate_or_dash(const MeasuredStep& step) {
    if (step.status == StepStatus::unbounded) return "unbounded";
    if (!std::isfinite(step.rate.value)) return "-";
    return std::isfinite(step.rate.std_error) ? Cell(step.rate) : Cell(step.rate.value);
}

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json step_json(const MeasuredStep& step) {
    if (step.status == StepStatus::unbounded) return nullptr;
    return app::to_json(step.rate);
}

Json to_json(const std::optional<RatePeak>& peak) {
    if (!peak) return {{"exists", nullptr}, {"B_peak", nullptr}, {"eta", nullptr}, {"height", nullptr}};
    if (!peak->exists) return {{"exists", false}, {"B_peak", nullptr}, {"eta", nullptr}, {"height", nullptr}};
    return {{"exists", true}, {"B_peak", peak->batch}, {"eta", peak->rate}, {"height", peak->height}};
}

Json to_json(const std::optional<HyperbolaFit>& fit) {
    if (!fit) return nullptr;
    return {{"steps_min", fit->steps_min},
            {"samples_min", fit->samples_min},
            {"critical_batch", fit->critical_batch},
            {"r_squared", fit->r_squared}};
}

std::string percent(double share) {
    return fmt::format("{} %", format_number(100.0 * share, std::abs(share) < 0.995 ? 2 : 3));
}

std::string times(double ratio) { return format_number(ratio, 2); }

std::string batch_words(double batch) { return format_number(batch, 3); }

std::string peak_words(const LawCurve& curve) {
    if (!curve.peak) return "not known: somewhere the step is unbounded";
    if (!curve.peak->exists) return "none";
    return fmt::format("at B = {}, {} above the limit of large batches", batch_words(curve.peak->batch),
                       percent(curve.peak->height));
}

std::string sgd_words(const BatchSizeResult& r) {
    if (r.scales.status == StepStatus::unbounded)
        return fmt::format(" The curvature along the gradient is not positive (g'Hg <= 0): by the quadratic model the "
                           "loss falls for ever along it, and there is neither a best rate nor a B_noise. B_simple = "
                           "tr Sigma / g'g is {}.",
                           format_number(r.scales.simple_batch));
    std::string text =
        fmt::format(" For SGD the best rate of one step grows from {} for one sample to eta_max = {} without noise",
                    format_number(sgd_best_step(r.scales, 1.0).rate), format_number(r.scales.rate_max));
    if (r.noise_trace == 0.0) return text + ": there is no noise, and the batch does not matter.";
    if (r.scales.noise_batch <= 0.0)
        return fmt::format(
            " For SGD B_noise = tr(Sigma H) / g'Hg is {}: not positive, because H is indefinite and the noise lies "
            "along "
            "its negative directions. The law then says that noise helps: the rate falls to eta_max = {} as the batch "
            "grows, and below B = {} the step is unbounded.",
            format_number(r.scales.noise_batch), format_number(r.scales.rate_max),
            format_number(-r.scales.noise_batch));
    text += fmt::format(", and half of it is reached at B_noise = {}", format_number(r.scales.noise_batch));
    text += fmt::format("; B_simple, with a multiple of I in place of H, is {}, {} of it.",
                        format_number(r.scales.simple_batch), times(r.scales.simple_batch / r.scales.noise_batch));
    return text;
}

std::string surge_words(const BatchSizeResult& r) {
    const LawCurve& exact = *r.curve("sign");
    if (r.noise_trace == 0.0) return "";
    std::string text = " Signs of the gradient, coordinates taken as independent (the erf form)";
    if (!exact.peak)
        text += ": for some batches u'Hu is not positive on average and the best rate unbounded, so whether there is a "
                "surge makes no sense";
    else if (exact.peak->exists)
        text += fmt::format(": there is a surge, the best rate peaks at B = {} and is there {} above its limit",
                            batch_words(exact.peak->batch), percent(exact.peak->height));
    else
        text += ": no surge, the best rate does not fall with the batch";
    text += fmt::format(" (s'Hs / tr H = {}; the essay's condition is 2).",
                        format_number(r.sign_curvature / r.hessian_trace, 3));
    const auto approximation = [&](const std::string& name, const std::string& words) {
        const LawCurve* const curve = r.curve(name);
        if (!curve) return fmt::format(" {} has no curve: some gradient is zero and its noise is not.", words);
        std::string piece = fmt::format(" {} has {}", words,
                                        curve->peak && curve->peak->exists
                                            ? fmt::format("its peak at B = {}", batch_words(curve->peak->batch))
                                        : curve->peak ? std::string("no peak")
                                                      : std::string("an unbounded step"));
        if (const auto off = r.deviation(name, "sign")) piece += fmt::format(" and rates up to {} off", percent(*off));
        return piece + ".";
    };
    text += approximation("sign_essay", "The essay's closed form");
    text += approximation("sign_mean_field", "Mean field");
    if (const LawCurve* const correlated = r.curve("sign_correlated")) {
        text += fmt::format(" With the correlations of Sigma, as normal noise, the peak is {}",
                            correlated->peak && correlated->peak->exists
                                ? fmt::format("at B = {}", batch_words(correlated->peak->batch))
                            : correlated->peak ? std::string("gone or never was")
                                               : std::string("not known"));
        if (const auto off = r.deviation("sign", "sign_correlated"))
            text += fmt::format("; independence puts the rate up to a factor {} off", times(1.0 + *off));
        text += ".";
    }
    return text;
}

/// The measured batch at which independence is worst.
std::string measured_words(const BatchSizeResult& r) {
    const MeasuredMethod* const signs = r.method("sign");
    std::string text;
    if (signs) {
        const MeasuredPoint* worst = nullptr;
        double largest = 0.0;
        for (const MeasuredPoint& point : signs->points) {
            if (!point.law || !std::isfinite(*point.law) || point.loss.status == StepStatus::unbounded ||
                !(point.loss.rate.value > 0.0))
                continue;
            const double off = std::abs(std::log(*point.law / point.loss.rate.value));
            if (worst && off <= largest) continue;
            worst = &point;
            largest = off;
        }
        if (worst) {
            text += fmt::format(" Real mini-batches: signs of B = {} are best with {}, where the erf form says {}",
                                worst->batch, format_estimate(worst->loss.rate.value, worst->loss.rate.std_error),
                                format_number(*worst->law, 3));
            if (worst->correlated)
                text += std::isfinite(*worst->correlated)
                            ? fmt::format(" and with correlations {}", format_number(*worst->correlated, 3))
                            : std::string(" and no rate is too large with correlations");
            text += fmt::format(": off by a factor {}.", times(std::exp(largest)));
        }
    }
    if (const MeasuredMethod* const sgd = r.method("sgd")) {
        double largest = 0.0;
        Index where = 0;
        for (const MeasuredPoint& point : sgd->points) {
            if (!point.law || !std::isfinite(*point.law) || point.loss.status == StepStatus::unbounded) continue;
            const double off = std::abs(point.loss.rate.value / *point.law - 1.0);
            if (off > largest) largest = off, where = point.batch;
        }
        if (where > 0)
            text += fmt::format(" SGD's law assumes nothing of the noise; what the loss itself says differs from it by "
                                "up to {} (B = {}), which is sampling error and the loss not being quadratic.",
                                percent(largest), where);
    }
    if (const LawCurve* const adam = r.curve("adam"); adam && r.noise_trace > 0.0)
        text += fmt::format(" Adam with beta1 = {} at a gradient that stands still, by mean field: peak {}.",
                            format_number(r.beta1, 3), peak_words(*adam));
    return text;
}

std::string hyperbola_words(const BatchSizeResult& r) {
    const HyperbolaResult& h = r.hyperbola;
    if (!h.log) return h.why.empty() ? "" : fmt::format(" No hyperbola of steps and samples: {}.", h.why);
    double least = 1e300, largest = 0.0;
    for (const TargetRun& run : h.runs)
        if (run.reached) {
            least = std::min(least, static_cast<double>(run.batch));
            largest = std::max(largest, static_cast<double>(run.batch));
        }
    if (h.log->critical_batch < least || h.log->critical_batch > largest)
        return fmt::format(
            " Runs to a loss of {} with batches of {} to {} do not bend enough to tell E_min / S_min (the fit "
            "in logarithms puts it outside, at {}).",
            format_number(h.target), format_number(least), format_number(largest),
            format_number(h.log->critical_batch, 3));
    return fmt::format(
        " Runs to a loss of {} lie on (S / S_min - 1)(E / E_min - 1) = 1 with E_min / S_min = {} and R^2 = {} in "
        "logarithms{}.",
        format_number(h.target), format_number(h.log->critical_batch, 3), format_number(h.log->r_squared, 4),
        r.scales.status == StepStatus::bounded && r.scales.noise_batch > 0.0
            ? fmt::format(", {} of the B_noise at their start", times(h.log->critical_batch / r.scales.noise_batch))
            : "");
}

std::string rule_words(const BatchSizeResult& r) {
    std::string text;
    for (const char* name : {"sgd, linear", "sgd, square root", "adam, Malladi"}) {
        const RuleTest* last = nullptr;
        for (const RuleTest& test : r.rules)
            if (test.rule == name && test.factor > 1.0) last = &test;
        if (!last || !std::isfinite(last->change.value)) continue;
        text += fmt::format("{}{} (batch times {}): {}", text.empty() ? "" : "; ", name, format_number(last->factor),
                            last->change.value > 10.0 ? std::string("it diverges")
                                                      : format_estimate(last->change.value, last->change.std_error));
    }
    return text.empty() ? ""
                        : fmt::format(" After as many samples, the share of the base run's progress that scaling the "
                                      "batch costs: {}.",
                                      text);
}

Series curve_series(const BatchSizeResult& r, const LawCurve& curve, double BestStep::*which) {
    Series series{.label = curve.what};
    for (std::size_t k = 0; k < curve.steps.size(); ++k) {
        if (curve.steps[k].status == StepStatus::unbounded) continue;
        series.x.push_back(r.batches[k]);
        series.y.push_back(curve.steps[k].*which);
    }
    return series;
}

Series measured_series(const MeasuredMethod& method, const std::string& label, bool decrease) {
    Series series{.label = label, .style = Series::Style::points};
    for (const MeasuredPoint& point : method.points) {
        if (point.loss.status == StepStatus::unbounded) continue;
        const Estimate& y = decrease ? point.loss.decrease : point.loss.rate;
        if (!std::isfinite(y.value) || !std::isfinite(y.std_error)) continue;
        series.x.push_back(static_cast<double>(point.batch));
        series.y.push_back(y.value);
        series.lower.push_back(y.value - 2.0 * y.std_error);
        series.upper.push_back(y.value + 2.0 * y.std_error);
    }
    return series;
}

Plot rate_plot(const BatchSizeResult& r, const std::string& title, const std::vector<std::string>& curves,
               const std::vector<std::string>& methods, bool decrease) {
    Plot plot{.title = title,
              .x_label = "batch size B",
              .y_label = decrease ? "decrease of the loss by the best step" : "best learning rate",
              .log_x = true,
              .log_y = true};
    for (const std::string& name : curves)
        if (const LawCurve* const curve = r.curve(name))
            plot.series.push_back(curve_series(r, *curve, decrease ? &BestStep::decrease : &BestStep::rate));
    for (const std::string& name : methods)
        if (const MeasuredMethod* const method = r.method(name))
            plot.series.push_back(measured_series(*method, name + ", measured", decrease));
    return plot;
}

} // namespace

const LawCurve* BatchSizeResult::curve(const std::string& name) const {
    const auto found =
        std::find_if(curves.begin(), curves.end(), [&](const LawCurve& curve) { return curve.name == name; });
    return found == curves.end() ? nullptr : &*found;
}

const MeasuredMethod* BatchSizeResult::method(const std::string& name) const {
    const auto found = std::find_if(measured.begin(), measured.end(),
                                    [&](const MeasuredMethod& method) { return method.name == name; });
    return found == measured.end() ? nullptr : &*found;
}

std::optional<double> BatchSizeResult::deviation(const std::string& approximate, const std::string& exact) const {
    const LawCurve *const a = curve(approximate), *const b = curve(exact);
    if (!a || !b) return std::nullopt;
    std::optional<double> largest;
    for (std::size_t k = 0; k < batches.size(); ++k) {
        if (a->steps[k].status == StepStatus::unbounded || b->steps[k].status == StepStatus::unbounded ||
            !(b->steps[k].rate > 0.0))
            continue;
        largest = std::max(largest.value_or(0.0), std::abs(a->steps[k].rate / b->steps[k].rate - 1.0));
    }
    return largest;
}

Json to_json(const BatchSizeResult& r) {
    const bool bounded = r.scales.status == StepStatus::bounded;
    Json json = {
        {"point",
         {{"step", r.at_step},
          {"loss", r.loss},
          {"gradient_norm", r.gradient_norm},
          {"live_parameters", r.live},
          {"hessian_trace", r.hessian_trace},
          {"noise_trace", r.noise_trace},
          {"sign_curvature", r.sign_curvature}}},
        {"eta_max", finite_or_null(r.scales.rate_max)},
        {"decrease_max", finite_or_null(r.scales.decrease_max)},
        {"B_noise", bounded ? finite_or_null(r.scales.noise_batch) : Json(nullptr)},
        {"B_simple", r.scales.simple_batch},
        {"noise_ratio", {{"mean_of_ratios", finite_or_null(r.mean_ratio)}, {"ratio_of_sums", r.scales.simple_batch}}},
        {"softsign_eps", r.softsign_eps},
        {"beta1", r.beta1}};
    Json& curves = json["curves"] = Json::object();
    Json& limits = json["limits"] = Json::object();
    Json& surge = json["surge"] = to_json(r.curve("sign")->peak);
    Json& deviations = json["largest_deviation"] = Json::object();
    for (const LawCurve& curve : r.curves) {
        Json& list = curves[curve.name] = Json::array();
        for (std::size_t k = 0; k < r.batches.size(); ++k)
            list.push_back({{"B", r.batches[k]},
                            {"eta", finite_or_null(curve.steps[k].rate)},
                            {"decrease", finite_or_null(curve.steps[k].decrease)}});
        limits[curve.name] = {{"eta", finite_or_null(curve.limit.rate)},
                              {"decrease", finite_or_null(curve.limit.decrease)}};
        surge["by_law"][curve.name] = to_json(curve.peak);
    }
    for (const char* name : {"sign_essay", "sign_mean_field"})
        if (const auto off = r.deviation(name, "sign")) deviations[name] = *off;
    if (const auto off = r.deviation("sign", "sign_correlated")) deviations["independence"] = *off;
    json["two_batch_estimates"] = {{"small_batch", r.small_batch},
                                   {"large_batch", r.large_batch},
                                   {"squared_gradient", app::to_json(r.two_batches.squared_gradient)},
                                   {"noise_trace", app::to_json(r.two_batches.noise_trace)},
                                   {"B_simple", app::to_json(r.two_batches.simple_batch)}};
    Json& measured = json["measured"] = Json::object();
    for (const MeasuredMethod& method : r.measured) {
        Json& list = measured[method.name] = Json::array();
        for (const MeasuredPoint& point : method.points) {
            Json entry = {{"B", point.batch},
                          {"eta", step_json(point.loss)},
                          {"decrease", app::to_json(point.loss.decrease)},
                          {"eta_quadratic_model", step_json(point.model)},
                          {"law", point.law ? finite_or_null(*point.law) : Json(nullptr)}};
            if (point.correlated) entry["correlated_law"] = finite_or_null(*point.correlated);
            list.push_back(std::move(entry));
        }
    }
    Json& muon = json["muon"] = Json::array();
    for (const MuonGroup& group : r.muon) {
        Json entry = {{"group", group.group.name},
                      {"rows", group.group.rows},
                      {"cols", group.group.cols},
                      {"B_simple", group.simple_batch},
                      {"attenuation", Json::array()}};
        for (std::size_t k = 0; k < group.predicted.size(); ++k)
            entry["attenuation"].push_back({{"B", r.measured_batches[k]},
                                            {"predicted", group.predicted[k]},
                                            {"measured", app::to_json(group.measured[k])}});
        muon.push_back(std::move(entry));
    }
    Json runs = Json::array();
    for (const TargetRun& run : r.hyperbola.runs)
        runs.push_back(
            {{"B", run.batch},
             {"eta", run.rate},
             {"steps", run.reached ? app::to_json(run.steps) : Json(nullptr)},
             {"samples", run.reached ? Json(run.steps.value * static_cast<double>(run.batch)) : Json(nullptr)}});
    json["hyperbola"] = {{"target_loss", r.hyperbola.target},
                         {"runs", runs},
                         {"inverse_fit", to_json(r.hyperbola.linear)},
                         {"log_fit", to_json(r.hyperbola.log)},
                         {"why", r.hyperbola.why.empty() ? Json(nullptr) : Json(r.hyperbola.why)}};
    Json& rules = json["scaling_rules"] = Json::array();
    for (const RuleTest& test : r.rules)
        rules.push_back({{"rule", test.rule},
                         {"factor", test.factor},
                         {"eta", test.rate},
                         {"loss", app::to_json(test.loss)},
                         {"change", app::to_json(test.change)}});
    return json;
}

std::string finding_of(const BatchSizeResult& r, const std::string& problem) {
    std::string text = r.at_step > 0 ? fmt::format("After {} steps of Adam on {}", r.at_step, problem)
                                     : fmt::format("At this point of {}", problem);
    text += fmt::format(" the loss is {} and the gradient's norm {}.", format_number(r.loss),
                        format_number(r.gradient_norm));
    if (r.live < r.parameters)
        text += fmt::format(" {} of the {} parameters never have a gradient; they are left out.", r.parameters - r.live,
                            r.parameters);
    return text + sgd_words(r) + surge_words(r) + measured_words(r) + hyperbola_words(r) + rule_words(r);
}

TextTable law_table(const BatchSizeResult& r) {
    TextTable table({"law", "rate, B = 1", "rate, large B", "decrease, large B", "peak of the rate"});
    for (const LawCurve& curve : r.curves)
        table.add_row({curve.what, number_or_dash(curve.steps.front().rate), number_or_dash(curve.limit.rate),
                       number_or_dash(curve.limit.decrease), peak_words(curve)});
    return table;
}

TextTable measured_table(const BatchSizeResult& r) {
    TextTable table({"direction", "B", "best rate, the loss", "quadratic model", "law", "with correlations"});
    for (const MeasuredMethod& method : r.measured)
        for (const MeasuredPoint& point : method.points)
            table.add_row({method.name, point.batch, estimate_or_dash(point.loss), estimate_or_dash(point.model),
                           point.law ? number_or_dash(*point.law) : Cell("-"),
                           point.correlated ? number_or_dash(*point.correlated) : Cell("-")});
    return table;
}

TextTable hyperbola_table(const BatchSizeResult& r) {
    TextTable table({"B", "best constant rate", "steps", "samples", "steps, fitted"});
    for (const TargetRun& run : r.hyperbola.runs) {
        const auto batch = static_cast<double>(run.batch);
        table.add_row({run.batch, run.rate, run.reached ? Cell(run.steps) : Cell("not reached"),
                       run.reached ? Cell(run.steps.value * batch) : Cell("-"),
                       r.hyperbola.log
                           ? Cell(r.hyperbola.log->steps_min * (1.0 + r.hyperbola.log->critical_batch / batch))
                           : Cell("-")});
    }
    return table;
}

TextTable rule_table(const BatchSizeResult& r) {
    TextTable table({"rule", "batch times", "rate", "loss at the end", "cost"});
    for (const RuleTest& test : r.rules) {
        const bool finite = std::isfinite(test.loss.value), known = std::isfinite(test.change.value);
        table.add_row({test.rule, test.factor, test.rate, finite ? Cell(test.loss) : Cell("diverged"),
                       known ? Cell(test.change) : Cell("-")});
    }
    return table;
}

void add_figures(HtmlReport& report, const BatchSizeResult& r) {
    report.figure(rate_plot(r, "SGD", {"sgd", "momentum"}, {"sgd", "momentum"}, false),
                  "Lines: eta_max / (1 + B_noise / B), for momentum with B (1 + beta1) / (1 - beta1) in place of B. "
                  "Points: the rate that is best for the loss itself over real mini-batches, bars of two standard "
                  "errors.");
    report.figure(rate_plot(r, "Signs", {"sign", "sign_essay", "sign_mean_field", "sign_correlated"}, {"sign"}, false),
                  "Lines: the erf form and its two approximations take the noise of coordinates as independent; the "
                  "last has the correlations of Sigma. A hump is a surge.");
    report.figure(
        rate_plot(r, "Adam, softsign and Muon", {"adam", "softsign", "muon"}, {"adam", "softsign", "muon"}, false),
        fmt::format("Adam at a gradient that stands still, beta1 = {}; softsign with eps = {}; Muon moves "
                    "weight matrices only.",
                    format_number(r.beta1, 3), format_number(r.softsign_eps, 3)));
    report.figure(rate_plot(r, "What the best step achieves", {"sgd", "sign", "adam", "sign_correlated"},
                            {"sgd", "sign", "adam"}, true),
                  "The decrease of the loss by one step of the best rate.");
    if (r.hyperbola.log) {
        Plot plot{.title = "Steps against samples",
                  .x_label = "samples E",
                  .y_label = "steps S",
                  .log_x = true,
                  .log_y = true};
        Series runs{.label = "runs to the target", .style = Series::Style::points}, curve{.label = "hyperbola"};
        for (const TargetRun& run : r.hyperbola.runs) {
            if (!run.reached) continue;
            const auto batch = static_cast<double>(run.batch);
            runs.x.push_back(run.steps.value * batch);
            runs.y.push_back(run.steps.value);
            runs.lower.push_back(run.steps.value - 2.0 * run.steps.std_error);
            runs.upper.push_back(run.steps.value + 2.0 * run.steps.std_error);
        }
        const double first = static_cast<double>(r.hyperbola.runs.front().batch),
                     last = static_cast<double>(r.hyperbola.runs.back().batch);
        for (int k = 0; k <= 100; ++k) {
            const double batch = first * std::pow(last / first, 0.01 * k);
            const double steps = r.hyperbola.log->steps_min * (1.0 + r.hyperbola.log->critical_batch / batch);
            curve.x.push_back(steps * batch);
            curve.y.push_back(steps);
        }
        plot.series = {runs, curve};
        report.figure(plot, fmt::format("SGD with the best constant rate for each batch, to a loss of {}.",
                                        format_number(r.hyperbola.target)));
    }
    if (!r.muon.empty()) {
        Plot plot{.title = "What is left of Muon's direction",
                  .x_label = "batch size B",
                  .y_label = "<msign(G_B), msign(G)> / rank",
                  .log_x = true};
        for (const MuonGroup& group : r.muon) {
            Series points{.label = group.group.name + ", measured", .style = Series::Style::points};
            Series law{.label = group.group.name + ", law"};
            for (std::size_t k = 0; k < group.measured.size(); ++k) {
                const auto batch = static_cast<double>(r.measured_batches[k]);
                points.x.push_back(batch);
                points.y.push_back(group.measured[k].value);
                points.lower.push_back(group.measured[k].value - 2.0 * group.measured[k].std_error);
                points.upper.push_back(group.measured[k].value + 2.0 * group.measured[k].std_error);
                law.x.push_back(batch);
                law.y.push_back(group.predicted[k]);
            }
            plot.series.push_back(points);
            plot.series.push_back(law);
        }
        report.figure(plot, "The law (1 + B_simple / B)^(-1/2) is for equal singular values and many more columns than "
                            "rows.");
    }
}

} // namespace hessq::app
