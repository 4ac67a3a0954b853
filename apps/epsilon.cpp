#include "commands.hpp"
#include "epsilon_report.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/epsilon_measurement.hpp"
#include "support/memory.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <memory>

namespace hessq::app {
namespace {

const std::vector<double> default_epsilons = {1e-8, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 1.0};

struct EpsilonOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 200, .batch = 64, .lr = 0.01};
    std::string epsilons;
    Index at_step = 100, draws = 256, seeds = 4;
    bool no_runs = false;
};

/// Ascending, each once; 0 and infinity are always looked at.
std::vector<double> epsilons_of(const std::string& text) {
    if (text.empty()) return default_epsilons;
    std::vector<double> numbers;
    for (const std::string& word : split_list(text)) {
        double number = 0.0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc{} || end != word.data() + word.size() || !(number > 0.0 && number <= 1e100))
            throw InputError(
                fmt::format("--epsilons: expected numbers above 0, at most 1e100, with commas between; got {}", text));
        if (std::find(numbers.begin(), numbers.end(), number) != numbers.end())
            throw InputError(fmt::format("--epsilons: expected each number once; got {} twice", word));
        numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

EpsilonRunOptions run_options(const EpsilonOptions& options, const Run& run, double eps) {
    return {.steps = options.training.steps,
            .batch = options.training.batch,
            .lr = options.training.lr,
            .beta1 = options.training.beta1,
            .beta2 = options.training.beta2,
            .eps = eps,
            .sampling = options.training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
            .seed = run.seed()};
}

/// Where the laws are looked at: the start, or where Adam gets to from there.
Vector point_of(const Run& run, const EpsilonOptions& options) {
    if (options.at_step == 0) return run.start();
    const auto adam = adam_optimizer({.lr = options.training.lr,
                                      .beta1 = options.training.beta1,
                                      .beta2 = options.training.beta2,
                                      .eps = options.training.eps});
    return with_finite_numbers("hessq epsilon, the way to --at-step", [&] {
        return train(run.objective(), run.start(), *adam,
                     {.steps = options.at_step,
                      .batch = options.training.batch,
                      .sampling = options.training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
                      .seed = run.seed()})
            .parameters;
    });
}

Vector batch_grid() {
    Vector batches(37);
    for (Index k = 0; k < batches.size(); ++k) batches(k) = std::pow(10.0, static_cast<double>(k) / 6.0);
    return batches;
}

void describe(const EpsilonPoint& point, const EpsilonOptions& options, EpsilonStudy& study) {
    const StepProblem& p = point.problem;
    study.loss = point.loss;
    study.at_step = options.at_step;
    study.dead = point.dead;
    study.live = p.gradient.size();
    study.gradient_rms = gradient_scale(p, infinity);
    study.noise_rms = std::sqrt(p.noise_sd.cwiseAbs2().mean());
    study.batch = options.training.batch;
    study.batch_rms = gradient_scale(p, static_cast<double>(options.training.batch));
    const Vector s = p.gradient.cwiseSign();
    study.sign_curvature = s.dot(p.hessian * s) / p.hessian.trace();
    study.noise_curvature = point.noise_curvature;
    study.independent_noise_curvature = p.noise_sd.cwiseAbs2().dot(p.hessian.diagonal());
}

} // namespace

Action epsilon_command(CLI::App& command) {
    const auto options = std::make_shared<EpsilonOptions>();
    add_problem_options(command, options->problem, "digits-softmax");
    const std::string group = "Epsilon";
    add_text(command, "--epsilons", options->epsilons, "X,X,...",
             "beside 0 and infinity (default: 1e-8, 0.0001, ..., 1)")
        ->group(group);
    add_count(command, "--at-step", options->at_step, 0, "look after so many steps of Adam; 0 with --theta")
        ->group(group);
    add_count(command, "--draws", options->draws, 2, "real mini-batches for each batch size", 1'000'000)->group(group);
    add_count(command, "--seeds", options->seeds, 2, "runs for each best learning rate", 10'000)->group(group);
    add_switch(command, "--no-runs", options->no_runs, "only the laws at one point")->group(group);
    add_training_options(command, options->training);
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        const std::vector<double> chosen = epsilons_of(options->epsilons);
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        if (!options->problem.theta.empty() && command.get_option("--at-step")->count() == 0) options->at_step = 0;
        const FiniteSumObjective& objective = run.objective();
        const auto n = static_cast<double>(objective.dimension()), m = static_cast<double>(objective.samples());
        const auto steps = static_cast<double>(options->training.steps);
        const double at_once = std::min(static_cast<double>(run.threads()), static_cast<double>(chosen.size() + 1));
        run.announce_dense_memory(8.0 * (3.0 * n * n + 3.0 * n * m) +
                                      (options->no_runs ? 0.0
                                                        : at_once * (8.0 * (3.0 * n * n + 2.0 * n * steps) +
                                                                     eigen_bytes(objective.dimension()))),
                                  "");

        EpsilonStudy study;
        const Vector w = point_of(run, *options);
        const EpsilonPoint point = with_finite_numbers("hessq epsilon", [&] { return epsilon_point(objective, w); });
        describe(point, *options, study);
        study.measured_batches = {1, 16, 256, 4096}; // with replacement: also beyond the number of samples
        std::vector<double> epsilons = {0.0};
        epsilons.insert(epsilons.end(), chosen.begin(), chosen.end());
        epsilons.push_back(infinity);
        study.rows.resize(epsilons.size());

        Progress progress(static_cast<double>(epsilons.size()) * (options->no_runs ? 1.0 : 3.0),
                          run.progress_options());
        const Vector batches = batch_grid();
        parallel_for(static_cast<Index>(epsilons.size()), [&](Index i) {
            EpsilonRow& row = study.rows[static_cast<std::size_t>(i)];
            row.eps = epsilons[static_cast<std::size_t>(i)];
            for (const EpsilonForm form : {EpsilonForm::softsign, EpsilonForm::clip, EpsilonForm::ratio})
                row.curves.push_back(epsilon_curve(form, point.problem, row.eps, batches));
            for (const Index batch : study.measured_batches)
                row.measured.push_back(
                    measured_rate(point, EpsilonForm::ratio, row.eps, batch, options->draws, run.seed()));
            progress.advance(1.0, fmt::format("laws, eps {}", row.eps));
            if (options->no_runs || !std::isfinite(row.eps)) return;
            EpsilonRunOptions of_run = run_options(*options, run, row.eps);
            row.run = epsilon_run(objective, run.start(), of_run);
            progress.advance(1.0, fmt::format("run, eps {}", row.eps));
            // Near the best: an epsilon above the gradient asks for a rate larger by as much.
            of_run.lr *= 1.0 + row.eps / study.batch_rms;
            row.best = best_run_rate(objective, run.start(), of_run, options->seeds);
            progress.advance(1.0, fmt::format("best rate, eps {}", row.eps));
        });
        progress.erase();

        const std::string finding = finding_of(study, run.problem().name);
        const TextTable laws = point_table(study), drawn = measured_table(study);
        HtmlReport report("Epsilon: " + run.problem().name, finding);
        std::string tables = laws.str() + "\n" + drawn.str();
        if (options->no_runs) {
            report.section("One point");
        } else {
            const TextTable runs = run_table(study);
            tables += "\n" + runs.str();
            add_figures(report, study);
            report.table(runs,
                         "p: slope of ln sqrt(u'Wu) on ln |eigenvalue| over the Hessian's eigenvectors at the end "
                         "of the run, and of ln(sqrt(u'Wu) + eps); one standard error of the regression. Best lr: "
                         "over the seeds.");
            report.section("The point");
        }
        report.table(laws,
                     "Exact moments of independent Gaussian coordinates. Slope: the largest d ln rate / d ln B "
                     "for B from 1 to a million. A surge is above the limit for large batches where its height is "
                     "positive. c5, c8: the largest factor between the closed curve and the exact one.");
        report.table(drawn,
                     "Best rates of g / (|g| + eps), Adam's first step, for mini-batches drawn with replacement, "
                     "beside exact moments of independent coordinates. For eps = infinity: SGD's.");
        if (options->no_runs) add_figures(report, study);
        Json result = {{"training", app::to_json(options->training)}};
        result["training"].erase("eps");
        result["training"]["seeds"] = options->seeds;
        result.update(result_of(study));
        run.save_array("theta.npy", w);
        if (run.save_arrays()) {
            run.save_array("gradient.npy", Vector(objective.gradient(w)));
            run.save_array("hessian.npy", objective.dense_hessian(w));
        }
        run.finish(std::move(result), report, tables, finding);
    };
}

} // namespace hessq::app
