#include "hessq/objectives/mlp.hpp"

#include "hessq/core/large_matrix.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "mlp_dense.hpp"
#include "mlp_products.hpp"

#include <cmath>
#include <string>
#include <utility>

namespace hessq {
namespace {

constexpr std::uint64_t initial_stream = 0x696e6974; // "init"
constexpr std::uint64_t label_stream = 0x6c6162656c; // "label"

std::shared_ptr<const Mlp::Network> make_network(Dataset data, MlpOptions options, bool single_logit) {
    validate(data);
    for (const Index width : options.hidden) require(width >= 1, "Mlp", "hidden widths must be at least 1", width);
    require(std::isfinite(options.l2) && options.l2 >= 0.0, "Mlp", "l2 must be finite and not negative", options.l2);
    const bool classes = !data.class_names.empty();
    const bool cross_entropy = options.loss == Loss::cross_entropy;
    require(classes == cross_entropy, "Mlp", "cross-entropy needs class labels, squared loss real-valued targets",
            classes ? "squared loss with class labels" : "cross-entropy with real-valued targets");
    require(!single_logit || (cross_entropy && data.classes() == 2), "Mlp",
            "a single logit needs cross-entropy and exactly two classes; number of classes", data.classes());
    const Index outputs = single_logit ? 1 : classes ? data.classes() : data.targets.rows();

    std::vector<MlpLayer> layers;
    Index inputs = data.features();
    Index offset = 0;
    const auto append = [&](Index width) {
        layers.push_back({inputs, width, offset, offset + inputs * width});
        offset += (inputs + 1) * width;
        inputs = width;
    };
    for (const Index width : options.hidden) append(width);
    append(outputs);
    const OutputLoss loss(options.loss, outputs);
    Matrix inputs_by_sample = data.inputs.transpose();
    return std::make_shared<const Mlp::Network>(Mlp::Network{std::move(data), std::move(options), std::move(layers),
                                                             offset, loss, std::move(inputs_by_sample)});
}

} // namespace

Mlp::Mlp(Dataset data, MlpOptions options, bool single_logit)
    : network_(make_network(std::move(data), std::move(options), single_logit)) {}

Index Mlp::dimension() const { return network_->dimension; }
Index Mlp::samples() const { return network_->data.samples(); }
Index Mlp::outputs() const { return network_->layers.back().outputs; }
const Dataset& Mlp::data() const { return network_->data; }
const MlpOptions& Mlp::options() const { return network_->options; }

ParameterLayout Mlp::layout() const {
    ParameterLayout layout;
    for (std::size_t l = 0; l < network_->layers.size(); ++l) {
        const std::string name = "layer" + std::to_string(l);
        layout.append(name + ".weight", network_->layers[l].outputs, network_->layers[l].inputs);
        layout.append(name + ".bias", network_->layers[l].outputs);
    }
    return layout;
}

void Mlp::check(VectorView w, const Batch& batch, std::string_view function) const {
    require_size(w.size(), dimension(), function, "w");
    batch.check(samples(), function);
}

double Mlp::value(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::value");
    const Network& net = *network_;
    const Matrix sum = parallel_sum(chunk_count(batch), 1, 1, [&](Index c, Eigen::Ref<Matrix> total) {
        const Batch part = chunk(batch, c);
        total(0, 0) += net.loss.values(net.outputs(w.data(), part), net.targets(part)).sum();
    });
    return sum(0, 0) / static_cast<double>(batch.size()) + 0.5 * net.options.l2 * w.squaredNorm();
}

ValueAndGradient Mlp::value_and_gradient(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::value_and_gradient");
    const Network& net = *network_;
    const Index n = dimension();
    // The last entry of the sum carries the value.
    const Matrix sum = parallel_sum(chunk_count(batch), n + 1, 1, [&](Index c, Eigen::Ref<Matrix> total) {
        const Batch part = chunk(batch, c);
        const MlpForward f = net.forward(w.data(), part, false);
        const Matrix targets = net.targets(part);
        total(n, 0) += net.loss.values(f.outputs, targets).sum();
        net.add_gradient(net.backpropagate(w.data(), f.slope, net.loss.gradient(net.loss.mean(f.outputs), targets)),
                         f.input, total.data());
    });
    const auto count = static_cast<double>(batch.size());
    return {sum(n, 0) / count + 0.5 * net.options.l2 * w.squaredNorm(), sum.topRows(n) / count + net.options.l2 * w};
}

SymmetricOperator Mlp::curvature(VectorView w, const Batch& batch, bool gauss_newton) const {
    const auto passes = std::make_shared<const std::vector<MlpPass>>(network_->passes(w.data(), batch));
    const MlpCurvature kind = gauss_newton ? MlpCurvature::gauss_newton : MlpCurvature::hessian;
    return SymmetricOperator(
        dimension(),
        [net = network_, point = Vector(w), passes, size = batch.size(), kind](MatrixView v) {
            Matrix result = curvature_product(*net, point.data(), *passes, kind, v);
            result /= static_cast<double>(size); // in place: a copy of a large block costs more than the division
            if (net->options.l2 != 0.0) result += net->options.l2 * v;
            return result;
        },
        gauss_newton ? "Gauss-Newton" : "Hessian");
}

SymmetricOperator Mlp::hessian(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::hessian");
    return curvature(w, batch, false);
}

SymmetricOperator Mlp::gauss_newton(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::gauss_newton");
    return curvature(w, batch, true);
}

Matrix Mlp::dense_curvature(VectorView w, const Batch& batch, bool gauss_newton, const ParameterRange& rows,
                            const ParameterRange& columns) const {
    const Network& net = *network_;
    Matrix result = dense_mean(
        net, w.data(), batch, [&](Index begin, Index end) { return net.passes(w.data(), batch, begin, end); },
        gauss_newton ? MlpCurvature::gauss_newton : MlpCurvature::hessian, rows, columns);
    for (Index i = std::max(rows.offset, columns.offset);
         i < std::min(rows.offset + rows.size, columns.offset + columns.size); ++i)
        result(i - rows.offset, i - columns.offset) += net.options.l2;
    return result;
}

Matrix Mlp::dense_hessian(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::dense_hessian");
    return dense_curvature(w, batch, false, {0, dimension()}, {0, dimension()});
}

Matrix Mlp::dense_hessian_block(VectorView w, const Batch& batch, const ParameterRange& rows,
                                const ParameterRange& columns) const {
    check(w, batch, "Mlp::dense_hessian_block");
    for (const ParameterRange& range : {rows, columns})
        require(range.offset >= 0 && range.size >= 0 && range.size <= dimension() - range.offset,
                "Mlp::dense_hessian_block",
                "rows and columns must lie within the " + std::to_string(dimension()) + " parameters",
                std::to_string(range.size) + " from " + std::to_string(range.offset));
    return dense_curvature(w, batch, false, rows, columns);
}

Matrix Mlp::dense_gauss_newton(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::dense_gauss_newton");
    return dense_curvature(w, batch, true, {0, dimension()}, {0, dimension()});
}

Vector Mlp::hessian_diagonal(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::hessian_diagonal");
    const Network& net = *network_;
    const Vector mean = mean_hessian_diagonal(
        net, w.data(), batch, [&](Index begin, Index end) { return net.passes(w.data(), batch, begin, end); });
    return mean.array() + net.options.l2;
}

Vector Mlp::gauss_newton_diagonal(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::gauss_newton_diagonal");
    const Network& net = *network_;
    // d2l/df2 = sum_c q_c q_c': back-propagate each q_c like a delta; the diagonal sums delta^2 a^2.
    const Matrix sum = parallel_sum(chunk_count(batch), dimension(), 1, [&](Index c, Eigen::Ref<Matrix> total) {
        const MlpForward f = net.forward(w.data(), chunk(batch, c), false);
        const Matrix mean = net.loss.mean(f.outputs);
        std::vector<Matrix> input_squared;
        for (const Matrix& a : f.input) input_squared.push_back(a.cwiseAbs2());
        for (Index k = 0; k < outputs(); ++k) {
            std::vector<Matrix> delta = net.backpropagate(w.data(), f.slope, net.loss.hessian_root_column(mean, k));
            for (Matrix& d : delta) d = d.cwiseAbs2();
            net.add_gradient(delta, input_squared, total.data());
        }
    });
    return (sum.col(0) / static_cast<double>(batch.size())).array() + net.options.l2;
}

namespace {

/// dl/df of a chunk with the labels of the data, and with labels drawn from the model.
auto data_labels(const Mlp::Network& net) {
    return [&net](const Matrix& mean, const Batch& part) { return net.loss.gradient(mean, net.targets(part)); };
}

auto drawn_labels(const Mlp::Network& net, std::uint64_t seed) {
    return [&net, stream = RandomStream(seed, label_stream)](const Matrix& mean, const Batch& part) {
        return net.loss.sampled_gradient(mean, part, stream);
    };
}

} // namespace

Matrix Mlp::per_sample_gradients(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::per_sample_gradients");
    return stack_gradients(w, batch, data_labels(*network_));
}

Matrix Mlp::sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const {
    check(w, batch, "Mlp::sampled_label_gradients");
    return stack_gradients(w, batch, drawn_labels(*network_, seed));
}

Matrix Mlp::gradient_second_moment(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::gradient_second_moment");
    return second_moment(w, batch, data_labels(*network_));
}

Matrix Mlp::sampled_label_second_moment(VectorView w, const Batch& batch, std::uint64_t seed) const {
    check(w, batch, "Mlp::sampled_label_second_moment");
    return second_moment(w, batch, drawn_labels(*network_, seed));
}

template <class OutputDelta>
Matrix Mlp::stack_gradients(VectorView w, const Batch& batch, const OutputDelta& output_delta) const {
    const Network& net = *network_;
    Matrix gradients = large_matrix(dimension(), batch.size());
    parallel_for(chunk_count(batch), [&](Index c) {
        const Batch part = chunk(batch, c);
        const MlpForward f = net.forward(w.data(), part, false);
        gradients.middleCols(chunk_begin(batch, c), part.size()) = net.outer_products(
            net.backpropagate(w.data(), f.slope, output_delta(net.loss.mean(f.outputs), part)), f.input);
    });
    if (net.options.l2 != 0.0) gradients.colwise() += net.options.l2 * w;
    return gradients;
}

template <class OutputDelta>
Matrix Mlp::second_moment(VectorView w, const Batch& batch, const OutputDelta& output_delta) const {
    const Network& net = *network_;
    const Index n = dimension();
    Vector mean = Vector::Zero(n);
    const auto passes = [&](Index begin, Index end) {
        std::vector<MlpPass> result(static_cast<std::size_t>(end - begin));
        parallel_for(end - begin, [&](Index c) {
            const Batch part = chunk(batch, begin + c);
            MlpForward f = net.forward(w.data(), part, false);
            MlpPass& pass = result[static_cast<std::size_t>(c)];
            pass.mean = net.loss.mean(f.outputs);
            pass.delta = net.backpropagate(w.data(), f.slope, output_delta(pass.mean, part));
            pass.input = std::move(f.input);
        });
        for (const MlpPass& pass : result) net.add_gradient(pass.delta, pass.input, mean.data());
        return result;
    };
    Matrix result = dense_mean(net, w.data(), batch, passes, MlpCurvature::second_moment, {0, n}, {0, n});
    if (net.options.l2 != 0.0) { // g_s = h_s + l2 w
        mean /= static_cast<double>(batch.size());
        const Vector shift = net.options.l2 * w;
        result += shift * (mean + shift).transpose() + mean * shift.transpose();
    }
    return result;
}

Matrix Mlp::predict(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::predict");
    Matrix predictions(outputs(), batch.size());
    parallel_for(chunk_count(batch), [&](Index c) {
        const Batch part = chunk(batch, c);
        predictions.middleCols(chunk_begin(batch, c), part.size()) = network_->outputs(w.data(), part).transpose();
    });
    return predictions;
}

Vector Mlp::initial_parameters(std::uint64_t seed) const {
    const RandomStream stream(seed, initial_stream);
    Vector w(dimension());
    for (const MlpLayer& layer : network_->layers) {
        const double bound = 1.0 / std::sqrt(static_cast<double>(layer.inputs));
        const Index end = layer.bias_offset + layer.outputs;
        for (Index i = layer.weight_offset; i < end; ++i)
            w(i) = bound * (2.0 * stream.uniform(static_cast<std::uint64_t>(i)) - 1.0);
    }
    return w;
}

Mlp linear_regression(Dataset data, double l2) {
    return Mlp(std::move(data), {.hidden = {}, .activation = Activation::identity, .loss = Loss::squared, .l2 = l2});
}

Mlp logistic_regression(Dataset data, double l2) {
    return Mlp(std::move(data),
               {.hidden = {}, .activation = Activation::identity, .loss = Loss::cross_entropy, .l2 = l2}, true);
}

Mlp softmax_regression(Dataset data, double l2) {
    return Mlp(std::move(data),
               {.hidden = {}, .activation = Activation::identity, .loss = Loss::cross_entropy, .l2 = l2});
}

} // namespace hessq
