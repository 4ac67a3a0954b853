#include "hessq/datasets/synthetic.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

// Streams of one seed; every generator draws each quantity from its own.
constexpr std::uint64_t synthetic_stream = 0x73796e7468 << 8; // "synth"
constexpr std::uint64_t input_stream = synthetic_stream + 1;
constexpr std::uint64_t weight_stream = synthetic_stream + 2;
constexpr std::uint64_t bias_stream = synthetic_stream + 3;
constexpr std::uint64_t curvature_stream = synthetic_stream + 4;
constexpr std::uint64_t target_stream = synthetic_stream + 5;
constexpr std::uint64_t mean_stream = synthetic_stream + 6;

Matrix normal_matrix(std::uint64_t seed, std::uint64_t stream, Index rows, Index cols) {
    return normal_vector(RandomStream(seed, stream), rows * cols).reshaped(rows, cols);
}

void require_shape(std::string_view function, Index samples, Index features) {
    require(samples >= 1, function, "samples must be at least 1", samples);
    require(features >= 1, function, "features must be at least 1", features);
}

// The class whose piece of (0, 1) contains u. Rounding may leave the pieces' sum below u: then it is the last.
Index category(VectorView probabilities, double u) {
    Index k = 0;
    for (double end = probabilities(0); u > end && k + 1 < probabilities.size(); end += probabilities(k)) ++k;
    return k;
}

Dataset named(std::string name, std::string origin, Matrix inputs, Matrix targets, Index classes) {
    Dataset data;
    data.name = std::move(name);
    data.origin = std::move(origin);
    for (Index i = 0; i < inputs.rows(); ++i) data.feature_names.push_back(fmt::format("x{}", i));
    for (Index c = 0; c < classes; ++c) data.class_names.push_back(fmt::format("{}", c));
    data.inputs = std::move(inputs);
    data.targets = std::move(targets);
    return data;
}

} // namespace

SyntheticData gaussian_regression(Index samples, VectorView spectrum, const GaussianRegressionOptions& options) {
    const Index features = spectrum.size();
    require_shape("gaussian_regression", samples, features);
    require(spectrum.minCoeff() >= 0.0, "gaussian_regression", "the spectrum must not be negative",
            spectrum.minCoeff());
    require(options.noise >= 0.0, "gaussian_regression", "noise must be at least 0", options.noise);
    const Vector truth = options.coefficients.size()
                             ? options.coefficients
                             : normal_vector(RandomStream(options.seed, weight_stream), features);
    require_size(truth.size(), features, "gaussian_regression", "the coefficients");

    Matrix inputs = spectrum.cwiseSqrt().asDiagonal() * normal_matrix(options.seed, input_stream, features, samples);
    Matrix targets = truth.transpose() * inputs;
    targets += options.noise * normal_matrix(options.seed, target_stream, 1, samples);
    SyntheticData result;
    result.parameters = Vector::Zero(features + 1);
    result.parameters.head(features) = truth;
    result.data =
        named("gaussian regression",
              fmt::format("x ~ N(0, diag(spectrum)), y = x'theta* + {} xi, seed {}", options.noise, options.seed),
              std::move(inputs), std::move(targets), 0);
    return result;
}

SyntheticData softmax_data(Index samples, Index features, Index classes, const SoftmaxDataOptions& options) {
    require_shape("softmax_data", samples, features);
    require(classes >= 2, "softmax_data", "classes must be at least 2", classes);
    require(options.scale >= 0.0, "softmax_data", "scale must be at least 0", options.scale);
    require(options.misspecification >= 0.0, "softmax_data", "misspecification must be at least 0",
            options.misspecification);
    const double width = static_cast<double>(features);
    const Matrix weight =
        options.scale / std::sqrt(width) * normal_matrix(options.seed, weight_stream, classes, features);
    const Vector bias = 0.5 * options.scale * normal_vector(RandomStream(options.seed, bias_stream), classes);
    const Matrix curvature = options.misspecification / std::sqrt(2.0 * width) *
                             normal_matrix(options.seed, curvature_stream, classes, features);

    Matrix inputs = normal_matrix(options.seed, input_stream, features, samples);
    Matrix logits = weight * inputs + curvature * (inputs.array().square() - 1.0).matrix();
    logits.colwise() += bias;
    Matrix targets(1, samples);
    const RandomStream stream(options.seed, target_stream);
    for (Index s = 0; s < samples; ++s) {
        Vector p = (logits.col(s).array() - logits.col(s).maxCoeff()).exp();
        p /= p.sum();
        targets(0, s) = static_cast<double>(category(p, stream.uniform(static_cast<std::uint64_t>(s))));
    }
    SyntheticData result;
    result.parameters.resize(classes * (features + 1));
    result.parameters << weight.reshaped<Eigen::RowMajor>(), bias;
    result.data = named("softmax data",
                        fmt::format("x ~ N(0, I), y ~ softmax of logits of scale {}, misspecification {}, seed {}",
                                    options.scale, options.misspecification, options.seed),
                        std::move(inputs), std::move(targets), classes);
    return result;
}

Vector zipf_frequencies(Index classes) {
    require(classes >= 1, "zipf_frequencies", "classes must be at least 1", classes);
    const Vector raw = Vector::LinSpaced(classes, static_cast<double>(classes), 1.0).cwiseInverse().reverse();
    return raw / raw.sum();
}

Dataset gaussian_mixture(Index samples, Index features, VectorView frequencies, const GaussianMixtureOptions& options) {
    const Index classes = frequencies.size();
    require_shape("gaussian_mixture", samples, features);
    require(classes >= 2, "gaussian_mixture", "there must be at least 2 frequencies", classes);
    require(frequencies.minCoeff() >= 0.0, "gaussian_mixture", "frequencies must not be negative",
            frequencies.minCoeff());
    require(std::abs(frequencies.sum() - 1.0) <= static_cast<double>(classes) * std::numeric_limits<double>::epsilon(),
            "gaussian_mixture", "frequencies must sum to 1", frequencies.sum());
    require(options.mean_scale >= 0.0, "gaussian_mixture", "mean_scale must be at least 0", options.mean_scale);
    const Matrix means = options.mean_scale * normal_matrix(options.seed, mean_stream, features, classes);
    Matrix inputs = normal_matrix(options.seed, input_stream, features, samples);
    Matrix targets(1, samples);
    const RandomStream stream(options.seed, target_stream);
    for (Index s = 0; s < samples; ++s) {
        const Index k = category(frequencies, stream.uniform(static_cast<std::uint64_t>(s)));
        targets(0, s) = static_cast<double>(k);
        inputs.col(s) += means.col(k);
    }
    return named("gaussian mixture",
                 fmt::format("mu_k ~ N(0, {}^2 I), x | k ~ N(mu_k, I), seed {}", options.mean_scale, options.seed),
                 std::move(inputs), std::move(targets), classes);
}

Dataset synthetic_classification(Index samples, Index features, Index classes, std::uint64_t seed) {
    require_shape("synthetic_classification", samples, features);
    require(classes >= 2, "synthetic_classification", "classes must be at least 2", classes);
    return gaussian_mixture(samples, features, Vector::Constant(classes, 1.0 / static_cast<double>(classes)),
                            {.seed = seed});
}

Dataset linear_teacher(Index samples, Index features, Index outputs, Index rank, const LinearTeacherOptions& options) {
    require_shape("linear_teacher", samples, features);
    require(outputs >= 1, "linear_teacher", "outputs must be at least 1", outputs);
    require(rank >= 1, "linear_teacher", "rank must be at least 1", rank);
    require(options.noise >= 0.0, "linear_teacher", "noise must be at least 0", options.noise);
    const Matrix left = normal_matrix(options.seed, weight_stream, outputs, rank);
    const Matrix right = normal_matrix(options.seed, mean_stream, rank, features);
    Matrix inputs = normal_matrix(options.seed, input_stream, features, samples);
    Matrix targets = left * (right * inputs) / std::sqrt(static_cast<double>(rank));
    targets += options.noise * normal_matrix(options.seed, target_stream, outputs, samples);
    return named("linear teacher",
                 fmt::format("x ~ N(0, I), y = M x + {} xi, M of rank {}, seed {}", options.noise, rank, options.seed),
                 std::move(inputs), std::move(targets), 0);
}

} // namespace hessq
