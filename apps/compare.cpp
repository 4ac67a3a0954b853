#include "commands.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/results/comparison.hpp"
#include "hessq/theory/newton_comparison.hpp"
#include "support/memory.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <optional>

namespace hessq::app {
namespace {

struct CompareOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 2000, .batch = 64, .lr = 3e-3};
    Index checkpoints = 8;
};

NewtonComparisonOptions comparison_options(const CompareOptions& options, const Run& run) {
    const TrainingOptions& training = options.training;
    NewtonComparisonOptions result{.steps = training.steps,
                                   .batch = training.batch,
                                   .sampling = training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
                                   .lr = training.lr,
                                   .beta1 = training.beta1,
                                   .beta2 = training.beta2,
                                   .eps = training.eps,
                                   .seed = run.seed(),
                                   .checkpoints = options.checkpoints,
                                   .concurrent = 1};
    // As many checkpoints side by side as there are threads and as fit into half of the memory.
    const auto bytes = [&] {
        return newton_comparison_bytes(run.objective().dimension(), run.objective().samples(), result) +
               static_cast<double>(result.concurrent) * blas_buffer_bytes;
    };
    while (result.concurrent < std::min<Index>(run.threads(), options.checkpoints)) {
        ++result.concurrent;
        if (bytes() > 0.5 * available_memory()) {
            --result.concurrent;
            break;
        }
    }
    return result;
}

} // namespace

Action compare_command(CLI::App& command) {
    const auto options = std::make_shared<CompareOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    add_training_options(command, options->training);
    add_count(command, "--checkpoints", options->checkpoints, 1, "at most so many looks, spaced in log time")
        ->group("Training");
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        options->checkpoints = std::min(options->checkpoints, options->training.steps);
        NewtonComparisonOptions comparison_settings = comparison_options(*options, run);
        // The loss of every step is also reported, as text.
        run.announce_dense_memory(
            newton_comparison_bytes(run.objective().dimension(), run.objective().samples(), comparison_settings) +
                100.0 * static_cast<double>(options->training.steps),
            "");

        NewtonComparison comparison;
        {
            Progress progress(1.0, run.progress_options());
            comparison_settings.progress = [&](double share, std::string_view label) {
                progress.advance(share, label);
            };
            comparison =
                with_finite_numbers(fmt::format("hessq compare, Adam with lr {}", comparison_settings.lr), [&] {
                    return compare_with_newton(run.objective(), run.start(), comparison_settings);
                });
        }
        const std::string finding = finding_of(comparison);
        const NewtonCheckpoint& last = comparison.checkpoints.back();

        Json result;
        result["training"] = to_json(options->training);
        result.update(Json::parse(comparison_json(comparison)));

        run.save_array("theta.npy", comparison.theta);
        run.save_array("gradient.npy", comparison.gradient);
        run.save_array("hessian.npy", comparison.hessian);
        run.save_array("second_moment.npy", last.second_moment);
        run.save_array("second_moment_matrix.npy", comparison.second_moment_matrix);
        if (run.save_arrays())
            run.save_array("noise_covariance.npy", noise_covariance(run.objective(), comparison.theta));

        HtmlReport report("Newton against Adam: " + run.problem().name, finding);
        add_comparison(report, comparison);
        run.finish(std::move(result), report,
                   fmt::format("{}\n{}{}\n\nAt step {}:\n{}", checkpoint_table(comparison).str(),
                               metric_table(comparison).str(), coordinate_warning, last.step, method_table(last).str()),
                   finding);
    };
}

} // namespace hessq::app
