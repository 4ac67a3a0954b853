#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/second_moment_metrics.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::b1 {
namespace {

constexpr double cloud_variance = 0.04;
constexpr Index block_draws = 1500;

/// Independent blocks of draws: their W, and the diagonals that the metrics read, a block a column.
struct Blocks {
    Matrix in_eigenbasis; ///< u_k'W u_k
    Matrix coordinates;   ///< W_ii
    Vector distance;      ///< metric M4 over its expectation for an exact law
    Matrix probes;        ///< mean of (z o H z)_i^2 over random signs z
};

Blocks measure(const Matrix& h, const SymmetricEigen& eigen, Index blocks, std::uint64_t seed, std::uint64_t stream) {
    const Index n = h.rows();
    Blocks result{Matrix(n, blocks), Matrix(n, blocks), Vector(blocks), Matrix(n, blocks)};
    parallel_for(blocks, [&](Index block) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(block));
        Matrix delta(n, block_draws);
        const std::uint64_t next = fill_normal(random, 0, delta);
        const Matrix g = std::sqrt(cloud_variance) * (h * delta);
        const Matrix w = g * g.transpose() / static_cast<double>(block_draws);
        const Matrix projected = eigen.vectors.transpose() * g;
        result.in_eigenbasis.col(block) = projected.cwiseAbs2().rowwise().mean();
        result.coordinates.col(block) = w.diagonal();
        const SpectralDistance m4 = spectral_distance(eigen, w).value();
        result.distance(block) = m4.value / expected_spectral_distance(m4.directions, block_draws);
        const Matrix z = sign_vector(random, n * block_draws, next).reshaped(n, block_draws);
        result.probes.col(block) = z.cwiseProduct(h * z).cwiseAbs2().rowwise().mean();
    });
    return result;
}

Estimate diagonal_slope(const Blocks& blocks, const Matrix& h) {
    const Vector rows = h.rowwise().norm();
    return jackknife(blocks.coordinates,
                     [&](VectorView v) { return coordinate_slopes(v, h.diagonal(), rows).diagonal.value().slope; });
}

ExperimentResult run(const ExperimentOptions& options) {
    const Vector lambda = log_uniform_spectrum(60, 1e-3, 10.0);
    const Index blocks = options.draws(60, 24);
    const Matrix axes = lambda.asDiagonal(), turned = rotated(lambda, 0.03, 1);
    const SymmetricEigen on_axes = symmetric_eigen(axes), off_axes = symmetric_eigen(turned);
    const Blocks diagonal = measure(axes, on_axes, blocks, options.seed, 100'000);
    const Blocks general = measure(turned, off_axes, blocks, options.seed, 200'000);
    const Vector row_squares = turned.rowwise().squaredNorm();

    ExperimentResult result;
    result.cases = {
        {"b3", "injected isotropic cloud, full batch, diagonal H", "q", 2.0,
         exponent_estimate(on_axes.values, diagonal.in_eigenbasis), 0.05},
        {"b3", "injected isotropic cloud, full batch, H off the axes", "q", 2.0,
         exponent_estimate(off_axes.values, general.in_eigenbasis), 0.05},
        {"b3", "injected isotropic cloud, full batch, H off the axes", "spectral distance M4 / that of an exact law",
         1.0, mean_estimate(general.distance), 0.1},
        {"b4", "injected isotropic cloud, full batch, diagonal H", "p_H, slope of log sqrt(v_i) on log H_ii", 1.0,
         diagonal_slope(diagonal, axes), 0.05},
        {"b4", "injected isotropic cloud, full batch, H turned by 0.03: 5 % off-diagonal", "p_H", 1.0,
         diagonal_slope(general, turned), 0.05},
        {"b9", "injected isotropic cloud, full batch, H off the axes", "v_i / s^2 (H^2)_ii, mean", 1.0,
         mean_ratio(general.coordinates, cloud_variance * row_squares), 0.02},
        {"b10", "random signs z, H off the axes", "(z o H z)_i^2 / (H^2)_ii, mean", 1.0,
         mean_ratio(general.probes, row_squares), 0.02},
        {"b10", "v of the cloud and AdaHessian's, H off the axes", "v_i / s^2 (z o H z)_i^2, mean", 1.0,
         jackknife((Matrix(120, blocks) << general.coordinates, general.probes).finished(),
                   [](VectorView both) { return both.head(60).cwiseQuotient(cloud_variance * both.tail(60)).mean(); }),
         0.02},
    };
    const Vector root = (general.coordinates.rowwise().mean() / cloud_variance).cwiseSqrt();
    result.figure = {.title = "What sqrt(v) measures when H is slightly off the axes",
                     .x_label = "H_ii",
                     .y_label = "sqrt(v_i) / s",
                     .log_x = true,
                     .log_y = true,
                     .series = {{"measured", to_list(turned.diagonal()), to_list(root), Series::Style::points},
                                {"row norm of H", to_list(turned.diagonal()), to_list(row_squares.cwiseSqrt()),
                                 Series::Style::points},
                                {"|H_ii|, the essay", to_list(lambda), to_list(lambda)}}};
    result.caption =
        "60 eigenvalues from 0.001 to 10, eigenvectors turned so that 5 % of the Frobenius norm lies off the "
        "diagonal. Flat coordinates see their neighbors' curvature.";
    result.paragraph = fmt::format(
        "Parameters are drawn from N(w*, s^2 I) around the minimum of a quadratic, and v averages the squares of the "
        "full-batch gradients: the essay's own assumptions. In the eigenbasis the Hessian-squared law is exact (q = "
        "{:.3f}). "
        "Coordinate by coordinate v_i = s^2 (H^2)_ii, the squared row norm and the quantity that AdaHessian estimates "
        "with "
        "random signs; it is s^2 H_ii^2 only for a diagonal H. With 5 % of H off the diagonal the slope of sqrt(v_i) "
        "on "
        "H_ii is {:.2f} instead of 1.",
        result.cases[1].measured.value, result.cases[4].measured.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-b1",
        .title = "Is v the Hessian squared under the essay's own assumptions?",
        .claims = {{"b3", "Late in training the parameters are a cloud N(w*, s^2 I), so that E[g g'] = s^2 H^2",
                    hessian_squared_essay},
                   {"b4", "With a diagonal H, sqrt(v_i) = s |H_ii|: Adam is Newton's method", hessian_squared_essay},
                   {"b9", "Without that assumption v_i = s^2 (H^2)_ii, the squared row norm of H",
                    hessian_squared_page},
                   {"b10", "That is what AdaHessian estimates with random signs", hessian_squared_page}},
        .run = run};
}

} // namespace hessq::b1
