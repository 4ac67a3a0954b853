#include "hessq/operators/second_moment.hpp"

#include "hessq/core/outer_product.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace hessq {
namespace {

constexpr Index columns_together = 64;
constexpr double negligible = 1e-17; ///< as a weight

/// Of a history that keeps the newest `most`: a quarter more, so that moving them is rare.
Index room(Index most) { return most + (most + 3) / 4; }

void check_decay(double beta2, const char* function) {
    require(beta2 >= 0.0 && beta2 < 1.0, function, "beta2 must lie in [0, 1)", beta2);
}

} // namespace

SecondMomentAverages::SecondMomentAverages(Index dimension, std::vector<double> beta2) : beta2_(std::move(beta2)) {
    require(dimension >= 1, "SecondMomentAverages", "dimension must be at least 1", dimension);
    require(!beta2_.empty(), "SecondMomentAverages", "at least one beta2 must be given", Index{0});
    for (const double beta : beta2_) check_decay(beta, "SecondMomentAverages");
    averages_ = Matrix::Zero(dimension, static_cast<Index>(beta2_.size()));
}

void SecondMomentAverages::observe(VectorView g) {
    require_size(g.size(), averages_.rows(), "SecondMomentAverages::observe", "the gradient");
    for (Index k = 0; k < averages_.cols(); ++k) {
        const double beta = beta2_[static_cast<std::size_t>(k)];
        averages_.col(k).array() = beta * averages_.col(k).array() + (1.0 - beta) * g.array().square();
    }
    ++steps_;
}

Vector SecondMomentAverages::average(Index k) const {
    require(k >= 0 && k < averages_.cols(), "SecondMomentAverages",
            "the decay rate must be one of 0, ..., " + std::to_string(averages_.cols() - 1), k);
    return averages_.col(k);
}

Vector SecondMomentAverages::corrected(Index k) const {
    require(steps_ >= 1, "SecondMomentAverages::corrected", "at least one gradient must have been observed", steps_);
    const Vector raw = average(k);
    return raw / (1.0 - std::pow(beta2_[static_cast<std::size_t>(k)], static_cast<double>(steps_)));
}

GradientHistory::GradientHistory(Index dimension, Index expected_steps, Index most) : most_(most) {
    require(dimension >= 1, "GradientHistory", "dimension must be at least 1", dimension);
    require(expected_steps >= 1, "GradientHistory", "expected_steps must be at least 1", expected_steps);
    require(most >= 0, "GradientHistory", "most must be at least 0", most);
    gradients_.resize(dimension, most > 0 ? std::min(expected_steps, room(most)) : expected_steps);
}

void GradientHistory::observe(VectorView g) {
    require_size(g.size(), dimension(), "GradientHistory::observe", "the gradient");
    if (steps_ - dropped_ == gradients_.cols()) {
        if (most_ == 0) {
            gradients_.conservativeResize(Eigen::NoChange, 2 * gradients_.cols());
        } else if (gradients_.cols() < room(most_)) {
            gradients_.conservativeResize(Eigen::NoChange, std::min(2 * gradients_.cols(), room(most_)));
        } else { // the newest move to the front, one column after the other because the places overlap
            const Index gone = gradients_.cols() - (most_ - 1);
            for (Index j = 0; j < most_ - 1; ++j) gradients_.col(j) = gradients_.col(j + gone);
            dropped_ += gone;
        }
    }
    gradients_.col(steps_ - dropped_) = g;
    ++steps_;
}

Index GradientHistory::steps_that_count(double beta2) {
    check_decay(beta2, "GradientHistory::steps_that_count");
    if (beta2 == 0.0) return 1;
    return 1 + static_cast<Index>(std::ceil(std::log(negligible / (1.0 - beta2)) / std::log(beta2)));
}

GradientHistory::Window GradientHistory::window(double beta2, Index steps, const char* function) const {
    check_decay(beta2, function);
    require(steps > dropped_ && steps <= steps_, function,
            "steps must lie between " + std::to_string(dropped_ + 1) + " and the " + std::to_string(steps_) +
                " observed",
            steps);
    const Index kept = most_ > 0 ? std::min(most_, steps) : steps;
    const double newest = (1.0 - beta2) / (1.0 - std::pow(beta2, static_cast<double>(kept)));
    const auto weight = [&](Index age) { return newest * std::pow(beta2, static_cast<double>(age)); };
    Index count = 1;
    while (count < kept && weight(count) >= negligible) ++count;
    require(steps - count >= dropped_, function,
            "the gradients of the steps from " + std::to_string(steps - count + 1) +
                " on must still be kept; the oldest",
            dropped_ + 1);
    return {steps - count - dropped_, Vector::NullaryExpr(count, [&](Index t) { return weight(count - 1 - t); })};
}

Vector GradientHistory::quadratic_forms(MatrixView u, double beta2, Index steps) const {
    require(u.rows() == dimension(), "GradientHistory::quadratic_forms",
            "the block must have as many rows as a gradient (" + std::to_string(dimension()) + ")", u.rows());
    const Window seen = window(beta2, steps, "GradientHistory::quadratic_forms");
    const auto gradients = gradients_.middleCols(seen.begin, seen.weights.size());
    Vector result(u.cols());
    parallel_for((u.cols() + columns_together - 1) / columns_together, [&](Index b) {
        const Index k = std::min(columns_together, u.cols() - b * columns_together);
        const Matrix projections = gradients.transpose() * u.middleCols(b * columns_together, k);
        result.segment(b * columns_together, k).noalias() = projections.cwiseAbs2().transpose() * seen.weights;
    });
    return result;
}

Vector GradientHistory::diagonal(double beta2, Index steps) const {
    const Window seen = window(beta2, steps, "GradientHistory::diagonal");
    const auto gradients = gradients_.middleCols(seen.begin, seen.weights.size());
    Vector result(dimension());
    parallel_for((dimension() + columns_together - 1) / columns_together, [&](Index b) {
        const Index rows = std::min(columns_together, dimension() - b * columns_together);
        const Matrix squares = gradients.middleRows(b * columns_together, rows).cwiseAbs2();
        result.segment(b * columns_together, rows).noalias() = squares * seen.weights;
    });
    return result;
}

Matrix GradientHistory::weighted_factor(double beta2, Index steps) const {
    const Window seen = window(beta2, steps, "GradientHistory::weighted_factor");
    return gradients_.middleCols(seen.begin, seen.weights.size()) * seen.weights.cwiseSqrt().asDiagonal();
}

SymmetricOperator GradientHistory::second_moment(double beta2, Index steps) const {
    return outer_product_operator(weighted_factor(beta2, steps), "gradient second moment");
}

} // namespace hessq
