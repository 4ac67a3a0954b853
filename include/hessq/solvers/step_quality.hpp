#pragma once

#include "hessq/core/dense_eigen.hpp"
#include "hessq/objectives/objective.hpp"

#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// How good one step along -d from w is.
struct StepQuality {
    double cosine = 0.0;    ///< d'g / (|d| |g|)
    double curvature = 0.0; ///< d'Hd / d'd
    /// t in w - t d. At its best: the minimiser d'g / d'Hd of the quadratic model where d'Hd > 0. Elsewhere the model
    /// has none, and t is the one of 2^k |d'g / d'Hd|, k = -10, ..., 10, that lowers the loss most.
    double scale = 0.0;
    enum class Scale { quadratic_model, line_search, full_step } scale_from = Scale::full_step;
    double decrease_predicted = 0.0; ///< t d'g - t^2 / 2 d'Hd, by the quadratic model
    double decrease_actual = 0.0;    ///< L(w) - L(w - t d)
};

/// Shapes     w, the gradient g at w and d have n entries; loss = L(w); h is the Hessian at w.
/// Cost       One product and one value; 21 values where d'Hd <= 0.
/// Throws     std::invalid_argument if sizes differ or d is zero.
[[nodiscard]] StepQuality step_quality(const Objective& objective, VectorView w, double loss, VectorView gradient,
                                       const SymmetricOperator& h, VectorView d);

/// The same for a step that comes with its length: t = 1.
[[nodiscard]] StepQuality full_step_quality(const Objective& objective, VectorView w, double loss, VectorView gradient,
                                            const SymmetricOperator& h, VectorView d);

/// a'b / (|a| |b|); NaN if one of them is zero.
double cosine(VectorView a, VectorView b);

/// The Hessian as a preconditioned method sees it: P^(-1/2) H P^(-1/2), whose eigenvalues are those of P^-1 H.
struct PreconditionedCurvature {
    double lambda_max = 0.0;
    double lambda_min = 0.0;
    double residual = 0.0;          ///< the larger residual of the two eigenpairs
    bool converged = false;         ///< of them and of those behind the condition number
    double largest_stable_lr = 0.0; ///< 2 / lambda_max, above which steps of P^-1 g diverge; infinity if <= 0
    /// Largest over smallest |eigenvalue| of P^(-1/2) H_r P^(-1/2) on its range, where H_r keeps the eigenpairs of H
    /// that resolved_directions keeps. H itself is singular for most networks; 1 means that P
    /// evens out every curvature that counts. NaN for H = 0; infinity where P^(-1/2) makes directions
    /// parallel to rounding.
    double condition_number = 0.0;
    Index directions = 0; ///< eigenpairs in H_r
};

/// For any P, known by its inverse square root.
///
/// Shapes     h and its eigen-decomposition are n x n.
/// Cost       About 100 products with P^(-1/2) and H, n r^2 + r^3 / 3 flops for r directions, and about 400 r^2 more.
[[nodiscard]] PreconditionedCurvature preconditioned_curvature(const SymmetricOperator& h, const SymmetricEigen& eigen,
                                                               const SymmetricOperator& inverse_sqrt);

/// For several P side by side: their products with H are blocks, so H is read once a step for all of them.
[[nodiscard]] std::vector<PreconditionedCurvature>
preconditioned_curvatures(const SymmetricOperator& h, const SymmetricEigen& eigen,
                          const std::vector<SymmetricOperator>& inverse_sqrts);

/// For a P with the eigenvectors of H: `metric` holds its eigenvalues, in the order of those of H. Exact.
[[nodiscard]] PreconditionedCurvature preconditioned_curvature(const SymmetricEigen& eigen, VectorView metric);

} // namespace hessq
#pragma GCC visibility pop
