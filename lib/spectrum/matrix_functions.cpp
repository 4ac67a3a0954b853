#include "hessq/spectrum/matrix_functions.hpp"

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"
#include "rounding.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq {
namespace {

/// f at an eigenvalue, or at a number between two of them; within `zero` of it, it may be zero itself.
double value_at(const std::function<double(double)>& f, double x, double zero, const char* function) {
    double y = f(x);
    if (std::isnan(y) && std::abs(x) <= zero) y = f(0.0);
    if (!std::isfinite(y))
        throw NumericalError(
            fmt::format("{}: expected f to be finite on the spectrum; got {} at {:.6g}", function, std::abs(y), x));
    return y;
}

/// Half the width of a two-sided interval, in standard errors.
double interval_factor(double degrees_of_freedom, double confidence) {
    const double tail = 0.5 * (1.0 - confidence);
    if (degrees_of_freedom > 1e6) return boost::math::quantile(boost::math::complement(boost::math::normal(), tail));
    return boost::math::quantile(boost::math::complement(boost::math::students_t(degrees_of_freedom), tail));
}

/// The rule of the first steps alone.
Quadrature shorter_rule(const Tridiagonal& t, Index steps) {
    return gauss_quadrature({t.diagonal.head(steps), t.off_diagonal.head(steps)});
}

/// f(T) e_1 for the first k steps.
Vector first_column(const Tridiagonal& t, Index k, const std::function<double(double)>& f) {
    Matrix dense = Matrix::Zero(k, k);
    dense.diagonal() = t.diagonal.head(k);
    dense.diagonal(1) = t.off_diagonal.head(k - 1);
    dense.diagonal(-1) = t.off_diagonal.head(k - 1);
    const SymmetricEigen eigen = symmetric_eigen(dense);
    const double zero = 64.0 * machine_epsilon * eigen.values.cwiseAbs().maxCoeff();
    Vector of_values(k);
    for (Index j = 0; j < k; ++j) of_values(j) = value_at(f, eigen.values(j), zero, "apply_function");
    return eigen.vectors * of_values.cwiseProduct(eigen.vectors.row(0).transpose());
}

/// The known eigenvalues, and the rules of all probes but one (-1: of all), weighted to stand for the unknown ones.
Quadrature eigenvalue_rule(const SpectralMeasure& m, const std::vector<Quadrature>& rules, Index without) {
    Index size = m.known.size();
    double share = 0.0;
    for (Index l = 0; l < m.shares.size(); ++l) {
        if (l == without) continue;
        size += rules[static_cast<std::size_t>(l)].nodes.size();
        share += m.shares(l);
    }
    Quadrature all{Vector(size), Vector(size)};
    all.nodes.head(m.known.size()) = m.known;
    all.weights.head(m.known.size()).setOnes();
    Index at = m.known.size();
    for (Index l = 0; l < m.shares.size(); ++l) {
        if (l == without) continue;
        const Quadrature& rule = rules[static_cast<std::size_t>(l)];
        all.nodes.segment(at, rule.nodes.size()) = rule.nodes;
        all.weights.segment(at, rule.nodes.size()) =
            m.shares(l) / share * static_cast<double>(m.unknown()) * rule.weights;
        at += rule.nodes.size();
    }
    return all;
}

} // namespace

FunctionTrace trace_of_function(const SpectralMeasure& m, const std::function<double(double)>& f, double confidence) {
    const char* const function = "trace_of_function";
    require(confidence > 0.0 && confidence < 1.0, function, "confidence must lie between 0 and 1", confidence);
    FunctionTrace trace;
    trace.confidence = confidence;
    trace.products = m.products;
    trace.samples = static_cast<Index>(m.tridiagonals.size());
    const auto at = [&](double x) { return value_at(f, x, m.resolution, function); };
    for (const double value : m.known) trace.value += at(value);
    double half = 0.0;
    if (m.unknown() > 0) {
        const Quadrature rule = m.quadrature();
        const Vector values = rule.nodes.unaryExpr(at);
        const auto count = static_cast<double>(m.unknown());
        const double concentration = static_cast<double>(trace.samples) * count + 2.0;
        const double mean = rule.weights.dot(values);
        trace.value += count * mean;

        double shorter = 0.0;
        for (std::size_t l = 0; l < m.tridiagonals.size(); ++l) {
            const Tridiagonal& t = m.tridiagonals[l];
            const Index steps = t.is_exhausted() ? t.steps() : std::max<Index>(1, t.steps() / 2);
            const Quadrature part = steps == t.steps() ? gauss_quadrature(t) : shorter_rule(t, steps);
            shorter += m.shares(static_cast<Index>(l)) * part.weights.dot(part.nodes.unaryExpr(at));
        }
        // One step is exact for f constant or linear and has nothing to be compared with.
        trace.quadrature_error = count * std::abs(shorter - mean);

        const Vector squares = (values.array() - mean).square();
        const double biased = rule.weights.dot(squares);
        const double spread = rule.weights.dot((squares.array() - biased).square().matrix());
        // The mean in `squares` is an estimate itself.
        const double variance = concentration > 4.0 ? biased / (1.0 - 2.0 / concentration) : biased;
        trace.std_error = count * std::sqrt(2.0 * variance / concentration);
        const double freedom = spread > 0.0 ? std::max(1.0, concentration * biased * biased / spread)
                                            : std::numeric_limits<double>::infinity();
        half = interval_factor(freedom, confidence) * trace.std_error + trace.quadrature_error +
               count * 1e-13 * values.cwiseAbs().maxCoeff();
    }
    trace.interval = {trace.value - half, trace.value + half};
    return trace;
}

FunctionProduct apply_function(const SymmetricOperator& a, const std::function<double(double)>& f, VectorView v,
                               const FunctionProductOptions& options) {
    const char* const function = "apply_function";
    require_size(v.size(), a.dimension(), function, "v");
    require(options.max_steps >= 1, function, "max_steps must be at least 1", options.max_steps);
    require(options.tolerance >= 0.0, function, "tolerance must be at least 0", options.tolerance);
    require_finite(v, "apply_function: v");
    FunctionProduct product;
    const double length = v.norm();
    if (length == 0.0) {
        product.value = Vector::Zero(v.size());
        product.converged = true;
        return product;
    }
    constexpr Index lag = 5;
    Vector column, before;
    const auto look = [&](const Tridiagonal& t, Index k) {
        column = first_column(t, k, f);
        before = k > lag ? first_column(t, k - lag, f) : Vector(Vector::Zero(1));
        Vector change = column;
        change.head(before.size()) -= before;
        product.error_estimate = length * change.norm();
        product.converged = product.error_estimate <= options.tolerance * length * column.norm();
    };
    LanczosResult run =
        lanczos(a, v, {.steps = options.max_steps, .keep_bases = true, .finished = [&](const Tridiagonal& t) {
                           const Index k = t.steps();
                           if (k % lag != 0 || t.is_exhausted()) return false;
                           look(t, k);
                           return product.converged && k > lag;
                       }});
    const Tridiagonal& t = run.tridiagonals.front();
    look(t, t.steps());
    if (t.is_exhausted() || t.steps() == a.dimension()) {
        product.error_estimate = 0.0;
        product.converged = true;
    }
    product.value = length * (run.bases.front() * column);
    product.products = run.products;
    return product;
}

Estimate spectral_statistic(const SpectralMeasure& m, const std::function<double(const Quadrature&)>& statistic) {
    std::vector<Quadrature> rules;
    for (const Tridiagonal& t : m.tridiagonals) rules.push_back(gauss_quadrature(t));
    const auto value = [&](Index without) {
        const double result = statistic(eigenvalue_rule(m, rules, without));
        require_finite(result, "spectral_statistic: the statistic");
        return result;
    };
    const Index probes = m.shares.size();
    Estimate estimate{.value = value(-1), .samples = probes, .products = m.products};
    if (m.unknown() == 0) return estimate;
    if (probes < 2) {
        estimate.std_error = std::numeric_limits<double>::quiet_NaN();
        return estimate;
    }
    Vector left_out(probes);
    for (Index l = 0; l < probes; ++l) left_out(l) = value(l);
    const auto count = static_cast<double>(probes);
    estimate.std_error = std::sqrt((count - 1.0) / count * (left_out.array() - left_out.mean()).square().sum());
    return estimate;
}

Estimate effective_rank(const SpectralMeasure& measure) {
    return spectral_statistic(measure, [](const Quadrature& all) {
        const Vector sizes = all.nodes.cwiseAbs() / unit_of(all.nodes);
        const double sum = all.weights.dot(sizes), squares = all.weights.dot(sizes.cwiseAbs2());
        return squares > 0.0 ? sum / squares * sum : 0.0;
    });
}

Estimate negative_mass(const SpectralMeasure& measure) {
    return spectral_statistic(measure, [](const Quadrature& all) {
        const double sum = all.weights.dot(all.nodes.cwiseAbs());
        return sum > 0.0 ? all.weights.dot((-all.nodes).cwiseMax(0.0)) / sum : 0.0;
    });
}

} // namespace hessq
