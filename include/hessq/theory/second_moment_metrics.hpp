#pragma once

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/estimate.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/spectrum/resolved.hpp"

#include <cstdint>
#include <optional>

#pragma GCC visibility push(default)
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

/// Metric M4: how far W is from any c H^2, whatever c: 0 says that the squared law is exact.
struct SpectralDistance {
    /// The standard deviation (divisor N) of the logarithms of the N generalized eigenvalues of (W, H^2), both
    /// restricted to the span of H's resolved eigenvectors. No change of basis and no scale of W or H changes it.
    /// Infinity when W is singular there: fewer draws than directions say nothing.
    double value = 0.0;
    double log_scale = 0.0; ///< the mean of those logarithms: ln c
    Index directions = 0;   ///< N
};

/// Shapes     w is n x n, symmetric positive semidefinite.
/// Cost       4 n^2 N + 2 N^3 flops.
/// Returns    Nothing where fewer than 2 directions are resolved.
/// Throws     std::invalid_argument if the shapes differ; NumericalError if w is not finite.
/// Source     theory.md, metric M4, and theory-precisions.md, xp9.
[[nodiscard]] std::optional<SpectralDistance> spectral_distance(const SymmetricEigen& h, MatrixView w);

/// What the distance is, in the root of its mean square, when the law is exact and W the mean of g g' over M
/// independent zero-mean Gaussian draws: sqrt((N - 1) (N + 2) / (N M)), to first order in N / M. For N >> 1 that is
/// sqrt((N + 1) / M).
///
/// Throws     std::invalid_argument unless directions >= 1 and draws > directions.
double expected_spectral_distance(Index directions, Index draws);

/// Metric M5: the cosine of sqrt(v) with |diag H|. It is near 1 under every law and discriminates nothing (b22); it is
/// here so that this can be shown. NaN if one of them is zero.
///
/// Throws     std::invalid_argument for unequal sizes or a negative v_i.
double diagonal_cosine(VectorView v, VectorView hessian_diagonal);

/// Metric M6: how good the steps D H delta are on the quadratic 1/2 delta'H delta, where the Newton step is delta.
struct DirectionQuality {
    Estimate cosine; ///< E cos(delta, D H delta)
    /// E [1/2 delta'H delta] before minus after the step t D H delta, with the t that makes it largest in expectation,
    /// as a share of all there is to gain, E 1/2 delta'H delta. 1 for the Newton step.
    Estimate decrease;
    double condition_number = 0.0; ///< of D^(1/2) H D^(1/2); see preconditioned_curvature
};

/// D = R R with R = `inverse_sqrt`, that of the preconditioner P = D^-1: adam.inverse_sqrt(), or
/// diagonal_operator(d.cwiseSqrt()).
///
/// Shapes     h and R are n x n; delta is n x m, one draw a column.
/// Cost       m products with R and H twice, and preconditioned_curvature.
/// Error bar  One sigma over the draws, taken as independent; that of the decrease, a ratio of means, by the jackknife.
/// Throws     std::invalid_argument for unequal sizes, fewer than 2 draws, or a draw with H delta = 0 or delta'H
///            delta <= 0: where H is not positive there is no decrease to compare with.
/// Source     theory.md, metric M6, b23 and b24.
[[nodiscard]] DirectionQuality direction_quality(const SymmetricEigen& h, const SymmetricOperator& inverse_sqrt,
                                                 MatrixView delta);

struct DirectionQualityOptions {
    Index samples = 1000; ///< at least 2
    std::uint64_t seed = 0;
};

/// The same for delta ~ N(0, s^2 I). Nothing depends on s.
[[nodiscard]] DirectionQuality expected_direction_quality(const SymmetricEigen& h,
                                                          const SymmetricOperator& inverse_sqrt,
                                                          const DirectionQualityOptions& options = {});

/// The angles between the spaces that the columns of a and of b span: ascending, in [0, pi/2], one for each column of
/// the narrower. Small ones come from their sines and large ones from their cosines: both ends are exact to rounding.
///
/// Shapes     a is n x j, b is n x k, both with orthonormal columns.
/// Throws     std::invalid_argument if they have different rows or no columns.
/// Source     Bjorck and Golub (1973), Math. Comput. 27, 579-594.
Vector principal_angles(MatrixView a, MatrixView b);

/// Metric M7: the principal angles between the eigenspaces of W and of H^2 that belong to their k largest eigenvalues:
/// of H the largest |lambda|.
///
/// Shapes     w is n x n, symmetric.
/// Cost       One eigen-decomposition of w.
/// Throws     std::invalid_argument if the shapes differ or k lies outside 1, ..., n.
Vector principal_angles(const SymmetricEigen& h, MatrixView w, Index k);

} // namespace hessq
#pragma GCC visibility pop
