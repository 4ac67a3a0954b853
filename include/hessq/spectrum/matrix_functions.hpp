#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/spectrum/density.hpp"

#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

/// tr f(A) with both of its errors.
struct FunctionTrace : Estimate {
    /// Deterministic: what the rules of half as many nodes differ by. Too large where Lanczos converges fast, and where
    /// its error falls with 1 / k (|x|, sqrt(x) at zero) about right.
    double quadrature_error = 0.0;
    Interval interval; ///< contains tr f(A) with this probability; the quadrature error is added at both ends
    double confidence = 0.0;
};

/// Estimates tr f(A) = sum_i f(lambda_i) from Gauss's rules: f is any function of one real number - log for ln det A,
/// 1/x for tr A^-1, exp, |x|, sqrt - that is finite on the spectrum. Where f is not a number at a Ritz value that is
/// zero to rounding, such as sqrt at -1e-17, f(0) is taken.
///
/// Cost       No product; two evaluations of f for each node.
/// Error bar  One sigma of the Dirichlet weights: Var = 2 N^2 / (m N + 2) times the variance of f over the N unknown
///            eigenvalues, which is estimated from the same weights; Student's t with the degrees of freedom that these
///            show. Zero for a constant f.
/// Throws     std::invalid_argument unless 0 < confidence < 1; NumericalError if f is not finite at a Ritz value or a
///            known eigenvalue: the logarithm of a matrix with an eigenvalue that is not positive.
/// Source     Ubaru, Chen and Saad (2017), SIAM J. Matrix Anal. Appl. 38(4), 1075-1099.
[[nodiscard]] FunctionTrace trace_of_function(const SpectralMeasure& measure, const std::function<double(double)>& f,
                                              double confidence = 0.95);

/// A number that depends on the eigenvalues, estimated from those that a spectral measure knows of: `statistic` gets
/// nodes and weights that stand for all n eigenvalues (the weights' sum is n), the known ones with weight 1.
///
/// Error bar  The jackknife over probes: (p - 1)/p times the sum of squares of what leaving one out changes. It does
///            not see that k Lanczos steps may be too few for the statistic; more steps would then move the value. NaN
///            for a single probe, 0 when all eigenvalues are known.
/// Throws     NumericalError if the statistic is not finite.
[[nodiscard]] Estimate spectral_statistic(const SpectralMeasure& measure,
                                          const std::function<double(const Quadrature&)>& statistic);

/// (sum_i |lambda_i|)^2 / sum_i lambda_i^2: k for a matrix with k equal eigenvalues beside zeros, and for a positive
/// semidefinite one (tr A)^2 / |A|_F^2.
[[nodiscard]] Estimate effective_rank(const SpectralMeasure& measure);

/// sum of |lambda_i| over the negative eigenvalues, as a share of the sum over all.
[[nodiscard]] Estimate negative_mass(const SpectralMeasure& measure);

struct FunctionProductOptions {
    Index max_steps = 200;    ///< at least 1: n max_steps doubles
    double tolerance = 1e-10; ///< stop when the estimated error is at most this share of |f(A) v|; 0: never
};

struct FunctionProduct {
    Vector value;                ///< f(A) v
    double error_estimate = 0.0; ///< of |value - f(A) v|; not a bound
    bool converged = false;      ///< the estimate is within the tolerance, or the Krylov space is invariant
    Index products = 0;
};

/// f(A) v from the Krylov space of A and v: |v| Q f(T) e_1.
///
/// Error      The distance from the result with 5 steps fewer, looked at each fifth step; |x| and others that are not
///            smooth converge slowly, and it is then too small.
/// Cost       max_steps products at most, 4 n k^2 flops, lanczos_bytes(n, 1, max_steps).
/// Throws     std::invalid_argument if v has the wrong size or an option is out of range; NumericalError if f is not
///            finite at a Ritz value, or a product is not.
/// Source     Druskin and Knizhnerman (1989), USSR Comput. Math. Math. Phys. 29(6), 112-121.
[[nodiscard]] FunctionProduct apply_function(const SymmetricOperator& a, const std::function<double(double)>& f,
                                             VectorView v, const FunctionProductOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
