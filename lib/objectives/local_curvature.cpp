#include "hessq/objectives/local_curvature.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <string>
#include <utility>

namespace hessq {
namespace {

constexpr std::uint64_t sign_probe_stream = 0x70726f6265; // "probe"

} // namespace

LocalCurvature::LocalCurvature(const FiniteSumObjective& objective, Vector w, Batch batch)
    : objective_(&objective), w_(std::move(w)), batch_(std::move(batch)), size_(w_.size()) {
    require_size(w_.size(), objective.dimension(), "LocalCurvature", "w");
    batch_.check(objective.samples(), "LocalCurvature");
}

Matrix LocalCurvature::dense_hessian() const {
    if (size_ == w_.size()) return objective_->dense_hessian(w_, batch_);
    const ParameterRange range{offset_, size_};
    return objective_->dense_hessian_block(w_, batch_, range, range);
}

Vector LocalCurvature::hessian_diagonal() const {
    return objective_->hessian_diagonal(w_, batch_).segment(offset_, size_);
}

Vector LocalCurvature::hutchinson_diagonal(std::uint64_t seed, std::uint64_t index) const {
    const Vector z =
        sign_vector(RandomStream(seed, sign_probe_stream), w_.size(), index * static_cast<std::uint64_t>(w_.size()));
    return z.cwiseProduct(objective_->hessian(w_, batch_) * z).segment(offset_, size_);
}

Vector LocalCurvature::gauss_newton_diagonal() const {
    const auto* model = dynamic_cast<const ModelObjective*>(objective_);
    require(model != nullptr, "gauss_newton_diagonal", "the objective must be a model with a loss", "none");
    return model->gauss_newton_diagonal(w_, batch_).segment(offset_, size_);
}

LocalCurvature LocalCurvature::segment(Index offset, Index size) const {
    require(offset >= 0 && size >= 0 && offset + size <= size_, "LocalCurvature::segment",
            "the segment must lie within the " + std::to_string(size_) + " parameters",
            std::to_string(offset) + " + " + std::to_string(size));
    LocalCurvature result = *this;
    result.offset_ += offset;
    result.size_ = size;
    return result;
}

} // namespace hessq
