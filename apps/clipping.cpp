#include "clipping_report.hpp"
#include "commands.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/optimizers/transforms.hpp"
#include "support/memory.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <memory>

namespace hessq::app {
namespace {

struct ClippingOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 1000, .batch = 64, .lr = 0.1};
    double adam_lr = 1e-3;
    double threshold = 1.0;
    std::string thresholds = "0.1,0.2,0.5,1,2,5,10";
    std::string widths = "8,16,32,64,128,256,512";
    Index looks = 20;
    double scale = 10.0;
    Index rescue_steps = 1000;
    Index rescue_seeds = 5;
    Index warm_up = 100;
    Index newton_steps = 20;
};

/// Beyond this many parameters Newton's method would take longer than everything else.
constexpr Index most_for_newton = 1200;
constexpr double rescaling = 100.0;

Index burn_in_of(const ClippingOptions& options) { return options.training.steps; }
Index stationary_steps(const ClippingOptions& options) { return std::max<Index>(20, 2 * options.training.steps); }

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const ClippingOptions& options) {
    const TrainingOptions& training = options.training;
    if (name == "sgd") return sgd_optimizer({.lr = training.lr});
    if (name == "sign") return sign_optimizer({.lr = options.adam_lr});
    return adam_optimizer(
        {.lr = options.adam_lr, .beta1 = training.beta1, .beta2 = training.beta2, .eps = training.eps});
}

GradientTraceOptions trace_options(const Run& run, const ClippingOptions& options) {
    return {
        .steps = options.training.steps, .batch = options.training.batch, .looks = options.looks, .seed = run.seed()};
}

std::vector<MethodTrace> trace_methods(const Run& run, const ClippingOptions& options, Progress& progress) {
    std::vector<MethodTrace> methods;
    for (const char* name : {"sgd", "sign", "adam"}) {
        const double lr = name == std::string("sgd") ? options.training.lr : options.adam_lr;
        const auto optimizer = make_optimizer(name, options);
        methods.push_back({name, lr, with_finite_numbers(fmt::format("hessq clipping, {} with lr {}", name, lr), [&] {
                               return trace_gradients(run.objective(), run.start(), *optimizer,
                                                      trace_options(run, options));
                           })});
        progress.advance(1.0, name);
    }
    return methods;
}

/// From the end of the SGD run on.
StationaryMeasurement stationary_law(const Run& run, const ClippingOptions& options, const Vector& from) {
    const FiniteSumObjective& objective = run.objective();
    StationaryMeasurement result{.lr = options.training.lr,
                                 .batch = options.training.batch,
                                 .burn_in = burn_in_of(options),
                                 .steps = stationary_steps(options),
                                 .reference = {},
                                 .origin = {},
                                 .gradient_norm = std::numeric_limits<double>::quiet_NaN(),
                                 .found = {}};
    if (run.problem().minimum) {
        result.origin = *run.problem().minimum;
        result.reference = "the minimum in closed form";
    } else if (objective.dimension() <= most_for_newton) {
        result.origin = minimize_newton(objective, from, {.iterations = options.newton_steps}).parameters;
        result.reference = "where Newton's method gets to from the end of the run";
    } else {
        result.origin = from;
        result.reference = "the loss 0, which bounds it, and the end of the run";
    }
    if (objective.dimension() <= most_for_newton || run.problem().minimum) {
        result.least_loss = objective.value(result.origin);
        result.gradient_norm = objective.gradient(result.origin).norm();
    }
    result.found = measure_stationarity(
        objective, from, result.origin, result.least_loss,
        {.lr = result.lr, .batch = result.batch, .burn_in = result.burn_in, .steps = result.steps, .seed = run.seed()});
    return result;
}

RescaledRun rescale(const Run& run, const ClippingOptions& options, const ClippingResult& so_far) {
    const GradientTrace& plain = so_far.methods.front().trace;
    const auto scaled = hessq::rescaled(run.problem().objective, rescaling);
    const auto optimizer = sgd_optimizer({.lr = options.training.lr / rescaling});
    GradientTraceOptions trace = trace_options(run, options);
    trace.looks = 1;
    const GradientTrace other = trace_gradients(*scaled, run.start(), *optimizer, trace);
    const StationaryMeasurement& law = so_far.stationary;
    const Stationarity other_law = measure_stationarity(
        *scaled, plain.parameters, law.origin, rescaling * law.least_loss,
        {.lr = law.lr / rescaling, .batch = law.batch, .burn_in = law.burn_in, .steps = law.steps, .seed = run.seed()});
    const Vector late[2] = {plain.batch_norms.tail(plain.batch_norms.size() - so_far.late_from),
                            other.batch_norms.tail(other.batch_norms.size() - so_far.late_from)};
    RescaledRun result{.factor = rescaling,
                       .gradient_norm = {root_mean_square(late[0]), root_mean_square(late[1])},
                       .best_rate = {best_full_batch_rate(run.objective(), plain.parameters),
                                     best_full_batch_rate(*scaled, plain.parameters)},
                       .clipped = {plain.measured_share(so_far.threshold, so_far.late_from),
                                   other.measured_share(so_far.threshold, so_far.late_from)},
                       .loss_ratio = {law.found.loss_ratio.value, other_law.loss_ratio.value},
                       .distance = (plain.parameters - other.parameters).norm() /
                                   std::max((plain.parameters - run.start()).norm(), 1e-300)};
    return result;
}

WidthRow measure_width(const Run& run, const ClippingOptions& options, const Mlp& network, Index width,
                       Index late_from) {
    const Mlp other = with_width(network, width);
    const auto optimizer = sgd_optimizer({.lr = options.training.lr});
    GradientTraceOptions trace = trace_options(run, options);
    trace.looks = std::min<Index>(options.looks, 10); // per-sample gradients of a wide network are long
    // A rate that suits the problem's own width can be too large for another: that is an answer, too.
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    WidthRow row{.width = width,
                 .parameters = other.dimension(),
                 .gradient_norm = nan,
                 .batch_norm = nan,
                 .sign_cosine = nan,
                 .measured = nan,
                 .predicted = nan,
                 .rate = {nan, nan, nan}};
    GradientTrace found;
    try {
        found = trace_gradients(other, other.initial_parameters(options.problem.init_seed), *optimizer, trace);
        row.rate = best_sign_rate(other, found.parameters);
    } catch (const NumericalError&) {
        return row;
    }
    row.measured = found.measured_share(options.threshold, late_from);
    row.predicted = found.predicted_share(options.threshold, late_from);
    row.gradient_norm = row.sign_cosine = 0.0;
    double looks = 0.0;
    for (const TraceLook& look : found.looks) {
        if (look.step < late_from) continue;
        row.gradient_norm += std::sqrt(look.noise.squared_norm);
        row.sign_cosine += look.sign_cosine;
        looks += 1.0;
    }
    row.gradient_norm /= looks;
    row.sign_cosine /= looks;
    row.batch_norm = root_mean_square(found.batch_norms.tail(found.batch_norms.size() - late_from));
    return row;
}

/// Every remedy from every bad start. The target is 95 % of what an ordinary start gains in
/// half the steps: where it gets to is noise.
void measure_rescues(const Run& run, const ClippingOptions& options, ClippingResult& result, Progress& progress) {
    const FiniteSumObjective& objective = run.objective();
    const auto sgd = [&] { return sgd_optimizer({.lr = options.training.lr}); };
    const std::vector<Rescue>& remedies = all_rescues();
    const auto seeds = static_cast<std::size_t>(options.rescue_seeds);
    result.rescues.clear();
    for (const Rescue remedy : remedies) result.rescues.push_back({remedy, std::vector<RescueRun>(seeds)});
    Vector targets(options.rescue_seeds);
    parallel_for(options.rescue_seeds, [&](Index seed) {
        const auto which = static_cast<std::uint64_t>(seed);
        const Vector start =
            options.problem.theta.empty() ? run.problem().start(options.problem.init_seed + which) : run.start();
        RescueOptions each{.lr = options.training.lr,
                           .steps = std::max<Index>(1, options.rescue_steps / 2),
                           .batch = options.training.batch,
                           .threshold = options.threshold,
                           .warm_up_steps = options.warm_up,
                           .target = 0.0,
                           .looks = 100,
                           .seed = run.seed() + which};
        const RescueRun ordinary = rescue_run(objective, start, Rescue::none, sgd, each);
        each.target = ordinary.last_loss + 0.05 * (ordinary.loss.front() - ordinary.last_loss);
        each.steps = options.rescue_steps;
        targets(seed) = each.target;
        progress.advance(0.5, "bad starts");
        for (RescueRow& row : result.rescues) {
            row.runs[static_cast<std::size_t>(seed)] =
                rescue_run(objective, options.scale * start, row.rescue, sgd, each);
            progress.advance(1.0, to_string(row.rescue));
        }
    });
    result.target = targets.mean();
}

} // namespace

Action clipping_command(CLI::App& command) {
    const auto options = std::make_shared<ClippingOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    add_training_options(command, options->training);
    command.remove_option(command.get_option("--sampling")); // the laws are those of independent batches
    command.get_option("--lr")->description("learning rate of sgd (default: 0.1)");
    const std::string group = "Clipping";
    add_real(command, "--adam-lr", options->adam_lr, Range::positive, "learning rate of sign descent and Adam")
        ->group(group);
    add_real(command, "--threshold", options->threshold, Range::positive, "the norm at which to clip")->group(group);
    add_text(command, "--thresholds", options->thresholds, "X,X,...", "for the table of clipped fractions")
        ->group(group);
    add_count(command, "--looks", options->looks, 4, "full-batch measurements along each run")->group(group);
    add_text(command, "--widths", options->widths, "N,N,...", "of hidden layers")->group(group);
    add_real(command, "--scale", options->scale, Range::positive, "a bad start is an ordinary one times this")
        ->group(group);
    add_count(command, "--rescue-steps", options->rescue_steps, 1, "updates from a bad start")->group(group);
    add_count(command, "--rescue-seeds", options->rescue_seeds, 1, "bad starts, with mini-batches of their own")
        ->group(group);
    add_count(command, "--warm-up", options->warm_up, 1, "updates until the full learning rate")->group(group);
    add_count(command, "--newton-steps", options->newton_steps, 1, "iterations to the minimum of few parameters")
        ->group(group);
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        ClippingResult result{.threshold = options->threshold,
                              .thresholds = numbers_in("--thresholds", options->thresholds,
                                                       std::numeric_limits<double>::min(), "numbers above 0"),
                              .methods = {},
                              .stationary = {},
                              .rescaled = {},
                              .widths = {},
                              .why_no_widths = {},
                              .scale = options->scale,
                              .rescue_lr = options->training.lr,
                              .rescue_steps = options->rescue_steps,
                              .rescues = {}};
        const std::vector<Index> widths =
            numbers_in<Index>("--widths", options->widths, 1, "whole numbers of at least 1");
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        const auto* const network = dynamic_cast<const Mlp*>(run.problem().objective.get());
        const bool wide = network != nullptr && !network->options().hidden.empty();
        if (!wide && command.get_option("--widths")->count() > 0)
            throw InputError(fmt::format("--widths: expected a problem with a hidden layer; got {}, which has none",
                                         run.problem().name));
        const auto n = static_cast<double>(run.objective().dimension());
        double largest = n;
        if (wide) largest = std::max(largest, static_cast<double>(with_width(*network, widths.back()).dimension()));
        const double newton = run.problem().minimum || n > static_cast<double>(most_for_newton)
                                  ? 0.0
                                  : 16.0 * n * n + eigen_bytes(run.objective().dimension());
        run.announce_memory(newton + 8.0 * largest * 256.0 * (2.0 + run.threads()) + 200.0 * largest +
                            64.0 * static_cast<double>(options->training.steps));

        Progress progress(6.0 + (wide ? static_cast<double>(widths.size()) : 0.0) +
                              6.5 * static_cast<double>(options->rescue_seeds),
                          run.progress_options());
        result.late_from = options->training.steps / 2;
        result.methods = trace_methods(run, *options, progress);
        const Vector end = result.methods.front().trace.parameters;
        const std::string sgd_words = fmt::format("hessq clipping, sgd with lr {}", options->training.lr);
        result.stationary = with_finite_numbers(sgd_words, [&] { return stationary_law(run, *options, end); });
        progress.advance(2.0, "stationary law");
        result.rescaled = with_finite_numbers(sgd_words, [&] { return rescale(run, *options, result); });
        progress.advance(1.0, "loss in other units");
        if (wide) {
            for (const Index width : widths) {
                result.widths.push_back(measure_width(run, *options, *network, width, result.late_from));
                progress.advance(1.0, fmt::format("width {}", width));
            }
        } else {
            result.why_no_widths = "the problem has no hidden layer";
        }
        measure_rescues(run, *options, result, progress);
        progress.erase();

        const std::string finding = finding_of(result, run.problem().name);
        HtmlReport report("Clipping: " + run.problem().name, finding);
        add_sections(report, result);
        std::string tables = method_table(result).str() + "\n" + share_table(result).str() + "\n" +
                             stationary_table(result).str() + "\n";
        if (!result.widths.empty()) tables += width_table(result).str() + "\n";
        tables += rescue_table(result).str();
        Json json = to_json(result);
        json["training"] = app::to_json(options->training);
        json["training"].erase("sampling");
        json["training"]["adam_lr"] = options->adam_lr;
        run.save_array("theta.npy", end);
        run.save_array("gradient.npy", run.objective().gradient(end));
        run.finish(std::move(json), report, tables, finding);
    };
}

} // namespace hessq::app
