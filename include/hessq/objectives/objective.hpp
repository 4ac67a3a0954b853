#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/types.hpp"
#include "hessq/datasets/batch.hpp"

#include <cstdint>
#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// A value and its gradient at one point, from one pass.
struct ValueAndGradient {
    double value = 0.0;
    Vector gradient;
};

/// A twice differentiable loss L(w) on R^n. Implementations are immutable: every function is const and may be
/// called from several threads. Calls are coarse, so virtual dispatch costs nothing.
class Objective {
public:
    virtual ~Objective() = default;

    virtual Index dimension() const = 0;
    virtual double value(VectorView w) const = 0;
    virtual Vector gradient(VectorView w) const = 0;
    virtual ValueAndGradient value_and_gradient(VectorView w) const { return {value(w), gradient(w)}; }

    /// The Hessian at w as an operator. It keeps the forward and backward pass at w, and stays valid
    /// after the objective is gone.
    virtual SymmetricOperator hessian(VectorView w) const = 0;

    /// The Hessian at w as a matrix, n x n.
    ///
    /// Cost       n products, unless the objective knows a shorter way.
    virtual Matrix dense_hessian(VectorView w) const;

    /// Its part in some rows and columns alone: rows.size x columns.size. Layers are layout().groups[...].range().
    ///
    /// Cost       columns.size products, unless the objective knows a shorter way.
    /// Throws     std::invalid_argument unless both ranges lie within the parameters.
    virtual Matrix dense_hessian_block(VectorView w, const ParameterRange& rows, const ParameterRange& columns) const;

    /// The diagonal of the Hessian at w, without forming the rest.
    ///
    /// Cost       n products, unless the objective knows a shorter way.
    virtual Vector hessian_diagonal(VectorView w) const;

    /// Named groups of w. One group "w" unless the objective has layers.
    virtual ParameterLayout layout() const;

protected:
    Objective() = default;
    Objective(const Objective&) = default;
    Objective& operator=(const Objective&) = default;
};

/// L(w) for the trial of a search: infinity where it is not finite, which some objectives return and others throw.
double trial_value(const Objective& objective, VectorView w);

/// A loss that is a mean over samples, L(w) = (1/m) sum_s l_s(w) + R(w), where R is a penalty that does not
/// depend on the samples. On a batch the mean runs over the batch; R is counted once, in full.
class FiniteSumObjective : public Objective {
public:
    virtual Index samples() const = 0;

    virtual ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const = 0;
    virtual double value(VectorView w, const Batch& batch) const { return value_and_gradient(w, batch).value; }
    virtual Vector gradient(VectorView w, const Batch& batch) const { return value_and_gradient(w, batch).gradient; }
    virtual SymmetricOperator hessian(VectorView w, const Batch& batch) const = 0;
    virtual Matrix dense_hessian(VectorView w, const Batch& batch) const;
    virtual Matrix dense_hessian_block(VectorView w, const Batch& batch, const ParameterRange& rows,
                                       const ParameterRange& columns) const;
    virtual Vector hessian_diagonal(VectorView w, const Batch& batch) const;

    /// Column s is the gradient of l_s + R for the s-th sample of the batch: n x |batch|. Their mean is
    /// gradient(w, batch); they are not divided by the batch size.
    virtual Matrix per_sample_gradients(VectorView w, const Batch& batch) const = 0;

    /// (1/|batch|) sum_s g_s g_s' of those gradients, uncentred: n x n.
    ///
    /// Cost       n^2 |batch| multiply-adds, unless the objective knows a shorter way.
    virtual Matrix gradient_second_moment(VectorView w, const Batch& batch) const;

    double value(VectorView w) const override { return value(w, Batch::all(samples())); }
    Vector gradient(VectorView w) const override { return gradient(w, Batch::all(samples())); }
    ValueAndGradient value_and_gradient(VectorView w) const override {
        return value_and_gradient(w, Batch::all(samples()));
    }
    SymmetricOperator hessian(VectorView w) const override { return hessian(w, Batch::all(samples())); }
    Matrix dense_hessian(VectorView w) const override { return dense_hessian(w, Batch::all(samples())); }
    Matrix dense_hessian_block(VectorView w, const ParameterRange& rows, const ParameterRange& columns) const override {
        return dense_hessian_block(w, Batch::all(samples()), rows, columns);
    }
    Vector hessian_diagonal(VectorView w) const override { return hessian_diagonal(w, Batch::all(samples())); }
};

/// A finite sum of l(f(x_s; w), y_s) where l is the negative log-likelihood of a distribution p(y | f):
/// squared loss 1/2 |y - f|^2 is a unit-variance Gaussian, cross-entropy a categorical or Bernoulli distribution.
class ModelObjective : public FiniteSumObjective {
public:
    /// Length of f(x; w).
    virtual Index outputs() const = 0;

    /// The Gauss-Newton matrix (1/|batch|) sum_s J_s' (d2 l / df2) J_s + Hess R. For these losses the first term
    /// is also the true Fisher matrix, exact over labels: E_{y ~ p(. | f)} of the gradient's outer product.
    virtual SymmetricOperator gauss_newton(VectorView w, const Batch& batch) const = 0;
    SymmetricOperator gauss_newton(VectorView w) const { return gauss_newton(w, Batch::all(samples())); }

    /// It as a matrix, n x n.
    ///
    /// Cost       n products, unless the objective knows a shorter way.
    virtual Matrix dense_gauss_newton(VectorView w, const Batch& batch) const;
    Matrix dense_gauss_newton(VectorView w) const { return dense_gauss_newton(w, Batch::all(samples())); }

    /// The diagonal of gauss_newton(w, batch), without forming it.
    virtual Vector gauss_newton_diagonal(VectorView w, const Batch& batch) const = 0;
    Vector gauss_newton_diagonal(VectorView w) const { return gauss_newton_diagonal(w, Batch::all(samples())); }

    /// Per-sample gradients of l + R with each label drawn from the model at w instead of the data: n x |batch|.
    /// The label of sample i is a pure function of (seed, i), whatever the batch it appears in.
    virtual Matrix sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const = 0;

    /// gradient_second_moment of those gradients.
    virtual Matrix sampled_label_second_moment(VectorView w, const Batch& batch, std::uint64_t seed) const;
};

} // namespace hessq
#pragma GCC visibility pop
