#include "hessq/theory/second_moment_metrics.hpp"

#include "hessq/core/require.hpp"

#include <cmath>
#include <limits>
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

} // namespace hessq
