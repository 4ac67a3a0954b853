#pragma once

#include "hessq/objectives/objective.hpp"
#include "hessq/preconditioners/preconditioner.hpp"

#include <memory>
#include <string>

#pragma GCC visibility push(default)
namespace hessq {

struct CurvatureDampingOptions {
    double floor = 1e-8; ///< relative to the largest entry, greater than 0 and at most 1
};

/// diag(max(|d_i|, floor * max_j |d_j|)): a diagonal of curvature, made safe to divide by. Coordinates without
/// curvature (dead inputs) get the floor; their gradient is zero as a rule, so the direction does not feel it, but a
/// condition number does.
///
/// Throws     std::invalid_argument if d is empty or the floor is out of range; NumericalError if an entry is not
///            finite or all are zero. So for all of this page.
std::unique_ptr<Preconditioner> curvature_diagonal_preconditioner(VectorView d, std::string name,
                                                                  const CurvatureDampingOptions& options = {});

/// |H_ii|, "hessian_diagonal": diagonal Newton.
///
/// Throws     std::invalid_argument also if the Hessian is not square. So for the next.
std::unique_ptr<Preconditioner> hessian_diagonal_preconditioner(MatrixView hessian,
                                                                const CurvatureDampingOptions& options = {});

/// sqrt((H^2)_ii), the norm of the i-th row, "hessian_row_norms": what Adam's sqrt(v) is proportional to for full
/// gradients over an isotropic cloud of parameters; never below |H_ii|.
std::unique_ptr<Preconditioner> hessian_row_norm_preconditioner(MatrixView hessian,
                                                                const CurvatureDampingOptions& options = {});

/// The diagonal of the Gauss-Newton matrix at w, "gauss_newton_diagonal".
std::unique_ptr<Preconditioner> gauss_newton_diagonal_preconditioner(const ModelObjective& model, VectorView w,
                                                                     const CurvatureDampingOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
