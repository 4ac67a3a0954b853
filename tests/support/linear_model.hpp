#pragma once

#include "hessq/objectives/objective.hpp"

namespace hessq::test {

/// 1/2 (x_s'w - y_s)^2 averaged over samples plus l2/2 |w|^2: small enough that every quantity is a line of Eigen.
class LinearModel final : public ModelObjective {
public:
    LinearModel(Matrix inputs, Vector targets, double l2 = 0.0);
    static LinearModel random(Index features, Index samples, std::uint64_t seed, double l2 = 0.0);

    using ModelObjective::gauss_newton;
    using ModelObjective::gauss_newton_diagonal;
    using ModelObjective::gradient;
    using ModelObjective::hessian;
    using ModelObjective::value;
    using ModelObjective::value_and_gradient;

    Index dimension() const override { return inputs_.rows(); }
    Index samples() const override { return inputs_.cols(); }
    Index outputs() const override { return 1; }

    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override;
    SymmetricOperator hessian(VectorView w, const Batch& batch) const override;
    SymmetricOperator gauss_newton(VectorView w, const Batch& batch) const override { return hessian(w, batch); }
    Vector gauss_newton_diagonal(VectorView w, const Batch& batch) const override;
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override;
    Matrix sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const override;

    const Matrix& inputs() const { return inputs_; }

private:
    Matrix inputs(const Batch& batch) const;
    Vector residuals(VectorView w, const Batch& batch) const;

    Matrix inputs_;
    Vector targets_;
    double l2_;
};

} // namespace hessq::test
