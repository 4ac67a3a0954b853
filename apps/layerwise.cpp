#include "commands.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/optimizers/transforms.hpp"
#include "hessq/report/figures.hpp"
#include "hessq/report/plot.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/reparametrization.hpp"
#include "support/memory.hpp"
#include "support/optimizers.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>

namespace hessq::app {
namespace {

struct LayerwiseOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 100, .batch = 64, .lr = 0.0};
    std::string groups = "*";
    std::string lambda = "0.25,0.5,2,3";
    std::string methods;
    double weight_decay = 0.01;
};

/// A dense Hessian for every step is left to those who ask for it from this number of parameters on.
constexpr Index many_parameters = 1000;
/// Of a measured exponent and of paths: rounding, with room for steps that amplify it, as roots of badly conditioned
/// matrices do.
constexpr double exponent_tolerance = 1e-6, path_tolerance = 1e-6;

/// One optimizer. Where the loss or a step was not finite there is a reason and no number.
struct Row {
    std::string name;
    UpdateDegrees degrees = {};
    RateMeasurement translated = {}; ///< its constants on theta kept
    RateMeasurement unchanged = {};  ///< its constants the same numbers on phi
    double deviation = 0.0;          ///< of the runs, all settings translated: the largest over lambda
    double rate_only = 0.0;          ///< of the runs, only the rate translated
    std::string failure = {};

    bool keeps_the_law() const {
        return failure.empty() && std::abs(translated.line.slope - degrees.rate_exponent()) <= exponent_tolerance;
    }
    bool follows() const { return keeps_the_law() && deviation <= path_tolerance; }
};

Row measure(const Run& run, const LayerwiseOptions& options, const std::string& name, const OptimizerSettings& given,
            const std::vector<Index>& scaled, const Vector& lambda, const ParameterLayout& layout) {
    const std::shared_ptr<const FiniteSumObjective> objective = run.problem().objective;
    const bool dense = optimizer_info(name).curvature == CurvatureNeed::matrix;
    const TrainOptions training{.steps = dense ? std::min<Index>(options.training.steps, 5) : options.training.steps,
                                .batch = options.training.batch,
                                .sampling = options.training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
                                .seed = run.seed()};
    Row row{.name = name, .degrees = update_degrees(name, given)};
    try {
        const std::vector<double> ones(layout.groups.size(), 1.0);
        const Matrix path =
            parameter_path(*objective, run.start(), *equivalent_optimizer(name, given, layout, ones), training);
        const Matrix before = path.leftCols(training.steps);
        row.translated = measure_rate(objective, before, name, given, scaled, lambda, training, true);
        row.unchanged = measure_rate(objective, before, name, given, scaled, lambda, training, false);
        for (const double factor : lambda) {
            std::vector<double> each = ones;
            for (const Index k : scaled) each[static_cast<std::size_t>(k)] = factor;
            const auto on_theta = [&](const std::vector<double>& factors, const Translation& translation) {
                return parameter_path(*objective, run.start(),
                                      *equivalent_optimizer(name, given, layout, factors, translation), training);
            };
            const Matrix seen = reparametrized_path(objective, run.start(), coordinate_factors(layout, each),
                                                    *equivalent_optimizer(name, given, layout, ones), training);
            row.deviation = std::max(row.deviation, path_deviation(seen, on_theta(each, {})));
            row.rate_only =
                std::max(row.rate_only, path_deviation(seen, on_theta(each, {.rate = true, .constants = false})));
        }
    } catch (const NumericalError& error) {
        row.failure = error.what();
    } catch (const std::invalid_argument& error) { // a setting that suits others and not this optimizer
        row.failure = error.what();
    }
    return row;
}

std::string exponent_text(double exponent) { return format_number(std::abs(exponent) < 5e-13 ? 0.0 : exponent); }

TextTable law_table(const std::vector<Row>& rows) {
    TextTable table(
        {"optimizer", "k", "j", "predicted rate", "exponent", "constants kept", "runs apart", "rate translated only"});
    for (const Row& row : rows) {
        const double e = row.degrees.rate_exponent();
        const std::string rate = e == 0.0 ? "lr" : e == 1.0 ? "lambda lr" : fmt::format("lambda^{:g} lr", e);
        if (row.failure.empty())
            table.add_row({row.name, Cell(row.degrees.k()), Cell(row.degrees.j()), rate,
                           exponent_text(row.translated.line.slope), exponent_text(row.unchanged.line.slope),
                           Cell(row.deviation), Cell(row.rate_only)});
        else
            table.add_row({row.name, Cell(row.degrees.k()), Cell(row.degrees.j()), rate, "-", "-", "-", "-"});
    }
    return table;
}

TextTable translation_table(const std::vector<Row>& rows, const OptimizerSettings& given, double lambda) {
    TextTable table({"optimizer", "lr", "eps", "weight decay", "other"});
    const auto change = [](const std::optional<double>& from, const std::optional<double>& to) {
        if (!from) return std::string("-");
        return *from == *to ? format_number(*from) : format_number(*from) + " -> " + format_number(*to);
    };
    for (const Row& row : rows) {
        const OptimizerSettings from = complete_settings(row.name, given);
        const OptimizerSettings to = reparametrized_settings(row.name, given, lambda);
        std::string other;
        const auto mention = [&](const char* what, const std::optional<double>& a, const std::optional<double>& b) {
            if (a && *a != *b) other += fmt::format("{}{} {}", other.empty() ? "" : ", ", what, change(a, b));
        };
        mention("second eps", from.second_eps, to.second_eps);
        mention("clip", from.clip, to.clip);
        table.add_row({row.name, change(from.lr, to.lr), change(from.eps, to.eps),
                       change(from.weight_decay, to.weight_decay), other.empty() ? "-" : other});
    }
    return table;
}

Plot rate_plot(const std::vector<Row>& rows, const Vector& lambda) {
    Plot plot{.title = "The learning rate that theta sees",
              .x_label = "lambda",
              .y_label = "step of theta / step for lambda = 1",
              .log_x = true,
              .log_y = true};
    // Optimizers with one law lie on one line: one series for each law, named by those that follow it.
    std::map<double, std::vector<const Row*>> by_exponent;
    for (const Row& row : rows)
        if (row.failure.empty()) by_exponent[std::round(row.translated.line.slope * 1e6) * 1e-6].push_back(&row);
    for (const auto& entry : by_exponent) {
        std::vector<std::string> names;
        for (const Row* row : entry.second) names.push_back(row->name);
        const std::string label = names.size() > 4
                                      ? fmt::format("{}, {}, {}, ... ({})", names[0], names[1], names[2], names.size())
                                      : fmt::format("{}", fmt::join(names, ", "));
        plot.series.push_back(
            {label, to_list(lambda), to_list(entry.second.front()->translated.rate), Series::Style::points});
        plot.guides.push_back({entry.first, 1.0, 1.0, ""});
    }
    return plot;
}

std::string finding_of(const std::vector<Row>& rows, const Vector& lambda) {
    std::vector<std::string> off, unstable, failed;
    double worst = 0.0, least = std::numeric_limits<double>::infinity(), most = 0.0;
    Index following = 0;
    std::string most_name;
    for (const Row& row : rows) {
        if (!row.failure.empty()) {
            failed.push_back(fmt::format("{} ({})", row.name, row.failure));
            continue;
        }
        if (!row.follows()) {
            (row.keeps_the_law() ? unstable : off).push_back(row.name);
            continue;
        }
        ++following;
        worst = std::max(worst, row.deviation);
        least = std::min(least, row.rate_only);
        if (row.rate_only > most) {
            most = row.rate_only;
            most_name = row.name;
        }
    }
    std::string text =
        fmt::format("Storing the parameters divided by lambda ({} to {}) gives theta the learning rate lambda^(1 + k - "
                    "j) lr for {} "
                    "of {} optimizers",
                    format_number(lambda.minCoeff()), format_number(lambda.maxCoeff()), following, rows.size());
    if (following > 0)
        text +=
            fmt::format(": with all settings translated the runs on phi and on theta are at most {} of the way apart.",
                        format_number(worst, 2));
    else
        text += ".";
    if (most > path_tolerance)
        text += fmt::format(" The rate alone is not enough: with eps, decay and clip left as they are the runs part, "
                            "most of all those of {}, by {} of the way.",
                            most_name, format_number(most, 2));
    if (!off.empty()) text += fmt::format(" Not so: {}.", fmt::join(off, ", "));
    if (!unstable.empty())
        text +=
            fmt::format(" With {} the first steps have the predicted rate, but the runs part: a rate at which rounding "
                        "grows from step to step.",
                        fmt::join(unstable, ", "));
    if (!failed.empty()) text += fmt::format(" Without a result: {}.", fmt::join(failed, "; "));
    return text;
}

Json to_json(const Row& row, const Vector& lambda) {
    Json json = {{"k", row.degrees.k()},
                 {"j", row.degrees.j()},
                 {"predicted_exponent", row.degrees.rate_exponent()},
                 {"failure", row.failure.empty() ? Json(nullptr) : Json(row.failure)}};
    if (!row.failure.empty()) return json;
    json["follows"] = row.follows();
    json["lambda"] = to_list(lambda);
    json["rate"] = to_list(row.translated.rate);
    json["exponent"] = row.translated.line.slope;
    json["rate_constants_kept"] = to_list(row.unchanged.rate);
    json["exponent_constants_kept"] = row.unchanged.line.slope;
    json["deviation"] = {{"translated", row.deviation}, {"rate_only", row.rate_only}};
    return json;
}

std::vector<std::string> methods_of(const LayerwiseOptions& options, Index parameters) {
    const std::vector<std::string> known = optimizer_names();
    if (!options.methods.empty()) return chosen_names("--methods", options.methods, known);
    std::vector<std::string> methods;
    for (const OptimizerInfo& info : optimizers())
        if (info.curvature != CurvatureNeed::matrix || parameters <= many_parameters) methods.push_back(info.name);
    return methods;
}

} // namespace

Action layerwise_command(CLI::App& command) {
    const auto options = std::make_shared<LayerwiseOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    const std::string group = "Reparametrization";
    add_text(command, "--lambda", options->lambda, "X,X,...", "at least three: theta = lambda phi")->group(group);
    add_text(command, "--groups", options->groups, "PATTERN", "the groups that get it, as in a shell: 'layer0.*'")
        ->group(group);
    add_text(command, "--methods", options->methods, fmt::format("NAME,...:{}", fmt::join(optimizer_names(), "|")),
             fmt::format("optimizers (default: all; newton up to {} parameters)", many_parameters))
        ->group(group);
    add_real(command, "--weight-decay", options->weight_decay, Range::not_negative,
             "of all optimizers, each in its own way")
        ->group("Training");
    add_training_options(command, options->training);
    describe_own_defaults(command);
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        const std::vector<double> factors =
            numbers_in("--lambda", options->lambda, std::numeric_limits<double>::min(), "numbers above 0");
        if (factors.size() < 3)
            throw InputError(fmt::format("--lambda: expected at least three numbers; got {}", options->lambda));
        const Vector lambda = Eigen::Map<const Vector>(factors.data(), static_cast<Index>(factors.size()));
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        const ParameterLayout layout = run.objective().layout();
        const std::vector<Index> scaled = groups_of("--groups", layout, options->groups);
        const Index n = run.objective().dimension();
        const std::vector<std::string> methods = methods_of(*options, n);
        OptimizerSettings given = given_settings(command, options->training);
        given.weight_decay = options->weight_decay;
        given.seed = run.seed();

        const auto size = static_cast<double>(n);
        const double paths = 5.0 * 8.0 * size * static_cast<double>(options->training.steps + 1);
        const bool dense = std::any_of(methods.begin(), methods.end(), [](const std::string& name) {
            return optimizer_info(name).curvature == CurvatureNeed::matrix;
        });
        const double each =
            paths + 64.0 * size + blas_buffer_bytes + (dense ? 16.0 * size * size + eigen_bytes(n) : 0.0);
        const double bytes = each * std::min<double>(run.threads(), static_cast<double>(methods.size()));
        if (dense)
            run.announce_dense_memory(bytes, " (--methods without newton takes more)");
        else
            run.announce_memory(bytes);

        std::vector<Row> rows(methods.size());
        Progress progress(static_cast<double>(methods.size()), run.progress_options());
        parallel_for(static_cast<Index>(methods.size()), [&](Index i) {
            const std::string& name = methods[static_cast<std::size_t>(i)];
            rows[static_cast<std::size_t>(i)] = measure(run, *options, name, given, scaled, lambda, layout);
            progress.advance(1.0, name);
        });
        progress.erase();
        if (std::all_of(rows.begin(), rows.end(), [](const Row& row) { return !row.failure.empty(); }))
            throw NumericalError(
                fmt::format("hessq layerwise: expected a result of at least one optimizer; got none ({}: {})",
                            rows.front().name, rows.front().failure));

        const std::string finding = finding_of(rows, lambda);
        std::vector<std::string> names;
        for (const Index k : scaled) names.push_back(layout.groups[static_cast<std::size_t>(k)].name);
        Json result = {{"training", app::to_json(options->training)}, {"groups", names}, {"lambda", factors}};
        for (const char* own : {"--lr", "--beta1", "--beta2", "--eps"}) // null: each optimizer's own
            if (command.get_option(own)->count() == 0) result["training"][own + 2] = nullptr;
        result["training"]["weight_decay"] = options->weight_decay;
        for (const Row& row : rows) result["optimizers"][row.name] = to_json(row, lambda);

        const TextTable table = law_table(rows);
        HtmlReport report("Layer-wise learning rates: " + run.problem().name, finding);
        report.figure(rate_plot(rows, lambda),
                      "Length of the steps of theta along one path, all settings but the rate translated. The dashed "
                      "lines are the fitted powers; optimizers with one exponent share a series.");
        report.table(
            table, "exponent: of lambda in the rate, constants translated. constants kept: the same with the numbers "
                   "eps, decay and clip left alone on phi. runs apart: largest distance of the run on phi from that on "
                   "theta with translated settings, as a share of the way; and with the rate translated only. "
                   "Optimizers that draw Hutchinson probes or divide by one matrix mix the groups and follow their law "
                   "only if all get the same lambda. " +
                       fmt::format("Groups scaled: {}.", fmt::join(names, ", ")));
        report.section("What the settings on phi are on theta");
        report.table(translation_table(rows, given, lambda(lambda.size() - 1)),
                     fmt::format("For lambda = {}.", format_number(lambda(lambda.size() - 1))));
        run.save_array("theta.npy", run.start());
        run.finish(std::move(result), report, table.str(), finding);
    };
}

} // namespace hessq::app
