#pragma once

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/objective.hpp"

#include <utility>

namespace hessq::test {

/// 1/2 (x_s'w - y_s)^2 averaged over samples plus l2/2 |w|^2: small enough that every quantity is a line of Eigen.
class LinearModel final : public ModelObjective {
public:
    LinearModel(Matrix inputs, Vector targets, double l2 = 0.0)
        : inputs_(std::move(inputs)), targets_(std::move(targets)), l2_(l2) {}

    static LinearModel random(Index features, Index samples, std::uint64_t seed, double l2 = 0.0) {
        const Vector x = normal_vector(RandomStream(seed, 1), features * samples);
        return {x.reshaped(features, samples), normal_vector(RandomStream(seed, 2), samples), l2};
    }

    using ModelObjective::gauss_newton;
    using ModelObjective::gauss_newton_diagonal;
    using ModelObjective::gradient;
    using ModelObjective::hessian;
    using ModelObjective::value;
    using ModelObjective::value_and_gradient;

    Index dimension() const override { return inputs_.rows(); }
    Index samples() const override { return inputs_.cols(); }
    Index outputs() const override { return 1; }

    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override {
        const Vector r = residuals(w, batch);
        const auto m = static_cast<double>(batch.size());
        return {r.squaredNorm() / (2.0 * m) + 0.5 * (l2_ * w).dot(w), inputs(batch) * r / m + l2_ * w};
    }
    SymmetricOperator hessian(VectorView, const Batch& batch) const override {
        const Matrix x = inputs(batch);
        const Index n = dimension();
        return dense_operator(x * x.transpose() / static_cast<double>(batch.size()) + l2_ * Matrix::Identity(n, n));
    }
    SymmetricOperator gauss_newton(VectorView w, const Batch& batch) const override { return hessian(w, batch); }
    Vector gauss_newton_diagonal(VectorView, const Batch& batch) const override {
        return (inputs(batch).rowwise().squaredNorm() / static_cast<double>(batch.size())).array() + l2_;
    }
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override {
        const Vector penalty = l2_ * w;
        return (inputs(batch) * residuals(w, batch).asDiagonal()).colwise() + penalty;
    }
    Matrix sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const override {
        const RandomStream labels(seed, 3);
        const Vector noise = Vector::NullaryExpr(
            batch.size(), [&](Index i) { return labels.normal(static_cast<std::uint64_t>(batch[i])); });
        const Vector penalty = l2_ * w;
        return (inputs(batch) * noise.asDiagonal()).colwise() + penalty;
    }

    const Matrix& inputs() const { return inputs_; }

private:
    Matrix inputs(const Batch& batch) const {
        Matrix x(dimension(), batch.size());
        for (Index i = 0; i < batch.size(); ++i) x.col(i) = inputs_.col(batch[i]);
        return x;
    }
    Vector residuals(VectorView w, const Batch& batch) const {
        const Vector y = Vector::NullaryExpr(batch.size(), [&](Index i) { return targets_(batch[i]); });
        return inputs(batch).transpose() * w - y;
    }

    Matrix inputs_;
    Vector targets_;
    double l2_;
};

} // namespace hessq::test
