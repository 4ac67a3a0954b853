#include "hessq/preconditioners/curvature.hpp"

#include "hessq/core/require.hpp"
#include "hessq/operators/diagonals.hpp"

#include <utility>

namespace hessq {
namespace {

void check_square(MatrixView hessian, std::string_view function) {
    require(hessian.rows() == hessian.cols(), function, "the Hessian must be square",
            std::to_string(hessian.rows()) + " x " + std::to_string(hessian.cols()));
}

} // namespace

std::unique_ptr<Preconditioner> curvature_diagonal_preconditioner(VectorView d, std::string name,
                                                                  const CurvatureDampingOptions& options) {
    require(d.size() >= 1, "curvature_diagonal_preconditioner", "the diagonal must have at least one entry", d.size());
    require(options.floor > 0.0 && options.floor <= 1.0, "curvature_diagonal_preconditioner",
            "floor must lie in (0, 1]", options.floor);
    require_finite(d, "the " + name + " preconditioner");
    const double largest = d.cwiseAbs().maxCoeff();
    if (largest == 0.0) throw NumericalError("the " + name + " preconditioner is zero everywhere");
    return diagonal_preconditioner(d.cwiseAbs().cwiseMax(options.floor * largest), std::move(name));
}

std::unique_ptr<Preconditioner> hessian_diagonal_preconditioner(MatrixView hessian,
                                                                const CurvatureDampingOptions& options) {
    check_square(hessian, "hessian_diagonal_preconditioner");
    const Vector d = hessian.diagonal();
    return curvature_diagonal_preconditioner(d, "hessian_diagonal", options);
}

std::unique_ptr<Preconditioner> hessian_row_norm_preconditioner(MatrixView hessian,
                                                                const CurvatureDampingOptions& options) {
    check_square(hessian, "hessian_row_norm_preconditioner");
    return curvature_diagonal_preconditioner(row_norms(hessian), "hessian_row_norms", options);
}

std::unique_ptr<Preconditioner> gauss_newton_diagonal_preconditioner(const ModelObjective& model, VectorView w,
                                                                     const CurvatureDampingOptions& options) {
    return curvature_diagonal_preconditioner(model.gauss_newton_diagonal(w), "gauss_newton_diagonal", options);
}

} // namespace hessq
