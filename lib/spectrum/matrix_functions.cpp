#include "hessq/spectrum/matrix_functions.hpp"

#include "hessq/core/require.hpp"
#include "hessq/spectrum/dense_eigen.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <vector>

namespace hessq {
namespace {

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

double finite(const ScalarFunction& f, double x, const char* function) {
    const double value = f(x);
    if (!std::isfinite(value))
        throw NumericalError(
            fmt::format("{}: expected f to be finite on the spectrum; got f({}) = {}", function, x, value));
    return value;
}

} // namespace

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

Estimate trace_of_function(const SpectralMeasure& measure, const ScalarFunction& f) {
    return spectral_statistic(measure, [&](const Quadrature& all) {
        double sum = 0.0;
        for (Index j = 0; j < all.nodes.size(); ++j)
            sum += all.weights(j) * finite(f, all.nodes(j), "trace_of_function");
        return sum;
    });
}

Estimate effective_rank(const SpectralMeasure& measure) {
    return spectral_statistic(measure, [](const Quadrature& all) {
        const double sum = all.weights.dot(all.nodes.cwiseAbs()), squares = all.weights.dot(all.nodes.cwiseAbs2());
        return squares > 0.0 ? sum / squares * sum : 0.0;
    });
}

Estimate negative_mass(const SpectralMeasure& measure) {
    return spectral_statistic(measure, [](const Quadrature& all) {
        const double sum = all.weights.dot(all.nodes.cwiseAbs());
        return sum > 0.0 ? -all.weights.dot(all.nodes.cwiseMin(0.0)) / sum : 0.0;
    });
}

FunctionProduct function_product(const SymmetricOperator& a, const ScalarFunction& f, VectorView v,
                                 const FunctionProductOptions& options) {
    const char* const function = "function_product";
    require(options.steps >= 2, function, "steps must be at least 2", options.steps);
    require(options.tolerance >= 0.0, function, "tolerance must be at least 0", options.tolerance);
    require_size(v.size(), a.dimension(), function, "v");
    require_finite(v, "function_product: v");
    FunctionProduct result;
    const double length = v.norm();
    if (length == 0.0) {
        result.value = Vector::Zero(v.size());
        result.converged = true;
        return result;
    }
    Vector before, now; // Q'f(A)v / |v| of the step before, and of this one
    const auto coordinates = [&](const Tridiagonal& t) {
        const Index k = t.steps();
        Matrix dense = Matrix::Zero(k, k);
        dense.diagonal() = t.diagonal;
        dense.diagonal(1) = t.off_diagonal.head(k - 1);
        dense.diagonal(-1) = t.off_diagonal.head(k - 1);
        const SymmetricEigen eigen = symmetric_eigen(dense);
        Vector values(k);
        for (Index j = 0; j < k; ++j) values(j) = finite(f, eigen.values(j), function);
        return Vector(eigen.vectors * values.cwiseProduct(eigen.vectors.row(0).transpose()));
    };
    double change = std::numeric_limits<double>::infinity();
    // Every other step: even functions of a symmetric spectrum gain nothing from one alone.
    const auto look = [&](const std::vector<Tridiagonal>& all) {
        const Tridiagonal& t = all.front();
        if (t.steps() % 2 == 1 && t.steps() < options.steps && !t.is_exhausted()) return false;
        before = std::move(now);
        now = coordinates(t);
        change = before.size() == 0 ? now.norm()
                                    : std::hypot((now.head(before.size()) - before).norm(),
                                                 now.tail(now.size() - before.size()).norm());
        return before.size() > 0 && change <= options.tolerance * now.norm();
    };
    const LanczosResult run = lanczos(a, v, {.steps = options.steps, .keep_bases = true, .after_step = look});
    const bool exact = run.tridiagonals.front().is_exhausted();
    result.value = length * (run.bases.front().leftCols(now.size()) * now);
    result.residual = exact ? 0.0 : length * change;
    result.converged = exact || change <= options.tolerance * now.norm();
    result.products = run.products;
    return result;
}

} // namespace hessq
