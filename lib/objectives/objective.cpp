#include "hessq/objectives/objective.hpp"

#include "hessq/core/dense.hpp"

namespace hessq {

Matrix Objective::dense_hessian(VectorView w) const { return to_dense(hessian(w)); }

ParameterLayout Objective::layout() const {
    ParameterLayout layout;
    layout.append("w", dimension());
    return layout;
}

} // namespace hessq
