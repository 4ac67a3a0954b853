#include "hessq/theory/reparametrization.hpp"

#include "hessq/core/require.hpp"
#include "hessq/objectives/reparametrization.hpp"
#include "hessq/optimizers/groups.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

namespace hessq {
namespace {

/// What lambda does to a method: its degrees, and the powers of lambda that its constants are divided by.
struct Law {
    UpdateDegrees degrees;
    double eps = 0.0;
    double second_eps = 0.0;
};

Law law_of(std::string_view optimizer, const OptimizerSettings& complete) {
    constexpr UpdateDegrees proportional{.gradient = 1.0}, normalized{.gradient = 0.0},
        newton{.gradient = 1.0, .curvature = -1.0};
    static const std::map<std::string, Law, std::less<>> laws = {
        {"sgd", {.degrees = proportional}},
        {"momentum", {.degrees = proportional}},
        {"nesterov", {.degrees = proportional}},
        {"adagrad", {.degrees = normalized, .eps = 1.0}},
        {"rmsprop", {.degrees = normalized, .eps = 1.0}},
        // g times a root of squared updates, which are steps of phi and not of theta, over a root of squared gradients
        {"adadelta", {.degrees = {.gradient = -1.0}, .eps = 2.0, .second_eps = -2.0}},
        {"adam", {.degrees = normalized, .eps = 1.0}},
        {"adamw", {.degrees = normalized, .eps = 1.0}},
        {"adabelief", {.degrees = normalized, .eps = 1.0, .second_eps = 2.0}},
        {"lars", {.degrees = {.gradient = 0.0, .parameters = 1.0}}},
        {"lamb", {.degrees = {.gradient = 0.0, .parameters = 1.0}, .eps = 1.0}},
        {"sign", {.degrees = normalized}},
        {"lion", {.degrees = normalized}},
        {"muon", {.degrees = normalized}},
        {"sophia", {.degrees = newton, .eps = 2.0}},
        {"newton", {.degrees = newton}},
    };
    if (const auto found = laws.find(optimizer); found != laws.end()) return found->second;
    if (optimizer == "shampoo") return {.degrees = {.gradient = 1.0 - 4.0 * *complete.power}, .eps = 2.0};
    if (optimizer == "adahessian")
        return {.degrees = {.gradient = 1.0, .curvature = -*complete.power}, .eps = 2.0 * *complete.power};
    require(false, "update_degrees", "the degrees of the optimizer must be known", optimizer);
    return {};
}

void multiply(std::optional<double>& setting, double factor) {
    if (setting) *setting *= factor;
}

void check_lambda(const ParameterLayout& layout, const std::vector<double>& lambda, std::string_view function) {
    require_size(static_cast<Index>(lambda.size()), static_cast<Index>(layout.groups.size()), function, "lambda");
    for (const double factor : lambda)
        require(factor > 0.0 && std::isfinite(factor), function, "lambda must be positive and finite", factor);
}

} // namespace

UpdateDegrees update_degrees(std::string_view optimizer, const OptimizerSettings& settings) {
    return law_of(optimizer, complete_settings(optimizer, settings)).degrees;
}

OptimizerSettings reparametrized_settings(std::string_view optimizer, const OptimizerSettings& settings, double lambda,
                                          const Translation& translation) {
    require(lambda > 0.0 && std::isfinite(lambda), "reparametrized_settings", "lambda must be positive and finite",
            lambda);
    OptimizerSettings result = complete_settings(optimizer, settings);
    const Law law = law_of(optimizer, result);
    if (translation.rate) multiply(result.lr, std::pow(lambda, law.degrees.rate_exponent()));
    if (!translation.constants) return result;
    multiply(result.eps, std::pow(lambda, -law.eps));
    multiply(result.second_eps, std::pow(lambda, -law.second_eps));
    const bool decoupled = optimizer_info(optimizer).decoupled_decay;
    multiply(result.weight_decay, std::pow(lambda, decoupled ? -(1.0 + law.degrees.k()) : -2.0));
    multiply(result.clip, lambda);
    multiply(result.initial_squared_update, lambda * lambda);
    return result;
}

std::unique_ptr<Optimizer> equivalent_optimizer(std::string_view optimizer, OptimizerSettings settings,
                                                const ParameterLayout& layout, const std::vector<double>& lambda,
                                                const Translation& translation) {
    check_lambda(layout, lambda, "equivalent_optimizer");
    settings.layout = layout;
    const bool uniform = std::all_of(lambda.begin(), lambda.end(), [&](double x) { return x == lambda.front(); });
    if (uniform)
        return make_optimizer(optimizer, reparametrized_settings(optimizer, settings, lambda.front(), translation));
    if (optimizer_info(optimizer).curvature == CurvatureNeed::matrix) return make_optimizer(optimizer, settings);
    std::size_t next = 0; // groups come in the order of the layout
    return grouped_optimizer(layout, [&](const ParameterLayout& group) {
        OptimizerSettings own = settings;
        own.layout = group;
        return make_optimizer(optimizer, reparametrized_settings(optimizer, own, lambda[next++], translation));
    });
}

double reparametrized_norm(VectorView g, const ParameterLayout& layout, const std::vector<double>& lambda) {
    require_size(g.size(), layout.dimension(), "reparametrized_norm", "g");
    check_lambda(layout, lambda, "reparametrized_norm");
    double sum = 0.0;
    for (std::size_t k = 0; k < lambda.size(); ++k) {
        const ParameterGroup& group = layout.groups[k];
        sum += lambda[k] * lambda[k] * g.segment(group.offset, group.size()).squaredNorm();
    }
    return std::sqrt(sum);
}

Vector coordinate_factors(const ParameterLayout& layout, const std::vector<double>& lambda) {
    check_lambda(layout, lambda, "coordinate_factors");
    Vector result(layout.dimension());
    for (std::size_t k = 0; k < lambda.size(); ++k)
        result.segment(layout.groups[k].offset, layout.groups[k].size()).setConstant(lambda[k]);
    return result;
}

Matrix parameter_path(const FiniteSumObjective& objective, VectorView start, Optimizer& optimizer,
                      const TrainOptions& options) {
    Matrix path(start.size(), options.steps + 1);
    path.rightCols(1) = train(objective, start, optimizer, options, [&](Index t, VectorView w, VectorView) {
                            path.col(t) = w;
                        }).parameters;
    return path;
}

Matrix reparametrized_path(const std::shared_ptr<const FiniteSumObjective>& objective, VectorView start,
                           VectorView factors, Optimizer& optimizer, const TrainOptions& options) {
    const auto seen = reparametrize(objective, factors);
    const Matrix path = parameter_path(*seen, start.cwiseQuotient(factors), optimizer, options);
    return factors.asDiagonal() * path;
}

double path_deviation(const Matrix& a, const Matrix& b) {
    require(a.rows() == b.rows() && a.cols() == b.cols() && b.cols() >= 1, "path_deviation",
            "both paths must have the same shape", std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    const double apart = (a - b).colwise().norm().maxCoeff();
    const double way = (b.colwise() - b.col(0)).colwise().norm().maxCoeff();
    return apart == 0.0 ? 0.0 : apart / way;
}

RateMeasurement measure_rate(const std::shared_ptr<const FiniteSumObjective>& objective, MatrixView path,
                             std::string_view optimizer, const OptimizerSettings& settings,
                             const std::vector<Index>& scaled, VectorView lambda, const TrainOptions& options,
                             bool constants) {
    require(path.cols() >= 1, "measure_rate", "the path must have at least one point", path.cols());
    require(!scaled.empty(), "measure_rate", "at least one group must be scaled", "none");
    const ParameterLayout layout = objective->layout();
    const Index samples = objective->samples();
    const BatchSampler sampler(samples, options.batch > 0 ? options.batch : samples, options.sampling, options.seed);

    // The root of the mean squared step of theta in the scaled groups.
    const auto length = [&](double factor) {
        std::vector<double> each(layout.groups.size(), 1.0);
        for (const Index k : scaled) each.at(static_cast<std::size_t>(k)) = factor;
        const Vector factors = coordinate_factors(layout, each);
        const auto seen = reparametrize(objective, factors);
        // On phi, so that theta sees the given constants: the translation the other way round.
        std::vector<double> back = each;
        for (double& x : back) x = 1.0 / x;
        const std::unique_ptr<Optimizer> method =
            equivalent_optimizer(optimizer, settings, layout, back, {.rate = false, .constants = constants});
        double sum = 0.0;
        for (Index t = 0; t < path.cols(); ++t) {
            const Batch batch = options.batch > 0 ? sampler(t) : Batch::all(samples);
            const Vector phi = path.col(t).cwiseQuotient(factors);
            method->observe_curvature(LocalCurvature(*seen, phi, batch));
            const Vector step = factors.cwiseProduct(method->update(phi, seen->gradient(phi, batch)));
            for (const Index k : scaled) {
                const ParameterGroup& group = layout.groups[static_cast<std::size_t>(k)];
                sum += step.segment(group.offset, group.size()).squaredNorm();
            }
        }
        return std::sqrt(sum / static_cast<double>(path.cols()));
    };
    RateMeasurement result{.lambda = lambda, .rate = Vector(lambda.size()), .line = {}};
    const double one = length(1.0);
    for (Index i = 0; i < lambda.size(); ++i) result.rate(i) = length(lambda(i)) / one;
    result.line = fit_line(Vector(lambda.array().log()), Vector(result.rate.array().log()));
    return result;
}

} // namespace hessq
