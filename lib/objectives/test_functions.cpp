#include "hessq/objectives/test_functions.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace hessq {

// ---- Rosenbrock

Rosenbrock::Rosenbrock(Index dimension) : dimension_(dimension) {
    require(dimension >= 2, "Rosenbrock", "dimension must be at least 2", dimension);
}

double Rosenbrock::value(VectorView w) const {
    require_size(w.size(), dimension_, "Rosenbrock", "w");
    const auto x = w.head(dimension_ - 1).array();
    const auto next = w.tail(dimension_ - 1).array();
    return 100.0 * (next - x.square()).square().sum() + (1.0 - x).square().sum();
}

Vector Rosenbrock::gradient(VectorView w) const {
    require_size(w.size(), dimension_, "Rosenbrock", "w");
    const Index m = dimension_ - 1;
    const Vector x = w.head(m);
    const Vector gap = w.tail(m) - x.cwiseAbs2();
    Vector g = Vector::Zero(dimension_);
    g.head(m) = -400.0 * x.cwiseProduct(gap) - 2.0 * (Vector::Ones(m) - x);
    g.tail(m) += 200.0 * gap;
    return g;
}

SymmetricOperator Rosenbrock::hessian(VectorView w) const {
    require_size(w.size(), dimension_, "Rosenbrock", "w");
    const Index m = dimension_ - 1;
    Vector diagonal = Vector::Zero(dimension_);
    diagonal.head(m) = (1200.0 * w.head(m).array().square() - 400.0 * w.tail(m).array() + 2.0).matrix();
    diagonal.tail(m).array() += 200.0;
    const Vector beside = -400.0 * w.head(m);
    return SymmetricOperator(
        dimension_,
        [diagonal, beside, m](MatrixView v) {
            Matrix product = diagonal.asDiagonal() * v;
            product.topRows(m) += beside.asDiagonal() * v.bottomRows(m);
            product.bottomRows(m) += beside.asDiagonal() * v.topRows(m);
            return product;
        },
        "Hessian");
}

// ---- Beale

namespace {

struct BealeTerm {
    double r, r_x, r_y, r_xy, r_yy; // r = c_i - x (1 - y^i) and its derivatives; r_xx = 0
};

std::array<BealeTerm, 3> beale_terms(VectorView w) {
    require_size(w.size(), 2, "Beale", "w");
    const double x = w(0);
    const double y = w(1);
    return {{{1.5 - x * (1.0 - y), y - 1.0, x, 1.0, 0.0},
             {2.25 - x * (1.0 - y * y), y * y - 1.0, 2.0 * x * y, 2.0 * y, 2.0 * x},
             {2.625 - x * (1.0 - y * y * y), y * y * y - 1.0, 3.0 * x * y * y, 3.0 * y * y, 6.0 * x * y}}};
}

} // namespace

double Beale::value(VectorView w) const {
    double sum = 0.0;
    for (const BealeTerm& t : beale_terms(w)) sum += t.r * t.r;
    return sum;
}

Vector Beale::gradient(VectorView w) const {
    Vector g = Vector::Zero(2);
    for (const BealeTerm& t : beale_terms(w)) {
        g(0) += 2.0 * t.r * t.r_x;
        g(1) += 2.0 * t.r * t.r_y;
    }
    return g;
}

SymmetricOperator Beale::hessian(VectorView w) const {
    Matrix h = Matrix::Zero(2, 2);
    for (const BealeTerm& t : beale_terms(w)) {
        h(0, 0) += 2.0 * t.r_x * t.r_x;
        h(0, 1) += 2.0 * (t.r_x * t.r_y + t.r * t.r_xy);
        h(1, 1) += 2.0 * (t.r_y * t.r_y + t.r * t.r_yy);
    }
    h(1, 0) = h(0, 1);
    return dense_operator(h, "Hessian");
}

// ---- MonkeySaddle

double MonkeySaddle::value(VectorView w) const {
    require_size(w.size(), 2, "MonkeySaddle", "w");
    return w(0) * w(0) * w(0) - 3.0 * w(0) * w(1) * w(1);
}

Vector MonkeySaddle::gradient(VectorView w) const {
    require_size(w.size(), 2, "MonkeySaddle", "w");
    return Eigen::Vector2d(3.0 * (w(0) * w(0) - w(1) * w(1)), -6.0 * w(0) * w(1));
}

SymmetricOperator MonkeySaddle::hessian(VectorView w) const {
    require_size(w.size(), 2, "MonkeySaddle", "w");
    Matrix h(2, 2);
    h << 6.0 * w(0), -6.0 * w(1), -6.0 * w(1), -6.0 * w(0);
    return dense_operator(h, "Hessian");
}

// ---- MatrixFactorization

namespace {

std::vector<Matrix> unflatten(const ParameterLayout& layout, VectorView w) {
    std::vector<Matrix> layers;
    for (const ParameterGroup& group : layout.groups)
        layers.push_back(w.segment(group.offset, group.size()).reshaped<Eigen::RowMajor>(group.rows, group.cols));
    return layers;
}

Vector flatten(const ParameterLayout& layout, const std::vector<Matrix>& layers) {
    Vector w(layout.dimension());
    for (std::size_t l = 0; l < layers.size(); ++l)
        w.segment(layout.groups[l].offset, layout.groups[l].size()) = layers[l].reshaped<Eigen::RowMajor>();
    return w;
}

// What the gradient and every product at one point share: layers W_l, B_l = W_{l-1} ... W_1 (before), A_l = W_L ...
// W_{l+1} (after), and the residual E = W_L ... W_1 - M. The gradient for W_l is A_l' E B_l'.
struct FactorizationPass {
    ParameterLayout layout;
    std::vector<Matrix> weight, before, after;
    Matrix residual;

    FactorizationPass(const ParameterLayout& groups, const Matrix& target, VectorView w)
        : layout(groups), weight(unflatten(groups, w)), before(weight.size()), after(weight.size()) {
        const std::size_t depth = weight.size();
        before[0] = Matrix::Identity(target.cols(), target.cols());
        for (std::size_t l = 1; l < depth; ++l) before[l] = weight[l - 1] * before[l - 1];
        after[depth - 1] = Matrix::Identity(target.rows(), target.rows());
        for (std::size_t l = depth - 1; l > 0; --l) after[l - 1] = after[l] * weight[l];
        residual = weight[depth - 1] * before[depth - 1] - target;
    }

    Vector gradient() const {
        std::vector<Matrix> g(weight.size());
        for (std::size_t l = 0; l < g.size(); ++l) g[l] = after[l].transpose() * residual * before[l].transpose();
        return flatten(layout, g);
    }

    // The derivative of the gradient along V:  dA_l' E B_l' + A_l' dE B_l' + A_l' E dB_l'.
    Vector product(VectorView v) const {
        const std::size_t depth = weight.size();
        const std::vector<Matrix> along = unflatten(layout, v);
        std::vector<Matrix> d_before(depth), d_after(depth), d_gradient(depth);
        d_before[0] = Matrix::Zero(before[0].rows(), before[0].cols());
        for (std::size_t l = 1; l < depth; ++l)
            d_before[l] = along[l - 1] * before[l - 1] + weight[l - 1] * d_before[l - 1];
        d_after[depth - 1] = Matrix::Zero(after[depth - 1].rows(), after[depth - 1].cols());
        for (std::size_t l = depth - 1; l > 0; --l) d_after[l - 1] = d_after[l] * weight[l] + after[l] * along[l];
        const Matrix d_residual = along[depth - 1] * before[depth - 1] + weight[depth - 1] * d_before[depth - 1];
        for (std::size_t l = 0; l < depth; ++l) {
            d_gradient[l] =
                (d_after[l].transpose() * residual + after[l].transpose() * d_residual) * before[l].transpose();
            d_gradient[l] += after[l].transpose() * residual * d_before[l].transpose();
        }
        return flatten(layout, d_gradient);
    }
};

Index narrowest(const ParameterLayout& layout) {
    Index width = layout.groups.front().cols;
    for (const ParameterGroup& group : layout.groups) width = std::min(width, group.rows);
    return width;
}

} // namespace

MatrixFactorization::MatrixFactorization(Matrix target, std::vector<Index> hidden) : target_(std::move(target)) {
    require(target_.size() > 0, "MatrixFactorization", "the target must not be empty", target_.size());
    require_finite(target_, "MatrixFactorization: the target");
    Index inputs = target_.cols();
    hidden.push_back(target_.rows());
    for (std::size_t l = 0; l < hidden.size(); ++l) {
        require(hidden[l] >= 1, "MatrixFactorization", "widths must be at least 1", hidden[l]);
        layout_.append("layer" + std::to_string(l) + ".weight", hidden[l], inputs);
        inputs = hidden[l];
    }
}

double MatrixFactorization::value(VectorView w) const {
    require_size(w.size(), dimension(), "MatrixFactorization", "w");
    return 0.5 * FactorizationPass(layout_, target_, w).residual.squaredNorm();
}

Vector MatrixFactorization::gradient(VectorView w) const {
    require_size(w.size(), dimension(), "MatrixFactorization", "w");
    return FactorizationPass(layout_, target_, w).gradient();
}

SymmetricOperator MatrixFactorization::hessian(VectorView w) const {
    require_size(w.size(), dimension(), "MatrixFactorization", "w");
    const auto pass = std::make_shared<const FactorizationPass>(layout_, target_, w);
    return SymmetricOperator(
        dimension(),
        [pass](MatrixView v) {
            Matrix result(v.rows(), v.cols());
            parallel_for(v.cols(), [&](Index j) { result.col(j) = pass->product(v.col(j)); });
            return result;
        },
        "Hessian");
}

Vector MatrixFactorization::minimum() const {
    const ThinSvd svd = thin_svd(target_);
    const Index rank = std::min(narrowest(layout_), svd.values.size());
    const double depth = static_cast<double>(layout_.groups.size());
    const Matrix root = svd.values.head(rank).array().pow(1.0 / depth).matrix().asDiagonal();
    std::vector<Matrix> layers;
    for (std::size_t l = 0; l < layout_.groups.size(); ++l) {
        const ParameterGroup& group = layout_.groups[l];
        const bool first = l == 0;
        const bool last = l + 1 == layout_.groups.size();
        Matrix factor = root;
        if (last) factor = svd.u.leftCols(rank) * factor;
        if (first) factor = factor * svd.v.leftCols(rank).transpose();
        layers.push_back(Matrix::Zero(group.rows, group.cols));
        layers.back().topLeftCorner(factor.rows(), factor.cols()) = factor;
    }
    return flatten(layout_, layers);
}

double MatrixFactorization::minimum_value() const {
    const Vector s = singular_values(target_);
    const Index rank = std::min(narrowest(layout_), s.size());
    return 0.5 * s.tail(s.size() - rank).squaredNorm();
}

} // namespace hessq
