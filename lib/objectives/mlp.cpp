#include "hessq/objectives/mlp.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace hessq {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::uint64_t initial_stream = 0x696e6974; // "init"
constexpr std::uint64_t label_stream = 0x6c6162656c; // "label"

/// Where layer l (z_l = W_l a_l + b_l) lives in a parameter vector. Layers count from 0; a_0 is the data.
struct Layer {
    Index inputs, outputs, weight_offset, bias_offset;

    Eigen::Map<const RowMajor> weight(const double* w) const { return {w + weight_offset, outputs, inputs}; }
    Eigen::Map<RowMajor> weight(double* w) const { return {w + weight_offset, outputs, inputs}; }
    Eigen::Map<const Vector> bias(const double* w) const { return {w + bias_offset, outputs}; }
    Eigen::Map<Vector> bias(double* w) const { return {w + bias_offset, outputs}; }
};

/// The forward pass of one chunk of samples; a sample is a column.
struct Forward {
    std::vector<Matrix> input;  ///< a_l, what layer l sees
    std::vector<Matrix> slope;  ///< s'(z_l) of hidden layer l
    std::vector<Matrix> second; ///< s''(z_l) of hidden layer l
    Matrix outputs;             ///< z of the last layer
};

/// What Hessian and Gauss-Newton products need of a chunk. Deltas are per sample, not divided by the batch size.
struct Pass {
    std::vector<Matrix> input; ///< a_l
    std::vector<Matrix> slope; ///< s'(z_l)
    std::vector<Matrix> bend;  ///< s''(z_l) d loss / d a_{l+1}
    std::vector<Matrix> delta; ///< d loss / d z_l
    Matrix mean;               ///< OutputLoss::mean

    Index samples() const { return mean.cols(); }
};

Matrix gather(const Matrix& columns, const Batch& batch) {
    Matrix gathered(columns.rows(), batch.size());
    for (Index s = 0; s < batch.size(); ++s) gathered.col(s) = columns.col(batch[s]);
    return gathered;
}

enum class Curvature { hessian, gauss_newton };

} // namespace

struct Mlp::Network {
    Dataset data;
    MlpOptions options;
    std::vector<Layer> layers;
    Index dimension;
    OutputLoss loss;

    std::size_t last() const { return layers.size() - 1; }

    Matrix affine(std::size_t l, const double* w, const Matrix& input) const {
        Matrix z(layers[l].outputs, input.cols());
        z.noalias() = layers[l].weight(w) * input;
        z.colwise() += layers[l].bias(w);
        return z;
    }

    Matrix outputs(const double* w, const Batch& batch) const {
        Matrix z = affine(0, w, gather(data.inputs, batch));
        for (std::size_t l = 1; l < layers.size(); ++l) z = affine(l, w, activate(options.activation, z));
        return z;
    }

    Forward forward(const double* w, const Batch& batch) const {
        Forward f;
        f.input.push_back(gather(data.inputs, batch));
        for (std::size_t l = 0; l < last(); ++l) {
            ActivationDerivatives a = activation_derivatives(options.activation, affine(l, w, f.input[l]));
            f.input.push_back(std::move(a.value));
            f.slope.push_back(std::move(a.first));
            f.second.push_back(std::move(a.second));
        }
        f.outputs = affine(last(), w, f.input[last()]);
        return f;
    }

    /// d loss / d a_{l+1} = W_{l+1}' delta_{l+1}.
    Matrix back(std::size_t l, const double* w, const Matrix& delta_above) const {
        Matrix result(layers[l + 1].inputs, delta_above.cols());
        result.noalias() = layers[l + 1].weight(w).transpose() * delta_above;
        return result;
    }

    /// Deltas of all layers from the last one's.
    std::vector<Matrix> backpropagate(const double* w, const std::vector<Matrix>& slope, Matrix output_delta) const {
        std::vector<Matrix> delta(layers.size());
        delta[last()] = std::move(output_delta);
        for (std::size_t l = last(); l-- > 0;) delta[l] = back(l, w, delta[l + 1]).cwiseProduct(slope[l]);
        return delta;
    }

    Pass pass(const double* w, const Batch& batch) const {
        Forward f = forward(w, batch);
        Pass pass;
        pass.mean = loss.mean(f.outputs);
        pass.delta = backpropagate(w, f.slope, loss.gradient(pass.mean, gather(data.targets, batch)));
        for (std::size_t l = 0; l < last(); ++l)
            pass.bend.push_back(back(l, w, pass.delta[l + 1]).cwiseProduct(f.second[l]));
        pass.input = std::move(f.input);
        pass.slope = std::move(f.slope);
        return pass;
    }

    std::vector<Pass> passes(const Vector& w, const Batch& batch) const {
        std::vector<Pass> passes(static_cast<std::size_t>(chunk_count(batch)));
        parallel_for(chunk_count(batch),
                     [&](Index c) { passes[static_cast<std::size_t>(c)] = pass(w.data(), chunk(batch, c)); });
        return passes;
    }

    /// gradient += sum_s delta_l(s) a_l(s)', layer by layer.
    void add_gradient(const std::vector<Matrix>& delta, const std::vector<Matrix>& input, double* gradient) const {
        for (std::size_t l = 0; l < layers.size(); ++l) {
            layers[l].weight(gradient).noalias() += delta[l] * input[l].transpose();
            layers[l].bias(gradient) += delta[l].rowwise().sum();
        }
    }

    /// Column s holds the outer product delta_l(s) a_l(s)' of every layer, flattened.
    Matrix outer_products(const std::vector<Matrix>& delta, const std::vector<Matrix>& input) const {
        Matrix columns(dimension, input[0].cols());
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Layer& layer = layers[l];
            for (Index i = 0; i < layer.outputs; ++i)
                columns.middleRows(layer.weight_offset + i * layer.inputs, layer.inputs) =
                    input[l] * delta[l].row(i).asDiagonal();
            columns.middleRows(layer.bias_offset, layer.outputs) = delta[l];
        }
        return columns;
    }

    /// result += sum_s of the curvature of loss_s times v, by one tangent pass forward and one back:
    ///   R z_l = W_l R a_l + V_l a_l + v_l,   R a_{l+1} = s'(z_l) R z_l,
    ///   R delta_l = s'(z_l) (W_{l+1}' R delta_{l+1} + V_{l+1}' delta_{l+1}) + bend_l R z_l,
    ///   R gradient_l = R delta_l a_l' + delta_l R a_l'.
    /// Gauss-Newton leaves out every term with delta or bend.
    /// Source: Pearlmutter (1994), Fast exact multiplication by the Hessian, Neural Computation 6(1).
    void add_product(const double* w, const Pass& pass, Curvature curvature, const double* v, double* result) const {
        const bool hessian = curvature == Curvature::hessian;
        std::vector<Matrix> tangent_z(layers.size()), tangent_input(layers.size());
        for (std::size_t l = 0; l < layers.size(); ++l) {
            tangent_z[l] = affine(l, v, pass.input[l]);
            if (l > 0) tangent_z[l].noalias() += layers[l].weight(w) * tangent_input[l];
            if (l < last()) tangent_input[l + 1] = tangent_z[l].cwiseProduct(pass.slope[l]);
        }
        Matrix tangent_delta = loss.hessian_product(pass.mean, tangent_z[last()]);
        for (std::size_t l = layers.size(); l-- > 0;) {
            layers[l].weight(result).noalias() += tangent_delta * pass.input[l].transpose();
            if (hessian && l > 0) layers[l].weight(result).noalias() += pass.delta[l] * tangent_input[l].transpose();
            layers[l].bias(result) += tangent_delta.rowwise().sum();
            if (l == 0) break;
            Matrix below = back(l - 1, w, tangent_delta);
            if (hessian) below.noalias() += layers[l].weight(v).transpose() * pass.delta[l];
            tangent_delta = below.cwiseProduct(pass.slope[l - 1]);
            if (hessian) tangent_delta += pass.bend[l - 1].cwiseProduct(tangent_z[l - 1]);
        }
    }

    Matrix product(const Vector& w, const std::vector<Pass>& passes, Index batch_size, Curvature curvature,
                   MatrixView v) const {
        const auto chunks = static_cast<Index>(passes.size());
        const auto add = [&](Index c, Index j, double* result) {
            add_product(w.data(), passes[static_cast<std::size_t>(c)], curvature, v.col(j).data(), result);
        };
        Matrix result;
        // Few columns: share out the chunks of samples. Many: the columns, which need no sums between threads.
        // The choice hangs on the block alone, never on the threads.
        constexpr Index few = 8;
        if (v.cols() < few) {
            result = parallel_sum(chunks, dimension, v.cols(), [&](Index c, Eigen::Ref<Matrix> sum) {
                for (Index j = 0; j < v.cols(); ++j) add(c, j, sum.col(j).data());
            });
        } else {
            result = Matrix::Zero(dimension, v.cols());
            parallel_for(v.cols(), [&](Index j) {
                for (Index c = 0; c < chunks; ++c) add(c, j, result.col(j).data());
            });
        }
        result /= static_cast<double>(batch_size);
        if (options.l2 != 0.0) result += options.l2 * v;
        return result;
    }

    /// Adds the columns of the summed Hessian that belong to unit `unit` of layer `l`, for the rows of layer l and
    /// above (in layer l only units >= unit); the rest follows by symmetry.
    ///
    /// One tangent pass for a unit change of z_l(unit) in every sample gives R delta_k and R a_k; then
    ///   d2 loss / dW_k(i, .) dW_l(unit, .) = sum_s [R delta_k(i) a_k + delta_k(i) R a_k] a_l'.
    void add_hessian_columns(const double* w, const Pass& pass, std::size_t l, Index unit, Matrix& hessian) const {
        const Index samples = pass.samples();
        std::vector<Matrix> tangent_z(layers.size()), tangent_input(layers.size()), tangent_delta(layers.size());
        tangent_z[l] = Matrix::Zero(layers[l].outputs, samples);
        tangent_z[l].row(unit).setOnes();
        for (std::size_t k = l; k < last(); ++k) {
            tangent_input[k + 1] = tangent_z[k].cwiseProduct(pass.slope[k]);
            tangent_z[k + 1].noalias() = layers[k + 1].weight(w) * tangent_input[k + 1];
        }
        tangent_delta[last()] = loss.hessian_product(pass.mean, tangent_z[last()]);
        for (std::size_t k = last(); k-- > l;)
            tangent_delta[k] =
                back(k, w, tangent_delta[k + 1]).cwiseProduct(pass.slope[k]) + pass.bend[k].cwiseProduct(tangent_z[k]);

        const Matrix& right = pass.input[l];
        const Index column = layers[l].weight_offset + unit * layers[l].inputs;
        const Index bias_column = layers[l].bias_offset + unit;
        for (std::size_t k = l; k < layers.size(); ++k) {
            const Layer& layer = layers[k];
            Matrix left(layer.inputs, samples);
            for (Index i = k == l ? unit : 0; i < layer.outputs; ++i) {
                left.noalias() = pass.input[k] * tangent_delta[k].row(i).asDiagonal();
                if (k > l) left.noalias() += tangent_input[k] * pass.delta[k].row(i).asDiagonal();
                const Index row = layer.weight_offset + i * layer.inputs;
                hessian.block(row, column, layer.inputs, right.rows()).noalias() += left * right.transpose();
                hessian.block(row, bias_column, layer.inputs, 1) += left.rowwise().sum();
                hessian.block(layer.bias_offset + i, column, 1, right.rows()).noalias() +=
                    tangent_delta[k].row(i) * right.transpose();
                hessian(layer.bias_offset + i, bias_column) += tangent_delta[k].row(i).sum();
            }
        }
    }
};

namespace {

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

    std::vector<Layer> layers;
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
    return std::make_shared<const Mlp::Network>(
        Mlp::Network{std::move(data), std::move(options), std::move(layers), offset, loss});
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
        total(0, 0) += net.loss.values(net.outputs(w.data(), part), gather(net.data.targets, part)).sum();
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
        const Forward f = net.forward(w.data(), part);
        const Matrix targets = gather(net.data.targets, part);
        total(n, 0) += net.loss.values(f.outputs, targets).sum();
        net.add_gradient(net.backpropagate(w.data(), f.slope, net.loss.gradient(net.loss.mean(f.outputs), targets)),
                         f.input, total.data());
    });
    const auto count = static_cast<double>(batch.size());
    return {sum(n, 0) / count + 0.5 * net.options.l2 * w.squaredNorm(), sum.topRows(n) / count + net.options.l2 * w};
}

SymmetricOperator Mlp::curvature(VectorView w, const Batch& batch, bool gauss_newton) const {
    const auto passes = std::make_shared<const std::vector<Pass>>(network_->passes(w, batch));
    const Curvature kind = gauss_newton ? Curvature::gauss_newton : Curvature::hessian;
    return SymmetricOperator(
        dimension(),
        [net = network_, point = Vector(w), passes, size = batch.size(), kind](MatrixView v) {
            return net->product(point, *passes, size, kind, v);
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

Matrix Mlp::dense_hessian(VectorView w) const {
    const Batch batch = Batch::all(samples());
    check(w, batch, "Mlp::dense_hessian");
    const Network& net = *network_;
    const Index n = dimension();
    const std::vector<Pass> passes = net.passes(w, batch);

    std::vector<std::pair<std::size_t, Index>> units; // every unit owns columns: nothing is shared between tasks
    for (std::size_t l = 0; l < net.layers.size(); ++l)
        for (Index i = 0; i < net.layers[l].outputs; ++i) units.emplace_back(l, i);

    Matrix hessian = Matrix::Zero(n, n);
    parallel_for(static_cast<Index>(units.size()), [&](Index u) {
        const auto [layer, unit] = units[static_cast<std::size_t>(u)];
        for (const Pass& pass : passes) net.add_hessian_columns(w.data(), pass, layer, unit, hessian);
    });
    hessian /= static_cast<double>(batch.size());

    // Computed is every block (unit b, unit a) with a <= b in the order of `units`. That is not a triangle of the
    // matrix, because the biases of a layer follow all of its weights, so the mirror image goes block by block.
    const auto rows_of = [&](std::pair<std::size_t, Index> unit) {
        const Layer& layer = net.layers[unit.first];
        return std::pair{layer.weight_offset + unit.second * layer.inputs, layer.inputs};
    };
    for (std::size_t a = 0; a < units.size(); ++a) {
        const auto [begin, size] = rows_of(units[a]);
        const Index bias = net.layers[units[a].first].bias_offset + units[a].second;
        auto own = hessian.block(begin, begin, size, size);
        own.triangularView<Eigen::StrictlyUpper>() = own.transpose();
        hessian.block(bias, begin, 1, size) = hessian.block(begin, bias, size, 1).transpose();
        for (std::size_t b = a + 1; b < units.size(); ++b) {
            const auto [row, rows] = rows_of(units[b]);
            const auto [column, columns] = rows_of(units[a]);
            const Index bias_row = net.layers[units[b].first].bias_offset + units[b].second;
            const Index bias_column = net.layers[units[a].first].bias_offset + units[a].second;
            hessian.block(column, row, columns, rows) = hessian.block(row, column, rows, columns).transpose();
            hessian.block(bias_column, row, 1, rows) = hessian.block(row, bias_column, rows, 1).transpose();
            hessian.block(column, bias_row, columns, 1) = hessian.block(bias_row, column, 1, columns).transpose();
            hessian(bias_column, bias_row) = hessian(bias_row, bias_column);
        }
    }
    hessian.diagonal().array() += net.options.l2;
    require_finite(hessian, "Hessian");
    return hessian;
}

Vector Mlp::gauss_newton_diagonal(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::gauss_newton_diagonal");
    const Network& net = *network_;
    // d2l/df2 = sum_c q_c q_c': back-propagate each q_c like a delta; the diagonal sums delta^2 a^2.
    const Matrix sum = parallel_sum(chunk_count(batch), dimension(), 1, [&](Index c, Eigen::Ref<Matrix> total) {
        Forward f = net.forward(w.data(), chunk(batch, c));
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

Matrix Mlp::per_sample_gradients(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::per_sample_gradients");
    return stack_gradients(w, batch, [this](const Matrix& mean, const Batch& part) {
        return network_->loss.gradient(mean, gather(network_->data.targets, part));
    });
}

Matrix Mlp::sampled_label_gradients(VectorView w, const Batch& batch, std::uint64_t seed) const {
    check(w, batch, "Mlp::sampled_label_gradients");
    const RandomStream stream(seed, label_stream);
    return stack_gradients(w, batch, [this, &stream](const Matrix& mean, const Batch& part) {
        return network_->loss.sampled_gradient(mean, part, stream);
    });
}

template <class OutputDelta>
Matrix Mlp::stack_gradients(VectorView w, const Batch& batch, const OutputDelta& output_delta) const {
    const Network& net = *network_;
    Matrix gradients(dimension(), batch.size());
    parallel_for(chunk_count(batch), [&](Index c) {
        const Batch part = chunk(batch, c);
        const Forward f = net.forward(w.data(), part);
        gradients.middleCols(c * sample_chunk, part.size()) = net.outer_products(
            net.backpropagate(w.data(), f.slope, output_delta(net.loss.mean(f.outputs), part)), f.input);
    });
    if (net.options.l2 != 0.0) gradients.colwise() += net.options.l2 * w;
    return gradients;
}

Matrix Mlp::predict(VectorView w, const Batch& batch) const {
    check(w, batch, "Mlp::predict");
    Matrix predictions(outputs(), batch.size());
    parallel_for(chunk_count(batch), [&](Index c) {
        const Batch part = chunk(batch, c);
        predictions.middleCols(c * sample_chunk, part.size()) = network_->outputs(w.data(), part);
    });
    return predictions;
}

Vector Mlp::initial_parameters(std::uint64_t seed) const {
    const RandomStream stream(seed, initial_stream);
    Vector w(dimension());
    for (const Layer& layer : network_->layers) {
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
