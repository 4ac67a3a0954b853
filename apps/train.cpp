#include "hessq/optimizers/train.hpp"
#include "commands.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/report/plot.hpp"
#include "hessq/report/table.hpp"
#include "support/figures.hpp"
#include "support/memory.hpp"
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

const std::vector<std::string> first_order = {"sgd", "momentum", "rmsprop", "adam"};
const std::map<std::string, NewtonMethod> newton_methods = {{"diagonal_newton", NewtonMethod::diagonal},
                                                            {"damped_newton", NewtonMethod::damped},
                                                            {"saddle_free_newton", NewtonMethod::saddle_free}};

std::vector<std::string> all_methods() {
    std::vector<std::string> names = first_order;
    names.insert(names.end(), {"diagonal_newton", "damped_newton", "saddle_free_newton"});
    return names;
}

struct TrainCommandOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 1000, .batch = 64, .lr = 0.0};
    std::string methods = fmt::format("{}", fmt::join(all_methods(), ","));
    Index newton_steps = 20;
};

/// The full-batch loss along one run; its evaluation is not part of the seconds.
struct LossCurve {
    std::string name;
    double lr = 0.0; ///< 0: Newton's step, shortened by a line search
    std::vector<double> steps = {}, loss = {}, seconds = {};
    Vector theta = {};

    void add(Index step, double value, double elapsed) {
        steps.push_back(static_cast<double>(step));
        loss.push_back(value);
        seconds.push_back(elapsed);
    }
};

std::vector<std::string> chosen_methods(const std::string& text) {
    std::vector<std::string> methods;
    const std::vector<std::string> known = all_methods();
    for (const std::string& word : split_list(text)) {
        if (std::find(known.begin(), known.end(), word) == known.end())
            throw InputError(fmt::format("--methods: expected names from {}; got {}{}", fmt::join(known, ", "),
                                         word.empty() ? "''" : word, did_you_mean(word, known)));
        if (std::find(methods.begin(), methods.end(), word) != methods.end())
            throw InputError(fmt::format("--methods: expected each name once; got {} twice", word));
        methods.push_back(word);
    }
    return methods;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, double lr, const TrainingOptions& training) {
    if (name == "sgd") return sgd_optimizer({.lr = lr});
    if (name == "momentum") return momentum_optimizer({.lr = lr, .momentum = training.beta1});
    if (name == "rmsprop") return rmsprop_optimizer({.lr = lr, .eps = training.eps});
    return adam_optimizer({.lr = lr, .beta1 = training.beta1, .beta2 = training.beta2, .eps = training.eps});
}

/// PyTorch's defaults for the adaptive methods; for the others rates that suit losses of order one.
double default_lr(const std::string& name) { return name == "sgd" ? 0.1 : name == "momentum" ? 0.01 : 1e-3; }

LossCurve run_first_order(const Run& run, const std::string& name, const TrainingOptions& training,
                          Progress& progress) {
    const FiniteSumObjective& objective = run.objective();
    LossCurve curve{.name = name, .lr = training.lr > 0.0 ? training.lr : default_lr(name)};
    const std::unique_ptr<Optimizer> optimizer = make_optimizer(name, curve.lr, training);
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
    with_finite_numbers(fmt::format("hessq train, {} with lr {}", name, curve.lr), [&] {
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
    curve.theta = with_finite_numbers("hessq train, " + name, [&] {
        return minimize_newton(run.objective(), run.start(),
                               {.method = newton_methods.at(name), .iterations = iterations, .observer = observer})
            .parameters;
    });
    return curve;
}

Plot loss_plot(const std::vector<LossCurve>& curves, const std::string& title, const std::string& x_label,
               std::vector<double> LossCurve::*x) {
    Plot plot{.title = title, .x_label = x_label, .y_label = "full-batch loss", .log_x = true, .log_y = true};
    for (const LossCurve& curve : curves)
        plot.series.push_back({.label = curve.name,
                               .x = curve.*x,
                               .y = curve.loss,
                               .style = curve.lr > 0.0 ? Series::Style::line : Series::Style::linepoints});
    return plot;
}

} // namespace

Action train_command(CLI::App& command) {
    const auto options = std::make_shared<TrainCommandOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    add_training_options(command, options->training);
    command.get_option("--lr")->description(
        "learning rate of sgd, momentum, rmsprop and adam (default: 0.1, 0.01, 0.001 and 0.001)");
    add_text(command, "--methods", options->methods, "NAME,...", "what to run")->group("Training");
    add_count(command, "--newton-steps", options->newton_steps, 1, "updates by the Newton methods, full batch")
        ->group("Training");
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        const std::vector<std::string> methods = chosen_methods(options->methods);
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        const Index n = run.objective().dimension();
        const auto second_order = static_cast<double>(std::count_if(
            methods.begin(), methods.end(), [](const std::string& name) { return newton_methods.contains(name); }));
        const auto size = static_cast<double>(n);
        const double vectors = 64.0 * size + 8.0 * static_cast<double>(options->training.steps);
        if (second_order > 0.0)
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
                                 : run_first_order(run, name, options->training, progress));
        progress.erase();

        Json result = {{"training", app::to_json(options->training)}, {"newton_steps", options->newton_steps}};
        result["training"].erase("lr");
        TextTable table({"method", "lr", "updates", "seconds", "first loss", "last loss", "least loss"});
        for (const LossCurve& curve : curves) {
            result["runs"][curve.name] = {{"lr", curve.lr > 0.0 ? Json(curve.lr) : Json(nullptr)},
                                          {"steps", curve.steps},
                                          {"loss", curve.loss},
                                          {"seconds", curve.seconds}};
            table.add_row({curve.name, curve.lr > 0.0 ? Cell(curve.lr) : Cell("-"),
                           static_cast<Index>(curve.steps.back()), Cell(curve.seconds.back()), Cell(curve.loss.front()),
                           Cell(curve.loss.back()), Cell(*std::min_element(curve.loss.begin(), curve.loss.end()))});
        }
        const LossCurve& best = *std::min_element(
            curves.begin(), curves.end(), [](const auto& a, const auto& b) { return a.loss.back() < b.loss.back(); });
        const double first = curves.front().loss.front();
        const std::string finding =
            best.loss.back() < first
                ? fmt::format("From a loss of {}, the lowest at the end is that of {}: {} after {} updates and {}.",
                              format_number(first), best.name, format_number(best.loss.back()), best.steps.back(),
                              format_seconds(best.seconds.back()))
                : fmt::format("No method ended below the loss of {} that it started from.", format_number(first));

        HtmlReport report("Training: " + run.problem().name, finding);
        report.figure(loss_plot(curves, "Loss against updates", "updates", &LossCurve::steps),
                      "Full-batch loss. A Newton update uses all samples, the others one mini-batch.");
        report.figure(loss_plot(curves, "Loss against time", "seconds", &LossCurve::seconds),
                      "The time to evaluate the full-batch loss of first-order methods is left out.");
        report.table(table, "All methods start at the same parameters and draw the same mini-batches.");
        run.save_array("theta.npy", best.theta);
        run.finish(std::move(result), report, table.str(), finding);
    };
}

} // namespace hessq::app
