#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/spectrum/resolved.hpp"

#include <optional>

namespace hessq {

/// Metric M1: the exponent q in u_k'Wu_k ~ |lambda_k|^q over the eigenpairs (lambda_k, u_k) of the Hessian.
/// q = 2 is the Hessian-squared law, q = 1 the Fisher law.
struct EigenExponent {
    Estimate exponent; ///< ordinary least squares in logarithms; samples: directions in the fit
    Interval interval; ///< 95 %, Student, from the scatter of the directions about the line
    double intercept = 0.0;
    double r_squared = 0.0;
    Index directions = 0; ///< in the fit: |lambda_k| >= curvature_cut max |lambda|, and u_k'Wu_k > 0
    Index unseen = 0;     ///< left out because u_k'Wu_k is zero
};

/// Shapes     lambda and w = (u_k'Wu_k)_k have one entry for each eigenvector.
/// Error bar  That of the regression: the directions' deviations from the line are taken for independent. It says
///            how well a line describes this W, not how much W would differ in another run.
/// Returns    Nothing where there is no line to fit: fewer than 3 directions, or all |lambda_k| equal to a relative
///            sqrt(eps).
/// Throws     std::invalid_argument for unequal sizes.
/// Source     theory.md, metric M1.
[[nodiscard]] std::optional<EigenExponent> eigen_exponent(VectorView lambda, VectorView w);

/// Metric M3: slopes of log sqrt(v_i) on log |H_ii| (p_H) and on log |H_i,:| (p_row), coordinate by coordinate.
/// p_H is not a valid test between the two laws: a rank-one H gives 1/2 under both. A fit is absent where it has fewer
/// than 3 coordinates, or where its abscissae agree to a relative sqrt(eps): least squares on standardized inputs have
/// H_ii = 1.
struct CoordinateSlopes {
    std::optional<LineFit> diagonal; ///< on |H_ii|
    std::optional<LineFit> row_norm; ///< on |H_i,:| = sqrt((H^2)_ii)
    Index coordinates = 0;           ///< in the fits: v_i, H_ii and the row norm are above 1e-12 of their largest
};

/// Shapes     v (second moment), the Hessian's diagonal and its row norms have one entry for each parameter.
/// Throws     std::invalid_argument for unequal sizes.
[[nodiscard]] CoordinateSlopes coordinate_slopes(VectorView v, VectorView hessian_diagonal, VectorView row_norms);

} // namespace hessq
