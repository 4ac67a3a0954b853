#include "hessq/theory/simulation.hpp"

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

namespace hessq {
namespace {

/// A root R of a positive semidefinite matrix: R R' = matrix.
Matrix square_root(const Matrix& matrix) {
    const SymmetricEigen eigen = symmetric_eigen(matrix);
    const Vector& values = eigen.values;
    const double largest = values.cwiseAbs().maxCoeff();
    require(values.minCoeff() >= -1e-12 * largest, "noisy_quadratic", "noise must be positive semidefinite",
            values.minCoeff());
    return eigen.vectors * values.cwiseMax(0.0).cwiseSqrt().asDiagonal();
}

/// One block's optimizer state.
class BlockOptimizer {
public:
    BlockOptimizer(const UpdateRule& rule, Index rows, Index cols)
        : rule_(rule), m_(Matrix::Zero(rule.beta1 > 0.0 ? rows : 0, cols)),
          v_(Matrix::Zero(rule.beta2 ? rows : 0, cols)) {}

    void step(Matrix& delta, const Matrix& g) {
        beta1_power_ *= rule_.beta1;
        double scale = rule_.lr;
        if (rule_.beta1 > 0.0) {
            m_ = rule_.beta1 * m_ + (1.0 - rule_.beta1) * g;
            scale /= 1.0 - beta1_power_;
        }
        const Matrix& direction = rule_.beta1 > 0.0 ? m_ : g;
        if (!rule_.beta2) {
            delta -= scale * direction;
            return;
        }
        beta2_power_ *= *rule_.beta2;
        v_ = *rule_.beta2 * v_ + (1.0 - *rule_.beta2) * g.cwiseAbs2();
        const double correction = 1.0 / (1.0 - beta2_power_);
        delta.array() -= scale * direction.array() / ((correction * v_).array().sqrt() + rule_.eps);
    }

private:
    UpdateRule rule_;
    Matrix m_, v_;
    double beta1_power_ = 1.0, beta2_power_ = 1.0;
};

void require_rule(const UpdateRule& rule) {
    require(rule.lr > 0.0, "simulate", "lr must be positive", rule.lr);
    require(rule.beta1 >= 0.0 && rule.beta1 < 1.0, "simulate", "beta1 must be in [0, 1)", rule.beta1);
    const double beta2 = rule.beta2.value_or(0.0);
    require(beta2 >= 0.0 && beta2 < 1.0, "simulate", "beta2 must be in [0, 1)", beta2);
    require(rule.eps >= 0.0, "simulate", "eps must be at least 0", rule.eps);
}

} // namespace

Population noisy_quadratic(Vector lambda, Vector noise_variance) {
    require_size(noise_variance.size(), lambda.size(), "noisy_quadratic", "noise_variance");
    require((noise_variance.array() >= 0.0).all(), "noisy_quadratic", "variances must be at least 0",
            noise_variance.size() > 0 ? noise_variance.minCoeff() : 0.0);
    const Index n = lambda.size();
    return {n, [lambda = std::move(lambda), deviation = Vector(noise_variance.cwiseSqrt())](
                   MatrixView delta, const RandomStream& stream, std::uint64_t index, BlockGradients& out) {
                out.full = lambda.asDiagonal() * delta;
                out.minibatch.resize(delta.rows(), delta.cols());
                index = fill_normal(stream, index, out.minibatch);
                out.minibatch.array() = out.full.array() + out.minibatch.array().colwise() * deviation.array();
                return index;
            }};
}

Population noisy_quadratic(const Matrix& h, const Matrix& noise) {
    const Index n = h.rows();
    require_size(h.cols(), n, "noisy_quadratic", "a row of h");
    require_size(noise.rows(), n, "noisy_quadratic", "a column of noise");
    require_size(noise.cols(), n, "noisy_quadratic", "a row of noise");
    return {n, [h, root = square_root(noise)](MatrixView delta, const RandomStream& stream, std::uint64_t index,
                                              BlockGradients& out) {
                Matrix draws(delta.rows(), delta.cols());
                index = fill_normal(stream, index, draws);
                out.full.noalias() = h * delta;
                out.minibatch = out.full;
                out.minibatch.noalias() += root * draws;
                return index;
            }};
}

Population gaussian_regression_population(Vector lambda, double noise_variance, Index batch) {
    require(lambda.size() > 0 && lambda.minCoeff() >= 0.0, "gaussian_regression_population",
            "eigenvalues must be at least 0", lambda.size() > 0 ? lambda.minCoeff() : 0.0);
    require(noise_variance >= 0.0, "gaussian_regression_population", "noise_variance must be at least 0",
            noise_variance);
    require(batch >= 1, "gaussian_regression_population", "batch must be at least 1", batch);
    const Index n = lambda.size();
    const Vector root = lambda.cwiseSqrt();
    const double sigma = std::sqrt(noise_variance);
    const auto size = static_cast<double>(batch);
    return {n, [lambda = std::move(lambda), root, sigma, batch, size](MatrixView delta, const RandomStream& stream,
                                                                      std::uint64_t index, BlockGradients& out) {
                const Index runs = delta.cols();
                out.full = lambda.asDiagonal() * delta;
                Matrix along(batch, runs), label(batch, runs); // u'z_s and xi_s
                out.minibatch.resize(delta.rows(), runs);
                index = fill_normal(stream, index, along);
                index = fill_normal(stream, index, label);
                index = fill_normal(stream, index, out.minibatch);
                for (Index r = 0; r < runs; ++r) {
                    const Vector a = root.cwiseProduct(delta.col(r));
                    const double length = a.norm();
                    const Vector residual = length * along.col(r) - sigma * label.col(r);
                    auto z = out.minibatch.col(r); // becomes sum_s z_s r_s
                    z *= residual.norm();
                    if (length > 0.0) {
                        const Vector u = a / length;
                        z += u * (along.col(r).dot(residual) - u.dot(z));
                    }
                    z.array() *= root.array() / size;
                }
                return index;
            }};
}

Index block_count(const SimulationOptions& options) {
    require(options.block_runs >= 1, "simulate", "block_runs must be at least 1", options.block_runs);
    return (options.runs + options.block_runs - 1) / options.block_runs;
}

void simulate(const Population& population, const UpdateRule& rule, const Matrix& start,
              const SimulationOptions& options, const BlockObserver& observer) {
    require_rule(rule);
    require(options.runs >= 1, "simulate", "runs must be at least 1", options.runs);
    require(options.steps >= 0 && options.burn_in >= 0, "simulate", "steps and burn_in must be at least 0",
            std::min(options.steps, options.burn_in));
    require_size(start.rows(), population.dimension, "simulate", "start");
    require(start.cols() == 1 || start.cols() == options.runs, "simulate", "start must have one column or one a run",
            start.cols());
    parallel_for(block_count(options), [&](Index block) {
        const Index first = block * options.block_runs;
        const Index runs = std::min(options.block_runs, options.runs - first);
        Matrix delta = start.cols() == 1 ? Matrix(start.replicate(1, runs)) : Matrix(start.middleCols(first, runs));
        const RandomStream stream(options.seed, options.stream + static_cast<std::uint64_t>(block));
        BlockOptimizer optimizer(rule, delta.rows(), runs);
        BlockGradients gradients;
        std::uint64_t index = 0;
        for (Index t = -options.burn_in; t < options.steps; ++t) {
            index = population.gradients(delta, stream, index, gradients);
            if (t >= 0) observer(block, t, delta, gradients);
            optimizer.step(delta, rule.on_full_batch ? gradients.full : gradients.minibatch);
            if (t % 256 == 0) require_finite(delta, fmt::format("simulate: a run at step {}", t + options.burn_in));
        }
        require_finite(delta, "simulate: a run at its end");
    });
}

SimulatedMoments simulated_moments(const Population& population, const UpdateRule& rule, const Matrix& start,
                                   const SimulationOptions& options) {
    require(options.steps >= 1, "simulated_moments", "steps must be at least 1", options.steps);
    const Matrix zero = Matrix::Zero(population.dimension, block_count(options));
    SimulatedMoments moments{zero, zero, zero, zero};
    simulate(population, rule, start, options,
             [&](Index block, Index, const Matrix& delta, const BlockGradients& gradients) {
                 moments.cloud.col(block) += delta.cwiseAbs2().rowwise().mean();
                 moments.full_batch.col(block) += gradients.full.cwiseAbs2().rowwise().mean();
                 moments.minibatch.col(block) += gradients.minibatch.cwiseAbs2().rowwise().mean();
                 moments.alignment.col(block) += delta.cwiseProduct(gradients.full).rowwise().mean();
             });
    const double scale = 1.0 / static_cast<double>(options.steps);
    for (Matrix* sums : {&moments.cloud, &moments.full_batch, &moments.minibatch, &moments.alignment}) *sums *= scale;
    return moments;
}

} // namespace hessq
