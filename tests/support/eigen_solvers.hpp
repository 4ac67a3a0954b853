#pragma once

// What many tests would instantiate alike from Eigen. eigen_solvers.cpp has the code, for a Matrix: an expression is
// first made one, SelfAdjointEigenSolver<Matrix>(Matrix(a * b)).

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>

namespace Eigen {

extern template class HouseholderQR<MatrixXd>;
extern template class LLT<MatrixXd>;
extern template LLT<MatrixXd>& LLT<MatrixXd>::compute(const EigenBase<MatrixXd>&);
extern template class PartialPivLU<MatrixXd>;
extern template class SelfAdjointEigenSolver<MatrixXd>;
extern template SelfAdjointEigenSolver<MatrixXd>& SelfAdjointEigenSolver<MatrixXd>::compute(const EigenBase<MatrixXd>&,
                                                                                            int);

} // namespace Eigen
