#include "commands.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"
#include "hessq/estimators/hutchinson.hpp"
#include "hessq/estimators/trace.hpp"
#include "hessq/operators/fisher.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/report/figures.hpp"
#include "hessq/report/table.hpp"
#include "hessq/spectrum/eigenpairs.hpp"
#include "support/memory.hpp"
#include "support/run.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

namespace hessq::app {
namespace {

struct CurvatureOptions {
    ProblemOptions problem;
    RunOptions run;
    Index count = 5;
    Index probes = 64;
    bool products_only = false;
};

/// What the spectrum command line asked for, exact or from products.
struct ExtremeValues {
    Vector top, bottom, top_residuals, bottom_residuals;
    std::optional<Index> negative, zero; ///< known only from all eigenvalues
    Vector all;                          ///< empty unless exact
};

ExtremeValues exact_spectrum(MatrixView h, Index count) {
    const SymmetricEigen eigen = symmetric_eigen(h);
    const double residual = largest_residual(h, eigen);
    const Vector& lambda = eigen.values;
    const double zero =
        static_cast<double>(lambda.size()) * std::numeric_limits<double>::epsilon() * lambda.cwiseAbs().maxCoeff();
    return {.top = lambda.tail(count).reverse(),
            .bottom = lambda.head(count),
            .top_residuals = Vector::Constant(count, residual),
            .bottom_residuals = Vector::Constant(count, residual),
            .negative = (lambda.array() < -zero).count(),
            .zero = (lambda.array().abs() <= zero).count(),
            .all = lambda};
}

ExtremeValues product_spectrum(const SymmetricOperator& h, Index count, std::uint64_t seed) {
    const ExtremeEigenpairs pairs =
        extreme_eigenpairs(h, {.top = count, .bottom = count, .max_products = 2000, .seed = seed});
    return {.top = pairs.top.values,
            .bottom = pairs.bottom.values,
            .top_residuals = pairs.top.residuals,
            .bottom_residuals = pairs.bottom.residuals,
            .negative = std::nullopt,
            .zero = std::nullopt,
            .all = {}};
}

} // namespace

Action curvature_command(CLI::App& command) {
    const auto options = std::make_shared<CurvatureOptions>();
    add_problem_options(command, options->problem, "digits-mlp");
    add_count(command, "--count", options->count, 1, "eigenvalues shown at each end of the spectrum")
        ->group("Curvature");
    add_count(command, "--probes", options->probes, 2, "random vectors of Hutchinson's estimates")->group("Curvature");
    add_switch(command, "--products-only", options->products_only, "never form the Hessian: for many parameters")
        ->group("Curvature");
    add_run_options(command, options->run);
    return [&command, options](const std::string& command_line) {
        Run run(command, options->problem, options->run, command_line);
        const FiniteSumObjective& objective = run.objective();
        const Vector& w = run.start();
        const Index n = objective.dimension();
        const auto size = static_cast<double>(n);
        const Index count = std::min(options->count, n);
        const double matrix = 8.0 * size * size;
        const double exact_bytes = (run.save_arrays() ? 4.0 : 2.0) * matrix + eigen_bytes(n);
        const bool fits = n <= largest_dense_dimension && exact_bytes <= 0.9 * available_memory();
        const bool exact = fits && !options->products_only;
        if (exact)
            run.announce_dense_memory(exact_bytes, "");
        else
            run.announce_memory(8.0 * size * static_cast<double>(4 * count + 512));
        if (!fits && !options->products_only && !run.is_quiet())
            std::cerr << fmt::format("exact work on {} parameters would need {}: estimates from products instead\n", n,
                                     format_bytes(exact_bytes));
        Progress progress(exact ? 6.0 : 4.0, run.progress_options());

        const ValueAndGradient at_w = with_finite_numbers("hessq curvature", [&] {
            ValueAndGradient both = objective.value_and_gradient(w);
            require_finite(both.value, "the loss");
            require_finite(both.gradient, "the gradient");
            return both;
        });
        const SymmetricOperator h = objective.hessian(w);
        progress.advance(1.0, "Hutchinson");
        const HutchinsonOptions probes{.samples = options->probes, .seed = run.seed()};
        const Estimate trace = hutchinson_trace(h, probes);
        std::optional<TraceEstimate> best; // by the method that suits the spectrum
        if (!exact) best = estimate_trace(h, {.products = std::max<Index>(128, options->probes), .seed = run.seed()});
        const VectorEstimate diagonal = hutchinson_diagonal(h, probes);
        const VectorEstimate squared = hutchinson_squared_diagonal(h, probes);

        progress.advance(1.0, "spectrum");
        Matrix hessian;
        ExtremeValues spectrum;
        if (exact) {
            hessian = objective.dense_hessian(w);
            progress.advance(1.0);
            spectrum = exact_spectrum(hessian, count);
            progress.advance(1.0);
        } else {
            spectrum = product_spectrum(h, count, run.seed());
        }
        progress.advance(1.0, "noise");
        const double noise = noise_trace(objective, w);
        require_finite(at_w.gradient.norm(), "the norm of the gradient");
        require_finite(noise, "the trace of the noise covariance");

        Json traces = {{"hessian", exact ? Json(hessian.trace()) : app::to_json(static_cast<const Estimate&>(*best))}};
        Json fisher = nullptr;
        if (const ModelObjective* const model = run.model()) {
            traces["gauss_newton"] = model->gauss_newton_diagonal(w).sum();
            fisher = {
                {"true_trace", traces["gauss_newton"]},
                {"sampled_trace", app::to_json(sampled_fisher_trace(*model, w, {.draws = 8, .seed = run.seed()}))},
                {"empirical_trace", noise + at_w.gradient.squaredNorm()}};
        } else {
            traces["gauss_newton"] = nullptr;
        }
        traces["noise_covariance"] = noise;
        progress.advance(1.0);
        progress.erase();

        Json result = {
            {"loss", at_w.value},
            {"gradient_norm", at_w.gradient.norm()},
            {"exact", exact},
            {"trace", traces},
            {"fisher", fisher},
            {"eigenvalues", {{"top", app::to_json(spectrum.top)}, {"bottom", app::to_json(spectrum.bottom)}}},
            {"eigenvalue_residuals",
             {{"top", app::to_json(spectrum.top_residuals)}, {"bottom", app::to_json(spectrum.bottom_residuals)}}},
            {"negative_eigenvalues", spectrum.negative ? Json(*spectrum.negative) : Json(nullptr)},
            {"zero_eigenvalues", spectrum.zero ? Json(*spectrum.zero) : Json(nullptr)},
            {"hutchinson",
             {{"trace", app::to_json(trace)},
              {"diagonal_norm", diagonal.value.norm()},
              {"squared_frobenius_norm", squared.value.sum()}}}};

        TextTable table({"quantity", "value"});
        table.add_row({"loss", Cell(at_w.value)});
        table.add_row({"|gradient|", Cell(at_w.gradient.norm())});
        if (exact)
            table.add_row({"trace of the Hessian", Cell(hessian.trace())});
        else
            table.add_row({fmt::format("trace of the Hessian, {}", name(best->method)),
                           Cell(static_cast<const Estimate&>(*best))});
        table.add_row({"trace of the Hessian, Hutchinson", Cell(trace)});
        if (run.model())
            table.add_row({"trace of Gauss-Newton = true Fisher", Cell(traces["gauss_newton"].get<double>())});
        table.add_row({"trace of the noise covariance, one sample", Cell(noise)});
        for (Index k = 0; k < spectrum.top.size(); ++k)
            table.add_row({fmt::format("eigenvalue {}", k + 1), Cell(spectrum.top(k))});
        for (Index k = spectrum.bottom.size(); k-- > 0;)
            table.add_row({k == 0 ? "smallest eigenvalue" : fmt::format("eigenvalue {} from below", k + 1),
                           Cell(spectrum.bottom(k))});
        if (exact) {
            table.add_row({"negative eigenvalues", *spectrum.negative});
            table.add_row({"zero eigenvalues", *spectrum.zero});
        }

        std::string finding =
            fmt::format("At this point the loss is {} and the Hessian's eigenvalues reach from {} to {}",
                        format_number(at_w.value), format_number(spectrum.bottom(0)), format_number(spectrum.top(0)));
        finding += exact ? fmt::format(": {} of {} are negative and {} are zero to rounding. Its trace is {}; {} "
                                       "Hutchinson probes estimate {}.",
                                       *spectrum.negative, n, *spectrum.zero, format_number(hessian.trace()),
                                       trace.samples, format_estimate(trace.value, trace.std_error))
                         : fmt::format(" (Lanczos). Its trace is {}, by {} products: {}.",
                                       format_estimate(best->value, best->std_error), best->products, best->reason);

        HtmlReport report("Curvature: " + run.problem().name, finding);
        report.table(table, "Exact unless it has an error bar, which is one standard error.");
        if (exact) {
            report.section("The spectrum and the diagonal");
            report.figure(magnitude_histogram("Eigenvalues of the Hessian", spectrum.all),
                          "Eigenvalues smaller than 1e-8 of the largest are not shown.");
            report.figure(scatter("Hutchinson's diagonal against the exact one", "|H_ii|, exact",
                                  hessian.diagonal().cwiseAbs(), "|H_ii|, estimated", diagonal.value.cwiseAbs()),
                          fmt::format("{} probes. One point for each parameter.", diagonal.samples));
            run.save_array("hessian.npy", hessian);
        }
        run.save_array("theta.npy", w);
        run.save_array("gradient.npy", at_w.gradient);
        if (exact && run.save_arrays()) run.save_array("noise_covariance.npy", noise_covariance(objective, w));
        run.finish(std::move(result), report, table.str(), finding);
    };
}

} // namespace hessq::app
