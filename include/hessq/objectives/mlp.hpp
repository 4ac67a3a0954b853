#pragma once

#include "hessq/datasets/dataset.hpp"
#include "hessq/objectives/activation.hpp"
#include "hessq/objectives/loss.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct MlpOptions {
    std::vector<Index> hidden = {};           ///< widths of the hidden layers; none: a linear model
    Activation activation = Activation::tanh; ///< after every hidden layer; the output is linear
    Loss loss = Loss::cross_entropy;
    double l2 = 0.0; ///< adds l2 / 2 |w|^2, over weights and biases alike
};

/// A fully connected network f(x) = W_L s(... s(W_1 x + b_1) ...) + b_L with the mean loss over the samples of a
/// data set. With no hidden layers it is linear, logistic or softmax regression.
///
/// Conventions   The loss is the mean over samples; squared loss carries the factor 1/2 and sums over outputs.
///               Parameters are flattened as PyTorch does: layer by layer, weight (out x in, row-major), then bias;
///               groups are named "layer0.weight", "layer0.bias", ...
/// Cost          All work is matrix products over chunks of at most 256 samples. With n_0 the parameters of the first
///               layer and n_+ those of all others, a gradient is 4 n_0 + 6 n_+ flops a sample, a Hessian product with
///               the pass kept 4 n_0 + 12 n_+. The exact Hessian, Gauss-Newton matrix or E gg' is n_l^2 / 2 flops a
///               sample for every layer and 2 n_k n_l for every pair of layers, and needs 64 MiB and the passes of 2048
///               samples beside the matrix.
class Mlp final : public ModelObjective {
public:
    /// Classes with two names and one output unit (logistic) when `options.loss` is cross-entropy and
    /// `single_logit` is true; otherwise one output for each class or target row.
    ///
    /// Throws     std::invalid_argument if a width is below 1, l2 < 0, or the loss does not fit the targets;
    ///            InputError if the data are not valid.
    Mlp(Dataset data, MlpOptions options, bool single_logit = false);

    Index dimension() const override;
    Index samples() const override;
    Index outputs() const override;
    ParameterLayout layout() const override;
    const Dataset& data() const;
    const MlpOptions& options() const;

    using ModelObjective::dense_gauss_newton;
    using ModelObjective::dense_hessian;
    using ModelObjective::dense_hessian_block;
    using ModelObjective::gauss_newton;
    using ModelObjective::gauss_newton_diagonal;
    using ModelObjective::gradient;
    using ModelObjective::hessian;
    using ModelObjective::hessian_diagonal;
    using ModelObjective::value;
    using ModelObjective::value_and_gradient;
    double value(VectorView w, const Batch& batch) const override;
    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override;
    SymmetricOperator hessian(VectorView w, const Batch& batch) const override;
    Matrix dense_hessian(VectorView w, const Batch& batch) const override;
    Matrix dense_hessian_block(VectorView w, const Batch& batch, const ParameterRange& rows,
                               const ParameterRange& columns) const override;
    Vector hessian_diagonal(VectorView w, const Batch& batch) const override;
    SymmetricOperator gauss_newton(VectorView w, const Batch& batch) const override;
    Matrix dense_gauss_newton(VectorView w, const Batch& batch) const override;
    Vector gauss_newton_diagonal(VectorView w, const Batch& batch) const override;
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override;
    Matrix gradient_second_moment(VectorView w, const Batch& batch) const override;
    Matrix sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const override;
    Matrix sampled_label_second_moment(VectorView w, const Batch& batch, std::uint64_t seed) const override;

    /// f(x_s; w) for the samples of the batch: outputs x |batch|.
    Matrix predict(VectorView w, const Batch& batch) const;

    /// PyTorch's default initialisation of nn.Linear: weights and biases uniform in +-1/sqrt(inputs of the layer).
    Vector initial_parameters(std::uint64_t seed) const;

    struct Network; ///< what operators share with the objective

private:
    void check(VectorView w, const Batch& batch, std::string_view function) const;
    SymmetricOperator curvature(VectorView w, const Batch& batch, bool gauss_newton) const;
    Matrix dense_curvature(VectorView w, const Batch& batch, bool gauss_newton, const ParameterRange& rows,
                           const ParameterRange& columns) const;
    template <class OutputDelta>
    Matrix stack_gradients(VectorView w, const Batch& batch, const OutputDelta& output_delta) const;
    template <class OutputDelta>
    Matrix second_moment(VectorView w, const Batch& batch, const OutputDelta& output_delta) const;

    std::shared_ptr<const Network> network_;
};

/// 1/2 (a'x + b - y)^2, mean over samples; n = features + 1. For several target rows the sum over rows.
Mlp linear_regression(Dataset data, double l2 = 0.0);

/// -ln sigmoid(+-(a'x + b)), mean over samples, for exactly two classes; class 1 is the positive one.
Mlp logistic_regression(Dataset data, double l2 = 0.0);

/// -ln softmax(W x + b)_y, mean over samples. Shifting all logits changes nothing, so the Hessian has at least
/// features + 1 zero eigenvalues.
Mlp softmax_regression(Dataset data, double l2 = 0.0);

} // namespace hessq
#pragma GCC visibility pop
