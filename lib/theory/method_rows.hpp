#pragma once

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/preconditioners/preconditioner.hpp"
#include "hessq/theory/newton_comparison.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hessq {

/// A method's step, frozen at a point, and the matrix P it divides by.
struct FrozenMethod {
    std::string name;
    Vector direction;
    bool full_step = false; ///< the direction has its length already; the others are scaled to their best
    Vector metric = {};     ///< the eigenvalues of P when P has the eigenvectors of H; otherwise empty
    std::optional<SymmetricOperator> inverse_sqrt = {}; ///< P^(-1/2) of every preconditioner
};

FrozenMethod frozen(const Preconditioner& p, VectorView gradient);

/// Where methods are compared. `who` and `where` are for messages: "RunObserver", " at step 5".
struct ComparedPoint {
    const Objective& objective;
    VectorView w;
    double loss;
    VectorView gradient;
    std::string who, where;
};

/// Throws     NumericalError if the gradient is zero.
void require_slope(const ComparedPoint& point);

/// Newton, saddle-free Newton and the methods, each with its row, and what the Hessian is like.
PreconditionerComparison compare_methods(const ComparedPoint& point, MatrixView hessian, const SymmetricEigen& eigen,
                                         const std::vector<FrozenMethod>& methods);

} // namespace hessq
