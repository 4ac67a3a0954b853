#include "mlp_network.hpp"

#include <utility>

namespace hessq {
namespace {

/// A matrix for (a, 1), the last column set.
Matrix with_constant(Index samples, Index units) {
    Matrix result(samples, units + 1);
    result.col(units).setOnes();
    return result;
}

template <class Result>
void affine(const MlpLayer& layer, const double* w, const Matrix& input, Result&& z) {
    z.noalias() = input.leftCols(layer.inputs) * layer.weights(w);
    z.rowwise() += layer.bias(w);
}

} // namespace

Matrix Mlp::Network::inputs(const Batch& batch) const {
    Matrix rows = with_constant(batch.size(), data.features());
    for (Index f = 0; f < data.features(); ++f)
        if (batch.is_range())
            rows.col(f) = inputs_by_sample.col(f).segment(batch[0], batch.size());
        else
            for (Index s = 0; s < batch.size(); ++s) rows(s, f) = inputs_by_sample(batch[s], f);
    return rows;
}

Matrix Mlp::Network::targets(const Batch& batch) const {
    Matrix rows(batch.size(), data.targets.rows());
    for (Index s = 0; s < batch.size(); ++s) rows.row(s) = data.targets.col(batch[s]).transpose();
    return rows;
}

Matrix Mlp::Network::outputs(const double* w, const Batch& batch) const {
    Matrix input = inputs(batch);
    for (std::size_t l = 0; l < last(); ++l) {
        Matrix next = with_constant(batch.size(), layers[l].outputs);
        auto units = next.leftCols(layers[l].outputs);
        affine(layers[l], w, input, units);
        apply_activation(options.activation, units);
        input = std::move(next);
    }
    Matrix z(batch.size(), layers[last()].outputs);
    affine(layers[last()], w, input, z);
    return z;
}

MlpForward Mlp::Network::forward(const double* w, const Batch& batch, bool second_derivatives) const {
    MlpForward f;
    f.input.push_back(inputs(batch));
    if (second_derivatives) f.second.resize(last());
    for (std::size_t l = 0; l < last(); ++l) {
        Matrix next = with_constant(batch.size(), layers[l].outputs);
        auto units = next.leftCols(layers[l].outputs);
        affine(layers[l], w, f.input[l], units);
        f.slope.emplace_back();
        apply_activation(options.activation, units, &f.slope[l], second_derivatives ? &f.second[l] : nullptr);
        f.input.push_back(std::move(next));
    }
    f.outputs.resize(batch.size(), layers[last()].outputs);
    affine(layers[last()], w, f.input[last()], f.outputs);
    return f;
}

std::vector<Matrix> Mlp::Network::backpropagate(const double* w, const std::vector<Matrix>& slope,
                                                Matrix output_delta) const {
    std::vector<Matrix> delta(layers.size());
    delta[last()] = std::move(output_delta);
    for (std::size_t l = last(); l-- > 0;) {
        delta[l].noalias() = delta[l + 1] * layers[l + 1].weights(w).transpose();
        delta[l].array() *= slope[l].array();
    }
    return delta;
}

MlpPass Mlp::Network::pass(const double* w, const Batch& batch) const {
    MlpForward f = forward(w, batch, true);
    MlpPass pass;
    pass.mean = loss.mean(f.outputs);
    pass.delta.resize(layers.size());
    pass.bend.resize(last());
    pass.delta[last()] = loss.gradient(pass.mean, targets(batch));
    for (std::size_t l = last(); l-- > 0;) {
        Matrix below(batch.size(), layers[l].outputs); // d loss / d a_{l+1} = delta_{l+1} W_{l+1}
        below.noalias() = pass.delta[l + 1] * layers[l + 1].weights(w).transpose();
        pass.bend[l] = below.cwiseProduct(f.second[l]);
        pass.delta[l] = below.cwiseProduct(f.slope[l]);
    }
    pass.input = std::move(f.input);
    pass.slope = std::move(f.slope);
    return pass;
}

std::vector<MlpPass> Mlp::Network::passes(const double* w, const Batch& batch, Index begin, Index end) const {
    std::vector<MlpPass> passes(static_cast<std::size_t>(end - begin));
    parallel_for(end - begin, [&](Index c) { passes[static_cast<std::size_t>(c)] = pass(w, chunk(batch, begin + c)); });
    return passes;
}

void Mlp::Network::add_gradient(const std::vector<Matrix>& delta, const std::vector<Matrix>& input,
                                double* gradient) const {
    for (std::size_t l = 0; l < layers.size(); ++l) {
        layers[l].weights(gradient).noalias() += input[l].leftCols(layers[l].inputs).transpose() * delta[l];
        layers[l].bias(gradient) += delta[l].colwise().sum();
    }
}

Matrix Mlp::Network::outer_products(const std::vector<Matrix>& delta, const std::vector<Matrix>& input) const {
    Matrix columns(dimension, input[0].rows());
    for (std::size_t l = 0; l < layers.size(); ++l) {
        const MlpLayer& layer = layers[l];
        const Matrix a = input[l].leftCols(layer.inputs).transpose();
        for (Index i = 0; i < layer.outputs; ++i)
            columns.middleRows(layer.weight_offset + i * layer.inputs, layer.inputs) = a * delta[l].col(i).asDiagonal();
        columns.middleRows(layer.bias_offset, layer.outputs) = delta[l].transpose();
    }
    return columns;
}

Matrix mlp_block::scaled(const Matrix& block, const Matrix& factor) {
    Matrix result(block.rows(), block.cols());
    const Index k = block.cols() / factor.cols();
    for (Index i = 0; i < factor.cols(); ++i)
        result.middleCols(i * k, k) = block.middleCols(i * k, k).array().colwise() * factor.col(i).array();
    return result;
}

} // namespace hessq
