#include "mlp_products.hpp"

#include "hessq/core/large_matrix.hpp"

#include <algorithm>
#include <utility>

namespace hessq {
namespace {

using mlp_block::scaled;
using mlp_block::stacked;

/// A block of k vectors as the layers take it: both orders of its weights, so that each product below is one large
/// matrix product for all k.
struct Tangents {
    Index count;
    std::vector<Matrix> by_input;  ///< inputs x (outputs k), column i k + v
    std::vector<Matrix> by_output; ///< outputs x (inputs k), column p k + v; not of layer 0
    std::vector<Eigen::RowVectorXd> bias;

    Tangents(const std::vector<MlpLayer>& layers, bool hessian, const Eigen::Ref<const Matrix>& v)
        : count(v.cols()), by_input(layers.size()), by_output(layers.size()), bias(layers.size()) {
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Index in = layers[l].inputs, out = layers[l].outputs;
            by_input[l] = large_matrix(in, out * count);
            bias[l].resize(out * count);
            if (hessian && l > 0) by_output[l] = large_matrix(out, in * count);
            for (Index c = 0; c < count; ++c) {
                const auto weights = layers[l].weights(v.col(c).data());
                for (Index i = 0; i < out; ++i) by_input[l].col(i * count + c) = weights.col(i);
                if (hessian && l > 0)
                    for (Index p = 0; p < in; ++p) by_output[l].col(p * count + c) = weights.row(p).transpose();
                for (Index i = 0; i < out; ++i) bias[l](i * count + c) = v(layers[l].bias_offset + i, c);
            }
        }
    }
};

/// The sums over samples, in the two orders in which products make them; flat, so that sums of chunks can be added.
class Sums {
public:
    Sums(const std::vector<MlpLayer>& layers, bool hessian, Index count) : layers_(layers), count_(count) {
        for (std::size_t l = 0; l < layers.size(); ++l) {
            offsets_.push_back(size_);
            const Index weights = layers[l].inputs * layers[l].outputs;
            size_ += count * (layers[l].parameters() + (hessian && l > 0 ? weights : 0));
        }
        hessian_ = hessian;
    }

    Index size() const { return size_; }

    Eigen::Map<Matrix> by_input(std::size_t l, double* sum) const { // inputs x (outputs k)
        return {sum + offsets_[l], layers_[l].inputs, layers_[l].outputs * count_};
    }
    Eigen::Map<Eigen::RowVectorXd> bias(std::size_t l, double* sum) const {
        return {sum + offsets_[l] + weights(l), layers_[l].outputs * count_};
    }
    Eigen::Map<Matrix> by_output(std::size_t l, double* sum) const { // (inputs k) x outputs
        return {sum + offsets_[l] + weights(l) + layers_[l].outputs * count_, layers_[l].inputs * count_,
                layers_[l].outputs};
    }

    /// Writes the k vectors that the sums stand for.
    void store(double* sum, Eigen::Ref<Matrix> result) const {
        for (std::size_t l = 0; l < layers_.size(); ++l) {
            const MlpLayer& layer = layers_[l];
            for (Index c = 0; c < count_; ++c) {
                auto target = layer.weights(result.col(c).data());
                for (Index i = 0; i < layer.outputs; ++i) {
                    target.col(i) = by_input(l, sum).col(i * count_ + c);
                    result(layer.bias_offset + i, c) = bias(l, sum)(i * count_ + c);
                    if (hessian_ && l > 0)
                        for (Index p = 0; p < layer.inputs; ++p) target(p, i) += by_output(l, sum)(p * count_ + c, i);
                }
            }
        }
    }

private:
    Index weights(std::size_t l) const { return layers_[l].inputs * layers_[l].outputs * count_; }

    const std::vector<MlpLayer>& layers_;
    Index count_;
    bool hessian_ = false;
    Index size_ = 0;
    std::vector<Index> offsets_;
};

/// sum += the curvature of a chunk times the tangents V, by one tangent pass forward and one back:
///   R z_l = R a_l W_l' + a_l V_l' + v_l,   R a_{l+1} = s'(z_l) R z_l,
///   R delta_l = s'(z_l) (R delta_{l+1} W_{l+1} + delta_{l+1} V_{l+1}) + bend_l R z_l,
///   R gradient_l' = a_l' R delta_l + R a_l' delta_l.
/// Gauss-Newton leaves out every term with delta or bend.
/// Source: Pearlmutter (1994), Fast exact multiplication by the Hessian, Neural Computation 6(1).
void add_product(const Mlp::Network& net, const double* w, const MlpPass& pass, bool hessian, const Tangents& v,
                 const Sums& sums, double* sum) {
    const std::size_t last = net.last();
    std::vector<Matrix> z(net.layers.size()), a(net.layers.size()); // R z_l and R a_l
    for (std::size_t l = 0; l <= last; ++l) {
        const MlpLayer& layer = net.layers[l];
        z[l].noalias() = pass.activations(l) * v.by_input[l];
        z[l].rowwise() += v.bias[l];
        if (l > 0) stacked(z[l], layer.outputs).noalias() += stacked(a[l], layer.inputs) * layer.weights(w);
        if (l < last) a[l + 1] = scaled(z[l], pass.slope[l]);
    }
    Matrix delta = net.loss.hessian_product(pass.mean, std::move(z[last]));
    for (std::size_t l = last;; --l) {
        const MlpLayer& layer = net.layers[l];
        sums.by_input(l, sum).noalias() += pass.activations(l).transpose() * delta;
        sums.bias(l, sum) += delta.colwise().sum();
        if (l == 0) break;
        if (hessian) sums.by_output(l, sum).noalias() += a[l].transpose() * pass.delta[l];
        Matrix below(pass.samples(), layer.inputs * v.count);
        stacked(below, layer.inputs).noalias() = stacked(delta, layer.outputs) * layer.weights(w).transpose();
        if (hessian) below.noalias() += pass.delta[l] * v.by_output[l];
        for (Index i = 0; i < layer.inputs; ++i) {
            auto unit = below.middleCols(i * v.count, v.count).array();
            unit.colwise() *= pass.slope[l - 1].col(i).array();
            if (hessian)
                unit += z[l - 1].middleCols(i * v.count, v.count).array().colwise() * pass.bend[l - 1].col(i).array();
        }
        delta = std::move(below);
    }
}

} // namespace

Matrix curvature_product(const Mlp::Network& net, const double* w, const std::vector<MlpPass>& passes,
                         MlpCurvature curvature, MatrixView v) {
    // Vectors that travel together: enough for large matrix products, few enough for the second-level cache.
    constexpr Index together = 4;
    const bool hessian = curvature == MlpCurvature::hessian;
    const auto chunks = static_cast<Index>(passes.size());
    const Index groups = (v.cols() + together - 1) / together;
    const auto add = [&](Index c, const Tangents& tangents, const Sums& sums, double* sum) {
        add_product(net, w, passes[static_cast<std::size_t>(c)], hessian, tangents, sums, sum);
    };
    Matrix result = large_matrix(net.dimension, v.cols());
    const auto columns = [&](Index g) { return std::min(together, v.cols() - g * together); };
    // Few vectors: share out the chunks of samples. Many: the groups, which need no sums between threads.
    // The choice hangs on the block alone, never on the threads.
    constexpr Index many = 4;
    if (groups < many) {
        for (Index g = 0; g < groups; ++g) {
            const Tangents tangents(net.layers, hessian, v.middleCols(g * together, columns(g)));
            const Sums sums(net.layers, hessian, columns(g));
            Matrix sum = parallel_sum(chunks, sums.size(), 1,
                                      [&](Index c, Eigen::Ref<Matrix> total) { add(c, tangents, sums, total.data()); });
            sums.store(sum.data(), result.middleCols(g * together, columns(g)));
        }
    } else {
        parallel_for(groups, [&](Index g) {
            const Tangents tangents(net.layers, hessian, v.middleCols(g * together, columns(g)));
            const Sums sums(net.layers, hessian, columns(g));
            Matrix sum = large_matrix(sums.size(), 1);
            sum.setZero();
            for (Index c = 0; c < chunks; ++c) add(c, tangents, sums, sum.data());
            sums.store(sum.data(), result.middleCols(g * together, columns(g)));
        });
    }
    return result;
}

} // namespace hessq
