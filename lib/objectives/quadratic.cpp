#include "hessq/objectives/quadratic.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unsupported/Eigen/MatrixFunctions>

namespace hessq {
namespace {

constexpr std::uint64_t noise_stream = 0x6e6f697365;      // "noise"
constexpr std::uint64_t rotation_stream = 0x726f74617465; // "rotate"

Matrix require_symmetric(Matrix a, const std::string& what) {
    require(a.rows() == a.cols() && a.rows() >= 1, "Quadratic", what + " must be square",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    require_finite(a, "Quadratic: " + what);
    require((a - a.transpose()).cwiseAbs().maxCoeff() <=
                static_cast<double>(a.rows()) * std::numeric_limits<double>::epsilon() * a.cwiseAbs().maxCoeff(),
            "Quadratic", what + " must be symmetric to n * eps of its largest entry; largest |A_ij - A_ji|",
            (a - a.transpose()).cwiseAbs().maxCoeff());
    return a;
}

// n x rank, with root root' = C.
Matrix noise_root(const Matrix& c) {
    const SymmetricEigen eigen = symmetric_eigen(c);
    const Vector& lambda = eigen.values;
    const double rounding =
        static_cast<double>(c.rows()) * std::numeric_limits<double>::epsilon() * lambda.cwiseAbs().maxCoeff();
    require(lambda(0) >= -rounding, "Quadratic", "the noise covariance must be positive semidefinite; least eigenvalue",
            lambda(0));
    const Index rank = (lambda.array() > rounding).count();
    return eigen.vectors.rightCols(rank) * lambda.tail(rank).cwiseSqrt().asDiagonal();
}

Matrix noise_vectors(const Matrix& covariance, Index samples, std::uint64_t seed) {
    const Matrix root = noise_root(covariance);
    const Index rank = root.cols();
    require(samples > rank, "Quadratic",
            "samples must exceed the rank of the noise covariance (" + std::to_string(rank) + ")", samples);
    if (rank == 0) return Matrix::Zero(covariance.rows(), samples);
    Matrix draws(samples, rank);
    const RandomStream stream(seed, noise_stream);
    for (Index j = 0; j < rank; ++j)
        draws.col(j) = normal_vector(stream, samples, static_cast<std::uint64_t>(j * samples));
    const Eigen::RowVectorXd mean = draws.colwise().mean();
    draws.rowwise() -= mean;
    // Z = Q R: the rows of sqrt(m) Q have covariance I whatever the condition of Z.
    return std::sqrt(static_cast<double>(samples)) * root * thin_qr(std::move(draws)).q.transpose();
}

} // namespace

Quadratic::Quadratic(Matrix h, const QuadraticOptions& options)
    : h_(require_symmetric(std::move(h), "the Hessian")), operator_(dense_operator(h_, "Hessian")),
      minimum_(options.minimum.size() ? options.minimum : Vector::Zero(h_.rows())), noise_(h_.rows(), 0),
      samples_(options.samples) {
    require_size(minimum_.size(), h_.rows(), "Quadratic", "the minimum");
    require_finite(minimum_, "Quadratic: the minimum");
    require(samples_ >= 1, "Quadratic", "samples must be at least 1", samples_);
    if (options.noise_covariance.size() == 0) return;
    const Matrix covariance = require_symmetric(options.noise_covariance, "the noise covariance");
    require_size(covariance.rows(), h_.rows(), "Quadratic", "a row of the noise covariance");
    noise_ = noise_vectors(covariance, samples_, options.seed);
}

ValueAndGradient Quadratic::value_and_gradient(VectorView w, const Batch& batch) const {
    require_size(w.size(), dimension(), "Quadratic", "w");
    batch.check(samples_, "Quadratic");
    const Vector d = w - minimum_;
    const Vector hd = h_ * d;
    if (noise_.cols() == 0) return {0.5 * d.dot(hd), hd};
    const Index chunks = chunk_count(batch);
    const Vector noise = parallel_sum(chunks, dimension(), 1,
                                      [&](Index chunk, Eigen::Ref<Matrix> sum) {
                                          const Index end = chunk_begin(batch, chunk + 1);
                                          for (Index s = chunk_begin(batch, chunk); s < end; ++s)
                                              sum += noise_.col(batch[s]);
                                      }) /
                         static_cast<double>(batch.size());
    return {0.5 * d.dot(hd) + noise.dot(d), hd + noise};
}

SymmetricOperator Quadratic::hessian(VectorView w, const Batch& batch) const {
    require_size(w.size(), dimension(), "Quadratic", "w");
    batch.check(samples_, "Quadratic");
    return operator_;
}

Matrix Quadratic::dense_hessian(VectorView w, const Batch& batch) const {
    require_size(w.size(), dimension(), "Quadratic", "w");
    batch.check(samples_, "Quadratic");
    return h_;
}

Matrix Quadratic::per_sample_gradients(VectorView w, const Batch& batch) const {
    require_size(w.size(), dimension(), "Quadratic", "w");
    batch.check(samples_, "Quadratic");
    const Vector hd = h_ * (w - minimum_);
    Matrix gradients = hd.replicate(1, batch.size());
    if (noise_.cols() > 0)
        for (Index s = 0; s < batch.size(); ++s) gradients.col(s) += noise_.col(batch[s]);
    return gradients;
}

Vector log_uniform_spectrum(Index n, double low, double high) {
    require(n >= 2, "log_uniform_spectrum", "n must be at least 2", n);
    require(low > 0.0, "log_uniform_spectrum", "low must be positive", low);
    require(std::isfinite(high) && high > low, "log_uniform_spectrum", "high must exceed low", high);
    Vector spectrum = Vector::LinSpaced(n, std::log(low), std::log(high)).array().exp();
    spectrum(0) = low;
    spectrum(n - 1) = high;
    return spectrum;
}

Vector power_law_spectrum(Index n) {
    require(n >= 1, "power_law_spectrum", "n must be at least 1", n);
    return Vector::LinSpaced(n, static_cast<double>(n), 1.0).cwiseInverse();
}

Vector spiked_spectrum(Index n, double low, double high, double spike) {
    require(n >= 3, "spiked_spectrum", "n must be at least 3", n);
    require(std::isfinite(spike) && spike > high, "spiked_spectrum", "the spike must exceed the bulk", spike);
    Vector spectrum(n);
    spectrum << log_uniform_spectrum(n - 1, low, high), spike;
    return spectrum;
}

Matrix random_rotation(Index n, double theta, std::uint64_t seed) {
    require(n >= 1, "random_rotation", "n must be at least 1", n);
    require(std::isfinite(theta), "random_rotation", "theta must be finite", theta);
    const Matrix a = normal_vector(RandomStream(seed, rotation_stream), n * n).reshaped(n, n);
    const Matrix exponent = theta / std::sqrt(static_cast<double>(n)) * (a - a.transpose());
    return exponent.exp();
}

Matrix rotated(VectorView spectrum, double theta, std::uint64_t seed) {
    require(spectrum.size() >= 1, "rotated", "the spectrum must hold at least one number", spectrum.size());
    const Matrix r = random_rotation(spectrum.size(), theta, seed);
    const Matrix h = r * spectrum.asDiagonal() * r.transpose();
    return 0.5 * (h + h.transpose());
}

} // namespace hessq
