#include "hessq/preconditioners/newton.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace hessq {
namespace {

const char* name_of(NewtonMethod method) {
    return method == NewtonMethod::diagonal ? "diagonal_newton"
           : method == NewtonMethod::damped ? "damped_newton"
                                            : "saddle_free_newton";
}

void check_damping(double damping) {
    require(damping >= 0.0 && damping <= 1.0, "newton_preconditioner", "relative_damping must lie in [0, 1]", damping);
}

/// V diag(p) V' with p >= 0.
class SpectralPreconditioner final : public Preconditioner {
public:
    SpectralPreconditioner(Matrix vectors, Vector p, double zero, std::string name)
        : vectors_(std::make_shared<const Matrix>(std::move(vectors))), p_(std::move(p)), zero_(zero),
          name_(std::move(name)) {}

    std::string name() const override { return name_; }
    SymmetricOperator matrix() const override { return function_of(p_, name_); }
    SymmetricOperator inverse() const override {
        return function_of((p_.array() <= zero_).select(0.0, p_.cwiseInverse()), name_ + " inverse");
    }
    SymmetricOperator inverse_sqrt() const override {
        return function_of((p_.array() <= zero_).select(0.0, p_.cwiseSqrt().cwiseInverse()),
                           name_ + " inverse square root");
    }

private:
    SymmetricOperator function_of(Vector values, std::string name) const {
        return SymmetricOperator(
            p_.size(),
            [vectors = vectors_, values = std::move(values)](MatrixView v) -> Matrix {
                return *vectors * (values.asDiagonal() * (vectors->transpose() * v));
            },
            std::move(name));
    }

    std::shared_ptr<const Matrix> vectors_;
    Vector p_;
    double zero_;
    std::string name_;
};

class ObservedNewton final : public Preconditioner {
public:
    ObservedNewton(Index dimension, const NewtonPreconditionerOptions& options)
        : dimension_(dimension), options_(options) {}

    std::string name() const override { return name_of(options_.method); }
    void observe_curvature(const LocalCurvature& curvature) override {
        require_size(curvature.dimension(), dimension_, "newton_preconditioner", "the curvature");
        now_ = newton_preconditioner(curvature.dense_hessian(), options_);
    }
    SymmetricOperator matrix() const override { return now().matrix(); }
    SymmetricOperator inverse() const override { return now().inverse(); }
    SymmetricOperator inverse_sqrt() const override { return now().inverse_sqrt(); }
    std::optional<Vector> diagonal() const override { return now().diagonal(); }

private:
    const Preconditioner& now() const {
        require(now_ != nullptr, name() + " preconditioner", "curvature must have been observed", "none");
        return *now_;
    }

    Index dimension_;
    NewtonPreconditionerOptions options_;
    std::unique_ptr<Preconditioner> now_;
};

} // namespace

std::unique_ptr<Preconditioner> newton_preconditioner(MatrixView hessian, const NewtonPreconditionerOptions& options) {
    check_damping(options.relative_damping);
    require(hessian.rows() == hessian.cols() && hessian.rows() >= 1, "newton_preconditioner",
            "the Hessian must be square and not empty",
            std::to_string(hessian.rows()) + " x " + std::to_string(hessian.cols()));
    const Index n = hessian.rows();
    const std::string name = name_of(options.method);
    require_finite(hessian, name + ": the Hessian");
    if (options.method == NewtonMethod::diagonal || hessian.isZero(0.0)) {
        const Vector d = hessian.diagonal().cwiseAbs();
        const Vector entries = d.cwiseMax(options.relative_damping * d.maxCoeff());
        return diagonal_preconditioner(d.isZero(0.0) ? Vector::Ones(n) : entries, name);
    }
    const SymmetricEigen h = symmetric_eigen(hessian);
    const double top = h.values.cwiseAbs().maxCoeff();
    const double damping = options.relative_damping * top;
    const double zero = static_cast<double>(n) * std::numeric_limits<double>::epsilon() * top;
    const bool absolute = options.method == NewtonMethod::saddle_free;
    const double shift = absolute ? damping : std::max(0.0, -h.values.minCoeff()) + damping;
    Vector p = (absolute ? Vector(h.values.cwiseAbs()) : h.values).array() + shift;
    return std::make_unique<SpectralPreconditioner>(h.vectors, std::move(p), zero, name);
}

std::unique_ptr<Preconditioner> newton_preconditioner(Index dimension, const NewtonPreconditionerOptions& options) {
    check_damping(options.relative_damping);
    require(dimension >= 1, "newton_preconditioner", "dimension must be at least 1", dimension);
    return std::make_unique<ObservedNewton>(dimension, options);
}

} // namespace hessq
