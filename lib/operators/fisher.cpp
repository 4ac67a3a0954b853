#include "hessq/operators/fisher.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"

#include <cmath>

namespace hessq {
namespace {

// Odd, so that draws 0, 1, 2, ... of one seed get different seeds; far from the draws of neighbouring seeds.
constexpr std::uint64_t draw_stride = 0x9e3779b97f4a7c15;

std::uint64_t draw_seed(const SampledFisherOptions& options, Index draw) {
    return options.seed + draw_stride * static_cast<std::uint64_t>(draw);
}

Matrix drawn_gradients(const ModelObjective& model, VectorView w, const Batch& batch, std::uint64_t seed) {
    Matrix gradients = model.sampled_label_gradients(w, batch, seed);
    require_finite(gradients, "sampled-label gradient");
    return gradients;
}

void check(const ModelObjective& model, VectorView w, const SampledFisherOptions& options, const char* function) {
    require_size(w.size(), model.dimension(), function, "w");
    require(options.draws >= 2, function, "draws must be at least 2", options.draws);
}

} // namespace

SymmetricOperator true_fisher(const ModelObjective& model, VectorView w) { return model.gauss_newton(w); }

SampledFisher sampled_fisher(const ModelObjective& model, VectorView w, const SampledFisherOptions& options) {
    check(model, w, options, "sampled_fisher");
    const Batch all = Batch::all(model.samples());
    Matrix mean = Matrix::Zero(w.size(), w.size());
    double spread = 0.0;
    for (Index d = 0; d < options.draws; ++d) {
        const std::uint64_t seed = draw_seed(options, d);
        Matrix draw = model.sampled_label_second_moment(w, all, seed);
        require_finite(draw, "second moment of sampled-label gradients");
        // Welford: the running mean and sum_d |A_d - mean|_F^2, without subtracting two large squares.
        draw -= mean;
        const auto count = static_cast<double>(d + 1);
        mean += draw / count;
        spread += draw.squaredNorm() * (count - 1.0) / count;
    }
    const auto draws = static_cast<double>(options.draws);
    return {std::move(mean), std::sqrt(spread / (draws * (draws - 1.0))), options.draws};
}

Estimate sampled_fisher_trace(const ModelObjective& model, VectorView w, const SampledFisherOptions& options) {
    check(model, w, options, "sampled_fisher_trace");
    const Batch all = Batch::all(model.samples());
    Vector traces(options.draws);
    for (Index d = 0; d < options.draws; ++d) {
        const std::uint64_t seed = draw_seed(options, d);
        const Matrix sum = parallel_sum(chunk_count(all), 1, 1, [&](Index c, Eigen::Ref<Matrix> total) {
            total(0, 0) += drawn_gradients(model, w, chunk(all, c), seed).squaredNorm();
        });
        traces(d) = sum(0, 0) / static_cast<double>(all.size());
    }
    return mean_estimate(traces);
}

} // namespace hessq
