#include "hessq/theory/regimes.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/spectrum/resolved.hpp"
#include "hessq/theory/second_moment_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hessq {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t cloud_stream = 0x636c6f7564; // "cloud"; point i draws from the i-th stream behind it

/// The eigenpairs that count.
struct Directions {
    Vector lambda;
    Matrix vectors;
};

Directions resolved(const SymmetricEigen& h) {
    const std::vector<Index> chosen = resolved_directions(h.values);
    return {entries_at(h.values, chosen), columns_at(h.vectors, chosen)};
}

/// The exponent of the mean of the replicates: column i holds u_k'W_i u_k of the i-th independent part of W.
std::optional<RegimeExponent> exponent_of(const Vector& lambda, const Matrix& replicates) {
    if (lambda.size() == 0 || replicates.cols() < 2) return std::nullopt;
    const Vector mean = replicates.rowwise().mean();
    const std::optional<EigenExponent> q = eigen_exponent(lambda, mean);
    if (!q) return std::nullopt;
    const JackknifeEstimate sampled = jackknife(replicates, [&](VectorView forms) {
        // Without one part a direction may not have been seen at all; as good as unseen, it moves nothing.
        const std::optional<EigenExponent> others = eigen_exponent(lambda, forms);
        return others ? others->exponent.value : q->exponent.value;
    });
    RegimeExponent result{
        .exponent = q->exponent, .scatter_error = q->exponent.std_error, .sampling_error = sampled.std_error};
    result.exponent.std_error = std::hypot(result.scatter_error, result.sampling_error);
    return result;
}

/// u_k'W_b u_k for ten parts W_b of the W that Adam's weights make, b a block of consecutive steps: W is their mean.
Matrix block_forms(const GradientHistory& history, double beta2, Index steps, const Matrix& u) {
    constexpr Index blocks = 10;
    const Matrix factor = history.weighted_factor(beta2, steps);
    Matrix squares(factor.cols(), u.cols());
    squares.noalias() = factor.transpose() * u;
    squares = squares.cwiseAbs2();

    // Adam's weights by age; the newest step is the last column.
    const Index count = factor.cols();
    const Index used = std::min(blocks, count);
    const double total = 1.0 - std::pow(beta2, static_cast<double>(count));
    Matrix forms = Matrix::Zero(u.cols(), used);
    Index begin = 0;
    for (Index b = 0; b < used; ++b) {
        // Columns 0, ..., end - 1 weigh beta2^(count - end) - beta2^count of the total; every block holds one step.
        const double share = static_cast<double>(b + 1) / static_cast<double>(used);
        Index end = begin + 1;
        const auto weight_to = [&](Index column) {
            return (std::pow(beta2, static_cast<double>(count - column)) - (1.0 - total)) / total;
        };
        while (end < count - (used - 1 - b) && (b == used - 1 || weight_to(end) < share)) ++end;
        forms.col(b) = static_cast<double>(used) * squares.middleRows(begin, end - begin).colwise().sum().transpose();
        begin = end;
    }
    return forms;
}

const char* no_line = "fewer than 3 directions of different curvature have a second moment";

RegimeCell diverged(Index batch, double position, const std::string& reason) {
    return {.batch = batch, .position = position, .loss = nothing, .signal_share = nothing, .why = reason};
}

void check(const FiniteSumObjective& objective, Index batch, const char* function) {
    require(batch >= 1, function, "batch must be at least 1", batch);
    require(batch <= objective.samples(), function,
            "batch must be at most the number of samples (" + std::to_string(objective.samples()) + ")", batch);
}

} // namespace

RegimeCell measure_regime(const FiniteSumObjective& objective, VectorView start, const RegimeOptions& options) {
    require_size(start.size(), objective.dimension(), "measure_regime", "start");
    check(objective, options.batch, "measure_regime");
    require(options.steps >= 20, "measure_regime", "steps must be at least 20", options.steps);
    const auto adam =
        adam_optimizer({.lr = options.lr, .beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps});
    try {
        GradientHistory minibatch(objective.dimension(), options.steps), full_batch = minibatch;
        const TrainResult run =
            train(objective, start, *adam,
                  {.steps = options.steps, .batch = options.batch, .sampling = options.sampling, .seed = options.seed},
                  [&](Index, VectorView w, VectorView gradient) {
                      minibatch.observe(gradient);
                      full_batch.observe(objective.gradient(w));
                  });
        RegimeCell cell{.batch = options.batch, .position = options.lr};
        cell.loss = objective.value(run.parameters);
        require_finite(cell.loss, "the loss after the last step");
        const Matrix hessian = objective.dense_hessian(run.parameters);
        require_finite(hessian, "the Hessian after the last step");
        const Directions directions = resolved(symmetric_eigen(hessian));
        const Matrix noisy = block_forms(minibatch, options.beta2, options.steps, directions.vectors);
        const Matrix quiet = block_forms(full_batch, options.beta2, options.steps, directions.vectors);
        cell.minibatch = exponent_of(directions.lambda, noisy);
        cell.full_batch = exponent_of(directions.lambda, quiet);
        cell.signal_share = quiet.sum() / noisy.sum();
        if (!cell.minibatch) cell.why = noisy.cols() < 2 ? "with this beta2 W is a single gradient" : no_line;
        return cell;
    } catch (const NumericalError& error) {
        return diverged(options.batch, options.lr, error.what());
    }
}

std::vector<RegimeCell> measure_cloud_regimes(const FiniteSumObjective& objective, VectorView center,
                                              const SymmetricEigen& h, const CloudRegimeOptions& options) {
    const Index n = objective.dimension();
    require_size(center.size(), n, "measure_cloud_regimes", "center");
    require_size(h.values.size(), n, "measure_cloud_regimes", "the spectrum of h");
    require(options.distance > 0.0 && std::isfinite(options.distance), "measure_cloud_regimes",
            "distance must be above 0", options.distance);
    require(options.points >= 3, "measure_cloud_regimes", "points must be at least 3", options.points);
    for (const Index batch : options.batches) check(objective, batch, "measure_cloud_regimes");

    const Directions directions = resolved(h);
    const Index r = directions.lambda.size();
    Matrix signal(r, options.points), noise(r, options.points);
    Vector loss(options.points);
    try {
        for (Index i = 0; i < options.points; ++i) {
            const RandomStream draws(options.seed, cloud_stream + static_cast<std::uint64_t>(i));
            const Vector w = center + options.distance * normal_vector(draws, n);
            const ValueAndGradient at = objective.value_and_gradient(w);
            loss(i) = at.value;
            require_finite(at.value, "the loss at point " + std::to_string(i));
            require_finite(at.gradient, "the gradient at point " + std::to_string(i));
            signal.col(i) = (directions.vectors.transpose() * at.gradient).cwiseAbs2();
            noise.col(i) = noise_quadratic_forms(objective, w, directions.vectors);
        }
    } catch (const NumericalError& error) {
        std::vector<RegimeCell> cells;
        for (const Index batch : options.batches) cells.push_back(diverged(batch, options.distance, error.what()));
        return cells;
    }

    std::vector<RegimeCell> cells;
    const std::optional<RegimeExponent> full_batch = exponent_of(directions.lambda, signal);
    for (const Index batch : options.batches) {
        const Matrix total = signal + batch_noise_factor(batch, objective.samples(), options.sampling) * noise;
        RegimeCell cell{.batch = batch, .position = options.distance};
        cell.minibatch = exponent_of(directions.lambda, total);
        cell.full_batch = full_batch;
        cell.loss = loss.mean();
        cell.signal_share = signal.sum() / total.sum();
        if (!cell.minibatch) cell.why = no_line;
        cells.push_back(std::move(cell));
    }
    return cells;
}

double regime_bytes(Index dimension, Index samples, Index steps) {
    const auto n = static_cast<double>(dimension), m = static_cast<double>(samples);
    // The gradients of both kinds, those of one kind weighted, and their projections; the Hessian, its eigenvectors
    // with dsyevd's workspace, and the resolved ones; the passes of all samples.
    return 4.0 * GradientHistory::bytes(dimension, steps) +
           8.0 * (6.0 * n * n + 4.0 * n * static_cast<double>(sample_chunk) + 20.0 * (n + m));
}

double IsotropicLaw::second_moment(double lambda, double distance, double noise_factor) const {
    const double cloud = distance * distance, a = gaussian_inputs ? 1.0 : 0.0;
    return cloud * lambda * lambda * (1.0 + a * noise_factor) + lambda * (noise + a * cloud * trace) * noise_factor;
}

double IsotropicLaw::crossover_curvature(double distance, double noise_factor) const {
    const double cloud = distance * distance, a = gaussian_inputs ? 1.0 : 0.0;
    return (noise + a * cloud * trace) * noise_factor / (cloud * (1.0 + a * noise_factor));
}

double IsotropicLaw::crossover_factor(double lambda, double distance) const {
    const double cloud = distance * distance, a = gaussian_inputs ? 1.0 : 0.0;
    const double rest = noise + a * cloud * (trace - lambda);
    return rest > 0.0 ? cloud * lambda / rest : std::numeric_limits<double>::infinity();
}

} // namespace hessq
