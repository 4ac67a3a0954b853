#include "support/eigen_solvers.hpp"

namespace Eigen {

template class HouseholderQR<MatrixXd>;
template class LLT<MatrixXd>;
template LLT<MatrixXd>& LLT<MatrixXd>::compute(const EigenBase<MatrixXd>&);
template class PartialPivLU<MatrixXd>;
template class SelfAdjointEigenSolver<MatrixXd>;
template SelfAdjointEigenSolver<MatrixXd>& SelfAdjointEigenSolver<MatrixXd>::compute(const EigenBase<MatrixXd>&, int);

} // namespace Eigen
