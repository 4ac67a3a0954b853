#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/local_curvature.hpp"

#include <memory>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace hessq {

/// The symmetric positive definite matrix P by whose inverse an optimizer multiplies the gradient, w <- w - eta P^-1 g.
/// It may see gradients go by. Its matrix, inverse and inverse square root are operators of this moment: they stay as
/// they are when more gradients are observed. sandwich(p.inverse_sqrt(), hessian) is the Hessian the optimizer sees.
class Preconditioner {
public:
    virtual ~Preconditioner() = default;

    /// "adam", "rmsprop", ...
    virtual std::string name() const = 0;

    /// The gradient of the next step. Preconditioners that come from curvature look away.
    virtual void observe(VectorView) {}

    /// The curvature where the next gradient was taken. Preconditioners that come from gradients look away.
    virtual void observe_curvature(const LocalCurvature&) {}

    virtual SymmetricOperator matrix() const = 0;
    virtual SymmetricOperator inverse() const = 0;
    virtual SymmetricOperator inverse_sqrt() const = 0;

    /// The direction that is subtracted from w: P^-1 g, unless the method has a memory of its own.
    virtual Vector direction(VectorView g) const { return inverse() * g; }

    /// diag P when P is diagonal.
    virtual std::optional<Vector> diagonal() const { return std::nullopt; }

protected:
    Preconditioner() = default;
    Preconditioner(const Preconditioner&) = default;
    Preconditioner& operator=(const Preconditioner&) = default;
};

/// A preconditioner that is a diagonal matrix: everything follows from its entries.
class DiagonalPreconditioner : public Preconditioner {
public:
    /// diag P, positive.
    virtual Vector entries() const = 0;

    SymmetricOperator matrix() const final;
    SymmetricOperator inverse() const final;
    SymmetricOperator inverse_sqrt() const final;
    std::optional<Vector> diagonal() const final { return entries(); }
};

/// diag d, fixed.
///
/// Throws     std::invalid_argument if d is empty or an entry is not positive and finite.
std::unique_ptr<Preconditioner> diagonal_preconditioner(Vector d, std::string name = "diagonal");

/// The identity: gradient descent.
///
/// Throws     std::invalid_argument if dimension < 1.
std::unique_ptr<Preconditioner> sgd_preconditioner(Index dimension);

/// The identity, too: momentum changes the direction and not the metric. The direction is the average of the
/// gradients seen, m_t / (1 - beta1^t) with m_t = beta1 m_(t-1) + (1 - beta1) g_t, whatever g it is asked for.
///
/// Throws     std::invalid_argument if dimension < 1 or beta1 lies outside [0, 1); direction() if no gradient was
///            observed.
std::unique_ptr<Preconditioner> momentum_preconditioner(Index dimension, double beta1 = 0.9);

} // namespace hessq
#pragma GCC visibility pop
