#include "hessq/theory/regimes.hpp"
#include "commands.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/spectrum/resolved.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/second_moment_metrics.hpp"
#include "regimes_report.hpp"
#include "support/memory.hpp"
#include "support/partial_results.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fmt/format.h>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

namespace hessq::app {
namespace {

struct RegimesOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 1000, .batch = 64, .lr = 1e-3};
    std::string axis = "lr", batches, lrs, distances;
    Index runs = 4;
    Index points = 64;
    Index newton_steps = 20;

    bool by_distance() const { return axis == "distance"; }
};

const std::vector<Index> default_batches = {1, 3, 10, 30, 100, 300, 1000, 3000};
const std::vector<double> default_lrs = {3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0};
const std::vector<double> default_distances = {1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0};

std::vector<double> positive_numbers(const std::string& option, const std::string& text,
                                     const std::vector<double>& otherwise) {
    if (text.empty()) return otherwise;
    return numbers_in(option, text, std::numeric_limits<double>::min(), "numbers above 0");
}

/// The defaults beyond the problem's samples are its samples; what was asked for is refused.
std::vector<Index> batch_sizes(const RegimesOptions& options, const Problem& problem) {
    const Index samples = problem.objective->samples();
    std::vector<Index> batches;
    if (options.batches.empty()) {
        for (const Index batch : default_batches)
            if (batches.empty() || batches.back() < samples) batches.push_back(std::min(batch, samples));
        return batches;
    }
    batches = numbers_in<Index>("--batches", options.batches, 1, "whole numbers of at least 1");
    if (batches.back() > samples)
        throw InputError(fmt::format("--batches: expected at most the {} samples of {}; got {}", samples, problem.name,
                                     batches.back()));
    return batches;
}

/// Options of the other axis would change nothing.
void refuse_idle_options(const CLI::App& command, const RegimesOptions& options) {
    const std::vector<const char*> of_lr = {"--lrs", "--runs", "--steps", "--beta1", "--beta2", "--eps"};
    const std::vector<const char*> of_distance = {"--distances", "--points", "--newton-steps"};
    for (const char* option : options.by_distance() ? of_lr : of_distance)
        if (command.get_option(option)->count() > 0)
            throw InputError(fmt::format("{}: expected with --axis {}; got --axis {}", option,
                                         options.by_distance() ? "lr" : "distance", options.axis));
}

Sampling sampling_of(const RegimesOptions& options) {
    return options.training.sampling == "iid" ? Sampling::iid : Sampling::epochs;
}

/// A piece of work that is done at once and kept when the command is interrupted: some cells.
struct Piece {
    std::string key, label;
    std::function<std::vector<RegimeCell>()> measure;
};

/// The pieces' cells, those of a former run included: as JSON, so that it makes no difference which they are.
std::vector<std::vector<RegimeCell>> measured(const Run& run, const std::vector<Piece>& pieces, PartialResults& partial,
                                              Index concurrent, bool by_distance) {
    std::vector<Json> found(pieces.size());
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (const Json* const known = partial.find(pieces[i].key))
            found[i] = *known;
        else
            open.push_back(i);
    }
    if (open.size() < pieces.size() && !run.is_quiet())
        std::cerr << fmt::format("{}: {} of {} pieces of an interrupted run are used\n", partial.path().string(),
                                 pieces.size() - open.size(), pieces.size());
    if (!open.empty()) {
        Progress progress(static_cast<double>(open.size()), run.progress_options());
        std::atomic<std::size_t> next = 0;
        parallel_for(std::min(concurrent, static_cast<Index>(open.size())), [&](Index) {
            for (std::size_t turn = next++; turn < open.size(); turn = next++) {
                const Piece& piece = pieces[open[turn]];
                Json cells = Json::array();
                for (const RegimeCell& cell : piece.measure()) cells.push_back(app::to_json(cell, by_distance));
                partial.add(piece.key, cells);
                found[open[turn]] = Json::parse(cells.dump());
                progress.advance(1.0, piece.label);
            }
        });
    }
    std::vector<std::vector<RegimeCell>> cells;
    for (const Json& piece : found) {
        cells.emplace_back();
        for (const Json& cell : piece) cells.back().push_back(regime_cell(cell));
    }
    return cells;
}

/// As many pieces side by side as there are threads and as fit into half of the memory.
Index pieces_at_once(const Run& run, double bytes_each) {
    const double room = 0.5 * available_memory() / (bytes_each + blas_buffer_bytes);
    return std::clamp(static_cast<Index>(std::min(room, 1e6)), Index{1}, static_cast<Index>(run.threads()));
}

void measure_runs(const Run& run, const RegimesOptions& options, PartialResults& partial, Index concurrent,
                  RegimeGrid& grid) {
    const TrainingOptions& training = options.training;
    std::vector<Piece> pieces;
    const Fingerprint common = fingerprint(run)
                                   .add("lr")
                                   .add(training.sampling)
                                   .add(static_cast<double>(training.steps))
                                   .add(training.beta1)
                                   .add(training.beta2)
                                   .add(training.eps)
                                   .add(std::to_string(run.seed()))
                                   .add(static_cast<double>(options.runs));
    for (const Index batch : grid.batches)
        for (const double lr : grid.positions) {
            const RegimeOptions cell{.batch = batch,
                                     .lr = lr,
                                     .steps = training.steps,
                                     .sampling = sampling_of(options),
                                     .beta1 = training.beta1,
                                     .beta2 = training.beta2,
                                     .eps = training.eps,
                                     .seed = run.seed(),
                                     .runs = options.runs};
            Fingerprint key = common;
            pieces.push_back({key.add(static_cast<double>(batch)).add(lr).str(),
                              fmt::format("batch {}, lr {}", batch, format_number(lr)), [&run, cell] {
                                  return std::vector<RegimeCell>{measure_regime(run.objective(), run.start(), cell)};
                              }});
        }
    for (std::vector<RegimeCell>& cells : measured(run, pieces, partial, concurrent, false))
        grid.cells.push_back(std::move(cells.front()));
}

/// Where the second moment of a bundled problem is known in closed form.
std::optional<IsotropicLaw> law_of(const Problem& problem, double least_loss, const SymmetricEigen& h) {
    if (problem.name == "P2") return IsotropicLaw{2.0 * least_loss, h.values.sum(), true};
    if (problem.name == "P1" || problem.name == "P1r") return IsotropicLaw{1.0, h.values.sum(), false};
    return std::nullopt;
}

/// The batch whose noise factor is `factor`, not a whole number.
double batch_of(double factor, Index samples, Sampling sampling) {
    const auto m = static_cast<double>(samples);
    return sampling == Sampling::iid ? 1.0 / factor : m / (1.0 + factor * (m - 1.0));
}

/// What a law says of every cell, W along the eigenvectors for a position and a noise factor, and the line on which
/// half of the spectrum follows each of the two laws, the noise factor for its middle and a position.
template <class Law, class Middle>
void predict(const Vector& lambda, const Law& second_moment, const Middle& crossover, Index samples, Sampling sampling,
             RegimeGrid& grid) {
    for (const RegimeCell& cell : grid.cells) {
        const Vector w = second_moment(cell.position, batch_noise_factor(cell.batch, samples, sampling));
        const std::optional<EigenExponent> q = w.allFinite() ? eigen_exponent(lambda, w) : std::nullopt;
        grid.predicted.push_back(q ? std::optional<double>(q->exponent.value) : std::nullopt);
    }
    const double middle = std::exp(lambda.array().log().mean());
    grid.crossover.label = "predicted cross-over";
    const double first = std::log(grid.positions.front()), last = std::log(grid.positions.back());
    for (int i = 0; i <= 100; ++i) {
        const double position = std::exp(first + 0.01 * i * (last - first));
        grid.crossover.x.push_back(position);
        grid.crossover.y.push_back(batch_of(crossover(middle, position), samples, sampling));
    }
}

void predict_clouds(const IsotropicLaw& law, const SymmetricEigen& h, Index samples, Sampling sampling,
                    RegimeGrid& grid) {
    const Vector lambda = entries_at(h.values, resolved_directions(h.values));
    predict(
        lambda,
        [&](double s, double factor) {
            return Vector(lambda.unaryExpr([&](double x) { return law.second_moment(x, s, factor); }));
        },
        [&](double middle, double s) { return law.crossover_factor(middle, s); }, samples, sampling, grid);
}

/// Where Adam would come to rest on P1, whose Hessian is diagonal and whose noise is H / B. Off the axes (P1r) or with
/// noise that grows with the distance (P2) there is no closed form.
void predict_stationary(const Run& run, double beta1, Sampling sampling, RegimeGrid& grid) {
    if (run.problem().name != "P1") return;
    const Vector all = run.objective().dense_hessian(run.start()).diagonal();
    const Vector lambda = entries_at(all, resolved_directions(all));
    predict(
        lambda,
        [&](double lr, double factor) {
            return Vector(stationary_adam_root(lambda, factor * lambda, lr, beta1).cwiseAbs2());
        },
        [&](double middle, double lr) { return stationary_adam_crossover(middle, lr, beta1); },
        run.objective().samples(), sampling, grid);
}

/// What the cloud's center is: the minimum in closed form, or where Newton's method gets to from the start.
Vector center_of(const Run& run, Index newton_steps) {
    if (run.problem().minimum) return *run.problem().minimum;
    return with_finite_numbers("hessq regimes, Newton's method", [&] {
        return minimize_newton(run.objective(), run.start(), {.iterations = newton_steps}).parameters;
    });
}

void measure_clouds(Run& run, const RegimesOptions& options, PartialResults& partial, Index concurrent,
                    RegimeGrid& grid) {
    const FiniteSumObjective& objective = run.objective();
    const Vector center = center_of(run, options.newton_steps);
    const Vector gradient = objective.gradient(center);
    const Matrix hessian = objective.dense_hessian(center);
    const SymmetricEigen h = symmetric_eigen(hessian);
    grid.start_loss = objective.value(center);
    grid.start_gradient_norm = gradient.norm();

    std::vector<Piece> pieces;
    Fingerprint common = fingerprint(run)
                             .add("distance")
                             .add(center)
                             .add(options.training.sampling)
                             .add(static_cast<double>(options.points))
                             .add(std::to_string(run.seed()));
    for (const Index batch : grid.batches) common.add(static_cast<double>(batch));
    for (const double distance : grid.positions) {
        const CloudRegimeOptions cloud{.distance = distance,
                                       .batches = grid.batches,
                                       .points = options.points,
                                       .sampling = sampling_of(options),
                                       .seed = run.seed()};
        Fingerprint key = common;
        pieces.push_back(
            {key.add(distance).str(), fmt::format("distance {}", format_number(distance)),
             [&objective, &center, &h, cloud] { return measure_cloud_regimes(objective, center, h, cloud); }});
    }
    const std::vector<std::vector<RegimeCell>> columns = measured(run, pieces, partial, concurrent, true);
    for (std::size_t i = 0; i < grid.batches.size(); ++i)
        for (const std::vector<RegimeCell>& column : columns) grid.cells.push_back(column[i]);
    if (const std::optional<IsotropicLaw> law = law_of(run.problem(), grid.start_loss, h))
        predict_clouds(*law, h, objective.samples(), sampling_of(options), grid);

    run.save_array("theta.npy", center);
    run.save_array("gradient.npy", gradient);
    run.save_array("hessian.npy", hessian);
    if (run.save_arrays()) run.save_array("noise_covariance.npy", noise_covariance(objective, center));
}

Json result_of(const RegimesOptions& options, const RegimeGrid& grid) {
    Json result = {{"axis", options.axis}};
    if (grid.by_distance) {
        result["cloud"] = {{"points", options.points}, {"sampling", options.training.sampling}};
        result["center"] = {{"loss", grid.start_loss}, {"gradient_norm", grid.start_gradient_norm}};
    } else {
        result["training"] = app::to_json(options.training);
        result["training"].erase("batch");
        result["training"].erase("lr");
        result["training"]["runs"] = options.runs;
        result["start"] = {{"loss", grid.start_loss}, {"gradient_norm", grid.start_gradient_norm}};
    }
    result["error_bar"] = error_bar_words(grid.by_distance);
    result["grid"] = Json::array();
    for (std::size_t i = 0; i < grid.cells.size(); ++i) {
        Json cell = app::to_json(grid.cells[i], grid.by_distance);
        if (!grid.predicted.empty()) cell["predicted"] = grid.predicted[i] ? Json(*grid.predicted[i]) : Json(nullptr);
        result["grid"].push_back(std::move(cell));
    }
    result["crossover"] = nullptr;
    if (!grid.crossover.x.empty())
        result["crossover"] = {{grid.by_distance ? "distance" : "lr", grid.crossover.x}, {"batch", grid.crossover.y}};
    return result;
}

} // namespace

Action regimes_command(CLI::App& command) {
    const auto options = std::make_shared<RegimesOptions>();
    add_problem_options(command, options->problem, "digits-softmax");
    const std::string group = "Grid";
    add_word(command, "--axis", options->axis, {"lr", "distance"}, "beside the batch size")->group(group);
    add_text(command, "--batches", options->batches, "N,N,...", "batch sizes (default: 1, 3, 10, ..., 3000)")
        ->group(group);
    add_text(command, "--lrs", options->lrs, "X,X,...", "learning rates (default: 0.0003, 0.001, 0.003, ..., 1)")
        ->group(group);
    add_text(command, "--distances", options->distances, "X,X,...", "from the minimum (default: 0.001, 0.003, ..., 3)")
        ->group(group);
    add_count(command, "--runs", options->runs, 2, "lr: runs a cell, of whose exponents q is the mean", 10'000)
        ->group(group);
    add_count(command, "--points", options->points, 3, "distance: points around the minimum", 1'000'000)->group(group);
    add_count(command, "--newton-steps", options->newton_steps, 1, "distance: iterations to the minimum")->group(group);
    add_training_options(command, options->training);
    command.remove_option(command.get_option("--batch"));
    command.remove_option(command.get_option("--lr"));
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        refuse_idle_options(command, *options);
        RegimeGrid grid;
        grid.by_distance = options->by_distance();
        grid.positions = grid.by_distance ? positive_numbers("--distances", options->distances, default_distances)
                                          : positive_numbers("--lrs", options->lrs, default_lrs);
        Run run(command, options->problem, options->run, command_line);
        grid.batches = batch_sizes(*options, run.problem());
        PartialResults partial(run.out().string() + ".partial");

        const FiniteSumObjective& objective = run.objective();
        const double each =
            regime_bytes(objective.dimension(), objective.samples(), grid.by_distance ? 0 : options->training.steps);
        const auto count =
            static_cast<Index>(grid.by_distance ? grid.positions.size() : grid.positions.size() * grid.batches.size());
        const Index concurrent = std::min(pieces_at_once(run, each), count);
        run.announce_dense_memory(static_cast<double>(concurrent) * (each + blas_buffer_bytes), "");

        if (grid.by_distance) {
            measure_clouds(run, *options, partial, concurrent, grid);
        } else {
            const ValueAndGradient start = objective.value_and_gradient(run.start());
            grid.start_loss = start.value;
            grid.start_gradient_norm = start.gradient.norm();
            measure_runs(run, *options, partial, concurrent, grid);
            predict_stationary(run, options->training.beta1, sampling_of(*options), grid);
            run.save_array("theta.npy", run.start());
        }
        const std::string finding = finding_of(grid, run.problem().name);
        const TextTable exponents = exponent_table(grid), cells = cell_table(grid);

        HtmlReport report("Regimes of the second moment: " + run.problem().name, finding);
        add_figures(report, grid);
        report.section("All cells");
        report.table(cells, error_bar_words(grid.by_distance));
        run.finish(result_of(*options, grid), report, exponents.str(), finding);
        partial.remove();
    };
}

} // namespace hessq::app
