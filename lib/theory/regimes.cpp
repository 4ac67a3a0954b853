#include "hessq/theory/regimes.hpp"

#include "hessq/core/dense.hpp"
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
constexpr std::uint64_t run_stream = 0x72756e73;     // "runs"
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

RegimeExponent with_errors(const Estimate& q, double scatter, double sampling) {
    RegimeExponent result{.exponent = q, .scatter_error = scatter, .sampling_error = sampling};
    result.exponent.std_error = std::hypot(scatter, sampling);
    return result;
}

/// The exponent of the mean of the replicates: column i holds u_k'W_i u_k at the i-th point.
std::optional<RegimeExponent> exponent_of(const Vector& lambda, const Matrix& replicates) {
    if (lambda.size() == 0) return std::nullopt;
    require_finite(replicates, "the second moment");
    const Vector mean = replicates.rowwise().mean();
    const std::optional<EigenExponent> q = eigen_exponent(lambda, mean);
    if (!q) return std::nullopt;
    const JackknifeEstimate sampled = jackknife(replicates, [&](VectorView forms) {
        // Without one point there may be no line left; it then counts as one that moves nothing.
        const std::optional<EigenExponent> others = eigen_exponent(lambda, forms);
        return others ? others->exponent.value : q->exponent.value;
    });
    return with_errors(q->exponent, q->exponent.std_error, sampled.std_error);
}

const char* no_line = "fewer than 3 directions of different curvature have a second moment";

RegimeCell diverged(Index batch, double position, std::string reason) {
    // The sign of a NaN says nothing, and differs between machines.
    if (const auto at = reason.find("-nan"); at != std::string::npos) reason.erase(at, 1);
    return {.batch = batch, .position = position, .loss = nothing, .signal_share = nothing, .why = reason};
}

/// What one run leaves.
struct RunReading {
    std::optional<EigenExponent> minibatch, full_batch;
    double loss = 0.0;
    double signal = 0.0, noise = 0.0; ///< Adam's averages of |g|^2 and |ghat - g|^2, not corrected for bias
};

RunReading read_run(const FiniteSumObjective& objective, VectorView start, const RegimeOptions& options,
                    std::uint64_t seed) {
    const auto adam =
        adam_optimizer({.lr = options.lr, .beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps});
    GradientHistory minibatch(objective.dimension(), options.steps), full_batch = minibatch;
    RunReading reading;
    const auto average = [&](double& sum, double square) {
        sum = options.beta2 * sum + (1.0 - options.beta2) * square;
    };
    const TrainResult run =
        train(objective, start, *adam,
              {.steps = options.steps, .batch = options.batch, .sampling = options.sampling, .seed = seed},
              [&](Index, VectorView w, VectorView gradient) {
                  const Vector full = objective.gradient(w);
                  minibatch.observe(gradient);
                  full_batch.observe(full);
                  average(reading.signal, full.squaredNorm());
                  average(reading.noise, (gradient - full).squaredNorm());
              });
    reading.loss = objective.value(run.parameters);
    require_finite(reading.loss, "the loss after the last step");
    const Matrix hessian = objective.dense_hessian(run.parameters);
    require_finite(hessian, "the Hessian after the last step");
    const Directions directions = resolved(symmetric_eigen(hessian));
    if (directions.lambda.size() == 0) return reading;
    const Vector noisy = minibatch.quadratic_forms(directions.vectors, options.beta2, options.steps);
    const Vector quiet = full_batch.quadratic_forms(directions.vectors, options.beta2, options.steps);
    reading.minibatch = eigen_exponent(directions.lambda, noisy);
    reading.full_batch = eigen_exponent(directions.lambda, quiet);
    return reading;
}

/// The mean over the runs; nothing unless every run has an exponent.
std::optional<RegimeExponent> mean_exponent(const std::vector<RunReading>& runs,
                                            std::optional<EigenExponent> RunReading::*which) {
    Vector values(static_cast<Index>(runs.size()));
    double scatter = 0.0;
    Index directions = std::numeric_limits<Index>::max();
    for (std::size_t r = 0; r < runs.size(); ++r) {
        const std::optional<EigenExponent>& q = runs[r].*which;
        if (!q) return std::nullopt;
        values(static_cast<Index>(r)) = q->exponent.value;
        scatter += q->exponent.std_error / static_cast<double>(runs.size());
        directions = std::min(directions, q->directions);
    }
    const Estimate mean = mean_estimate(values);
    return with_errors({.value = mean.value, .samples = directions}, scatter, mean.std_error);
}

void check(const FiniteSumObjective& objective, Index batch, const char* function) {
    require(batch >= 1, function, "batch must be at least 1", batch);
    require(batch <= objective.samples(), function,
            "batch must be at most the number of samples (" + std::to_string(objective.samples()) + ")", batch);
}

} // namespace

std::uint64_t regime_seed(std::uint64_t seed, Index run) {
    if (run == 0) return seed;
    constexpr Index many = Index{1} << 62;
    return static_cast<std::uint64_t>(RandomStream(seed, run_stream).integer(static_cast<std::uint64_t>(run), many));
}

RegimeCell measure_regime(const FiniteSumObjective& objective, VectorView start, const RegimeOptions& options) {
    require_size(start.size(), objective.dimension(), "measure_regime", "start");
    check(objective, options.batch, "measure_regime");
    require(options.steps >= 1, "measure_regime", "steps must be at least 1", options.steps);
    require(options.runs >= 2, "measure_regime", "runs must be at least 2", options.runs);
    std::vector<RunReading> runs;
    try {
        for (Index r = 0; r < options.runs; ++r)
            runs.push_back(read_run(objective, start, options, regime_seed(options.seed, r)));
    } catch (const NumericalError& error) {
        return diverged(options.batch, options.lr, error.what());
    }
    RegimeCell cell{.batch = options.batch, .position = options.lr};
    cell.minibatch = mean_exponent(runs, &RunReading::minibatch);
    cell.full_batch = mean_exponent(runs, &RunReading::full_batch);
    double signal = 0.0, noise = 0.0;
    for (const RunReading& run : runs) {
        cell.loss += run.loss / static_cast<double>(options.runs);
        signal += run.signal;
        noise += run.noise;
    }
    // A second moment that has overflowed has no shares.
    cell.signal_share = signal / (signal + noise);
    if (!cell.minibatch) cell.why = no_line;
    return cell;
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
    double signal_trace = 0.0, noise_sum = 0.0;
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
            signal_trace += at.gradient.squaredNorm();
            noise_sum += noise_trace(objective, w);
        }
        require_finite(signal_trace, "the second moment");
        require_finite(noise_sum, "the noise");
    } catch (const NumericalError& error) {
        std::vector<RegimeCell> cells;
        for (const Index batch : options.batches) cells.push_back(diverged(batch, options.distance, error.what()));
        return cells;
    }

    std::vector<RegimeCell> cells;
    const std::optional<RegimeExponent> full_batch = exponent_of(directions.lambda, signal);
    for (const Index batch : options.batches) {
        const double factor = batch_noise_factor(batch, objective.samples(), options.sampling);
        const Matrix total = signal + factor * noise;
        RegimeCell cell{.batch = batch, .position = options.distance};
        cell.minibatch = exponent_of(directions.lambda, total);
        cell.full_batch = full_batch;
        cell.loss = loss.mean();
        cell.signal_share = signal_trace / (signal_trace + factor * noise_sum);
        if (!cell.minibatch) cell.why = no_line;
        cells.push_back(std::move(cell));
    }
    return cells;
}

double regime_bytes(Index dimension, Index samples, Index steps) {
    const auto n = static_cast<double>(dimension), m = static_cast<double>(samples);
    // The gradients of both kinds and their projections; the Hessian, its eigenvectors with dstedc's workspace, and the
    // resolved ones; the passes of all samples.
    return 3.0 * GradientHistory::bytes(dimension, steps) +
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
