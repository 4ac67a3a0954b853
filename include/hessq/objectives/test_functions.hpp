#pragma once

#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"

#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// The curved valley  sum_{i < n} 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2.
///
/// Its Hessian is tridiagonal. For 4 <= n <= 30 there is one more, local, minimum near (-1, 1, ..., 1).
///
/// Source     Rosenbrock (1960), The Computer Journal 3(3), 175-184; the local minimum: Shang and Qiu (2006),
///            Evolutionary Computation 14(1), 119-126.
class Rosenbrock final : public Objective {
public:
    /// Throws     std::invalid_argument if dimension < 2.
    explicit Rosenbrock(Index dimension = 2);

    Index dimension() const override { return dimension_; }
    double value(VectorView w) const override;
    Vector gradient(VectorView w) const override;
    SymmetricOperator hessian(VectorView w) const override;

    /// (1, ..., 1), where the value is 0.
    Vector minimum() const { return Vector::Ones(dimension_); }
    double minimum_value() const { return 0.0; }

private:
    Index dimension_;
};

/// sum_{i = 1, 2, 3} (c_i - x (1 - y^i))^2 with c = (1.5, 2.25, 2.625).
///
/// Source     More, Garbow and Hillstrom (1981), ACM Trans. Math. Softw. 7(1), 17-41, problem 5; after Beale (1958).
class Beale final : public Objective {
public:
    Index dimension() const override { return 2; }
    double value(VectorView w) const override;
    Vector gradient(VectorView w) const override;
    SymmetricOperator hessian(VectorView w) const override;

    /// (3, 1/2), where the value is 0.
    Vector minimum() const { return Eigen::Vector2d(3.0, 0.5); }
    double minimum_value() const { return 0.0; }
    /// (0, 1), where the Hessian is [0 27.75; 27.75 0].
    Vector saddle() const { return Eigen::Vector2d(0.0, 1.0); }
    double saddle_value() const { return 14.203125; }
};

/// x^3 - 3 x y^2 = Re (x + i y)^3: three valleys meet at 0, where gradient and Hessian both vanish. The Hessian
/// elsewhere has eigenvalues +-6 sqrt(x^2 + y^2). Unbounded below.
///
/// Source     Hilbert and Cohn-Vossen (1932), Anschauliche Geometrie.
class MonkeySaddle final : public Objective {
public:
    Index dimension() const override { return 2; }
    double value(VectorView w) const override;
    Vector gradient(VectorView w) const override;
    SymmetricOperator hessian(VectorView w) const override;

    /// (0, 0), where the value is 0.
    Vector saddle() const { return Vector::Zero(2); }
    double saddle_value() const { return 0.0; }
};

/// The deep linear factorization  1/2 |W_L ... W_1 - M|_F^2.
///
/// Every critical point is a global minimum or a saddle when L >= 2. With two layers the saddle at 0 is strict: its
/// Hessian has the eigenvalues 0 and +-s_i, the singular values of M. With three or more layers the Hessian at 0
/// vanishes.
///
/// Conventions   W_1 is applied first. Parameters are flattened as PyTorch does, row-major, in groups "layer0.weight"
///               (W_1), "layer1.weight", ...
/// Cost          A product with k vectors: k times about three gradients.
/// Source        Baldi and Hornik (1989), Neural Networks 2(1), 53-58; Kawaguchi (2016), arXiv:1605.07110.
class MatrixFactorization final : public Objective {
public:
    /// `hidden` are the inner dimensions: W_1 is hidden[0] x M.cols(), W_L is M.rows() x hidden.back(). None: L = 1,
    /// a convex quadratic.
    ///
    /// Throws     std::invalid_argument if M is empty or a width is below 1; NumericalError if M is not finite.
    MatrixFactorization(Matrix target, std::vector<Index> hidden);

    Index dimension() const override { return layout_.dimension(); }
    ParameterLayout layout() const override { return layout_; }
    double value(VectorView w) const override;
    Vector gradient(VectorView w) const override;
    SymmetricOperator hessian(VectorView w) const override;

    const Matrix& target() const { return target_; }

    /// A balanced global minimum from M = U S V': W_1 = S^(1/L) V', W_l = S^(1/L), W_L = U S^(1/L), cut at the
    /// narrowest width.
    Vector minimum() const;
    /// 1/2 sum of s_i^2 over the singular values of M beyond the narrowest width: Eckart and Young (1936).
    double minimum_value() const;
    /// 0, a saddle for L >= 2 unless M = 0.
    Vector saddle() const { return Vector::Zero(dimension()); }
    double saddle_value() const { return 0.5 * target_.squaredNorm(); }

private:
    Matrix target_;
    ParameterLayout layout_;
};

} // namespace hessq
#pragma GCC visibility pop
