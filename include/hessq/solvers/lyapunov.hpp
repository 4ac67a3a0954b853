#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// The X with A X + X A' = Q. There is exactly one unless two eigenvalues of A (or one of them twice) have
/// lambda_i + conj(lambda_j) = 0. X is exactly symmetric if Q is.
///
/// The equation is solved as posed: where it is close to a singular one the residual is still small, the error is not.
///
/// Shapes     A (any square matrix) and Q are n x n.
/// Cost       About 25 n^3 complex flops for the Schur form, 4 n^3 for the rest; 4 n^2 complex numbers.
/// Throws     std::invalid_argument if A is empty or not square, Q does not fit, or some |lambda_i + conj(lambda_j)| is
///            at most n eps max |lambda|; NumericalError if an entry is not finite or the Schur form is not found.
/// Source     Bartels and Stewart (1972), Commun. ACM 15(9), 820-826.
[[nodiscard]] Matrix solve_continuous_lyapunov(MatrixView a, MatrixView q);

/// The X with X - A X A' = Q. There is exactly one unless lambda_i conj(lambda_j) = 1 for two eigenvalues of A (or
/// one of them twice). X is exactly symmetric if Q is; where |lambda| < 1 it is the sum of A^t Q A'^t over t >= 0.
///
/// Throws     As solve_continuous_lyapunov, with |1 - lambda_i conj(lambda_j)| at most n eps max(1, max |lambda|^2).
/// Source     Kitagawa (1977), Int. J. Control 25(5), 745-753.
[[nodiscard]] Matrix solve_discrete_lyapunov(MatrixView a, MatrixView q);

} // namespace hessq
#pragma GCC visibility pop
