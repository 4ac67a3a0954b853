#include "hessq/objectives/loss.hpp"

#include <cmath>

namespace hessq {

Vector OutputLoss::values(MatrixView outputs, MatrixView targets) const {
    if (loss_ == Loss::squared) return 0.5 * (outputs - targets).colwise().squaredNorm().transpose();
    if (logistic()) {
        // -ln sigmoid(f) for class 1, -ln sigmoid(-f) for class 0: ln(1 + e^z) with z = -+f.
        const Eigen::ArrayXd z = outputs.row(0).array().transpose() * (1.0 - 2.0 * targets.row(0).array().transpose());
        return (z.max(0.0) + (-z.abs()).exp().log1p()).matrix();
    }
    const Eigen::RowVectorXd largest = outputs.colwise().maxCoeff();
    Vector values = (outputs.rowwise() - largest).array().exp().colwise().sum().log().matrix().transpose();
    for (Index s = 0; s < outputs.cols(); ++s) values(s) += largest(s) - outputs(static_cast<Index>(targets(0, s)), s);
    return values;
}

Matrix OutputLoss::mean(MatrixView outputs) const {
    if (loss_ == Loss::squared) return outputs;
    if (logistic()) return (1.0 / (1.0 + (-outputs.array()).exp())).matrix();
    const Eigen::RowVectorXd largest = outputs.colwise().maxCoeff();
    Matrix p = (outputs.rowwise() - largest).array().exp().matrix();
    const Eigen::RowVectorXd total = p.colwise().sum();
    p.array().rowwise() /= total.array();
    return p;
}

Matrix OutputLoss::gradient(MatrixView mean, MatrixView targets) const {
    if (loss_ == Loss::squared || logistic()) return mean - targets;
    Matrix gradient = mean;
    for (Index s = 0; s < mean.cols(); ++s) gradient(static_cast<Index>(targets(0, s)), s) -= 1.0;
    return gradient;
}

Matrix OutputLoss::hessian_product(MatrixView mean, MatrixView r) const {
    if (loss_ == Loss::squared) return r;
    if (logistic()) return (mean.array() * (1.0 - mean.array()) * r.array()).matrix();
    // (diag p - p p') r
    const Eigen::RowVectorXd average = mean.cwiseProduct(r).colwise().sum();
    return mean.cwiseProduct(r.rowwise() - average);
}

Matrix OutputLoss::hessian_root_column(MatrixView mean, Index c) const {
    Matrix column = Matrix::Zero(mean.rows(), mean.cols());
    if (loss_ == Loss::squared) {
        column.row(c).setOnes();
    } else if (logistic()) {
        column = (mean.array() * (1.0 - mean.array())).sqrt().matrix();
    } else {
        // diag p - p p' = sum_c p_c (e_c - p)(e_c - p)'
        const Eigen::RowVectorXd root = mean.row(c).cwiseSqrt();
        column = -mean * root.asDiagonal();
        column.row(c) += root;
    }
    return column;
}

Matrix OutputLoss::sampled_gradient(MatrixView mean, const Batch& batch, const RandomStream& stream) const {
    Matrix gradient = mean;
    for (Index s = 0; s < mean.cols(); ++s) {
        const auto first = static_cast<std::uint64_t>(batch[s] * outputs_);
        if (loss_ == Loss::squared) {
            gradient.col(s) = normal_vector(stream, outputs_, first); // f - y with y - f standard normal
        } else if (logistic()) {
            gradient(0, s) -= stream.uniform(first) < mean(0, s) ? 1.0 : 0.0;
        } else {
            double remaining = stream.uniform(first);
            Index label = 0;
            while (label + 1 < outputs_ && remaining >= mean(label, s)) remaining -= mean(label++, s);
            gradient(label, s) -= 1.0;
        }
    }
    return gradient;
}

} // namespace hessq
