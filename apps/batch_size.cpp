#include "batch_size_report.hpp"
#include "commands.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/epsilon.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <memory>

namespace hessq::app {
namespace {

constexpr Index largest_batch = 1'000'000;

struct BatchSizeOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 100, .batch = 64, .lr = 1e-3};
    Index at_step = 100;
    std::string batches;
    Index directions = 64;
    Index target_steps = 20;
    double softsign_eps = 0.0;
};

/// Every quantity draws from streams of its own.
constexpr std::uint64_t direction_stream = 0x62732d646972, norm_stream = 0x62732d6e6f726d; // "bs-dir", "bs-norm"

std::vector<Index> measured_batches(const BatchSizeOptions& options) {
    if (options.batches.empty()) return {1, 4, 16, 64, 256, 1024};
    const std::vector<Index> batches =
        numbers_in<Index>("--batches", options.batches, 1, "whole numbers of at least 1");
    if (batches.back() > largest_batch) // each of them is drawn sample by sample
        throw InputError(fmt::format("--batches: expected at most {}; got {}", largest_batch, batches.back()));
    return batches;
}

/// The point: the start, or where Adam gets to from it.
Vector point_of(const Run& run, const BatchSizeOptions& options) {
    if (options.at_step == 0) return run.start();
    const TrainingOptions& training = options.training;
    const auto adam =
        adam_optimizer({.lr = training.lr, .beta1 = training.beta1, .beta2 = training.beta2, .eps = training.eps});
    return with_finite_numbers(fmt::format("hessq batch-size, Adam with lr {}", training.lr), [&] {
        return train(run.objective(), run.start(), *adam,
                     {.steps = options.at_step,
                      .batch = training.batch,
                      .sampling = training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
                      .seed = run.seed()})
            .parameters;
    });
}

/// 1, 2, 4, ... until every noise scale is left behind by a factor of 64.
std::vector<double> curve_batches(const NoiseScales& scales, double mean_ratio) {
    double reach = 64.0 * scales.simple_batch;
    for (const double scale : {scales.noise_batch, mean_ratio})
        if (std::isfinite(scale)) reach = std::max(reach, 64.0 * scale);
    std::vector<double> batches;
    for (double batch = 1.0; batch <= std::clamp(reach, 4096.0, 16'777'216.0); batch *= 2.0) batches.push_back(batch);
    return batches;
}

using Law = std::function<BestStep(double)>;

LawCurve law_curve(const std::string& name, const std::string& what, const std::vector<double>& batches,
                   const Law& law) {
    LawCurve curve{.name = name, .what = what};
    for (const double batch : batches) curve.steps.push_back(law(batch));
    curve.limit = law(infinity);
    return curve;
}

bool is_bounded(const LawCurve& curve) {
    return curve.limit.status == StepStatus::bounded &&
           std::all_of(curve.steps.begin(), curve.steps.end(),
                       [](const BestStep& step) { return step.status == StepStatus::bounded; });
}

/// The highest point of a curve that is known on the grid only.
RatePeak peak_on_grid(const LawCurve& curve, const std::vector<double>& batches) {
    std::size_t best = 0;
    for (std::size_t k = 1; k + 1 < curve.steps.size(); ++k)
        if (curve.steps[k].rate > curve.steps[k - 1].rate && curve.steps[k].rate >= curve.steps[k + 1].rate &&
            curve.steps[k].rate > curve.limit.rate && (best == 0 || curve.steps[k].rate > curve.steps[best].rate))
            best = k;
    if (best == 0) return {};
    return {.exists = true,
            .batch = batches[best],
            .rate = curve.steps[best].rate,
            .height = curve.steps[best].rate / curve.limit.rate - 1.0};
}

/// What Muon moves, and by how much without noise.
struct MuonLaw {
    std::vector<ParameterGroup> groups; ///< those with a gradient
    BestStep noiseless;
    double simple_batch = 0.0;
};

MuonLaw muon_law(const FiniteSumObjective& objective, const LocalModel& model) {
    MuonLaw law;
    for (const ParameterGroup& group : matrix_groups(objective.layout()))
        if (!model.gradient.segment(group.offset, group.size()).isZero(0.0)) law.groups.push_back(group);
    if (law.groups.empty()) return law;
    const Vector u = noiseless_direction({.kind = DirectionKind::muon, .layout = objective.layout()}, model.gradient);
    law.noiseless = best_uncorrelated_step(model.gradient, model.hessian, u, Vector::Zero(u.size()));
    law.simple_batch = group_noise_batch(model, law.groups);
    return law;
}

void add_laws(BatchSizeResult& result, const LiveProblem& live, const MuonLaw& muon) {
    const StepProblem& problem = live.step;
    const std::vector<double>& batches = result.batches;
    const bool noisy = result.noise_trace > 0.0;
    const std::string with_beta1 = fmt::format("beta1 = {}", format_number(result.beta1, 3));
    const auto add = [&](const std::string& name, const std::string& what, const Law& law) -> LawCurve& {
        return result.curves.emplace_back(law_curve(name, what, batches, law));
    };
    const auto add_monotone = [&](const std::string& name, const std::string& what, const Law& law) {
        LawCurve& curve = add(name, what, law);
        if (is_bounded(curve)) curve.peak = RatePeak{};
    };
    const auto add_closed = [&](const std::string& name, const std::string& what, const AttenuatedCurve& closed) {
        LawCurve& curve = add(name, what, [&](double batch) { return attenuated_step(closed, batch); });
        if (is_bounded(curve)) curve.peak = closed.noise_batch > 0.0 ? surge(closed) : RatePeak{};
    };

    add_monotone("sgd", "SGD", [&](double batch) { return sgd_best_step(result.scales, batch); });
    add_monotone("momentum", "momentum, " + with_beta1,
                 [&](double batch) { return sgd_best_step(result.scales, momentum_batch(batch, result.beta1)); });

    const Law signs = [&](double batch) { return sign_best_step(problem, batch); };
    LawCurve& exact = add("sign", "signs, independent (erf)", signs);
    if (is_bounded(exact)) {
        // A peak may lie below one sample: the rate then falls with every batch there is.
        const BatchRange range{.least = 1e-3, .largest = 1e9, .points = problem.gradient.size() > 1000 ? 61 : 121};
        exact.peak = noisy ? find_rate_peak([&](double batch) { return signs(batch).rate; }, range) : RatePeak{};
    }
    if (std::isfinite(result.mean_ratio))
        add_closed("sign_essay", "signs, the essay's closed form",
                   sign_curve(problem, Attenuation::essay, NoiseRatio::mean_of_ratios));
    add_closed("sign_mean_field", "signs, mean field",
               sign_curve(problem, Attenuation::mean_field, NoiseRatio::ratio_of_sums));
    constexpr Index affordable = 1100; // n^2 / 2 values of Owen's T for every batch
    if (problem.gradient.size() <= affordable && noisy) {
        LawCurve& correlated = add("sign_correlated", "signs, correlated normal noise", [&](double batch) {
            if (batch == infinity) return signs(infinity);
            return correlated_sign_best_step(problem.gradient, problem.hessian, live.noise, batch);
        });
        if (is_bounded(correlated)) correlated.peak = peak_on_grid(correlated, batches);
    }
    add_closed("adam", "Adam, mean field, " + with_beta1, adam_curve(problem, result.beta1));
    LawCurve& soft = add("softsign", "softsign, independent", [&](double batch) {
        return epsilon_best_step(EpsilonForm::softsign, problem, result.softsign_eps, batch);
    });
    if (is_bounded(soft)) soft.peak = peak_on_grid(soft, batches);
    if (!muon.groups.empty())
        add_monotone("muon", "Muon, equal singular values",
                     [&](double batch) { return muon_best_step(muon.noiseless, muon.simple_batch, batch); });
}

std::optional<double> law_at(const BatchSizeResult& result, const LiveProblem& live, const MuonLaw& muon,
                             const std::string& name, double batch) {
    if (name == "sgd") return sgd_best_step(result.scales, batch).rate;
    if (name == "momentum") return sgd_best_step(result.scales, momentum_batch(batch, result.beta1)).rate;
    if (name == "sign") return sign_best_step(live.step, batch).rate;
    if (name == "adam") return attenuated_step(adam_curve(live.step, result.beta1), batch).rate;
    if (name == "softsign") return epsilon_best_step(EpsilonForm::softsign, live.step, result.softsign_eps, batch).rate;
    return muon_best_step(muon.noiseless, muon.simple_batch, batch).rate;
}

/// Where to begin looking for the best rate: at the model's, or where the model's slope takes the loss away.
double first_rate(const MeasuredStep& model_step, const LocalModel& model, const Matrix& directions) {
    if (model_step.status == StepStatus::bounded && model_step.rate.value > 0.0) return model_step.rate.value;
    const double slope = std::abs(model.gradient.dot(directions.rowwise().mean()));
    const double rate = std::abs(model.loss) / slope;
    return std::isfinite(rate) && rate > 0.0 ? rate : 1.0;
}

void measure_steps(BatchSizeResult& result, const Run& run, const BatchSizeOptions& options, const Vector& w,
                   const LocalModel& model, const LiveProblem& live, const MuonLaw& muon, const DirectionSource& source,
                   Progress& progress) {
    std::vector<std::pair<std::string, DirectionKind>> kinds = {{"sgd", DirectionKind::sgd},
                                                                {"momentum", DirectionKind::momentum},
                                                                {"sign", DirectionKind::sign},
                                                                {"adam", DirectionKind::adam},
                                                                {"softsign", DirectionKind::softsign}};
    if (!muon.groups.empty()) kinds.emplace_back("muon", DirectionKind::muon);
    for (const ParameterGroup& group : muon.groups)
        result.muon.push_back({.group = group, .simple_batch = group_noise_batch(model, {group})});
    for (const auto& kind : kinds) {
        const DirectionOptions drawn{.kind = kind.second,
                                     .eps = result.softsign_eps,
                                     .beta1 = result.beta1,
                                     .beta2 = options.training.beta2,
                                     .layout = run.objective().layout()};
        MeasuredMethod method{.name = kind.first};
        const Vector noiseless = noiseless_direction(drawn, model.gradient);
        for (const Index batch : result.measured_batches) {
            progress.advance(1.0, fmt::format("{}, B = {}", kind.first, batch));
            // The same mini-batches for every kind.
            const Matrix u = source.directions(drawn, batch, options.directions, run.seed(),
                                               direction_stream + static_cast<std::uint64_t>(batch));
            const MeasuredStep in_model = model_best_step(model, u);
            const auto size = static_cast<double>(batch);
            MeasuredPoint point{.batch = batch,
                                .model = in_model,
                                .loss =
                                    loss_best_step(run.objective(), w, u, {.start = first_rate(in_model, model, u)}),
                                .law = law_at(result, live, muon, kind.first, size)};
            if (kind.second == DirectionKind::sign && result.curve("sign_correlated"))
                point.correlated =
                    correlated_sign_best_step(live.step.gradient, live.step.hessian, live.noise, size).rate;
            method.points.push_back(std::move(point));
            if (kind.second != DirectionKind::muon) continue;
            for (MuonGroup& row : result.muon) {
                row.predicted.push_back(muon_best_step({.rate = 1.0}, row.simple_batch, size).rate);
                row.measured.push_back(matrix_sign_alignment(u, noiseless, row.group));
            }
        }
        result.measured.push_back(std::move(method));
    }
}

void measure_two_batches(BatchSizeResult& result, const Run& run, const DirectionSource& source) {
    result.small_batch = 4;
    result.large_batch = 256;
    result.pairs = 400;
    result.two_batches =
        estimate_simple_noise(source.squared_norms(result.small_batch, result.pairs, run.seed(), norm_stream),
                              source.squared_norms(result.large_batch, result.pairs, run.seed(), norm_stream + 1),
                              static_cast<double>(result.small_batch), static_cast<double>(result.large_batch));
}

/// Batches from 1/256 of the noise batch to 16 of it, as far as there are samples and patience for them.
void measure_hyperbola(BatchSizeResult& result, const Run& run, const BatchSizeOptions& options, const Vector& w,
                       Progress& progress) {
    HyperbolaResult& hyperbola = result.hyperbola;
    const FiniteSumObjective& objective = run.objective();
    const auto m = static_cast<double>(objective.samples());
    const bool bounded = result.scales.status == StepStatus::bounded && result.scales.noise_batch > 0.0;
    const double noise_batch = bounded ? result.scales.noise_batch : result.scales.simple_batch;
    if (result.noise_trace == 0.0) {
        hyperbola.why = "there is no noise";
        return;
    }
    const MeasuredPoint& largest = result.method("sgd")->points.back();
    const double full_rate =
        result.scales.status == StepStatus::bounded ? result.scales.rate_max : largest.loss.rate.value;
    if (!std::isfinite(full_rate) || !(full_rate > 0.0)) {
        hyperbola.why = "no rate is best at this point";
        return;
    }
    // Not all the way: runs with small batches come to rest above what gradient descent reaches.
    constexpr double share = 0.7;
    const double reached = descent_target(objective, w, full_rate, options.target_steps);
    hyperbola.target = result.loss - share * (result.loss - reached);
    if (!(hyperbola.target < result.loss)) {
        hyperbola.why = fmt::format("{} steps of gradient descent do not lower the loss", options.target_steps);
        return;
    }
    std::vector<Index> batches;
    for (double factor = 1.0 / 256.0; factor <= 16.0; factor *= 4.0) {
        const auto batch = static_cast<Index>(std::clamp(std::round(factor * noise_batch), 1.0, m));
        if (batches.empty() || batches.back() < batch) batches.push_back(batch);
    }
    constexpr Index runs = 8;
    constexpr double patience = 3e9; // parameters times samples for each batch
    const auto steps_min = static_cast<double>(options.target_steps);
    for (const Index batch : batches) {
        const auto size = static_cast<double>(batch);
        const double expected = steps_min * (1.0 + noise_batch / size);
        progress.advance(1.0, fmt::format("runs, B = {}", batch));
        if (expected * size * static_cast<double>(runs * objective.dimension()) > patience) continue;
        const TargetRun found = steps_to_target(objective, w,
                                                {.batch = batch,
                                                 .target = hyperbola.target,
                                                 .rate = full_rate / (1.0 + noise_batch / size),
                                                 .max_steps = static_cast<Index>(std::ceil(4.0 * expected)),
                                                 .runs = runs,
                                                 .seed = run.seed(),
                                                 .stream = static_cast<std::uint64_t>(1'000'000 + batch)});
        hyperbola.runs.push_back(found);
    }
    std::vector<double> steps, samples;
    for (const TargetRun& found : hyperbola.runs)
        if (found.reached) {
            steps.push_back(found.steps.value);
            samples.push_back(found.steps.value * static_cast<double>(found.batch));
        }
    if (steps.size() < 3) {
        hyperbola.why = fmt::format("only {} of {} batch sizes got to a loss of {} in time", steps.size(),
                                    batches.size(), format_number(hyperbola.target));
        return;
    }
    const auto count = static_cast<Index>(steps.size());
    const Vector s = Eigen::Map<const Vector>(steps.data(), count), e = Eigen::Map<const Vector>(samples.data(), count);
    hyperbola.log = fit_log_hyperbola(s, e);
    try {
        hyperbola.linear = fit_inverse_hyperbola(s, e);
    } catch (const NumericalError&) {
        // the runs with small batches let the line end below zero: then there is no such fit
    }
}

void measure_rules(BatchSizeResult& result, const Run& run, const BatchSizeOptions& options, const Vector& w,
                   Progress& progress) {
    RuleOptions rules{.batch = std::min<Index>(4, run.objective().samples()),
                      .adam = {.rate = options.training.lr,
                               .beta1 = options.training.beta1,
                               .beta2 = options.training.beta2,
                               .eps = options.training.eps},
                      .factors = {},
                      .seed = run.seed()};
    for (const Index factor : {2, 4, 8})
        if (rules.batch * factor <= run.objective().samples()) rules.factors.push_back(factor);
    progress.advance(1.0, "scaling rules");
    // A quarter of what is best for one step: the noise of many steps adds up.
    const auto size = static_cast<double>(rules.batch);
    const BestStep best = sgd_best_step(result.scales, size);
    double rate = best.rate;
    if (best.status == StepStatus::unbounded) rate = result.method("sgd")->points.front().loss.rate.value;
    if (!std::isfinite(rate) || !(rate > 0.0) || rules.factors.empty()) return;
    rules.sgd_rate = 0.25 * rate;
    result.rules = test_scaling_rules(run.objective(), w, rules);
}

} // namespace

Action batch_size_command(CLI::App& command) {
    const auto options = std::make_shared<BatchSizeOptions>();
    add_problem_options(command, options->problem, "digits-softmax");
    add_training_options(command, options->training);
    command.remove_option(command.get_option("--steps"));
    add_count(command, "--at-step", options->at_step, 0, "look after so many steps of Adam from the start")
        ->group("Training");
    const std::string group = "Batch size";
    add_text(command, "--batches", options->batches, "N,N,...",
             "to measure best rates at (default: 1, 4, 16, ..., 1024)")
        ->group(group);
    add_count(command, "--directions", options->directions, 2, "mini-batches for each of them")->group(group);
    add_count(command, "--target-steps", options->target_steps, 1, "runs go 0.7 of what these full-batch steps descend",
              1'000'000)
        ->group(group);
    add_real(command, "--softsign-eps", options->softsign_eps, Range::not_negative,
             "epsilon of softsign; 0: the gradient's rms entry")
        ->group(group);
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        const std::vector<Index> measured = measured_batches(*options);
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        const FiniteSumObjective& objective = run.objective();
        const auto n = static_cast<double>(objective.dimension()), m = static_cast<double>(objective.samples());
        run.announce_memory(8.0 * (6.0 * n * n + 2.0 * n * m + 4.0 * n * static_cast<double>(options->directions)));
        const bool has_matrices = !matrix_groups(objective.layout()).empty();
        Progress progress(static_cast<double>(measured.size()) * (has_matrices ? 6.0 : 5.0) + 12.0,
                          run.progress_options());

        const Vector w = point_of(run, *options);
        BatchSizeResult result;
        with_finite_numbers("hessq batch-size", [&] {
            progress.advance(0.0, "Hessian and noise");
            const LocalModel model = local_model(objective, w);
            if (!(model.gradient.squaredNorm() > 0.0))
                throw NumericalError("hessq batch-size: expected a point with a gradient; got one where it is zero");
            const LiveProblem live = live_problem(model);
            result = {.at_step = options->at_step,
                      .loss = model.loss,
                      .gradient_norm = model.gradient.norm(),
                      .parameters = objective.dimension(),
                      .live = static_cast<Index>(model.live.size()),
                      .hessian_trace = live.step.hessian.trace(),
                      .noise_trace = live.noise.trace(),
                      .scales = noise_scales(model.gradient, model.hessian, model.noise),
                      .mean_ratio = noise_ratio(live.step.gradient, live.step.noise_sd, NoiseRatio::mean_of_ratios),
                      .beta1 = options->training.beta1,
                      .measured_batches = measured};
            const AttenuatedCurve signs = sign_curve(live.step, Attenuation::mean_field, NoiseRatio::ratio_of_sums);
            result.sign_curvature = signs.flat + signs.excess;
            result.softsign_eps = options->softsign_eps > 0.0
                                      ? options->softsign_eps
                                      : model.gradient.norm() / std::sqrt(static_cast<double>(result.live));
            result.batches = curve_batches(result.scales, result.mean_ratio);
            const MuonLaw muon = muon_law(objective, model);
            progress.advance(1.0, "laws");
            add_laws(result, live, muon);
            const DirectionSource source(objective, w);
            measure_two_batches(result, run, source);
            measure_steps(result, run, *options, w, model, live, muon, source, progress);
            measure_hyperbola(result, run, *options, w, progress);
            measure_rules(result, run, *options, w, progress);

            run.save_array("theta.npy", w);
            run.save_array("gradient.npy", model.gradient);
            run.save_array("hessian.npy", model.hessian);
            run.save_array("noise_covariance.npy", model.noise);
        });
        progress.erase();

        const std::string finding = finding_of(result, run.problem().name);
        const TextTable laws = law_table(result), steps = measured_table(result), runs = hyperbola_table(result),
                        rules = rule_table(result);
        HtmlReport report("Learning rate against batch size: " + run.problem().name, finding);
        add_figures(report, result);
        report.section("Laws");
        report.table(laws, "From the exact g, H and Sigma at the point, by the quadratic model.");
        report.section("Measured");
        report.table(steps, "Over real mini-batches, drawn with replacement: by the loss itself, and by the quadratic "
                            "model for the same mini-batches. Momentum and Adam at a gradient that stands still.");
        report.table(runs, "SGD with a constant rate, the fastest of a grid of factor 2, until the mean loss of 8 runs "
                           "is at the target.");
        report.table(rules, "Batch times k, steps over k, rate by the rule. Cost: the share of the base run's progress "
                            "that is lost; 0 if the rule is exact.");
        run.finish(to_json(result), report,
                   fmt::format("{}\n{}\n{}\n{}", laws.str(), steps.str(), runs.str(), rules.str()), finding);
    };
}

} // namespace hessq::app
