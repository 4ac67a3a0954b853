#include "hessq/operators/gradient_moments.hpp"

#include "hessq/core/outer_product.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <cmath>
#include <string>
#include <string_view>

namespace hessq {
namespace {

/// g_s - center for the c-th chunk of the batch. An empty center leaves the gradients as they are.
Matrix chunk_gradients(const FiniteSumObjective& objective, VectorView w, const Batch& batch, Index c,
                       const Vector& center) {
    Matrix gradients = objective.per_sample_gradients(w, chunk(batch, c));
    require_finite(gradients, "per-sample gradient");
    if (center.size() > 0) gradients.colwise() -= center;
    return gradients;
}

/// Noise of which less than this is left of some E g_i^2 is not computed as a difference.
constexpr double cancellation = 1e-4;

Matrix centred_second_moment(const FiniteSumObjective& objective, VectorView w, const Batch& batch,
                             const Vector& center) {
    Matrix sum = Matrix::Zero(w.size(), w.size());
    for (Index c = 0; c < chunk_count(batch); ++c)
        add_outer_product(sum, chunk_gradients(objective, w, batch, c, center));
    mirror_lower_triangle(sum);
    sum /= static_cast<double>(batch.size());
    return sum;
}

SymmetricOperator mean_outer_product_operator(const FiniteSumObjective& objective, VectorView w, const Vector& center,
                                              std::string name) {
    const Batch all = Batch::all(objective.samples());
    Matrix factor(w.size(), all.size());
    parallel_for(chunk_count(all), [&](Index c) {
        const Matrix gradients = chunk_gradients(objective, w, all, c, center);
        factor.middleCols(chunk_begin(all, c), gradients.cols()) = gradients;
    });
    factor /= std::sqrt(static_cast<double>(all.size()));
    return outer_product_operator(std::move(factor), std::move(name));
}

void check_point(const FiniteSumObjective& objective, VectorView w, std::string_view function) {
    require_size(w.size(), objective.dimension(), function, "w");
}

} // namespace

GradientMoments gradient_moments(const FiniteSumObjective& objective, VectorView w, const Batch& batch) {
    check_point(objective, w, "gradient_moments");
    batch.check(objective.samples(), "gradient_moments");
    GradientMoments moments{objective.gradient(w, batch), objective.gradient_second_moment(w, batch), batch.size()};
    require_finite(moments.second_moment, "second moment of per-sample gradients");
    return moments;
}

GradientMoments gradient_moments(const FiniteSumObjective& objective, VectorView w) {
    return gradient_moments(objective, w, Batch::all(objective.samples()));
}

Matrix noise_covariance(const FiniteSumObjective& objective, VectorView w) {
    check_point(objective, w, "noise_covariance");
    GradientMoments moments = gradient_moments(objective, w);
    const Vector second = moments.second_moment.diagonal(), noise = second - moments.mean.cwiseAbs2();
    if ((noise.array() < cancellation * second.array()).any())
        return centred_second_moment(objective, w, Batch::all(objective.samples()), moments.mean);
    // By columns, and entry (i, j) as (j, i): exactly symmetric.
    Matrix sigma = std::move(moments.second_moment);
    for (Index j = 0; j < sigma.cols(); ++j) sigma.col(j) -= moments.mean(j) * moments.mean;
    return sigma;
}

Vector noise_diagonal(const FiniteSumObjective& objective, VectorView w) {
    check_point(objective, w, "noise_diagonal");
    const Batch all = Batch::all(objective.samples());
    const Vector center = objective.gradient(w);
    const Matrix sum = parallel_sum(chunk_count(all), w.size(), 1, [&](Index c, Eigen::Ref<Matrix> total) {
        total += chunk_gradients(objective, w, all, c, center).rowwise().squaredNorm();
    });
    return sum / static_cast<double>(all.size());
}

Vector noise_quadratic_forms(const FiniteSumObjective& objective, VectorView w, MatrixView u) {
    check_point(objective, w, "noise_quadratic_forms");
    require_size(u.rows(), w.size(), "noise_quadratic_forms", "a column of u");
    const Batch all = Batch::all(objective.samples());
    const Vector center = objective.gradient(w);
    const Matrix sum = parallel_sum(chunk_count(all), u.cols(), 1, [&](Index c, Eigen::Ref<Matrix> total) {
        const Matrix gradients = chunk_gradients(objective, w, all, c, center);
        Matrix along(gradients.cols(), u.cols());
        along.noalias() = gradients.transpose() * u;
        total += along.colwise().squaredNorm().transpose();
    });
    return sum / static_cast<double>(all.size());
}

double noise_trace(const FiniteSumObjective& objective, VectorView w) { return noise_diagonal(objective, w).sum(); }

double batch_noise_factor(Index batch_size, Index samples, Sampling sampling) {
    require(batch_size >= 1, "batch_noise_factor", "batch size must be at least 1", batch_size);
    require(samples >= 1, "batch_noise_factor", "samples must be at least 1", samples);
    const auto b = static_cast<double>(batch_size), m = static_cast<double>(samples);
    if (sampling == Sampling::iid) return 1.0 / b;
    require(batch_size <= samples, "batch_noise_factor",
            "batch size must be at most the number of samples (" + std::to_string(samples) +
                ") when drawn without replacement",
            batch_size);
    return batch_size == samples ? 0.0 : (m - b) / (b * (m - 1.0));
}

Matrix batch_second_moment(VectorView mean, MatrixView sigma, Index batch_size, Index samples, Sampling sampling) {
    require(sigma.rows() == mean.size() && sigma.cols() == mean.size(), "batch_second_moment",
            "sigma must be square with as many rows as the mean has entries (" + std::to_string(mean.size()) + ")",
            std::to_string(sigma.rows()) + " x " + std::to_string(sigma.cols()));
    return mean * mean.transpose() + batch_noise_factor(batch_size, samples, sampling) * sigma;
}

SymmetricOperator empirical_fisher(const FiniteSumObjective& objective, VectorView w) {
    check_point(objective, w, "empirical_fisher");
    return mean_outer_product_operator(objective, w, Vector(), "empirical Fisher");
}

SymmetricOperator noise_covariance_operator(const FiniteSumObjective& objective, VectorView w) {
    check_point(objective, w, "noise_covariance_operator");
    return mean_outer_product_operator(objective, w, objective.gradient(w), "noise covariance");
}

} // namespace hessq
