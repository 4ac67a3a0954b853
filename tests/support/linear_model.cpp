#include "support/linear_model.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"

#include <utility>

namespace hessq::test {

LinearModel::LinearModel(Matrix inputs, Vector targets, double l2)
    : inputs_(std::move(inputs)), targets_(std::move(targets)), l2_(l2) {}

LinearModel LinearModel::random(Index features, Index samples, std::uint64_t seed, double l2) {
    const Vector x = normal_vector(RandomStream(seed, 1), features * samples);
    return {x.reshaped(features, samples), normal_vector(RandomStream(seed, 2), samples), l2};
}

ValueAndGradient LinearModel::value_and_gradient(VectorView w, const Batch& batch) const {
    const Vector r = residuals(w, batch);
    const auto m = static_cast<double>(batch.size());
    return {r.squaredNorm() / (2.0 * m) + 0.5 * (l2_ * w).dot(w), inputs(batch) * r / m + l2_ * w};
}

SymmetricOperator LinearModel::hessian(VectorView, const Batch& batch) const {
    const Matrix x = inputs(batch);
    const Index n = dimension();
    return dense_operator(x * x.transpose() / static_cast<double>(batch.size()) + l2_ * Matrix::Identity(n, n));
}

Vector LinearModel::gauss_newton_diagonal(VectorView, const Batch& batch) const {
    return (inputs(batch).rowwise().squaredNorm() / static_cast<double>(batch.size())).array() + l2_;
}

Matrix LinearModel::per_sample_gradients(VectorView w, const Batch& batch) const {
    const Vector penalty = l2_ * w;
    return (inputs(batch) * residuals(w, batch).asDiagonal()).colwise() + penalty;
}

Matrix LinearModel::sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const {
    const RandomStream labels(seed, 3);
    const Vector noise =
        Vector::NullaryExpr(batch.size(), [&](Index i) { return labels.normal(static_cast<std::uint64_t>(batch[i])); });
    const Vector penalty = l2_ * w;
    return (inputs(batch) * noise.asDiagonal()).colwise() + penalty;
}

Matrix LinearModel::inputs(const Batch& batch) const {
    Matrix x(dimension(), batch.size());
    for (Index i = 0; i < batch.size(); ++i) x.col(i) = inputs_.col(batch[i]);
    return x;
}

Vector LinearModel::residuals(VectorView w, const Batch& batch) const {
    const Vector y = Vector::NullaryExpr(batch.size(), [&](Index i) { return targets_(batch[i]); });
    return inputs(batch).transpose() * w - y;
}

} // namespace hessq::test
