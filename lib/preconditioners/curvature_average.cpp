#include "hessq/preconditioners/curvature_average.hpp"

#include "hessq/core/require.hpp"

#include <cmath>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

Vector diagonal_of(const LocalCurvature& curvature, DiagonalEstimate estimate, std::uint64_t seed, Index draw) {
    switch (estimate) {
    case DiagonalEstimate::hutchinson:
        return curvature.hutchinson_diagonal(seed, static_cast<std::uint64_t>(draw));
    case DiagonalEstimate::exact:
        return curvature.hessian_diagonal();
    case DiagonalEstimate::gauss_newton:
        return curvature.gauss_newton_diagonal();
    }
    return {};
}

void check_common(Index dimension, double beta2, double eps, std::string_view function) {
    require(dimension >= 1, function, "dimension must be at least 1", dimension);
    require(beta2 >= 0.0 && beta2 < 1.0, function, "beta2 must lie in [0, 1)", beta2);
    require(eps >= 0.0, function, "eps must be at least 0", eps);
}

void check_curvature(const LocalCurvature& curvature, Index dimension, const std::string& name) {
    require_size(curvature.dimension(), dimension, name + " preconditioner", "the curvature");
}

void check_observed(Index estimates, const std::string& name) {
    require(estimates >= 1, name + " preconditioner", "curvature must have been observed", estimates);
}

class Sophia final : public DiagonalPreconditioner {
public:
    Sophia(Index dimension, const SophiaPreconditionerOptions& options)
        : options_(options), average_(Vector::Zero(dimension)) {}

    std::string name() const override { return "sophia"; }

    void observe_curvature(const LocalCurvature& curvature) override {
        check_curvature(curvature, average_.size(), name());
        if (steps_++ % options_.interval != 0) return;
        const Vector d = diagonal_of(curvature, options_.estimate, options_.seed, estimates_++);
        average_ = options_.beta2 * average_ + (1.0 - options_.beta2) * d;
    }

    Vector entries() const override {
        check_observed(estimates_, name());
        return (options_.gamma * average_).cwiseMax(options_.eps);
    }

private:
    SophiaPreconditionerOptions options_;
    Vector average_;
    Index steps_ = 0, estimates_ = 0;
};

class Adahessian final : public DiagonalPreconditioner {
public:
    Adahessian(Index dimension, const AdahessianPreconditionerOptions& options)
        : options_(options), squares_(Vector::Zero(dimension)) {}

    std::string name() const override { return "adahessian"; }

    void observe_curvature(const LocalCurvature& curvature) override {
        check_curvature(curvature, squares_.size(), name());
        const Vector d = diagonal_of(curvature, options_.estimate, options_.seed, estimates_++);
        squares_ = options_.beta2 * squares_ + (1.0 - options_.beta2) * d.cwiseAbs2();
    }

    Vector entries() const override {
        check_observed(estimates_, name());
        const Vector root = (squares_ / (1.0 - std::pow(options_.beta2, static_cast<double>(estimates_)))).cwiseSqrt();
        const Vector powered = options_.power == 1.0 ? root : Vector(root.array().pow(options_.power));
        return powered.array() + options_.eps;
    }

private:
    AdahessianPreconditionerOptions options_;
    Vector squares_;
    Index estimates_ = 0;
};

} // namespace

std::unique_ptr<Preconditioner> sophia_preconditioner(Index dimension, const SophiaPreconditionerOptions& options) {
    const std::string_view function = "sophia_preconditioner";
    check_common(dimension, options.beta2, options.eps, function);
    require(options.gamma > 0.0, function, "gamma must be greater than 0", options.gamma);
    require(options.interval >= 1, function, "interval must be at least 1", options.interval);
    return std::make_unique<Sophia>(dimension, options);
}

std::unique_ptr<Preconditioner> adahessian_preconditioner(Index dimension,
                                                          const AdahessianPreconditionerOptions& options) {
    const std::string_view function = "adahessian_preconditioner";
    check_common(dimension, options.beta2, options.eps, function);
    require(options.power >= 0.0 && options.power <= 1.0, function, "power must lie in [0, 1]", options.power);
    return std::make_unique<Adahessian>(dimension, options);
}

} // namespace hessq
