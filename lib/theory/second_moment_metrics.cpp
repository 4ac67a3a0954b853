#include "hessq/theory/second_moment_metrics.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/solvers/step_quality.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace hessq {
namespace {

Vector log_of(VectorView values, const std::vector<Index>& chosen) {
    return entries_at(values, chosen).array().abs().log().matrix();
}

/// The exponent of y ~ |x|^slope on the chosen entries, from log y.
std::optional<LineFit> fit_power(VectorView x, const Vector& log_y, const std::vector<Index>& chosen) {
    if (chosen.size() < 3) return std::nullopt;
    const Vector log_x = log_of(x, chosen);
    const double rounding = std::sqrt(std::numeric_limits<double>::epsilon());
    if (log_x.maxCoeff() - log_x.minCoeff() <= rounding) return std::nullopt;
    return fit_line(log_x, log_y);
}

constexpr std::uint64_t direction_stream = 0x646972656374; // "direct"

void require_square(MatrixView w, Index n, const char* function) {
    require(w.rows() == n && w.cols() == n, function, "w must be " + std::to_string(n) + " x " + std::to_string(n),
            std::to_string(w.rows()) + " x " + std::to_string(w.cols()));
}

double largest(VectorView x) { return x.size() == 0 ? 0.0 : x.cwiseAbs().maxCoeff(); }

} // namespace

std::optional<EigenExponent> eigen_exponent(VectorView lambda, VectorView w) {
    require_size(w.size(), lambda.size(), "eigen_exponent", "w");
    EigenExponent result;
    std::vector<Index> chosen;
    for (const Index k : resolved_directions(lambda)) {
        if (w(k) > 0.0)
            chosen.push_back(k);
        else
            ++result.unseen;
    }
    const std::optional<LineFit> fit = fit_power(lambda, log_of(w, chosen), chosen);
    if (!fit) return std::nullopt;
    result.directions = fit->points;
    result.exponent = {.value = fit->slope, .std_error = fit->slope_std_error, .samples = fit->points};
    result.interval = slope_interval(*fit, 0.95);
    result.intercept = fit->intercept;
    result.r_squared = fit->r_squared;
    return result;
}

CoordinateSlopes coordinate_slopes(VectorView v, VectorView hessian_diagonal, VectorView row_norms) {
    require_size(hessian_diagonal.size(), v.size(), "coordinate_slopes", "the Hessian's diagonal");
    require_size(row_norms.size(), v.size(), "coordinate_slopes", "row_norms");
    // Dead inputs and units have zeros, or their roundoff, in all three.
    constexpr double zero = 1e-12;
    const double least_v = zero * largest(v);
    const double least_h = zero * largest(hessian_diagonal);
    const double least_row = zero * largest(row_norms);
    std::vector<Index> chosen;
    for (Index i = 0; i < v.size(); ++i)
        if (v(i) > least_v && std::abs(hessian_diagonal(i)) > least_h && row_norms(i) > least_row) chosen.push_back(i);
    const Vector log_root_v = 0.5 * log_of(v, chosen);
    return {.diagonal = fit_power(hessian_diagonal, log_root_v, chosen),
            .row_norm = fit_power(row_norms, log_root_v, chosen),
            .coordinates = static_cast<Index>(chosen.size())};
}

std::optional<SpectralDistance> spectral_distance(const SymmetricEigen& h, MatrixView w) {
    require_square(w, h.values.size(), "spectral_distance");
    require_finite(w, "spectral_distance: w");
    const std::vector<Index> chosen = resolved_directions(h.values);
    const auto n = static_cast<Index>(chosen.size());
    if (n < 2) return std::nullopt;
    const Vector scale = entries_at(h.values, chosen).cwiseAbs().cwiseInverse();
    const Matrix whitened = columns_at(h.vectors, chosen) * scale.asDiagonal();
    const Matrix seen = w * whitened;
    Matrix restricted(n, n);
    restricted.noalias() = whitened.transpose() * seen;
    const Vector lambda = symmetric_eigenvalues(0.5 * (restricted + restricted.transpose()));
    const double zero = static_cast<double>(n) * std::numeric_limits<double>::epsilon() * largest(lambda);
    SpectralDistance result{.directions = n};
    if (lambda(0) <= zero) {
        result.value = std::numeric_limits<double>::infinity();
        result.log_scale = -std::numeric_limits<double>::infinity();
        return result;
    }
    const Vector logs = lambda.array().log();
    result.log_scale = logs.mean();
    result.value = std::sqrt((logs.array() - result.log_scale).square().mean());
    return result;
}

double expected_spectral_distance(Index directions, Index draws) {
    require(directions >= 1, "expected_spectral_distance", "directions must be at least 1", directions);
    require(draws > directions, "expected_spectral_distance",
            "draws must be more than the directions (" + std::to_string(directions) + ")", draws);
    const auto n = static_cast<double>(directions);
    return std::sqrt((n - 1.0) * (n + 2.0) / (n * static_cast<double>(draws)));
}

double diagonal_cosine(VectorView v, VectorView hessian_diagonal) {
    require_size(hessian_diagonal.size(), v.size(), "diagonal_cosine", "the Hessian's diagonal");
    require(v.size() == 0 || v.minCoeff() >= 0.0, "diagonal_cosine", "no v_i may be negative",
            v.size() == 0 ? 0.0 : v.minCoeff());
    return cosine(v.cwiseSqrt(), hessian_diagonal.cwiseAbs());
}

DirectionQuality direction_quality(const SymmetricEigen& h, const SymmetricOperator& inverse_sqrt, MatrixView delta) {
    const Index n = h.values.size(), m = delta.cols();
    require_size(inverse_sqrt.dimension(), n, "direction_quality", "D^(1/2)");
    require_size(delta.rows(), n, "direction_quality", "a draw of delta");
    require(m >= 2, "direction_quality", "an error needs at least 2 draws", m);
    const SymmetricOperator hessian = dense_operator(apply_function(h, [](double x) { return x; }), "Hessian");
    const Matrix gradients = hessian * delta;
    const Matrix steps = inverse_sqrt * (inverse_sqrt * gradients);
    const Matrix bent = hessian * steps;

    // Of each draw: g'Dg, g'DHDg and delta'H delta. t = E g'Dg / E g'DHDg is the best for all draws together.
    Matrix forms(3, m);
    forms.row(0) = gradients.cwiseProduct(steps).colwise().sum();
    forms.row(1) = steps.cwiseProduct(bent).colwise().sum();
    forms.row(2) = gradients.cwiseProduct(delta).colwise().sum();
    Vector cosines(m);
    for (Index k = 0; k < m; ++k) {
        require(forms(2, k) > 0.0 && steps.col(k).squaredNorm() > 0.0, "direction_quality",
                "delta'H delta must be positive for every draw", forms(2, k));
        cosines(k) = cosine(delta.col(k), steps.col(k));
    }
    return {.cosine = mean_estimate(cosines),
            .decrease = jackknife(forms, [](VectorView mean) { return mean(0) * mean(0) / (mean(1) * mean(2)); }),
            .condition_number = preconditioned_curvature(hessian, h, inverse_sqrt).condition_number};
}

DirectionQuality expected_direction_quality(const SymmetricEigen& h, const SymmetricOperator& inverse_sqrt,
                                            const DirectionQualityOptions& options) {
    require(options.samples >= 2, "expected_direction_quality", "samples must be at least 2", options.samples);
    const Index n = h.values.size();
    const Vector draws = normal_vector(RandomStream(options.seed, direction_stream), n * options.samples);
    return direction_quality(h, inverse_sqrt, draws.reshaped(n, options.samples));
}

Vector principal_angles(MatrixView a, MatrixView b) {
    require_size(b.rows(), a.rows(), "principal_angles", "a column of b");
    require(a.cols() >= 1 && b.cols() >= 1, "principal_angles", "both spaces must have a dimension",
            std::min(a.cols(), b.cols()));
    if (a.cols() < b.cols()) return principal_angles(b, a);
    const Matrix overlap = a.transpose() * b;
    const Matrix across = b - a * overlap; // what of b the other space cannot reach: its singular values are the sines
    const Vector cosines = singular_values(overlap);
    const Vector sines = singular_values(across).reverse();
    return cosines.binaryExpr(sines, [](double c, double s) { return std::atan2(s, c); });
}

Vector principal_angles(const SymmetricEigen& h, MatrixView w, Index k) {
    const Index n = h.values.size();
    require_square(w, n, "principal_angles");
    require(k >= 1 && k <= n, "principal_angles", "k must lie between 1 and " + std::to_string(n), k);
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index i, Index j) { return std::abs(h.values(i)) > std::abs(h.values(j)); });
    order.resize(static_cast<std::size_t>(k));
    return principal_angles(columns_at(h.vectors, order), symmetric_eigen(w).vectors.rightCols(k));
}

} // namespace hessq
