#include "commands.hpp"
#include "compare_report.hpp"
#include "hessq/operators/gradient_moments.hpp"
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

Json to_json(const SecondMomentReading& reading) {
    if (!reading.exponent) return nullptr;
    Json json = app::to_json(reading.exponent->exponent);
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
        result["training"] = app::to_json(options->training);
        result["checkpoints"] = Json::array();
        for (const NewtonCheckpoint& point : comparison.checkpoints) result["checkpoints"].push_back(to_json(point));
        result["loss_curve"] = app::to_json(comparison.loss);

        run.save_array("theta.npy", comparison.theta);
        run.save_array("gradient.npy", comparison.gradient);
        run.save_array("hessian.npy", comparison.hessian);
        run.save_array("second_moment.npy", last.second_moment);
        if (run.save_arrays())
            run.save_array("noise_covariance.npy", noise_covariance(run.objective(), comparison.theta));

        const TextTable checkpoints = checkpoint_table(comparison);
        const TextTable metrics = metric_table(comparison);
        const TextTable methods = method_table(last);
        HtmlReport report("Newton against Adam: " + run.problem().name, finding);
        add_figures(report, comparison);
        report.section("Along the run");
        report.table(checkpoints, "Exact curvature at each checkpoint, and the exponent q of the second moments in the "
                                  "Hessian's eigenbasis with its standard error.");
        report.table(
            metrics,
            fmt::format("Signal: the mean share of a lambda^2 in the two-source fit a lambda^2 + b u'Sigma u of "
                        "the second moment. p: slopes of log sqrt(v) on log |H_ii| and on log row norms. {}",
                        coordinate_warning));
        for (auto point = comparison.checkpoints.rbegin(); point != comparison.checkpoints.rend(); ++point)
            report.table(method_table(*point), fmt::format("Preconditioners as Newton steps at step {}.", point->step));
        run.finish(std::move(result), report,
                   fmt::format("{}\n{}{}\n\nAt step {}:\n{}", checkpoints.str(), metrics.str(), coordinate_warning,
                               last.step, methods.str()),
                   finding);
    };
}

} // namespace hessq::app
