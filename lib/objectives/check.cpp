#include "hessq/objectives/check.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/function.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr double evaluation = 32.0 * epsilon;            // rounding of one value or gradient entry, relative
constexpr std::uint64_t direction_stream = 0x636865636b; // "check"

// Keeps the number with the largest error / tolerance.
class Worst {
public:
    explicit Worst(std::string name) { check_.name = std::move(name); }

    void see(double expected, double found, double tolerance, Index parameter, Index direction) {
        const double error = std::abs(found - expected);
        // Equal numbers never fail, not even where every scale that enters the tolerance is 0; NaN always does.
        double excess = error == 0.0 ? 0.0 : error / tolerance;
        if (std::isnan(excess)) excess = std::numeric_limits<double>::infinity();
        if (excess <= excess_) return;
        excess_ = excess;
        parameter_ = parameter;
        direction_ = direction;
        check_.expected = expected;
        check_.found = found;
        check_.error = error;
        check_.relative = error == 0.0 ? 0.0 : error / std::max(std::abs(found), std::abs(expected));
        check_.tolerance = tolerance;
    }

    DerivativeCheck result(const ParameterLayout& layout) && {
        check_.passed = excess_ <= 1.0;
        check_.parameter = parameter_;
        if (parameter_ >= 0) check_.where = parameter_name(layout, parameter_);
        if (direction_ >= 0)
            check_.where += fmt::format("{}direction {}", check_.where.empty() ? "" : " along ", direction_);
        return std::move(check_);
    }

private:
    DerivativeCheck check_;
    double excess_ = -1.0;
    Index parameter_ = -1;
    Index direction_ = -1;
};

DerivativeCheck check_gradient(const Objective& objective, VectorView w, double curvature, Index coordinates) {
    const Index n = w.size();
    const Index count = coordinates == 0 ? n : std::min(coordinates, n);
    const ValueAndGradient at = objective.value_and_gradient(w);
    require_size(at.gradient.size(), n, "check_derivatives", "the gradient");
    Worst worst("gradient");
    Vector moved = w;
    for (Index k = 0; k < count; ++k) {
        const Index i = k * n / count;
        const auto difference = [&](double t) {
            moved(i) = w(i) + t;
            const double ahead = objective.value(moved);
            moved(i) = w(i) - t;
            const double behind = objective.value(moved);
            moved(i) = w(i);
            return (ahead - behind) / (2.0 * t);
        };
        const double t = std::cbrt(epsilon) * (1.0 + std::abs(w(i)));
        const double half = difference(0.5 * t);
        const double slope = at.gradient.norm() + t * curvature; // at the moved point
        const double rounding = evaluation * (std::abs(at.value) + slope * (w.norm() + t)) / t;
        worst.see(half, at.gradient(i), std::abs(difference(t) - half) + rounding, i, -1);
    }
    return std::move(worst).result(objective.layout());
}

DerivativeCheck check_products(const Objective& objective, VectorView w, double curvature, const Matrix& v,
                               const Matrix& hv) {
    const double g = objective.gradient(w).norm();
    const double t = std::cbrt(epsilon) * (1.0 + w.norm());
    Worst worst("Hessian product");
    for (Index j = 0; j < v.cols(); ++j) {
        const auto difference = [&](double step) -> Vector {
            const Vector ahead = objective.gradient(w + step * v.col(j));
            const Vector behind = objective.gradient(w - step * v.col(j));
            return (ahead - behind) / (2.0 * step);
        };
        const Vector half = difference(0.5 * t);
        const double truncation = (difference(t) - half).lpNorm<Eigen::Infinity>();
        const double rounding = evaluation * (g + curvature * (w.norm() + t)) / t;
        for (Index i = 0; i < w.size(); ++i) worst.see(half(i), hv(i, j), truncation + rounding, i, j);
    }
    return std::move(worst).result(objective.layout());
}

DerivativeCheck check_symmetry(const Matrix& v, const Matrix& hv, double relative, const ParameterLayout& layout) {
    Worst worst("symmetry");
    for (Index j = 1; j < v.cols(); ++j) {
        const double scale = v.col(0).norm() * hv.col(j).norm() + v.col(j).norm() * hv.col(0).norm();
        worst.see(hv.col(0).dot(v.col(j)), v.col(0).dot(hv.col(j)), relative * scale, -1, j);
    }
    return std::move(worst).result(layout);
}

DerivativeCheck check_linearity(const SymmetricOperator& h, const Matrix& v, const Matrix& hv, double relative,
                                const ParameterLayout& layout) {
    constexpr double a = 1.5, b = -0.75;
    Worst worst("linearity");
    for (Index j = 1; j < v.cols(); ++j) {
        const Vector expected = a * hv.col(0) + b * hv.col(j);
        const Vector found = h * (a * v.col(0) + b * v.col(j));
        const double scale = std::abs(a) * hv.col(0).norm() + std::abs(b) * hv.col(j).norm();
        for (Index i = 0; i < v.rows(); ++i) worst.see(expected(i), found(i), relative * scale, i, j);
    }
    return std::move(worst).result(layout);
}

DerivativeCheck check_sample_mean(const FiniteSumObjective& objective, VectorView w) {
    const Index m = objective.samples();
    const Vector g = objective.FiniteSumObjective::gradient(w);
    Vector mean = Vector::Zero(w.size());
    Vector magnitude = Vector::Zero(w.size());
    for (Index s = 0; s < m; s += sample_chunk) {
        const Matrix part = objective.per_sample_gradients(w, Batch::range(s, std::min(sample_chunk, m - s)));
        mean += part.rowwise().sum() / static_cast<double>(m);
        magnitude += part.cwiseAbs().rowwise().sum() / static_cast<double>(m);
    }
    const double tolerance = static_cast<double>(m + w.size()) * epsilon * magnitude.maxCoeff();
    Worst worst("per-sample mean");
    for (Index i = 0; i < w.size(); ++i) worst.see(g(i), mean(i), tolerance, i, -1);
    return std::move(worst).result(objective.layout());
}

} // namespace

bool DerivativeReport::passed() const {
    return std::all_of(checks.begin(), checks.end(), [](const DerivativeCheck& check) { return check.passed; });
}

namespace {

/// What a number was compared with.
std::string other_side(const std::string& name) {
    if (name == "gradient") return "differences of the value";
    if (name == "Hessian product") return "differences of the gradient";
    if (name == "symmetry") return "u'(H v) against v'(H u)";
    if (name == "linearity") return "products of sums against sums of products";
    return "the gradient of the whole";
}

/// "; it is 2.000 times that: a factor of 1/2 forgotten?" for errors that have one of the usual causes.
std::string likely_cause(double found, double expected, double tolerance) {
    if (expected == 0.0) return "";
    const double ratio = found / expected;
    const double blur = 2.0 * tolerance / std::abs(expected);
    const auto is = [&](double factor) { return std::abs(ratio - factor) <= blur * std::max(1.0, std::abs(factor)); };
    if (is(-1.0)) return ": the sign is the other way round";
    if (is(2.0)) return ": twice what it should be";
    if (is(0.5)) return ": half of what it should be";
    if (is(0.0)) return ": this entry is missing";
    return fmt::format(": {:.4g} times what it should be", ratio);
}

std::string line_of(const DerivativeCheck& check) {
    const std::string place = check.where.empty() ? "" : " at " + check.where;
    if (check.passed && check.error == 0.0)
        return fmt::format("{}: agrees with {} exactly", check.name, other_side(check.name));
    if (check.passed)
        return fmt::format("{}: agrees with {}; the worst{} is off by {:.1g} where {:.1g} is allowed", check.name,
                           other_side(check.name), place, check.error, check.tolerance);
    return fmt::format("{}: WRONG{}: it is {:.8g}, {} say {:.8g}{}; off by {:.2g} where {:.1g} is allowed", check.name,
                       place, check.found, other_side(check.name), check.expected,
                       likely_cause(check.found, check.expected, check.tolerance), check.error, check.tolerance);
}

} // namespace

std::string DerivativeReport::summary() const {
    const auto wrong = std::count_if(checks.begin(), checks.end(), [](const DerivativeCheck& c) { return !c.passed; });
    std::string text =
        wrong == 0 ? "These derivatives are right, as far as differences can tell.\n"
                   : fmt::format("These derivatives are wrong: {} of {} checks failed.\n", wrong, checks.size());
    for (const DerivativeCheck& check : checks) text += "  " + line_of(check) + "\n";
    return text;
}

DerivativeReport check_derivatives(const Objective& objective, VectorView w, const CheckOptions& options) {
    const Index n = objective.dimension();
    require_size(w.size(), n, "check_derivatives", "w");
    require(options.coordinates >= 0, "check_derivatives", "coordinates must be at least 0", options.coordinates);
    require(options.directions >= 2, "check_derivatives", "directions must be at least 2", options.directions);
    require(options.product_accuracy >= 0.0, "check_derivatives", "product_accuracy must be at least 0",
            options.product_accuracy);

    Matrix v = normal_vector(RandomStream(options.seed, direction_stream), n * options.directions)
                   .reshaped(n, options.directions);
    v.colwise().normalize();
    const SymmetricOperator h = objective.hessian(w);
    const Matrix hv = h * v;
    const ParameterLayout layout = objective.layout();
    // An estimate of |H|_F, which bounds the largest curvature: |H|_F^2 = n E |H v|^2.
    const double curvature = std::sqrt(static_cast<double>(n)) * hv.colwise().norm().maxCoeff();
    double relative = evaluation * static_cast<double>(n) + options.product_accuracy;
    if (const auto* function = dynamic_cast<const FunctionObjective*>(&objective))
        relative += 4.0 * function->product_error(w, v).maxCoeff() /
                    std::max(hv.colwise().norm().maxCoeff(), std::numeric_limits<double>::min());

    DerivativeReport report;
    report.checks.push_back(check_gradient(objective, w, curvature, options.coordinates));
    report.checks.push_back(check_products(objective, w, curvature, v, hv));
    report.checks.push_back(check_symmetry(v, hv, relative, layout));
    report.checks.push_back(check_linearity(h, v, hv, relative, layout));
    if (const auto* sum = dynamic_cast<const FiniteSumObjective*>(&objective))
        report.checks.push_back(check_sample_mean(*sum, w));
    return report;
}

std::string parameter_name(const ParameterLayout& layout, Index i) {
    require(i >= 0 && i < layout.dimension(), "parameter_name",
            fmt::format("the parameter must lie in 0, ..., {}", layout.dimension() - 1), i);
    const auto group = std::find_if(layout.groups.begin(), layout.groups.end(),
                                    [i](const ParameterGroup& g) { return i < g.offset + g.size(); });
    const Index place = i - group->offset;
    if (group->cols == 1) return fmt::format("{}[{}]", group->name, place);
    return fmt::format("{}[{}, {}]", group->name, place / group->cols, place % group->cols);
}

} // namespace hessq
