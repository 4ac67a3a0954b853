#include "networks.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/spectrum/resolved.hpp"
#include "hessq/theory/second_moment_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hessq {
namespace {

constexpr Index inputs = 6, hidden = 8, samples = 400;
constexpr double converged_gradient = 1e-6;

MlpOptions shape() { return {.hidden = {hidden}, .activation = Activation::tanh, .loss = Loss::squared}; }

/// Newton steps, first away from saddles, then with less and less damping: the flattest direction decides how long.
Vector minimized(const Mlp& loss, Vector start) {
    Vector w = minimize_newton(loss, std::move(start),
                               {.iterations = 100, .relative_damping = 1e-3, .gradient_tolerance = 1e-3})
                   .parameters;
    for (const double damping : {1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10})
        w = minimize_newton(loss, w,
                            {.method = NewtonMethod::damped,
                             .iterations = 20,
                             .relative_damping = damping,
                             .gradient_tolerance = converged_gradient})
                .parameters;
    return w;
}

} // namespace

Mlp teacher_network(const RandomStream& stream, double label_noise) {
    require(label_noise >= 0.0, "teacher_network", "label_noise must be at least 0", label_noise);
    Dataset data;
    data.name = "teacher";
    data.origin = "a 6-8-1 tanh network with noise";
    data.inputs = normal_vector(stream, inputs * samples).reshaped(inputs, samples);
    data.targets = Matrix::Zero(1, samples);
    const Mlp unlabeled(data, shape());
    Vector teacher = normal_vector(stream, unlabeled.dimension(), static_cast<std::uint64_t>(inputs * samples));
    constexpr Index first = (inputs + 1) * hidden;
    teacher.head(first) *= 2.0 / std::sqrt(static_cast<double>(inputs));
    teacher.tail(teacher.size() - first) *= 2.0 / std::sqrt(static_cast<double>(hidden));
    data.targets =
        unlabeled.predict(teacher, Batch::all(samples)) +
        label_noise *
            normal_vector(stream, samples, static_cast<std::uint64_t>(inputs * samples + teacher.size())).transpose();
    return Mlp(std::move(data), shape());
}

NetworkAt network_at(std::shared_ptr<const ModelObjective> loss, Vector parameters) {
    NetworkAt result{.loss = std::move(loss), .parameters = std::move(parameters)};
    result.gradient = result.loss->FiniteSumObjective::gradient(result.parameters);
    result.hessian = result.loss->dense_hessian(result.parameters);
    const SymmetricEigen eigen = symmetric_eigen(result.hessian);
    const std::vector<Index> resolved = resolved_directions(eigen.values);
    result.lambda = entries_at(eigen.values, resolved);
    result.directions = columns_at(eigen.vectors, resolved);
    return result;
}

Students train_students(Index count, double label_noise, std::uint64_t seed, std::uint64_t stream) {
    Students students;
    const auto wanted = static_cast<std::size_t>(count);
    for (Index tried = 0; students.trained.size() < wanted;) {
        // As many at a time as are still needed: which are kept does not depend on the number of threads.
        const auto missing = wanted - students.trained.size();
        std::vector<NetworkAt> trained(missing), untrained(missing);
        parallel_for(static_cast<Index>(missing), [&](Index i) {
            const auto at = static_cast<std::size_t>(i);
            const auto which = static_cast<std::uint64_t>(tried + i);
            const auto loss = std::make_shared<const Mlp>(teacher_network({seed, stream + which}, label_noise));
            const Vector start = loss->initial_parameters(1000 * seed + stream + which);
            trained[at] = network_at(loss, minimized(*loss, start));
            untrained[at] = network_at(loss, start);
        });
        tried += static_cast<Index>(missing);
        for (std::size_t i = 0; i < missing; ++i) {
            if (trained[i].gradient.norm() > converged_gradient) {
                ++students.stopped_early;
                continue;
            }
            students.trained.push_back(std::move(trained[i]));
            students.untrained.push_back(std::move(untrained[i]));
        }
    }
    return students;
}

Vector CloudMoments::along() const { return second_moment.rowwise().mean(); }

Vector CloudMoments::covariance() const { return second_moment.rowwise().mean() - mean.rowwise().mean().cwiseAbs2(); }

CloudMoments gradient_cloud(const NetworkAt& network, double s, Index draws, Index blocks, const RandomStream& stream) {
    require(blocks >= 1 && draws >= 2 * blocks, "gradient_cloud", "draws must be at least 2 for each block", draws);
    const Index n = network.parameters.size(), k = network.lambda.size(), each = draws / blocks;
    CloudMoments result{.mean = Matrix(k, blocks), .second_moment = Matrix(k, blocks)};
    Matrix squares(n, blocks), errors(k + 1, blocks), linear(k + 1, blocks);
    parallel_for(blocks, [&](Index b) {
        Matrix z(n, each), g(n, each);
        fill_normal(stream, static_cast<std::uint64_t>(b * each) * static_cast<std::uint64_t>((n + 1) / 2 + 1), z);
        for (Index m = 0; m < each; ++m)
            g.col(m) = network.loss->FiniteSumObjective::gradient(network.parameters + s * z.col(m));
        const Matrix expected = s * (network.hessian * z);
        const Matrix along = network.directions.transpose() * g;
        result.mean.col(b) = along.rowwise().mean();
        result.second_moment.col(b) = along.cwiseAbs2().rowwise().mean();
        squares.col(b) = g.cwiseAbs2().rowwise().mean();
        const Matrix error = g - expected - network.gradient.replicate(1, each);
        errors.col(b) << (network.directions.transpose() * error).cwiseAbs2().rowwise().sum(), error.squaredNorm();
        linear.col(b) << (network.directions.transpose() * expected).cwiseAbs2().rowwise().sum(),
            expected.squaredNorm();
    });
    result.coordinates = squares.rowwise().mean();
    const Vector error = errors.rowwise().sum(), total = linear.rowwise().sum();
    result.linear_error = std::sqrt(error(k) / total(k));
    Vector along = error.head(k).cwiseQuotient(error.head(k) + total.head(k)).cwiseSqrt();
    std::sort(along.begin(), along.end());
    result.typical_error = along(k / 2);
    return result;
}

Matrix noise_by_parts(const NetworkAt& network, Index parts) {
    const Index count = network.loss->samples();
    require(parts >= 1 && parts <= count, "noise_by_parts", "parts must be from 1 to the number of samples", parts);
    Matrix result(network.lambda.size(), parts);
    parallel_for(parts, [&](Index p) {
        std::vector<Index> members;
        for (Index i = p; i < count; i += parts) members.push_back(i);
        Matrix g = network.loss->per_sample_gradients(network.parameters, Batch(std::move(members)));
        g.colwise() -= network.gradient;
        result.col(p) = (network.directions.transpose() * g).cwiseAbs2().rowwise().sum() *
                        (static_cast<double>(parts) / static_cast<double>(count));
    });
    return result;
}

double cloud_exponent(const NetworkAt& network, VectorView w) {
    const auto fit = eigen_exponent(network.lambda, w);
    return fit ? fit->exponent.value : std::numeric_limits<double>::quiet_NaN();
}

NetworkAt trained_bundled(const std::string& problem, Index steps, std::uint64_t seed) {
    const Problem chosen = bundled_problem(problem);
    const auto loss = std::dynamic_pointer_cast<const ModelObjective>(chosen.objective);
    require(loss != nullptr, "trained_bundled", "the problem must be a network", problem);
    const auto adam = adam_optimizer({.lr = 1e-2});
    const TrainResult run = train(*loss, chosen.start(seed), *adam, {.steps = steps, .batch = 100, .seed = seed});
    return network_at(loss, run.parameters);
}

} // namespace hessq
