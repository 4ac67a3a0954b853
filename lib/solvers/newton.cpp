#include "hessq/solvers/newton.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hessq {
namespace {

// Eigenvalues up to this size are zero.
double rounding_of(const SymmetricEigen& h) {
    return static_cast<double>(h.values.size()) * std::numeric_limits<double>::epsilon() *
           h.values.cwiseAbs().maxCoeff();
}

// Of A with the eigenvalues d.
NewtonStatus status_of(const Vector& d, double zero) {
    if ((d.array().abs() <= zero).any()) return NewtonStatus::singular;
    return (d.array() < 0.0).any() ? NewtonStatus::indefinite : NewtonStatus::ok;
}

// Solves V diag(d) V' step = g, d being the eigenvalues of A that belong to those of H.
NewtonStep solve(const SymmetricEigen& h, const Vector& d, VectorView g, double damping) {
    const Index n = h.values.size();
    const double zero = rounding_of(h);
    NewtonStep result;
    result.damping = damping;
    result.negative_eigenvalues = (h.values.array() < -zero).count();
    result.zero_eigenvalues = (h.values.array().abs() <= zero).count();
    result.status = status_of(d, zero);

    Vector coefficients = h.vectors.transpose() * g;
    for (Index k = 0; k < n; ++k) coefficients(k) = std::abs(d(k)) <= zero ? 0.0 : coefficients(k) / d(k);
    result.step = h.vectors * coefficients;
    const Vector projected = h.vectors.transpose() * result.step;
    result.residual = (h.vectors * d.cwiseProduct(projected) - g).norm();
    return result;
}

void check(const SymmetricEigen& h, VectorView g, double damping, const std::string& function) {
    require_size(g.size(), h.values.size(), function, "g");
    require_finite(g, function + ": g");
    require_finite(h.values, function + ": eigenvalue");
    require(damping >= 0.0, function, "damping must be at least 0", damping);
}

} // namespace

NewtonStep newton_step(const SymmetricEigen& h, VectorView g) {
    check(h, g, 0.0, "newton_step");
    return solve(h, h.values, g, 0.0);
}

NewtonStep damped_newton_step(const SymmetricEigen& h, VectorView g, double damping) {
    check(h, g, damping, "damped_newton_step");
    return solve(h, h.values.array() + damping, g, damping);
}

NewtonStep saddle_free_newton_step(const SymmetricEigen& h, VectorView g, double damping) {
    check(h, g, damping, "saddle_free_newton_step");
    return solve(h, h.values.array().abs() + damping, g, damping);
}

double default_damping(const SymmetricEigen& h) {
    return std::max(0.0, -h.values.minCoeff()) + 1e-4 * h.values.cwiseAbs().maxCoeff();
}

NewtonStep best_damped_step(const Objective& objective, VectorView w, const SymmetricEigen& h, VectorView g,
                            NewtonMetric metric) {
    check(h, g, 0.0, "best_damped_step");
    const Vector d = metric == NewtonMetric::shifted ? h.values : Vector(h.values.cwiseAbs());
    const double shift = std::max(0.0, -d.minCoeff());
    const double scale = d.cwiseAbs().maxCoeff();
    if (scale == 0.0) return newton_step(h, g);
    std::vector<double> dampings;
    if (status_of(h.values, rounding_of(h)) == NewtonStatus::ok) dampings.push_back(0.0);
    for (int k = 16; k >= 0; --k) dampings.push_back(shift + std::pow(10.0, -0.5 * k) * scale);

    // All the steps by one matrix product.
    const Vector along = h.vectors.transpose() * g;
    Matrix coefficients(d.size(), static_cast<Index>(dampings.size()));
    for (Index j = 0; j < coefficients.cols(); ++j)
        coefficients.col(j) = along.array() / (d.array() + dampings[static_cast<std::size_t>(j)]);
    const Matrix steps = h.vectors * coefficients;
    // A larger damping must do better than rounding: near a minimum the losses of the small ones cannot be told apart.
    constexpr double rounding = 64.0 * std::numeric_limits<double>::epsilon();
    std::size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < dampings.size(); ++j) {
        const double loss = trial_value(objective, w - steps.col(static_cast<Index>(j)));
        if (loss + rounding * std::abs(loss) < least) {
            least = loss;
            best = j;
        }
    }
    return solve(h, d.array() + dampings[best], g, dampings[best]);
}

namespace {

SymmetricOperator damped(const SymmetricOperator& h, double damping, std::string_view function) {
    require(damping >= 0.0, function, "damping must be at least 0", damping);
    return damping > 0.0 ? sum(1.0, h, damping, identity_operator(h.dimension())) : h;
}

} // namespace

CgResult newton_step_cg(const SymmetricOperator& h, VectorView g, const NewtonCgOptions& options) {
    return conjugate_gradients(damped(h, options.damping, "newton_step_cg"), g,
                               {.tolerance = options.tolerance,
                                .max_iterations = options.max_iterations,
                                .preconditioner = options.preconditioner});
}

MinresResult newton_step_minres(const SymmetricOperator& h, VectorView g, const NewtonMinresOptions& options) {
    return minres(damped(h, options.damping, "newton_step_minres"), g,
                  {.tolerance = options.tolerance,
                   .max_iterations = options.max_iterations,
                   .inverse_sqrt = options.inverse_sqrt});
}

} // namespace hessq
