#include "hessq/optimizers/train.hpp"
#include "commands.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/report/figures.hpp"
#include "hessq/report/plot.hpp"
#include "hessq/report/table.hpp"
#include "support/memory.hpp"
#include "support/optimizers.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <memory>

namespace hessq::app {
namespace {

using Clock = std::chrono::steady_clock;

const std::map<std::string, NewtonMethod> newton_methods = {{"diagonal_newton", NewtonMethod::diagonal},
                                                            {"damped_newton", NewtonMethod::damped},
                                                            {"saddle_free_newton", NewtonMethod::saddle_free}};

/// Optimizers take mini-batches; the Newton methods take all samples, and search along their direction.
std::vector<std::string> all_methods() {
    std::vector<std::string> names = optimizer_names();
    for (const auto& method : newton_methods) names.push_back(method.first);
    return names;
}

struct TrainCommandOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 1000, .batch = 64, .lr = 0.0};
    GroupOptions groups;
    std::string methods;
    Index newton_steps = 20;
};

/// By default some optimizers, and the line searches unless groups are treated apart, which they do not know.
std::vector<std::string> methods_of(const TrainCommandOptions& options) {
    const bool groups = options.groups.any();
    if (options.methods.empty()) {
        std::vector<std::string> methods = {"sgd", "momentum", "rmsprop", "adam"};
        if (!groups) methods.insert(methods.end(), {"diagonal_newton", "damped_newton", "saddle_free_newton"});
        return methods;
    }
    const std::vector<std::string> methods = chosen_names("--methods", options.methods, all_methods());
    for (const std::string& name : methods)
        if (groups && newton_methods.contains(name))
            throw InputError(
                fmt::format("--methods: expected optimizers where --group-lr, --clip-group, --clip-norm or "
                            "--freeze are given; got {}, a line search",
                            name));
    return methods;
}

/// The full-batch loss along one run; its evaluation is not part of the seconds.
struct LossCurve {
    std::string name;
    double lr = 0.0; ///< 0: Newton's step, shortened by a line search
    std::vector<double> steps = {}, loss = {}, seconds = {};
    Vector theta = {};
    std::string stopped = {}; ///< why it ended early: numbers that were not finite. Empty otherwise

    bool finished() const { return stopped.empty(); }
    void add(Index step, double value, double elapsed) {
        steps.push_back(static_cast<double>(step));
        loss.push_back(value);
        seconds.push_back(elapsed);
    }
};

/// Runs `work`, which adds to the curve. Numbers that are not finite end this method and no other.
template <class Work>
void record(LossCurve& curve, const std::string& what, const Work& work) {
    try {
        work();
    } catch (const NumericalError& error) {
        curve.stopped = not_finite(what, error).what();
    }
}

LossCurve run_optimizer(const Run& run, const std::string& name, const OptimizerSettings& settings,
                        const TrainCommandOptions& options, Progress& progress) {
    const TrainingOptions& training = options.training;
    const FiniteSumObjective& objective = run.objective();
    LossCurve curve{.name = name, .lr = *complete_settings(name, settings).lr};
    const std::unique_ptr<Optimizer> optimizer =
        with_groups(make_optimizer(name, settings), objective.layout(), options.groups);
    const Index every = std::max<Index>(1, training.steps / 200);
    double elapsed = 0.0;
    Clock::time_point resumed = Clock::now();
    const auto look = [&](Index step, VectorView w) {
        elapsed += std::chrono::duration<double>(Clock::now() - resumed).count();
        const double loss = objective.value(w);
        require_finite(loss, fmt::format("the loss at step {}", step));
        curve.add(step, loss, elapsed);
        resumed = Clock::now();
    };
    record(curve, fmt::format("hessq train, {} with lr {}", name, curve.lr), [&] {
        const TrainResult result = train(objective, run.start(), *optimizer,
                                         {.steps = training.steps,
                                          .batch = training.batch,
                                          .sampling = training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
                                          .seed = run.seed()},
                                         [&](Index step, VectorView w, VectorView) {
                                             if (step % every == 0) look(step, w);
                                             progress.advance(1.0, name);
                                         });
        look(training.steps, result.parameters);
        curve.theta = result.parameters;
    });
    return curve;
}

LossCurve run_newton(const Run& run, const std::string& name, Index iterations, double weight, Progress& progress) {
    LossCurve curve{.name = name};
    const Clock::time_point begin = Clock::now();
    const auto observer = [&](Index step, double loss) {
        curve.add(step, loss, std::chrono::duration<double>(Clock::now() - begin).count());
        progress.advance(weight, name);
    };
    record(curve, "hessq train, " + name, [&] {
        curve.theta =
            minimize_newton(run.objective(), run.start(),
                            {.method = newton_methods.at(name), .iterations = iterations, .observer = observer})
                .parameters;
    });
    return curve;
}

/// Of a method that did not stay finite, what is beyond ten times the first loss would take all room from the others.
Plot loss_plot(const std::vector<LossCurve>& curves, const std::string& title, const std::string& x_label,
               std::vector<double> LossCurve::*x) {
    Plot plot{.title = title, .x_label = x_label, .y_label = "full-batch loss", .log_x = true, .log_y = true};
    for (const LossCurve& curve : curves) {
        const auto end = curve.finished() ? curve.loss.end()
                                          : std::find_if(curve.loss.begin(), curve.loss.end(),
                                                         [&](double loss) { return loss > 10.0 * curve.loss.front(); });
        const auto count = end - curve.loss.begin();
        plot.series.push_back({.label = curve.name,
                               .x = {(curve.*x).begin(), (curve.*x).begin() + count},
                               .y = {curve.loss.begin(), end},
                               .style = curve.lr > 0.0 ? Series::Style::line : Series::Style::linepoints});
    }
    return plot;
}

/// "; " between the reasons of the methods that did not stay finite. Empty if all did.
std::string reasons_to_stop(const std::vector<LossCurve>& curves) {
    std::vector<std::string> reasons;
    for (const LossCurve& curve : curves)
        if (!curve.finished()) reasons.push_back(curve.stopped);
    return fmt::format("{}", fmt::join(reasons, "; "));
}

std::vector<Cell> table_row(const LossCurve& curve) {
    const Cell none("-");
    const bool seen = !curve.loss.empty();
    return {curve.name,
            curve.lr > 0.0 ? Cell(curve.lr) : none,
            seen ? Cell(static_cast<Index>(curve.steps.back())) : none,
            seen ? Cell(curve.seconds.back()) : none,
            seen ? Cell(curve.loss.front()) : none,
            curve.finished() ? Cell(curve.loss.back()) : Cell("not finite"),
            seen ? Cell(*std::min_element(curve.loss.begin(), curve.loss.end())) : none};
}

/// Which of the methods that stayed finite got lowest, and which methods did not.
std::string finding_of(const std::vector<LossCurve>& curves, const LossCurve& best) {
    const double first = best.loss.front();
    std::string finding =
        best.loss.back() < first
            ? fmt::format("From a loss of {}, the lowest at the end is that of {}: {} after {} updates.",
                          format_number(first), best.name, format_number(best.loss.back()), best.steps.back())
            : fmt::format("No method ended below the loss of {} that it started from.", format_number(first));
    std::vector<std::string> stopped;
    for (const LossCurve& curve : curves)
        if (!curve.finished()) stopped.push_back(curve.name);
    if (!stopped.empty())
        finding += fmt::format(" Numbers that were not finite ended {} early.", fmt::join(stopped, ", "));
    return finding;
}

} // namespace

Action train_command(CLI::App& command) {
    const auto options = std::make_shared<TrainCommandOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    add_training_options(command, options->training);
    describe_own_defaults(command);
    add_text(
        command, "--methods", options->methods, fmt::format("NAME,...:{}", fmt::join(all_methods(), "|")),
        fmt::format("of {} (default: sgd,momentum,rmsprop,adam and the last three)", fmt::join(all_methods(), ", ")))
        ->group("Training");
    add_count(command, "--newton-steps", options->newton_steps, 1, "updates by the Newton methods, full batch")
        ->group("Training");
    add_group_options(command, options->groups);
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        const std::vector<std::string> methods = methods_of(*options);
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        OptimizerSettings settings = given_settings(command, options->training);
        settings.layout = run.objective().layout();
        settings.seed = run.seed();
        (void)with_groups(sgd_optimizer(), settings.layout, options->groups); // a mistake shows before any computing
        const Index n = run.objective().dimension();
        const auto count = [&](const auto& property) {
            return static_cast<double>(std::count_if(methods.begin(), methods.end(), property));
        };
        const double second_order = count([](const std::string& name) { return newton_methods.contains(name); });
        const bool dense =
            count([](const std::string& name) {
                return newton_methods.contains(name) || optimizer_info(name).curvature == CurvatureNeed::matrix;
            }) > 0.0;
        const auto size = static_cast<double>(n);
        const double vectors = 64.0 * size + 8.0 * static_cast<double>(options->training.steps);
        if (dense)
            run.announce_dense_memory(vectors + 16.0 * size * size + eigen_bytes(n) +
                                          200.0 * static_cast<double>(options->newton_steps),
                                      " (--methods sgd,momentum,rmsprop,adam take more)");
        else
            run.announce_memory(vectors);

        // On the bar one Newton iteration weighs as much as 100 mini-batch steps.
        constexpr double newton_weight = 100.0;
        Progress progress((static_cast<double>(methods.size()) - second_order) *
                                  static_cast<double>(options->training.steps) +
                              second_order * newton_weight * static_cast<double>(options->newton_steps + 1),
                          run.progress_options());
        std::vector<LossCurve> curves;
        for (const std::string& name : methods)
            curves.push_back(newton_methods.contains(name)
                                 ? run_newton(run, name, options->newton_steps, newton_weight, progress)
                                 : run_optimizer(run, name, settings, *options, progress));
        progress.erase();

        Json result = {{"training", app::to_json(options->training)}, {"newton_steps", options->newton_steps}};
        for (const char* own : {"--lr", "--beta1", "--beta2", "--eps"}) // null: each method's own
            if (command.get_option(own)->count() == 0) result["training"][own + 2] = nullptr;
        result["training"].erase("lr");
        result["groups"] = {
            {"rates", options->groups.rates},
            {"clips", options->groups.clips},
            {"frozen", options->groups.frozen},
            {"clip_norm", options->groups.clip_norm > 0.0 ? Json(options->groups.clip_norm) : Json(nullptr)}};
        const std::string reasons = reasons_to_stop(curves);
        const auto best = std::min_element(curves.begin(), curves.end(), [](const auto& a, const auto& b) {
            return a.finished() && (!b.finished() || a.loss.back() < b.loss.back());
        });
        if (!best->finished()) throw NumericalError(reasons);
        TextTable table({"method", "lr", "updates", "seconds", "first loss", "last loss", "least loss"});
        for (const LossCurve& curve : curves) {
            result["runs"][curve.name] = {{"lr", curve.lr > 0.0 ? Json(curve.lr) : Json(nullptr)},
                                          {"steps", curve.steps},
                                          {"loss", curve.loss},
                                          {"seconds", curve.seconds},
                                          {"stopped", curve.finished() ? Json(nullptr) : Json(curve.stopped)}};
            table.add_row(table_row(curve));
        }
        const std::string finding = finding_of(curves, *best);

        HtmlReport report("Training: " + run.problem().name, finding);
        report.figure(loss_plot(curves, "Loss against updates", "updates", &LossCurve::steps),
                      "Full-batch loss. A Newton update uses all samples, the others one mini-batch." +
                          std::string(reasons.empty() ? ""
                                                      : " Of a method that ended early, what is beyond ten times the "
                                                        "first loss is left out."));
        report.figure(loss_plot(curves, "Loss against time", "seconds", &LossCurve::seconds),
                      "The time to evaluate the full-batch loss of first-order methods is left out.");
        report.table(table, "All methods start at the same parameters and draw the same mini-batches.");
        run.save_array("theta.npy", best->theta);
        run.finish(std::move(result), report, table.str(), finding);
        if (!reasons.empty()) throw NumericalError(reasons); // what the others found is kept
    };
}

} // namespace hessq::app
