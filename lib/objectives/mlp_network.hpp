#pragma once

#include "hessq/core/parallel.hpp"
#include "hessq/objectives/mlp.hpp"

#include <algorithm>
#include <vector>

namespace hessq {

/// Where layer l (z_l = W_l a_l + b_l) lives in a parameter vector. Layers count from 0; a_0 is the data.
struct MlpLayer {
    Index inputs, outputs, weight_offset, bias_offset;

    Index parameters() const { return (inputs + 1) * outputs; }

    /// W_l', inputs x outputs: the row-major W_l as it lies in memory, so a layer applied to samples in rows is a_l
    /// W_l'.
    Eigen::Map<const Matrix> weights(const double* w) const { return {w + weight_offset, inputs, outputs}; }
    Eigen::Map<Matrix> weights(double* w) const { return {w + weight_offset, inputs, outputs}; }
    Eigen::Map<const Eigen::RowVectorXd> bias(const double* w) const { return {w + bias_offset, outputs}; }
    Eigen::Map<Eigen::RowVectorXd> bias(double* w) const { return {w + bias_offset, outputs}; }
};

/// The forward pass of one chunk of samples. A sample is a row, so that a quantity of one unit is contiguous.
struct MlpForward {
    std::vector<Matrix> input;  ///< (a_l, 1): what layer l sees, and the constant that its bias multiplies
    std::vector<Matrix> slope;  ///< s'(z_l) of hidden layer l
    std::vector<Matrix> second; ///< s''(z_l) of hidden layer l, when asked for
    Matrix outputs;             ///< z of the last layer
};

/// What curvature needs of a chunk. Deltas are per sample, not divided by the batch size.
struct MlpPass {
    std::vector<Matrix> input; ///< (a_l, 1)
    std::vector<Matrix> slope; ///< s'(z_l)
    std::vector<Matrix> bend;  ///< s''(z_l) d loss / d a_{l+1}
    std::vector<Matrix> delta; ///< d loss / d z_l
    Matrix mean;               ///< OutputLoss::mean

    Index samples() const { return mean.rows(); }
    auto activations(std::size_t l) const { return input[l].leftCols(input[l].cols() - 1); }
};

/// Several tangents at once. A block of k tangents of a layer with u units is m x (u k) for m samples: column
/// i k + v is unit i of tangent v. Read as (m k) x u, its memory is what one matrix product takes through a layer.
namespace mlp_block {

inline Eigen::Map<Matrix> stacked(Matrix& block, Index units) {
    return {block.data(), block.size() / std::max<Index>(units, 1), units};
}
inline Eigen::Map<const Matrix> stacked(const Matrix& block, Index units) {
    return {block.data(), block.size() / std::max<Index>(units, 1), units};
}

/// Every tangent times the same factor, m x u.
Matrix scaled(const Matrix& block, const Matrix& factor);

} // namespace mlp_block

/// Which sum over samples of second derivatives is asked for.
enum class MlpCurvature {
    hessian,
    gauss_newton, ///< without the terms that carry delta or bend
    second_moment ///< g_s g_s' from the pass's deltas
};

/// What operators share with the objective, and its passes. mlp_products and mlp_dense build on them. The penalty is
/// added by the callers.
struct Mlp::Network {
    Dataset data;
    MlpOptions options;
    std::vector<MlpLayer> layers;
    Index dimension;
    OutputLoss loss;
    Matrix inputs_by_sample; ///< data.inputs with a sample a row

    std::size_t last() const { return layers.size() - 1; }

    Matrix inputs(const Batch& batch) const;
    Matrix targets(const Batch& batch) const;
    Matrix outputs(const double* w, const Batch& batch) const;
    MlpForward forward(const double* w, const Batch& batch, bool second_derivatives) const;
    /// Deltas of all layers from the last one's.
    std::vector<Matrix> backpropagate(const double* w, const std::vector<Matrix>& slope, Matrix output_delta) const;
    MlpPass pass(const double* w, const Batch& batch) const;
    /// The chunks [begin, end) of the batch, in parallel.
    std::vector<MlpPass> passes(const double* w, const Batch& batch, Index begin, Index end) const;
    std::vector<MlpPass> passes(const double* w, const Batch& batch) const {
        return passes(w, batch, 0, chunk_count(batch));
    }
    /// gradient += sum_s delta_l(s) a_l(s)', layer by layer.
    void add_gradient(const std::vector<Matrix>& delta, const std::vector<Matrix>& input, double* gradient) const;
    /// Column s holds the outer product delta_l(s) a_l(s)' of every layer, flattened: n x m.
    Matrix outer_products(const std::vector<Matrix>& delta, const std::vector<Matrix>& input) const;
};

} // namespace hessq
