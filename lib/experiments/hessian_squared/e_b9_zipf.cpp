#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/datasets/bundled.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/theory/hessian_squared.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <utility>
#include <vector>

namespace hessq::b9 {
namespace {

constexpr std::uint64_t first_stream = 9'000'000;
constexpr std::array<Index, 5> batches = {1, 10, 100, 1000, 100'000};
/// Means over 50 draws of an independent computation, to 0.001, and their standard deviations.
constexpr std::array<double, 5> second_mean = {0.501, 0.554, 0.747, 0.943, 1.000};
constexpr std::array<double, 5> second_deviation = {0.014, 0.017, 0.023, 0.027, 0.028};

/// p of sqrt(v_k) ~ H_kk^p over the blocks of weights of the classes.
double exponent(const Vector& second_moment, const Vector& curvature) {
    return fit_line(curvature.array().log().matrix(), 0.5 * second_moment.array().log().matrix()).slope;
}

double predicted_exponent(const Vector& frequencies, const Matrix& means, double batch) {
    const SoftmaxBlocks blocks = untrained_softmax_blocks(frequencies, means, batch);
    return exponent(blocks.second_moment, blocks.curvature);
}

// --- Gaussian classes -----------------------------------------------------------------------------------------------

struct Samples {
    Matrix inputs; ///< features x samples
    std::vector<Index> labels;
};

Samples draw_samples(Index count, const Vector& frequencies, const Matrix& means, const RandomStream& stream) {
    Samples samples{Matrix(means.rows(), count), std::vector<Index>(static_cast<std::size_t>(count))};
    std::vector<double> upper;
    double sum = 0.0;
    for (const double pi : frequencies) upper.push_back(sum += pi);
    std::uint64_t index = fill_normal(stream, 0, samples.inputs);
    for (Index s = 0; s < count; ++s) {
        const auto above = std::upper_bound(upper.begin(), upper.end() - 1, stream.uniform(index++));
        const Index label = above - upper.begin();
        samples.labels[static_cast<std::size_t>(s)] = label;
        samples.inputs.col(s) += means.col(label);
    }
    return samples;
}

/// The block means of v from the gradients of batches, one after the other through the samples: that of class c is
/// pi_c mean x - (1/B) sum_{y = c} x, for the softmax of the biases is pi.
Vector batched_second_moment(const Samples& samples, const Vector& frequencies, Index batch) {
    const Index d = samples.inputs.rows(), classes = frequencies.size(), count = samples.inputs.cols() / batch;
    const double scale = 1.0 / static_cast<double>(batch);
    Vector v = Vector::Zero(classes);
    Matrix sums(d, classes);
    for (Index b = 0; b < count; ++b) {
        sums.setZero();
        for (Index s = b * batch; s < (b + 1) * batch; ++s)
            sums.col(samples.labels[static_cast<std::size_t>(s)]) += scale * samples.inputs.col(s);
        const Vector all = sums.rowwise().sum();
        v += (all * frequencies.transpose() - sums).colwise().squaredNorm().transpose();
    }
    return v / static_cast<double>(count * d);
}

/// The same for a batch larger than there are samples, g o g + diag(Sigma) / B without bias: the mean gradient of m
/// samples has g o g + diag(Sigma) / m.
Vector large_batch_second_moment(const Samples& samples, const Vector& frequencies, Index batch) {
    const auto m = static_cast<double>(samples.inputs.cols());
    const Vector all = batched_second_moment(samples, frequencies, samples.inputs.cols());
    const Vector single = batched_second_moment(samples, frequencies, 1);
    const Vector noise = (single - all) * (m / (m - 1.0));
    return all + noise * (1.0 / static_cast<double>(batch) - 1.0 / m);
}

/// H_kk = pi_k (1 - pi_k) mean x^2 over the samples, mean over the block.
Vector curvature_of(const Samples& samples, const Vector& frequencies) {
    const double square = samples.inputs.squaredNorm() / static_cast<double>(samples.inputs.size());
    return square * frequencies.array() * (1.0 - frequencies.array());
}

struct Exponents {
    Matrix measured, predicted; ///< an entry for each batch, a column for each draw

    Estimate mean_measured(Index b) const { return mean_estimate(measured.row(b).transpose()); }
    double mean_predicted(Index b) const { return predicted.row(b).mean(); }
    /// The prediction is for these very draws, so that only the differences from it are uncertain.
    Estimate against_prediction(Index b) const {
        const Estimate difference = mean_estimate((measured.row(b) - predicted.row(b)).transpose());
        return {.value = measured.row(b).mean(), .std_error = difference.std_error, .samples = difference.samples};
    }
};

Exponents gaussian_classes(const ExperimentOptions& options) {
    constexpr Index classes = 50, features = 20, samples = 20'000;
    const Vector frequencies = zipf_frequencies(classes);
    const Index draws = options.draws(50, 20);
    Exponents result{Matrix(batches.size(), draws), Matrix(batches.size(), draws)};
    parallel_for(draws, [&](Index draw) {
        const std::uint64_t stream = first_stream + 2 * static_cast<std::uint64_t>(draw);
        Matrix means(features, classes);
        fill_normal(RandomStream(options.seed, stream), 0, means);
        const Samples drawn = draw_samples(samples, frequencies, means, RandomStream(options.seed, stream + 1));
        const Vector curvature = curvature_of(drawn, frequencies);
        for (std::size_t b = 0; b < batches.size(); ++b) {
            const auto row = static_cast<Index>(b);
            const Vector v = batches[b] <= 100 ? batched_second_moment(drawn, frequencies, batches[b])
                                               : large_batch_second_moment(drawn, frequencies, batches[b]);
            result.measured(row, draw) = exponent(v, curvature);
            result.predicted(row, draw) = predicted_exponent(frequencies, means, static_cast<double>(batches[b]));
        }
    });
    return result;
}

// --- Digits ---------------------------------------------------------------------------------------------------------

/// The digits, each as often as Zipf's law gives its place in a random order. Whitened: the 20 principal components of
/// largest variance within the classes, scaled so that this variance is the identity.
Dataset zipf_digits(const Dataset& digits, bool whitened, const RandomStream& stream) {
    constexpr Index samples = 1000;
    const Index classes = digits.classes();
    std::vector<std::vector<Index>> members(static_cast<std::size_t>(classes));
    for (Index s = 0; s < digits.samples(); ++s) members[static_cast<std::size_t>(digits.targets(0, s))].push_back(s);
    const std::vector<Index> order = random_permutation(stream, classes);
    const Vector frequencies = zipf_frequencies(classes);
    Dataset data = digits;
    data.inputs.resize(digits.features(), samples);
    data.targets.resize(1, samples);
    Index next = 0;
    std::uint64_t index = 1'000'000;
    for (Index k = 0; k < classes; ++k) {
        const Index digit = order[static_cast<std::size_t>(k)];
        const std::vector<Index>& from = members[static_cast<std::size_t>(digit)];
        const Index until = k + 1 == classes
                                ? samples
                                : next + static_cast<Index>(std::lround(frequencies(k) * static_cast<double>(samples)));
        for (; next < until; ++next) {
            const Index chosen = stream.integer(index++, static_cast<Index>(from.size()));
            data.inputs.col(next) = digits.inputs.col(from[static_cast<std::size_t>(chosen)]);
            data.targets(0, next) = static_cast<double>(digit);
        }
    }
    if (!whitened) return data;

    Matrix means = Matrix::Zero(data.features(), classes);
    Vector counts = Vector::Zero(classes);
    for (Index s = 0; s < samples; ++s) {
        const auto label = static_cast<Index>(data.targets(0, s));
        means.col(label) += data.inputs.col(s);
        counts(label) += 1.0;
    }
    means.array().rowwise() /= counts.transpose().array();
    // Every class counts the same, the rare ones with their noise.
    Matrix within = Matrix::Zero(data.features(), data.features());
    for (Index s = 0; s < samples; ++s) {
        const auto label = static_cast<Index>(data.targets(0, s));
        const Vector x = data.inputs.col(s) - means.col(label);
        within += x * x.transpose() / (counts(label) * static_cast<double>(classes));
    }
    const SymmetricEigen eigen = symmetric_eigen(within);
    const Vector scale = eigen.values.tail(20).cwiseSqrt().cwiseInverse();
    data.inputs = (scale.asDiagonal() * eigen.vectors.rightCols(20).transpose() * data.inputs).eval();
    data.feature_names.clear();
    return data;
}

/// Softmax regression's own gradients and Hessian at zero weights and the biases that fit the frequencies.
Exponents digit_classes(bool whitened, const ExperimentOptions& options) {
    const Dataset digits = bundled_dataset("digits");
    const Index classes = digits.classes();
    const Index draws = options.draws(120, 60);
    Exponents result{Matrix(batches.size(), draws), Matrix(batches.size(), draws)};
    parallel_for(draws, [&](Index draw) {
        const RandomStream stream(options.seed, first_stream + 500'000 + static_cast<std::uint64_t>(draw));
        const Mlp model = softmax_regression(zipf_digits(digits, whitened, stream));
        const Dataset& data = model.data();
        const Index d = data.features();
        Vector frequencies = Vector::Zero(classes);
        Matrix means = Matrix::Zero(d, classes);
        for (Index s = 0; s < data.samples(); ++s) {
            frequencies(static_cast<Index>(data.targets(0, s))) += 1.0;
            means.col(static_cast<Index>(data.targets(0, s))) += data.inputs.col(s);
        }
        means.array().rowwise() /= frequencies.transpose().array();
        frequencies /= static_cast<double>(data.samples());

        Vector w = Vector::Zero(model.dimension());
        w.tail(classes) = frequencies.array().log();
        const auto block_means = [&](const Vector& x) {
            return Vector(x.head(classes * d).reshaped(d, classes).colwise().mean().transpose());
        };
        const Vector mean = block_means(model.gradient(w).cwiseAbs2());
        const Vector noise = block_means(noise_diagonal(model, w));
        const Vector curvature = block_means(model.gauss_newton_diagonal(w));
        for (std::size_t b = 0; b < batches.size(); ++b) {
            const auto row = static_cast<Index>(b);
            const auto batch = static_cast<double>(batches[b]);
            result.measured(row, draw) = exponent(mean + noise / batch, curvature);
            result.predicted(row, draw) = predicted_exponent(frequencies, means, batch);
        }
    });
    return result;
}

// --------------------------------------------------------------------------------------------------------------------

Series points(const Exponents& exponents, const std::string& label) {
    Series series{.label = label, .style = Series::Style::points};
    for (std::size_t b = 0; b < batches.size(); ++b) {
        const Estimate mean = exponents.mean_measured(static_cast<Index>(b));
        series.x.push_back(static_cast<double>(batches[b]));
        series.y.push_back(mean.value);
        series.lower.push_back(mean.value - mean.std_error);
        series.upper.push_back(mean.value + mean.std_error);
    }
    return series;
}

Series line(const Exponents& exponents, const std::string& label) {
    Series series{.label = label, .style = Series::Style::line};
    for (std::size_t b = 0; b < batches.size(); ++b) {
        series.x.push_back(static_cast<double>(batches[b]));
        series.y.push_back(exponents.mean_predicted(static_cast<Index>(b)));
    }
    return series;
}

ExperimentResult run(const ExperimentOptions& options) {
    const Exponents gaussian = gaussian_classes(options);
    const Exponents raw = digit_classes(false, options), white = digit_classes(true, options);

    ExperimentResult result;
    for (std::size_t b = 0; b < batches.size(); ++b) {
        const auto row = static_cast<Index>(b);
        const std::string size = fmt::format("batches of {}", batches[b]);
        const std::string quantity = "p, the exponent over class blocks";
        // The logarithm of a rare class's moment, from 90 samples in 20 dimensions, is not the moment's: its mean is
        // too small by one part in a hundred or so.
        result.cases.push_back({"b25", "50 Gaussian classes, " + size, quantity, gaussian.mean_predicted(row),
                                gaussian.against_prediction(row), 0.02});
        // Three standard deviations of a draw.
        result.cases.push_back({"b25", "50 Gaussian classes, " + size, quantity + ", against another computation",
                                second_mean[b], gaussian.mean_measured(row), 3.0 * second_deviation[b],
                                Prediction::printed});
        // Whitening makes the mean over classes of the variance within them the identity, not every single one.
        result.cases.push_back({"b25", "digits of Zipf frequencies, whitened, " + size, quantity,
                                white.mean_predicted(row), white.against_prediction(row), 0.05});
    }
    // What is left of the closed form where the variance within the classes is not the identity, and few classes: the
    // two ends. How far apart the digits are has nothing to do with their order, but scatters.
    result.cases.push_back({"b25", "digits of Zipf frequencies, pixels, single samples",
                            "p, the exponent over class blocks", 0.5, raw.mean_measured(0), 0.05});
    result.cases.push_back({"b25", "digits of Zipf frequencies, pixels, batches of 100000",
                            "p, the exponent over class blocks", 1.0, raw.mean_measured(4), 0.1});
    result.figure = {.title = "Second moment and curvature over classes of different frequency",
                     .x_label = "batch",
                     .y_label = "p of sqrt(v_k) ~ H_kk^p",
                     .log_x = true,
                     .series = {points(gaussian, "50 Gaussian classes"), points(white, "digits, whitened"),
                                points(raw, "digits, pixels"), line(gaussian, "closed form")},
                     .guides = {{.slope = 0.0, .y = 1.0}, {.slope = 0.0, .y = 0.5}}};
    result.caption = fmt::format(
        "Softmax regression at zero weights and fitted biases, class frequencies ~ 1 / k. Means over {} draws of 50 "
        "class means in 20 dimensions, and over {} orders of the ten digits, with one standard error.",
        gaussian.measured.cols(), raw.measured.cols());
    result.paragraph = fmt::format(
        "No parameter moves here: v and H are compared at one point, before training, over the blocks of weights of "
        "classes that are rare or frequent by Zipf's law. The full-batch gradient of a class is proportional to its "
        "frequency, and so is its curvature: sqrt(v) ~ H^{:.3f} for batches of 100000 (closed form {:.3f}). For single "
        "samples v is the noise, whose variance is itself proportional to the frequency: H^{:.3f}. In between the rare "
        "classes are still "
        "in "
        "the noise, {:.3f} for batches of 100. The same on images of digits drawn with Zipf's frequencies in random "
        "orders, by the library's own gradients: {:.3f}, {:.3f} and {:.3f} for batches of 1, 100 and 100000, and "
        "{:.3f}, {:.3f}, {:.3f} after whitening within the classes, as the closed form supposes ({:.3f}, {:.3f}, "
        "{:.3f}). So a v that follows the Hessian squared is not yet evidence of a cloud around a minimum.",
        gaussian.mean_measured(4).value, gaussian.mean_predicted(4), gaussian.mean_measured(0).value,
        gaussian.mean_measured(2).value, raw.mean_measured(0).value, raw.mean_measured(2).value,
        raw.mean_measured(4).value, white.mean_measured(0).value, white.mean_measured(2).value,
        white.mean_measured(4).value, white.mean_predicted(0), white.mean_predicted(2), white.mean_predicted(4));
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-b9",
            .title = "Can class frequencies alone make v follow the Hessian?",
            .claims = {{"b25",
                        "Zipf classes give v ~ H^2 over class blocks for full batches without any cloud, and v ~ H for "
                        "single samples",
                        hessian_squared_page}},
            .run = run};
}

} // namespace hessq::b9
