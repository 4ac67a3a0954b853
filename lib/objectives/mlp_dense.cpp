// The curvature of a network as a matrix.
//
// Call D_ki,lj(s) the second derivative of sample s's loss with respect to the pre-activations z_k(i) and z_l(j), and
// T_kp,lj(s) the derivative of a_k(p) with respect to z_l(j). With a_l extended by the constant 1 that the bias
// multiplies, the second derivative with respect to W_k(i, p) and W_l(j, q), for k >= l, is
//     sum_s [ D_ki,lj a_k(p) + delta_k(i) T_kp,lj ] a_l(q),
// where T = 0 for k = l and T_kp,lj = s'(z_l(j)) [p = j] for k = l + 1. Nothing else is in this file: D and T come from
// one tangent pass for each unit j, and the sums over s are matrix products, one for each tile of the result.
//   Same layer       pairs of units i >= j times pairs of inputs p >= q, because D is symmetric in the units and
//                    a a' in the inputs: n_l^2 / 2 flops a sample for a layer of n_l parameters.
//   Different layers the bracket, for all p and some i, times a_l: 2 n_k n_l flops a sample.
// Gauss-Newton leaves out delta and bend; E gg' has D_ki,lj = delta_k(i) delta_l(j) and T = 0.
#include "mlp_dense.hpp"

#include "hessq/core/large_matrix.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <utility>

namespace hessq {
namespace {

using mlp_block::scaled;
using mlp_block::stacked;

// Sizes that keep what a task works on in the second-level cache.
constexpr Index units_together = 8;     // units of one tangent pass
constexpr Index tile_rows = 256;        // rows of a tile
constexpr Index tile_pairs = 384;       // pairs of units of a tile, at most
constexpr Index wave_doubles = 8 << 20; // D and T that are kept at a time: 64 MiB
constexpr Index chunks_together = 8;    // chunks of samples whose passes are kept at a time

struct Unit {
    std::size_t layer;
    Index index;
};

/// The parameters of a unit lie in two places: its inputs' weights, and its bias, which counts as input number
/// `layer.inputs`.
class HessianBlock {
public:
    HessianBlock(const std::vector<MlpLayer>& layers, const ParameterRange& rows, const ParameterRange& columns)
        : layers_(layers), rows_(rows), columns_(columns), matrix_(large_matrix(rows.size, columns.size)) {}

    Matrix& matrix() { return matrix_; }

    /// The first sum that comes to an entry is stored, later ones are added: nothing is set to zero beforehand, and
    /// each page of a large matrix is first touched by the task that fills it.
    void add_from_now_on() { first_ = false; }

    bool in_rows(const Unit& u) const { return meets(u, rows_); }
    bool in_columns(const Unit& u) const { return meets(u, columns_); }
    bool needs(const Unit& u, const Unit& v) const {
        return (in_rows(u) && in_columns(v)) || (in_rows(v) && in_columns(u));
    }

    /// Adds the second derivatives between inputs p, p + 1, ... of unit u and q, q + 1, ... of unit v, and their
    /// mirror image.
    template <class Block>
    void add(const Unit& u, Index p, const Unit& v, Index q, const Block& block) {
        add_once(u, p, v, q, block);
        add_once(v, q, u, p, block.transpose());
    }
    template <class Block>
    void add_once(const Unit& u, Index p, const Unit& v, Index q, const Block& block) {
        const Index rows = weight_part(u, p, block.rows()), columns = weight_part(v, q, block.cols());
        const bool row_bias = rows < block.rows(), column_bias = columns < block.cols();
        add_piece(weight(u, p), weight(v, q), block.topLeftCorner(rows, columns));
        if (row_bias) add_piece(bias(u), weight(v, q), block.bottomLeftCorner(1, columns));
        if (column_bias) add_piece(weight(u, p), bias(v), block.topRightCorner(rows, 1));
        if (row_bias && column_bias) add_piece(bias(u), bias(v), block.bottomRightCorner(1, 1));
    }

private:
    Index weight(const Unit& u, Index p) const {
        return layers_[u.layer].weight_offset + u.index * layers_[u.layer].inputs + p;
    }
    Index bias(const Unit& u) const { return layers_[u.layer].bias_offset + u.index; }
    Index weight_part(const Unit& u, Index p, Index size) const {
        return std::clamp<Index>(layers_[u.layer].inputs - p, 0, size);
    }

    static bool overlap(Index begin, Index size, const ParameterRange& range) {
        return begin < range.offset + range.size && range.offset < begin + size;
    }
    bool meets(const Unit& u, const ParameterRange& range) const {
        return overlap(weight(u, 0), layers_[u.layer].inputs, range) || overlap(bias(u), 1, range);
    }

    template <class Piece>
    void add_piece(Index row, Index column, const Piece& piece) {
        const Index top = std::max<Index>(0, rows_.offset - row), left = std::max<Index>(0, columns_.offset - column);
        const Index height = std::min(piece.rows(), rows_.offset + rows_.size - row) - top;
        const Index width = std::min(piece.cols(), columns_.offset + columns_.size - column) - left;
        if (height <= 0 || width <= 0) return;
        auto place = matrix_.block(row + top - rows_.offset, column + left - columns_.offset, height, width);
        if (first_)
            place = piece.block(top, left, height, width);
        else
            place += piece.block(top, left, height, width);
    }

    const std::vector<MlpLayer>& layers_;
    ParameterRange rows_, columns_;
    Matrix matrix_;
    bool first_ = true;
};

/// D and T of units first, first + 1, ... of one layer for a chunk. Column i count + u belongs to unit first + u.
struct UnitTangents {
    std::vector<Matrix> d; ///< of layers k >= l
    std::vector<Matrix> t; ///< of layers k >= l + 2
};

UnitTangents unit_tangents(const Mlp::Network& net, const double* w, const MlpPass& pass, std::size_t l, Index first,
                           Index count, MlpCurvature curvature) {
    const std::size_t last = net.last();
    UnitTangents result{std::vector<Matrix>(net.layers.size()), std::vector<Matrix>(net.layers.size())};
    if (curvature == MlpCurvature::second_moment) {
        for (std::size_t k = l; k <= last; ++k) {
            result.d[k].resize(pass.samples(), net.layers[k].outputs * count);
            for (Index i = 0; i < net.layers[k].outputs; ++i)
                result.d[k].middleCols(i * count, count) =
                    pass.delta[l].middleCols(first, count).array().colwise() * pass.delta[k].col(i).array();
        }
        return result;
    }
    const bool hessian = curvature == MlpCurvature::hessian;
    // Forward: z_l(first + u) = 1 in every sample is tangent u.
    std::vector<Matrix> z(net.layers.size());
    if (l == last) {
        z[l] = Matrix::Zero(pass.samples(), net.layers[l].outputs * count);
        for (Index u = 0; u < count; ++u) z[l].col((first + u) * count + u).setOnes();
    } else {
        const MlpLayer& above = net.layers[l + 1];
        z[l + 1].resize(pass.samples(), above.outputs * count);
        for (Index i = 0; i < above.outputs; ++i)
            for (Index u = 0; u < count; ++u)
                z[l + 1].col(i * count + u) = above.weights(w)(first + u, i) * pass.slope[l].col(first + u);
        for (std::size_t k = l + 1; k < last; ++k) {
            const MlpLayer& next = net.layers[k + 1];
            Matrix input = scaled(z[k], pass.slope[k]);
            z[k + 1].resize(pass.samples(), next.outputs * count);
            stacked(z[k + 1], next.outputs).noalias() = stacked(input, next.inputs) * next.weights(w);
            if (hessian) result.t[k + 1] = std::move(input);
        }
    }
    // Backward.
    result.d[last] = net.loss.hessian_product(pass.mean, std::move(z[last]));
    for (std::size_t k = last; k-- > l;) {
        const MlpLayer& above = net.layers[k + 1];
        Matrix below(pass.samples(), above.inputs * count);
        stacked(below, above.inputs).noalias() = stacked(result.d[k + 1], above.outputs) * above.weights(w).transpose();
        result.d[k] = scaled(below, pass.slope[k]);
        if (!hessian) continue;
        if (k > l) {
            result.d[k] += scaled(z[k], pass.bend[k]);
        } else {
            for (Index u = 0; u < count; ++u) result.d[l].col((first + u) * count + u) += pass.bend[l].col(first + u);
        }
    }
    return result;
}

/// What a tile works in. A thread's next tile uses the same memory: fresh memory costs a page fault every 4 KiB.
class Scratch {
public:
    enum Slot { sum, factor, other };

    static Eigen::Map<Matrix> get(Slot slot, Index rows, Index cols) {
        static thread_local std::array<Vector, 3> memory;
        Vector& place = memory[slot];
        if (place.size() < rows * cols) place.resize(rows * cols);
        return {place.data(), rows, cols};
    }
};

/// Neighbouring units of a layer and their tangents, chunk by chunk.
struct UnitGroup {
    std::size_t layer;
    Index first, count;
    std::vector<UnitTangents> chunks;

    auto d(std::size_t chunk, std::size_t k, Index i, Index unit) const {
        return chunks[chunk].d[k].col(i * count + unit - first);
    }
    auto t(std::size_t chunk, std::size_t k, Index p, Index unit) const {
        return chunks[chunk].t[k].col(p * count + unit - first);
    }
};

class DenseSum {
public:
    DenseSum(const Mlp::Network& net, const double* w, MlpCurvature curvature, double factor, HessianBlock& target)
        : net_(net), w_(w), curvature_(curvature), factor_(factor), target_(target) {}

    void add(const std::vector<MlpPass>& passes) {
        passes_ = &passes;
        for (const std::vector<UnitGroup>& wave : waves()) {
            groups_ = wave;
            compute_tangents();
            std::vector<std::function<void()>> tasks;
            for (std::size_t l = 0; l < net_.layers.size(); ++l) append_same_layer(l, tasks);
            for (const UnitGroup& group : groups_) append_layers_above(group, tasks);
            parallel_for(static_cast<Index>(tasks.size()), [&](Index t) { tasks[static_cast<std::size_t>(t)](); });
        }
    }

    /// Whether every sum so far is a finite number.
    bool finite() const { return finite_; }

private:
    struct UnitPair {
        const UnitGroup* group;
        Index i, j;
    };

    /// The units whose tangents are needed, in groups, and as many groups at a time as fit.
    std::vector<std::vector<UnitGroup>> waves() const {
        Index samples = 0;
        for (const MlpPass& pass : *passes_) samples += pass.samples();
        std::vector<std::vector<UnitGroup>> result(1);
        Index kept = 0;
        for (std::size_t l = 0; l < net_.layers.size(); ++l) {
            Index width = 0; // doubles a unit keeps for a sample
            for (std::size_t k = l; k < net_.layers.size(); ++k)
                width += net_.layers[k].outputs + (k >= l + 2 ? net_.layers[k].inputs : 0);
            for (Index first = 0; first < net_.layers[l].outputs; first += units_together) {
                const Index count = std::min(units_together, net_.layers[l].outputs - first);
                bool needed = false;
                for (Index j = first; j < first + count; ++j)
                    needed = needed || target_.in_rows({l, j}) || target_.in_columns({l, j});
                if (!needed) continue;
                const Index size = samples * width * count;
                if (kept > 0 && kept + size > wave_doubles) {
                    result.emplace_back();
                    kept = 0;
                }
                result.back().push_back({l, first, count, {}});
                kept += size;
            }
        }
        return result;
    }

    void compute_tangents() {
        const auto chunks = static_cast<Index>(passes_->size());
        for (UnitGroup& group : groups_) group.chunks.resize(passes_->size());
        parallel_for(static_cast<Index>(groups_.size()) * chunks, [&](Index t) {
            UnitGroup& group = groups_[static_cast<std::size_t>(t / chunks)];
            const auto c = static_cast<std::size_t>(t % chunks);
            group.chunks[c] = unit_tangents(net_, w_, (*passes_)[c], group.layer, group.first, group.count, curvature_);
        });
    }

    void append_same_layer(std::size_t l, std::vector<std::function<void()>>& tasks) {
        std::vector<UnitPair> pairs;
        for (const UnitGroup& group : groups_)
            if (group.layer == l)
                for (Index j = group.first; j < group.first + group.count; ++j)
                    for (Index i = j; i < net_.layers[l].outputs; ++i)
                        if (target_.needs({l, i}, {l, j})) pairs.push_back({&group, i, j});
        const Index inputs = net_.layers[l].inputs + 1;
        const std::size_t tiles = (pairs.size() + tile_pairs - 1) / tile_pairs;
        for (std::size_t tile = 0; tile < tiles; ++tile) {
            const std::size_t begin = tile * pairs.size() / tiles, end = (tile + 1) * pairs.size() / tiles;
            const std::vector<UnitPair> part(pairs.begin() + static_cast<std::ptrdiff_t>(begin),
                                             pairs.begin() + static_cast<std::ptrdiff_t>(end));
            for (Index q = 0; q < inputs;) {
                Index next = q, size = 0;
                while (next < inputs && size < tile_rows) size += inputs - next++;
                tasks.push_back([=, this] { add_same_layer(l, part, q, next, size); });
                q = next;
            }
        }
    }

    /// Inputs p >= q with begin <= q < end, of which there are `size` pairs, for some pairs of units.
    void add_same_layer(std::size_t l, const std::vector<UnitPair>& pairs, Index begin, Index end, Index size) {
        const auto count = static_cast<Index>(pairs.size());
        const Index inputs = net_.layers[l].inputs + 1;
        auto sum = Scratch::get(Scratch::sum, size, count);
        sum.setZero();
        for (std::size_t c = 0; c < passes_->size(); ++c) {
            const Matrix& a = (*passes_)[c].input[l];
            auto products = Scratch::get(Scratch::factor, a.rows(), size);
            for (Index q = begin, at = 0; q < end; at += inputs - q++)
                products.middleCols(at, inputs - q) = a.rightCols(inputs - q).array().colwise() * a.col(q).array();
            auto d = Scratch::get(Scratch::other, a.rows(), count);
            for (Index r = 0; r < count; ++r) {
                const UnitPair& pair = pairs[static_cast<std::size_t>(r)];
                d.col(r) = pair.group->d(c, l, pair.i, pair.j);
            }
            sum.noalias() += products.transpose() * d;
        }
        finish(sum);
        // The block of a pair of units is symmetric: rows begin, begin + 1, ... of columns begin, ..., end - 1.
        const Index width = end - begin;
        Matrix block(inputs - begin, width);
        for (Index r = 0; r < count; ++r) {
            for (Index q = 0, at = 0; q < width; at += inputs - begin - q++) {
                block.col(q).tail(inputs - begin - q) = sum.col(r).segment(at, inputs - begin - q);
                block.row(q).segment(q, width - q) = block.col(q).segment(q, width - q).transpose();
            }
            const UnitPair& pair = pairs[static_cast<std::size_t>(r)];
            const Unit i{l, pair.i}, j{l, pair.j};
            const auto below = block.bottomRows(inputs - end);
            target_.add_once(i, begin, j, begin, block);
            target_.add_once(i, begin, j, end, below.transpose());
            if (pair.i == pair.j) continue;
            target_.add_once(j, begin, i, begin, block);
            target_.add_once(j, begin, i, end, below.transpose());
        }
    }

    void finish(Eigen::Ref<Matrix> sum) {
        sum *= factor_;
        if (!sum.allFinite()) finite_ = false;
    }

    void append_layers_above(const UnitGroup& group, std::vector<std::function<void()>>& tasks) {
        for (std::size_t k = group.layer + 1; k < net_.layers.size(); ++k) {
            const Index rows = std::max<Index>(1, tile_rows / (net_.layers[k].inputs + 1));
            for (Index j = group.first; j < group.first + group.count; ++j)
                for (Index i = 0; i < net_.layers[k].outputs; i += rows) {
                    std::vector<Index> units;
                    for (Index u = i; u < std::min(i + rows, net_.layers[k].outputs); ++u)
                        if (target_.needs({k, u}, {group.layer, j})) units.push_back(u);
                    if (!units.empty()) tasks.push_back([=, this, &group] { add_layers_above(group, j, k, units); });
                }
        }
    }

    /// Some units i of layer k with unit j of a layer below.
    void add_layers_above(const UnitGroup& group, Index j, std::size_t k, const std::vector<Index>& units) {
        const std::size_t l = group.layer;
        const auto count = static_cast<Index>(units.size());
        const Index inputs = net_.layers[k].inputs + 1;
        auto sum = Scratch::get(Scratch::sum, count * inputs, net_.layers[l].inputs + 1);
        sum.setZero();
        for (std::size_t c = 0; c < passes_->size(); ++c) {
            const MlpPass& pass = (*passes_)[c];
            auto bracket = Scratch::get(Scratch::factor, pass.samples(), count * inputs);
            for (Index r = 0; r < count; ++r) {
                const Index i = units[static_cast<std::size_t>(r)];
                auto part = bracket.middleCols(r * inputs, inputs);
                part = pass.input[k].array().colwise() * group.d(c, k, i, j).array();
                if (curvature_ != MlpCurvature::hessian) continue;
                if (k == l + 1)
                    part.col(j) += pass.delta[k].col(i).cwiseProduct(pass.slope[l].col(j));
                else
                    for (Index p = 0; p + 1 < inputs; ++p)
                        part.col(p) += pass.delta[k].col(i).cwiseProduct(group.t(c, k, p, j));
            }
            sum.noalias() += bracket.transpose() * pass.input[l];
        }
        finish(sum);
        for (Index r = 0; r < count; ++r)
            target_.add({k, units[static_cast<std::size_t>(r)]}, 0, {l, j}, 0, sum.middleRows(r * inputs, inputs));
    }

    const Mlp::Network& net_;
    const double* w_;
    MlpCurvature curvature_;
    double factor_;
    HessianBlock& target_;
    const std::vector<MlpPass>* passes_ = nullptr;
    std::vector<UnitGroup> groups_;
    std::atomic<bool> finite_ = true;
};

const char* name_of(MlpCurvature curvature) {
    switch (curvature) {
    case MlpCurvature::hessian:
        return "Hessian";
    case MlpCurvature::gauss_newton:
        return "Gauss-Newton";
    case MlpCurvature::second_moment:
        break;
    }
    return "second moment of per-sample gradients";
}

} // namespace

Matrix dense_mean(const Mlp::Network& net, const double* w, const Batch& batch, const MlpPasses& passes,
                  MlpCurvature curvature, const ParameterRange& rows, const ParameterRange& columns) {
    const Index chunks = chunk_count(batch);
    HessianBlock target(net.layers, rows, columns);
    DenseSum sum(net, w, curvature, 1.0 / static_cast<double>(batch.size()), target);
    for (Index begin = 0; begin < chunks; begin += chunks_together) {
        sum.add(passes(begin, std::min(chunks, begin + chunks_together)));
        target.add_from_now_on();
    }
    if (!sum.finite()) require_finite(target.matrix(), name_of(curvature));
    return std::move(target.matrix());
}

Vector mean_hessian_diagonal(const Mlp::Network& net, const double* w, const Batch& batch, const MlpPasses& passes) {
    const Index chunks = chunk_count(batch);
    std::vector<UnitGroup> groups;
    for (std::size_t l = 0; l < net.layers.size(); ++l)
        for (Index first = 0; first < net.layers[l].outputs; first += units_together)
            groups.push_back({l, first, std::min(units_together, net.layers[l].outputs - first), {}});
    Vector diagonal = Vector::Zero(net.dimension);
    for (Index begin = 0; begin < chunks; begin += chunks_together) {
        const std::vector<MlpPass> kept = passes(begin, std::min(chunks, begin + chunks_together));
        parallel_for(static_cast<Index>(groups.size()), [&](Index g) {
            const auto [l, first, count, none] = groups[static_cast<std::size_t>(g)];
            for (const MlpPass& pass : kept) {
                const UnitTangents tangents = unit_tangents(net, w, pass, l, first, count, MlpCurvature::hessian);
                Matrix d(pass.samples(), count); // D_lj,lj
                for (Index u = 0; u < count; ++u) d.col(u) = tangents.d[l].col((first + u) * count + u);
                net.layers[l].weights(diagonal.data()).middleCols(first, count).noalias() +=
                    pass.activations(l).cwiseAbs2().transpose() * d;
                net.layers[l].bias(diagonal.data()).segment(first, count) += d.colwise().sum();
            }
        });
    }
    return diagonal / static_cast<double>(batch.size());
}

} // namespace hessq
