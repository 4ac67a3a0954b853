#include "hessq/objectives/activation.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace hessq {
namespace {

// Entries are worked on in tiles that stay in the first-level cache: intermediate results never travel to memory,
// which takes longer than the arithmetic.
constexpr Index tile_size = 64;
using Tile = Eigen::Array<double, tile_size, 1>;

struct TileDerivatives {
    Tile value, first, second;
};

Tile load(const double* z, Index count) {
    if (count == tile_size) return Eigen::Map<const Tile>(z);
    Tile x = Tile::Zero();
    std::copy_n(z, count, x.data());
    return x;
}

// tanh and sigmoid are built from t = e^-|z|, which never overflows, in forms without cancellation: 1 - tanh^2 and
// 1 - 2 sigmoid would lose all their digits where they are small.
Tile decay(const Tile& z) { return (-z.abs()).exp(); }

Tile sigmoid(const Tile& z, const Tile& t) { return (z < 0.0).select(t, Tile::Ones()) / (1.0 + t); }

// sigmoid'(z), even in z.
Tile sigmoid_slope(const Tile& t) { return t / (1.0 + t).square(); }

// ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|) keeps its relative accuracy for z << 0.
Tile softplus(const Tile& z, const Tile& t) { return z.max(0.0) + t.log1p(); }

// tanh(z / 2) = +-(1 - t) / (1 + t), from one vectorised exp. Near zero 1 - t cancels, so there the Taylor series in
// x = z / 2 takes over; its first neglected term is below 3e-18 of x at |x| = 1/8.
Tile tanh_of_half(const Tile& z, const Tile& t) {
    const Tile x = 0.5 * z;
    const Tile x2 = x.square();
    Tile series = Tile::Constant(-929569.0 / 638512875.0);
    for (const double coefficient :
         {21844.0 / 6081075.0, -1382.0 / 155925.0, 62.0 / 2835.0, -17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0})
        series = coefficient + x2 * series;
    const Tile ratio = (1.0 - t) / (1.0 + t);
    return (x.abs() < 0.125).select(x + x * (x2 * series), (z < 0.0).select(-ratio, ratio));
}

Tile normal_cdf(const Tile& z) {
    return z.unaryExpr([](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); });
}

// Beyond 37.6 the density is below the smallest normal number, and Eigen's exp stops there instead of going to zero.
Tile normal_density(const Tile& z) {
    return (z.abs() < 37.6).select((-0.5 * z.square()).exp() / std::sqrt(2.0 * std::numbers::pi), Tile::Zero());
}

Tile value(Activation activation, const Tile& z) {
    switch (activation) {
    case Activation::tanh:
        return tanh_of_half(2.0 * z, decay(2.0 * z));
    case Activation::sigmoid:
        return sigmoid(z, decay(z));
    case Activation::softplus:
        return softplus(z, decay(z));
    case Activation::gelu:
        return z * normal_cdf(z);
    case Activation::relu:
        return (z < 0.0).select(Tile::Zero(), z);
    case Activation::identity:
        break;
    }
    return z;
}

TileDerivatives derivatives(Activation activation, const Tile& z) {
    switch (activation) {
    case Activation::tanh: {
        const Tile t = decay(2.0 * z);
        const Tile s = tanh_of_half(2.0 * z, t);
        const Tile slope = 4.0 * sigmoid_slope(t);
        return {s, slope, -2.0 * s * slope};
    }
    case Activation::sigmoid: {
        const Tile t = decay(z);
        const Tile slope = sigmoid_slope(t);
        return {sigmoid(z, t), slope, -slope * tanh_of_half(z, t)}; // 1 - 2 sigmoid(z) = -tanh(z / 2)
    }
    case Activation::softplus: {
        const Tile t = decay(z);
        return {softplus(z, t), sigmoid(z, t), sigmoid_slope(t)};
    }
    case Activation::gelu: {
        const Tile cdf = normal_cdf(z);
        const Tile density = normal_density(z);
        return {z * cdf, cdf + z * density, density * (2.0 - z.square())};
    }
    case Activation::relu:
        return {value(activation, z), (z > 0.0).cast<double>(), Tile::Zero()};
    case Activation::identity:
        break;
    }
    return {z, Tile::Ones(), Tile::Zero()};
}

} // namespace

void apply_activation(Activation activation, Eigen::Ref<Matrix> z, Matrix* first, Matrix* second) {
    require(z.outerStride() == z.rows() || z.cols() <= 1, "apply_activation", "the columns must lie side by side",
            "stride " + std::to_string(z.outerStride()));
    if (first) first->resize(z.rows(), z.cols());
    if (second) second->resize(z.rows(), z.cols());
    for (Index begin = 0; begin < z.size(); begin += tile_size) {
        const Index count = std::min(tile_size, z.size() - begin);
        double* entries = z.data() + begin;
        const Tile x = load(entries, count);
        if (!first && !second) {
            std::copy_n(value(activation, x).data(), count, entries);
            continue;
        }
        const TileDerivatives tile = derivatives(activation, x);
        std::copy_n(tile.value.data(), count, entries);
        if (first) std::copy_n(tile.first.data(), count, first->data() + begin);
        if (second) std::copy_n(tile.second.data(), count, second->data() + begin);
    }
}

Matrix activate(Activation activation, MatrixView z) {
    Matrix result = z;
    apply_activation(activation, result);
    return result;
}

ActivationDerivatives activation_derivatives(Activation activation, MatrixView z) {
    ActivationDerivatives result{z, {}, {}};
    apply_activation(activation, result.value, &result.first, &result.second);
    return result;
}

} // namespace hessq
