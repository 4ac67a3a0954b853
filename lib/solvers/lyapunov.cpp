#include "hessq/solvers/lyapunov.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <complex>
#include <limits>
#include <string>

namespace hessq {
namespace {

using Complex = std::complex<double>;
using ComplexMatrix = Eigen::MatrixXcd;
using ComplexVector = Eigen::VectorXcd;

/// y += factor x, for the first n entries.
void add_scaled(const Complex* x, Index n, Complex factor, Complex* y) {
    Eigen::Map<ComplexVector>(y, n) += factor * Eigen::Map<const ComplexVector>(x, n);
}

/// A = U T U*, T upper triangular, and F = U* Q U: for Y = U* X U the equations are triangular.
struct SchurEquation {
    Matrix real, imaginary; ///< of U
    ComplexMatrix t, f;
    bool symmetric = false; ///< Q is, and so is X

    SchurEquation(MatrixView a, MatrixView q, const std::string& function) {
        require(a.rows() >= 1 && a.rows() == a.cols(), function, "A must be square and not empty",
                std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
        require(q.rows() == a.rows() && q.cols() == a.cols(), function, "Q must have the shape of A",
                std::to_string(q.rows()) + " x " + std::to_string(q.cols()));
        require_finite(a, function + ": A");
        require_finite(q, function + ": Q");
        ComplexSchur schur = complex_schur(a);
        t = std::move(schur.t);
        real = schur.u.real();
        imaginary = schur.u.imag();
        const Matrix qr = q * real, qi = q * imaginary;
        f.resize(a.rows(), a.rows());
        f.real() = real.transpose() * qr + imaginary.transpose() * qi;
        f.imag() = real.transpose() * qi - imaginary.transpose() * qr;
        symmetric = q == q.transpose();
    }

    /// n eps times the size of the numbers that are subtracted.
    double rounding(double size) const {
        return static_cast<double>(t.rows()) * std::numeric_limits<double>::epsilon() * size;
    }

    /// U Y U*, of which the imaginary part is rounding.
    Matrix transformed_back(const ComplexMatrix& y) const {
        const Matrix yr = y.real(), yi = y.imag();
        const Matrix x =
            (real * yr - imaginary * yi) * real.transpose() + (real * yi + imaginary * yr) * imaginary.transpose();
        if (symmetric) return 0.5 * (x + x.transpose());
        return x;
    }

    /// sum_{j > k} conj(t_kj) y_j.
    ComplexVector later_columns(const ComplexMatrix& y, Index k) const {
        ComplexVector sum = ComplexVector::Zero(y.rows());
        for (Index j = k + 1; j < y.cols(); ++j) add_scaled(&y(0, j), y.rows(), std::conj(t(k, j)), sum.data());
        return sum;
    }
};

/// x with (shift I + scale T) x = b in place of b, for an upper triangular T.
void substitute(const ComplexMatrix& t, Complex shift, Complex scale, Complex* b) {
    for (Index i = t.rows() - 1; i >= 0; --i) {
        b[i] /= shift + scale * t(i, i);
        add_scaled(&t(0, i), i, -scale * b[i], b);
    }
}

} // namespace

Matrix solve_continuous_lyapunov(MatrixView a, MatrixView q) {
    const std::string function = "solve_continuous_lyapunov";
    const SchurEquation s(a, q, function);
    const Index n = a.rows();
    const ComplexVector lambda = s.t.diagonal();
    double least = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < n; ++k) least = std::min(least, (lambda.array() + std::conj(lambda(k))).abs().minCoeff());
    require(least > s.rounding(lambda.cwiseAbs().maxCoeff()), function,
            "lambda_i + conj(lambda_j) must not be zero for eigenvalues of A; smallest modulus", least);
    // Column k of T Y + Y T* = F, the last one first: (T + conj(t_kk)) y_k = f_k - sum_{j > k} conj(t_kj) y_j.
    ComplexMatrix y = s.f;
    for (Index k = n - 1; k >= 0; --k) {
        y.col(k) -= s.later_columns(y, k);
        substitute(s.t, std::conj(lambda(k)), 1.0, &y(0, k));
    }
    return s.transformed_back(y);
}

Matrix solve_discrete_lyapunov(MatrixView a, MatrixView q) {
    const std::string function = "solve_discrete_lyapunov";
    const SchurEquation s(a, q, function);
    const Index n = a.rows();
    const ComplexVector lambda = s.t.diagonal();
    double least = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < n; ++k)
        least = std::min(least, (1.0 - lambda.array() * std::conj(lambda(k))).abs().minCoeff());
    require(least > s.rounding(std::max(1.0, lambda.cwiseAbs2().maxCoeff())), function,
            "lambda_i conj(lambda_j) must not be 1 for eigenvalues of A; smallest |1 - lambda_i conj(lambda_j)|",
            least);
    // Column k of Y - T Y T* = F, the last one first: (1 - conj(t_kk) T) y_k = f_k + T sum_{j > k} conj(t_kj) y_j.
    ComplexMatrix y = s.f;
    for (Index k = n - 1; k >= 0; --k) {
        const ComplexVector later = s.later_columns(y, k);
        for (Index i = 0; i < n; ++i) add_scaled(&s.t(0, i), i + 1, later(i), &y(0, k));
        substitute(s.t, 1.0, -std::conj(lambda(k)), &y(0, k));
    }
    return s.transformed_back(y);
}

} // namespace hessq
