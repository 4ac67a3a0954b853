#pragma once

#include "hessq/core/symmetric_operator.hpp"

#include <functional>

#pragma GCC visibility push(default)
namespace hessq {

/// The matrix itself, from products with blocks of unit vectors, symmetrised as (A + A') / 2.
///
/// Cost       n products in blocks of 64; n^2 doubles.
Matrix to_dense(const SymmetricOperator& a);

/// The same for a product that need not be symmetric, as it is: `block` unit vectors at a time, those from number
/// `first`.
///
/// Cost       n products; n^2 doubles.
Matrix matrix_of(Index n, Index block, const std::function<Matrix(MatrixView units, Index first)>& product);

/// A symmetric matrix as an operator. The matrix is moved in and shared by copies.
///
/// Throws     std::invalid_argument if the matrix is not square, or not symmetric to n * eps of its largest entry.
SymmetricOperator dense_operator(Matrix a, std::string name = "matrix");

/// diag(d) as an operator.
SymmetricOperator diagonal_operator(Vector d, std::string name = "diagonal");

/// The identity.
SymmetricOperator identity_operator(Index dimension);

/// alpha A + beta B.
SymmetricOperator sum(double alpha, const SymmetricOperator& a, double beta, const SymmetricOperator& b);

/// B A B: the matrix A as seen through a symmetric B. sandwich(p.inverse_sqrt(), h) is the preconditioned
/// Hessian P^(-1/2) H P^(-1/2).
SymmetricOperator sandwich(const SymmetricOperator& b, const SymmetricOperator& a);

/// v at the chosen indices, and the chosen columns of a.
Vector entries_at(VectorView v, const std::vector<Index>& chosen);
Matrix columns_at(MatrixView a, const std::vector<Index>& chosen);

} // namespace hessq
#pragma GCC visibility pop
