#pragma once

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/check.hpp"
#include "hessq/objectives/objective.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <vector>

/// What every implementor of Objective, FiniteSumObjective and ModelObjective obeys. One call at one point:
/// check_laws(objective, w), with the most derived type.
namespace hessq::laws {

/// Accumulated rounding of sums and products over about a hundred terms, relative to the size of the result.
inline constexpr double rounding = 512.0 * std::numeric_limits<double>::epsilon();

void check_close(MatrixView found, MatrixView expected, double scale, const char* law, double relative = rounding);

Matrix random_block(Index rows, Index cols, std::uint64_t stream);

/// Derivatives agree with differences and with each other; blocks, the dense Hessian and threads change nothing.
/// `product_accuracy` as in CheckOptions.
void check_laws(const Objective& objective, VectorView w, double product_accuracy = 0.0);

/// Batches average to the whole, repeats count twice, per-sample gradients average to the gradient.
void check_laws(const FiniteSumObjective& objective, VectorView w);

/// Gauss-Newton is symmetric, positive semidefinite and the covariance of gradients with sampled labels.
/// `l2` is the objective's penalty: gradients contain l2 w, the Gauss-Newton matrix l2 I.
void check_laws(const ModelObjective& objective, VectorView w, double l2);

} // namespace hessq::laws
