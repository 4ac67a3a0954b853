#include "hessq/preconditioners/preconditioner.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"

#include <cmath>
#include <utility>

namespace hessq {
namespace {

class FixedDiagonal : public DiagonalPreconditioner {
public:
    FixedDiagonal(Vector d, std::string name) : entries_(std::move(d)), name_(std::move(name)) {}

    std::string name() const override { return name_; }
    Vector entries() const override { return entries_; }

private:
    Vector entries_;
    std::string name_;
};

class Momentum final : public FixedDiagonal {
public:
    Momentum(Index dimension, double beta1)
        : FixedDiagonal(Vector::Ones(dimension), "momentum"), beta1_(beta1), average_(Vector::Zero(dimension)) {}

    void observe(VectorView g) override {
        require_size(g.size(), average_.size(), "momentum preconditioner", "the gradient");
        average_ = beta1_ * average_ + (1.0 - beta1_) * g;
        ++steps_;
    }

    Vector direction(VectorView) const override {
        require(steps_ >= 1, "momentum preconditioner", "at least one gradient must have been observed", steps_);
        return average_ / (1.0 - std::pow(beta1_, static_cast<double>(steps_)));
    }

private:
    double beta1_;
    Vector average_;
    Index steps_ = 0;
};

} // namespace

SymmetricOperator DiagonalPreconditioner::matrix() const { return diagonal_operator(entries(), name()); }

SymmetricOperator DiagonalPreconditioner::inverse() const {
    return diagonal_operator(entries().cwiseInverse(), name() + " inverse");
}

SymmetricOperator DiagonalPreconditioner::inverse_sqrt() const {
    return diagonal_operator(entries().cwiseSqrt().cwiseInverse(), name() + " inverse square root");
}

std::unique_ptr<Preconditioner> diagonal_preconditioner(Vector d, std::string name) {
    require(d.size() >= 1, "diagonal_preconditioner", "the diagonal must have at least one entry", d.size());
    for (const double entry : d)
        require(entry > 0.0 && std::isfinite(entry), "diagonal_preconditioner", "entries must be positive and finite",
                entry);
    return std::make_unique<FixedDiagonal>(std::move(d), std::move(name));
}

std::unique_ptr<Preconditioner> sgd_preconditioner(Index dimension) {
    require(dimension >= 1, "sgd_preconditioner", "dimension must be at least 1", dimension);
    return std::make_unique<FixedDiagonal>(Vector::Ones(dimension), "sgd");
}

std::unique_ptr<Preconditioner> momentum_preconditioner(Index dimension, double beta1) {
    require(dimension >= 1, "momentum_preconditioner", "dimension must be at least 1", dimension);
    require(beta1 >= 0.0 && beta1 < 1.0, "momentum_preconditioner", "beta1 must lie in [0, 1)", beta1);
    return std::make_unique<Momentum>(dimension, beta1);
}

} // namespace hessq
