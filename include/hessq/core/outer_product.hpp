#pragma once

#include "hessq/core/symmetric_operator.hpp"

#include <string>

#pragma GCC visibility push(default)
namespace hessq {

/// Adds F F' to the lower triangle of `sum`; the upper triangle is left alone.
///
/// Shapes     F is n x k, sum is n x n.
/// Cost       n^2 k multiply-adds, in panels of 256 rows: every entry is written by one task, so the bytes do not
///            depend on the number of threads.
/// Throws     std::invalid_argument if sum is not n x n.
void add_outer_product(Eigen::Ref<Matrix> sum, MatrixView f);

/// Makes a matrix symmetric from its lower triangle.
void mirror_lower_triangle(Eigen::Ref<Matrix> a);

/// F F' as a matrix, n x n.
Matrix outer_product(MatrixView f);

/// F F' as an operator that keeps the factor: with F = (g_1, ..., g_m) / sqrt(m) it is the mean of g g'.
///
/// Cost       4 n k flops a vector; n k doubles, shared by copies.
SymmetricOperator outer_product_operator(Matrix f, std::string name);

} // namespace hessq
#pragma GCC visibility pop
