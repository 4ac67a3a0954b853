#include "hessq/solvers/lyapunov.hpp"

#include "hessq/core/require.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <limits>
#include <string>

namespace hessq {
namespace {

/// A = U T U*, T upper triangular, and F = U* Q U: for Y = U* X U the equations are triangular.
struct SchurEquation {
    Eigen::MatrixXcd u, t, f;
    bool symmetric = false; ///< Q is, and so is X

    SchurEquation(MatrixView a, MatrixView q, const std::string& function) {
        require(a.rows() >= 1 && a.rows() == a.cols(), function, "A must be square and not empty",
                std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
        require(q.rows() == a.rows() && q.cols() == a.cols(), function, "Q must have the shape of A",
                std::to_string(q.rows()) + " x " + std::to_string(q.cols()));
        require_finite(a, function + ": A");
        require_finite(q, function + ": Q");
        const Eigen::ComplexSchur<Matrix> schur(a);
        if (schur.info() != Eigen::Success) throw NumericalError(function + ": the Schur form of A was not found");
        u = schur.matrixU();
        t = schur.matrixT();
        f = u.adjoint() * q * u;
        symmetric = q == q.transpose();
    }

    /// n eps times the size of the numbers that are subtracted.
    double rounding(double size) const {
        return static_cast<double>(t.rows()) * std::numeric_limits<double>::epsilon() * size;
    }

    Matrix transformed_back(const Eigen::MatrixXcd& y) const {
        const Matrix x = (u * y * u.adjoint()).real();
        if (symmetric) return 0.5 * (x + x.transpose());
        return x;
    }
};

} // namespace

Matrix solve_continuous_lyapunov(MatrixView a, MatrixView q) {
    const std::string function = "solve_continuous_lyapunov";
    const SchurEquation s(a, q, function);
    const Index n = a.rows();
    const Eigen::VectorXcd lambda = s.t.diagonal();
    double least = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < n; ++k) least = std::min(least, (lambda.array() + std::conj(lambda(k))).abs().minCoeff());
    require(least > s.rounding(lambda.cwiseAbs().maxCoeff()), function,
            "lambda_i + conj(lambda_j) must not be zero for eigenvalues of A; smallest modulus", least);
    // Column k of T Y + Y T* = F, the last one first: (T + conj(t_kk)) y_k = f_k - sum_{j > k} conj(t_kj) y_j.
    Eigen::MatrixXcd y = s.f, shifted = s.t;
    for (Index k = n - 1; k >= 0; --k) {
        const Index later = n - 1 - k;
        y.col(k) -= y.rightCols(later) * s.t.row(k).tail(later).adjoint();
        shifted.diagonal() = lambda.array() + std::conj(lambda(k));
        shifted.triangularView<Eigen::Upper>().solveInPlace(y.col(k));
    }
    return s.transformed_back(y);
}

Matrix solve_discrete_lyapunov(MatrixView a, MatrixView q) {
    const std::string function = "solve_discrete_lyapunov";
    const SchurEquation s(a, q, function);
    const Index n = a.rows();
    const Eigen::VectorXcd lambda = s.t.diagonal();
    double least = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < n; ++k)
        least = std::min(least, (1.0 - lambda.array() * std::conj(lambda(k))).abs().minCoeff());
    require(least > s.rounding(std::max(1.0, lambda.cwiseAbs2().maxCoeff())), function,
            "lambda_i conj(lambda_j) must not be 1 for eigenvalues of A; smallest |1 - lambda_i conj(lambda_j)|",
            least);
    // Column k of Y - T Y T* = F, the last one first: (1 - conj(t_kk) T) y_k = f_k + T sum_{j > k} conj(t_kj) y_j.
    Eigen::MatrixXcd y = s.f;
    for (Index k = n - 1; k >= 0; --k) {
        const Index later = n - 1 - k;
        const Eigen::VectorXcd known = y.rightCols(later) * s.t.row(k).tail(later).adjoint();
        y.col(k) += s.t.triangularView<Eigen::Upper>() * known;
        const Eigen::MatrixXcd system = Eigen::MatrixXcd::Identity(n, n) - std::conj(lambda(k)) * s.t;
        system.triangularView<Eigen::Upper>().solveInPlace(y.col(k));
    }
    return s.transformed_back(y);
}

} // namespace hessq
