#include "commands.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/report/figures.hpp"
#include "hessq/report/table.hpp"
#include "hessq/spectrum/density.hpp"
#include "hessq/spectrum/eigenpairs.hpp"
#include "hessq/spectrum/matrix_functions.hpp"
#include "support/memory.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hessq::app {
namespace {

const std::vector<std::string> operator_names = {"hessian", "gauss-newton", "second-moment", "preconditioned"};

struct SpectrumOptions {
    ProblemOptions problem;
    RunOptions run;
    TrainingOptions training{.steps = 200, .batch = 64, .lr = 3e-3};
    std::string of;
    Index count = 5;
    Index probes = 10;
    Index lanczos = 100;
    Index max_products = 1500;
    bool exact = false;
};

/// One of the matrices whose eigenvalues are asked for.
struct Subject {
    std::string name;
    SymmetricOperator matrix;
    bool semidefinite; ///< its smallest eigenvalues are zeros, and nobody asks for those one by one
};

/// What was found out about it.
struct Spectrum {
    std::string name;
    ExtremeEigenpairs ends;
    SpectralMeasure measure;
    EigenvalueDistribution distribution;
    EigenvalueCount negative, zero;
    FunctionTrace trace;
    Estimate rank, negative_mass;
    Vector exact; ///< all eigenvalues, if asked for

    Index products() const { return ends.products + measure.products; }
};

std::vector<std::string> chosen_operators(const std::string& of, bool has_model, bool trained) {
    std::vector<std::string> possible = {"hessian"};
    if (has_model) possible.emplace_back("gauss-newton");
    possible.emplace_back("second-moment");
    if (trained) possible.emplace_back("preconditioned");
    if (of.empty()) return possible;
    std::vector<std::string> names;
    for (const std::string& word : split_list(of)) {
        if (std::find(operator_names.begin(), operator_names.end(), word) == operator_names.end())
            throw InputError(fmt::format("--of: expected some of {}; got {}{}", fmt::join(operator_names, ", "),
                                         word.empty() ? "''" : word, did_you_mean(word, operator_names)));
        if (std::find(possible.begin(), possible.end(), word) == possible.end())
            throw InputError(word == "preconditioned"
                                 ? "--of: expected at least one step of training for preconditioned; got --steps 0"
                                 : fmt::format("--of: expected a problem with a model for {}; got one without", word));
        if (std::find(names.begin(), names.end(), word) == names.end()) names.push_back(word);
    }
    return names;
}

/// The eigenpairs of both ends as one block for spectral_measure, if they are good enough to be taken out.
Eigenpairs known_pairs(const ExtremeEigenpairs& ends) {
    if (!ends.converged || ends.norm == 0.0) return {};
    const Index top = ends.top.values.size(), bottom = ends.bottom.values.size();
    Eigenpairs known{Vector(top + bottom), Matrix(ends.top.vectors.rows(), top + bottom), Vector(top + bottom), {}};
    known.values << ends.top.values, ends.bottom.values;
    known.vectors << ends.top.vectors, ends.bottom.vectors;
    known.residuals << ends.top.residuals, ends.bottom.residuals;
    return known;
}

Json to_json(const Eigenpairs& pairs) {
    Json list = Json::array();
    for (Index k = 0; k < pairs.values.size(); ++k)
        list.push_back({{"value", pairs.values(k)},
                        {"residual", pairs.residuals(k)},
                        {"certified", static_cast<bool>(pairs.certified[static_cast<std::size_t>(k)])}});
    return list;
}

Json to_json(const EigenvalueCount& count) {
    return {{"value", count.value}, {"lower", count.lower}, {"upper", count.upper}, {"confidence", count.confidence}};
}

Json to_json(const Spectrum& s) {
    Json trace = app::to_json(static_cast<const Estimate&>(s.trace));
    trace["interval_95"] = {s.trace.interval.lower, s.trace.interval.upper};
    Json result = {{"trace", std::move(trace)},
                   {"effective_rank", app::to_json(s.rank)},
                   {"negative_mass", app::to_json(s.negative_mass)},
                   {"negative_eigenvalues", to_json(s.negative)},
                   {"zero_eigenvalues", to_json(s.zero)},
                   {"eigenvalues", {{"top", to_json(s.ends.top)}, {"bottom", to_json(s.ends.bottom)}}},
                   {"density",
                    {{"grid", app::to_json(s.distribution.grid)},
                     {"cdf", app::to_json(s.distribution.value)},
                     {"lower", app::to_json(s.distribution.lower)},
                     {"upper", app::to_json(s.distribution.upper)},
                     {"confidence", s.distribution.confidence}}},
                   {"norm", s.measure.norm},
                   {"resolution", s.measure.resolution},
                   {"products", s.products()}};
    if (s.exact.size() > 0) result["exact_eigenvalues"] = app::to_json(s.exact);
    return result;
}

std::string count_text(const EigenvalueCount& count) {
    if (count.lower == count.upper) return fmt::format("{}", count.lower);
    return fmt::format("{} to {}", count.lower, count.upper);
}

/// How many eigenvalues are at least x (sign 1), or at most -x (sign -1), against x, with the band.
Series tail(const Spectrum& s, double sign) {
    const auto n = static_cast<double>(s.measure.dimension);
    const EigenvalueDistribution& f = s.distribution;
    Series series{.label = s.name, .style = Series::Style::steps};
    const double least = 1e-10 * s.measure.norm;
    std::vector<std::array<double, 4>> points; // x, count, lower, upper
    for (Index i = 0; i < f.grid.size(); ++i) {
        const double x = sign * f.grid(i);
        if (x <= least) continue;
        if (sign > 0.0)
            points.push_back({x, n * (1.0 - f.value(i)), n * (1.0 - f.upper(i)), n * (1.0 - f.lower(i))});
        else
            points.push_back({x, n * f.value(i), n * f.lower(i), n * f.upper(i)});
    }
    std::sort(points.begin(), points.end());
    for (const auto& [x, count, lower, upper] : points) {
        if (upper < 0.5) break; // nothing further out, and no logarithm
        series.x.push_back(x);
        series.y.push_back(std::max(count, 0.5));
        series.lower.push_back(std::max(lower, 0.5));
        series.upper.push_back(std::max(upper, 0.5));
    }
    return series;
}

/// The same of known eigenvalues.
Series exact_tail(const Spectrum& s, double sign) {
    Series series{.label = s.name + ", all eigenvalues", .style = Series::Style::points};
    std::vector<double> sizes;
    for (const double value : s.exact)
        if (sign * value > 1e-10 * s.measure.norm) sizes.push_back(sign * value);
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    // In a logarithmic picture a few hundred are as good as all.
    std::size_t last = 0;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
        if (k >= 50 && static_cast<double>(k) < 1.02 * static_cast<double>(last)) continue;
        last = k;
        series.x.push_back(sizes[k]);
        series.y.push_back(static_cast<double>(k + 1));
    }
    return series;
}

Plot tails(const std::vector<Spectrum>& spectra, double sign) {
    Plot plot{.title = sign > 0.0 ? "How many eigenvalues are at least x" : "How many eigenvalues are at most -x",
              .x_label = "x",
              .y_label = "eigenvalues",
              .log_x = true,
              .log_y = true};
    for (const Spectrum& s : spectra) {
        for (Series& series : std::vector<Series>{tail(s, sign), exact_tail(s, sign)})
            if (!series.x.empty()) plot.series.push_back(std::move(series));
    }
    return plot;
}

/// The density, smoothed by a hundredth of the range of the eigenvalues.
Plot density_plot(const Spectrum& s) {
    const Vector& grid = s.distribution.grid;
    const double least = grid(0), most = grid(grid.size() - 1), width = 0.01 * (most - least);
    Plot plot{.title = "Density: " + s.name, .x_label = "eigenvalue", .y_label = "density", .log_y = true};
    if (!(width > 0.0)) return plot;
    const Vector x = Vector::LinSpaced(400, least - 3.0 * width, most + 3.0 * width);
    const Vector density = smoothed_density(s.measure, x, width);
    Series series;
    for (Index i = 0; i < x.size(); ++i) {
        if (density(i) <= 1e-7 * density.maxCoeff()) continue;
        series.x.push_back(x(i));
        series.y.push_back(density(i));
    }
    plot.series.push_back(std::move(series));
    return plot;
}

} // namespace

Action spectrum_command(CLI::App& command) {
    const auto options = std::make_shared<SpectrumOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    add_training_options(command, options->training, 0);
    add_text(command, "--of", options->of, "LIST",
             "hessian,gauss-newton,second-moment,preconditioned: which matrices [all that there are]")
        ->group("Spectrum");
    add_count(command, "--count", options->count, 1, "eigenvalues shown at each end of the spectrum")
        ->group("Spectrum");
    add_count(command, "--probes", options->probes, 2, "random vectors that Lanczos starts from")->group("Spectrum");
    add_count(command, "--lanczos", options->lanczos, 2, "steps of Lanczos from each of them")->group("Spectrum");
    add_count(command, "--max-products", options->max_products, 100, "products to spend on both ends")
        ->group("Spectrum");
    add_switch(command, "--exact", options->exact, "also all eigenvalues of the dense matrix, to compare")
        ->group("Spectrum");
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        Run run(command, options->problem, options->run, command_line);
        run.fit_batch(options->training);
        const FiniteSumObjective& objective = run.objective();
        const Index n = objective.dimension();
        const auto size = static_cast<double>(n);
        const std::vector<std::string> names =
            chosen_operators(options->of, run.model() != nullptr, options->training.steps > 0);
        const Index count = std::min(options->count, std::max<Index>(1, n / 4));

        // The ends with what searches them, then the bases of as many probes at a time as fit into half the memory.
        DensityOptions density{.steps = options->lanczos, .probes = options->probes, .seed = run.seed()};
        const bool gradients = std::find(names.begin(), names.end(), "second-moment") != names.end();
        const double kept = gradients ? 8.0 * size * static_cast<double>(objective.samples()) : 0.0;
        const double ends_bytes = 8.0 * size * 3.0 * static_cast<double>(4 * count + 40);
        density.block = density.probes;
        const auto bytes = [&] {
            const double work = std::max(ends_bytes, static_cast<double>(spectral_measure_bytes(n, density)) +
                                                         16.0 * size * static_cast<double>(count));
            // A seventh more for what the products themselves take.
            return 1.15 * (kept + work) + (options->exact ? 16.0 * size * size + eigen_bytes(n) : 0.0);
        };
        while (density.block > 1 && bytes() > 0.5 * available_memory()) density.block = (density.block + 1) / 2;
        if (options->exact)
            run.announce_dense_memory(bytes(), " (without --exact it takes more)");
        else
            run.announce_memory(bytes());

        const TrainingOptions& training = options->training;
        const auto adam =
            adam_optimizer({.lr = training.lr, .beta1 = training.beta1, .beta2 = training.beta2, .eps = training.eps});
        const Vector w = with_finite_numbers(fmt::format("hessq spectrum, Adam with lr {}", training.lr), [&] {
            return train(objective, run.start(), *adam,
                         {.steps = training.steps,
                          .batch = training.batch,
                          .sampling = training.sampling == "iid" ? Sampling::iid : Sampling::epochs,
                          .seed = run.seed()})
                .parameters;
        });
        const double loss = objective.value(w);
        require_finite(loss, "hessq spectrum: the loss");

        const SymmetricOperator hessian = objective.hessian(w);
        std::vector<Subject> subjects;
        for (const std::string& name : names) {
            if (name == "hessian") subjects.push_back({name, hessian, false});
            if (name == "gauss-newton") subjects.push_back({name, run.model()->gauss_newton(w), true});
            if (name == "second-moment") subjects.push_back({name, empirical_fisher(objective, w), true});
            if (name == "preconditioned")
                subjects.push_back({name, sandwich(adam->preconditioner().inverse_sqrt(), hessian), false});
        }

        // A forecast from one block product of each.
        double forecast = 0.0;
        const Index forecast_products = options->max_products / 2 + std::min(options->lanczos, n) * options->probes;
        for (const Subject& subject : subjects) {
            const auto begin = std::chrono::steady_clock::now();
            (void)(subject.matrix * Matrix::Constant(n, density.block, 1.0 / std::sqrt(size)));
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
            forecast += took.count() / static_cast<double>(density.block) * static_cast<double>(forecast_products);
        }
        if (!run.is_quiet() && forecast > 5.0)
            std::cerr << fmt::format("this will take about {}: some {} products with each of {} matrices\n",
                                     format_seconds(forecast), forecast_products, subjects.size());

        Progress progress(static_cast<double>(subjects.size()), run.progress_options());
        std::vector<Spectrum> spectra;
        for (const Subject& subject : subjects) {
            Spectrum s;
            s.name = subject.name;
            progress.advance(0.0, subject.name + ", both ends");
            s.ends = extreme_eigenpairs(subject.matrix, {.top = count,
                                                         .bottom = subject.semidefinite ? 0 : count,
                                                         .max_products = options->max_products,
                                                         .seed = run.seed()});
            progress.advance(0.3, subject.name + ", Lanczos from random vectors");
            DensityOptions settings = density;
            settings.known = known_pairs(s.ends);
            Index done = 0;
            const double all = static_cast<double>(settings.steps * settings.probes);
            settings.progress = [&](Index products) {
                progress.advance(0.7 * static_cast<double>(products - done) / all);
                done = products;
            };
            s.measure = spectral_measure(subject.matrix, settings);
            if (s.measure.norm > 0.0 && static_cast<double>(done) < all)
                progress.advance(0.7 * (1.0 - static_cast<double>(done) / all));
            s.distribution = eigenvalue_distribution(s.measure, spectral_grid(s.measure));
            const double edge = 2.0 * s.measure.resolution;
            s.zero = eigenvalue_count(s.measure, -edge - std::numeric_limits<double>::min(), edge);
            if (subject.semidefinite)
                s.negative = {.value = 0.0, .lower = 0, .upper = 0, .confidence = 1.0};
            else
                s.negative = eigenvalue_count(s.measure, -infinity, -edge);
            s.trace = trace_of_function(s.measure, [](double x) { return x; });
            s.rank = effective_rank(s.measure);
            s.negative_mass = subject.semidefinite ? Estimate{} : negative_mass(s.measure);
            if (options->exact) s.exact = symmetric_eigenvalues(to_dense(subject.matrix));
            spectra.push_back(std::move(s));
        }
        progress.erase();

        TextTable table({"matrix", "largest", "smallest", "trace", "effective rank", "negative", "negative mass",
                         "zero", "products"});
        for (const Spectrum& s : spectra) {
            const bool has_bottom = s.ends.bottom.values.size() > 0;
            table.add_row({s.name, Cell(s.ends.top.values(0)), has_bottom ? Cell(s.ends.bottom.values(0)) : Cell("0"),
                           Cell(static_cast<const Estimate&>(s.trace)), Cell(s.rank), count_text(s.negative),
                           has_bottom ? Cell(s.negative_mass) : Cell("0"), count_text(s.zero), s.products()});
        }
        TextTable pairs({"matrix", "end", "eigenvalue", "residual", "certified"});
        for (const Spectrum& s : spectra)
            for (const auto& [end, word] : {std::pair(&s.ends.top, "top"), std::pair(&s.ends.bottom, "bottom")})
                for (Index k = 0; k < end->values.size(); ++k)
                    pairs.add_row({s.name, fmt::format("{} {}", word, k + 1), Cell(end->values(k)),
                                   Cell(end->residuals(k)),
                                   end->certified[static_cast<std::size_t>(k)] ? "yes" : "no"});

        const Spectrum& first = spectra.front();
        std::string finding =
            fmt::format("After {} steps of Adam the loss is {}. The {}'s {} eigenvalues reach {}; zero to within {}: "
                        "{}, negative: {}. "
                        "Their sum is {}, and they count as {} equal ones.",
                        training.steps, format_number(loss), first.name, n,
                        first.ends.bottom.values.size() > 0
                            ? fmt::format("from {} to {}", format_number(first.ends.bottom.values(0)),
                                          format_number(first.ends.top.values(0)))
                            : fmt::format("up to {}", format_number(first.ends.top.values(0))),
                        format_number(2.0 * first.measure.resolution, 2), count_text(first.zero),
                        count_text(first.negative), format_estimate(first.trace.value, first.trace.std_error),
                        format_estimate(first.rank.value, first.rank.std_error));

        Json result = {{"training", app::to_json(training)}, {"loss", loss}, {"of", first.name}};
        result.update(to_json(first));
        Json all = Json::object();
        for (const Spectrum& s : spectra) all[s.name] = to_json(s);
        result["operators"] = std::move(all);

        HtmlReport report("Spectrum: " + run.problem().name, finding);
        report.table(table,
                     fmt::format("Counts with their 95 % intervals, other errors one standard error. Effective "
                                 "rank: (sum |eigenvalue|)^2 / sum of squares; negative mass: the negative ones' "
                                 "share of the sum of |eigenvalue|. Second moment: E gg' over the samples, "
                                 "uncentered, labels of the data. Preconditioned: P^(-1/2) H P^(-1/2) with Adam's P."));
        report.section("All eigenvalues");
        report.figure(tails(spectra, 1.0), "The band holds the whole curve with 95 % confidence. Scales differ: the "
                                           "preconditioned Hessian is in units of one over the learning rate.");
        const Plot negative = tails(spectra, -1.0);
        if (!negative.series.empty()) report.figure(negative, "The negative eigenvalues, by size.");
        for (const Spectrum& s : spectra) report.figure(density_plot(s), "Smoothed by 1 % of the range.");
        report.section("Both ends");
        report.table(pairs, "Certified: the k-th eigenvalue from its end, copies counted; the chance that one is wrong "
                            "is 1e-9.");
        run.save_array("theta.npy", w);
        run.save_array("gradient.npy", objective.gradient(w));
        run.finish(std::move(result), report, table.str() + "\n" + pairs.str(), finding);
    };
}

} // namespace hessq::app
