#pragma once

#include "hessq/core/dense.hpp"
#include "hessq/preconditioners/preconditioner.hpp"
#include "support/matrices.hpp"

#include <boost/test/unit_test.hpp>

/// What every preconditioner obeys.
namespace hessq::laws {

/// The gradient of step t, n entries that differ in size.
Vector varied_gradient(Index n, Index t);

/// Largest difference of entries, relative to the largest entry of b.
double distance(const Matrix& a, const Matrix& b);

/// After five gradients the three operators are those of one symmetric positive definite matrix, and they stay as they
/// are when more gradients are observed. A preconditioner without a memory of its own steps along P^-1 g.
void check_preconditioner_laws(Preconditioner& p, Index n, bool has_memory = false);

} // namespace hessq::laws
