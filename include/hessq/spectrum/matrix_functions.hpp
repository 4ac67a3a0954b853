#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/spectrum/density.hpp"
#include "hessq/spectrum/lanczos.hpp"

#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

using ScalarFunction = std::function<double(double)>;

/// A number that depends on the eigenvalues, estimated from those that a spectral measure knows of: `statistic` gets
/// nodes and weights that stand for all n eigenvalues (the weights' sum is n), the known ones with weight 1.
///
/// Error bar  The jackknife over probes: (p - 1)/p times the sum of squares of what leaving one out changes. It does
///            not see that k Lanczos steps may be too few for the statistic; more steps would then move the value. NaN
///            for a single probe, 0 when all eigenvalues are known.
/// Throws     NumericalError if the statistic is not finite.
[[nodiscard]] Estimate spectral_statistic(const SpectralMeasure& measure,
                                          const std::function<double(const Quadrature&)>& statistic);

/// tr f(A) = sum_i f(lambda_i): f = log gives log det A, 1/x the trace of the inverse, |x| the nuclear norm, x^2 the
/// squared Frobenius norm.
///
/// Error bar  As spectral_statistic.
/// Throws     NumericalError if f is not finite at a node, which it names: the logarithm of an indefinite A has no
///            value.
/// Source     Ubaru, Chen and Saad (2017), SIAM J. Matrix Anal. Appl. 38(4), 1075-1099.
[[nodiscard]] Estimate trace_of_function(const SpectralMeasure& measure, const ScalarFunction& f);

/// (sum_i |lambda_i|)^2 / sum_i lambda_i^2: k for a matrix with k equal eigenvalues beside zeros, and for a positive
/// semidefinite one (tr A)^2 / |A|_F^2.
[[nodiscard]] Estimate effective_rank(const SpectralMeasure& measure);

/// sum of |lambda_i| over the negative eigenvalues, as a share of the sum over all.
[[nodiscard]] Estimate negative_mass(const SpectralMeasure& measure);

struct FunctionProductOptions {
    Index steps = 100; ///< of Lanczos at most, at least 2
    /// On |change of the last two steps| / |f(A) v|, at least 0: it stops there.
    double tolerance = 1e-10;
};

struct FunctionProduct {
    Vector value;           ///< about f(A) v
    double residual = 0.0;  ///< |value - that of two steps less|: about its error where the steps converge
    bool converged = false; ///< residual <= tolerance |value|, or the Krylov space was exhausted: then it is exact
    Index products = 0;
};

/// f(A) v = |v| Q f(T) e_1 from one Krylov space of v.
///
/// Shapes     A is n x n, symmetric; v has n entries.
/// Cost       `steps` products at most and the work of `lanczos`; n steps doubles.
/// Throws     std::invalid_argument if an option is out of range or v does not fit; NumericalError if f is not finite
///            at a Ritz value, or a product is not finite.
/// Source     Druskin and Knizhnerman (1989), USSR Comput. Math. Math. Phys. 29(6), 112-121.
[[nodiscard]] FunctionProduct function_product(const SymmetricOperator& a, const ScalarFunction& f, VectorView v,
                                               const FunctionProductOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
