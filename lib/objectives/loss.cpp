#include "hessq/objectives/loss.hpp"

#include <cmath>
#include <utility>

namespace hessq {
namespace {

using Column = Eigen::ArrayXd;

Column largest_of(MatrixView outputs) {
    Column largest = outputs.col(0).array();
    for (Index c = 1; c < outputs.cols(); ++c) largest = largest.max(outputs.col(c).array());
    return largest;
}

} // namespace

Vector OutputLoss::values(MatrixView outputs, MatrixView targets) const {
    if (loss_ == Loss::squared) return 0.5 * (outputs - targets).rowwise().squaredNorm();
    if (logistic()) {
        // -ln sigmoid(f) for class 1, -ln sigmoid(-f) for class 0: ln(1 + e^z) with z = -+f.
        const Column z = outputs.col(0).array() * (1.0 - 2.0 * targets.col(0).array());
        return (z.max(0.0) + (-z.abs()).exp().log1p()).matrix();
    }
    const Column largest = largest_of(outputs);
    Column total = Column::Zero(outputs.rows());
    for (Index c = 0; c < outputs.cols(); ++c) total += (outputs.col(c).array() - largest).exp();
    Vector values = total.log();
    for (Index s = 0; s < outputs.rows(); ++s) values(s) += largest(s) - outputs(s, static_cast<Index>(targets(s, 0)));
    return values;
}

Matrix OutputLoss::mean(MatrixView outputs) const {
    if (loss_ == Loss::squared) return outputs;
    if (logistic()) return (1.0 / (1.0 + (-outputs.array()).exp())).matrix();
    const Column largest = largest_of(outputs);
    Matrix p(outputs.rows(), outputs.cols());
    Column total = Column::Zero(outputs.rows());
    for (Index c = 0; c < outputs.cols(); ++c) {
        p.col(c) = (outputs.col(c).array() - largest).exp();
        total += p.col(c).array();
    }
    for (Index c = 0; c < outputs.cols(); ++c) p.col(c).array() /= total;
    return p;
}

Matrix OutputLoss::gradient(MatrixView mean, MatrixView targets) const {
    if (loss_ == Loss::squared || logistic()) return mean - targets;
    Matrix gradient = mean;
    for (Index s = 0; s < mean.rows(); ++s) gradient(s, static_cast<Index>(targets(s, 0))) -= 1.0;
    return gradient;
}

Matrix OutputLoss::hessian_product(MatrixView mean, Matrix r) const {
    if (loss_ == Loss::squared) return r;
    const Index count = r.cols() / outputs_;
    if (logistic()) {
        r.array().colwise() *= mean.col(0).array() * (1.0 - mean.col(0).array());
        return r;
    }
    // (diag p - p p') r
    Matrix average = Matrix::Zero(r.rows(), count);
    for (Index c = 0; c < outputs_; ++c)
        average.array() += r.middleCols(c * count, count).array().colwise() * mean.col(c).array();
    for (Index c = 0; c < outputs_; ++c) {
        auto row = r.middleCols(c * count, count).array();
        row = (row - average.array()).colwise() * mean.col(c).array();
    }
    return r;
}

Matrix OutputLoss::hessian_root_column(MatrixView mean, Index c) const {
    Matrix column = Matrix::Zero(mean.rows(), mean.cols());
    if (loss_ == Loss::squared) {
        column.col(c).setOnes();
    } else if (logistic()) {
        column = (mean.array() * (1.0 - mean.array())).sqrt().matrix();
    } else {
        // diag p - p p' = sum_c p_c (e_c - p)(e_c - p)'
        const Vector root = mean.col(c).cwiseSqrt();
        column = root.asDiagonal() * -mean;
        column.col(c) += root;
    }
    return column;
}

Matrix OutputLoss::sampled_gradient(MatrixView mean, const Batch& batch, const RandomStream& stream) const {
    Matrix gradient = mean;
    for (Index s = 0; s < mean.rows(); ++s) {
        const auto first = static_cast<std::uint64_t>(batch[s] * outputs_);
        if (loss_ == Loss::squared) {
            // f - y with y - f standard normal
            gradient.row(s) = normal_vector(stream, outputs_, first).transpose();
        } else if (logistic()) {
            gradient(s, 0) -= stream.uniform(first) < mean(s, 0) ? 1.0 : 0.0;
        } else {
            double remaining = stream.uniform(first);
            Index label = 0;
            while (label + 1 < outputs_ && remaining >= mean(s, label)) remaining -= mean(s, label++);
            gradient(s, label) -= 1.0;
        }
    }
    return gradient;
}

} // namespace hessq
