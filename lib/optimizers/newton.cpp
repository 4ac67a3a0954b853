#include "hessq/optimizers/newton.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace hessq {
namespace {

Vector to_vector(const std::vector<double>& values) {
    return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

} // namespace

NewtonRun minimize_newton(const Objective& objective, Vector start, const NewtonOptions& options) {
    require_size(start.size(), objective.dimension(), "minimize_newton", "start");
    require(options.iterations >= 0, "minimize_newton", "iterations must be at least 0", options.iterations);
    require(options.relative_damping > 0.0 && options.relative_damping <= 1.0, "minimize_newton",
            "relative_damping must lie in (0, 1]", options.relative_damping);
    require(options.gradient_tolerance >= 0.0, "minimize_newton", "gradient_tolerance must be at least 0",
            options.gradient_tolerance);
    require(options.halvings >= 0, "minimize_newton", "halvings must be at least 0", options.halvings);

    constexpr double sufficient = 1e-4;
    NewtonRun run;
    run.parameters = std::move(start);
    Vector& w = run.parameters;
    std::vector<double> losses, norms, lengths;
    for (Index k = 0;; ++k) {
        const ValueAndGradient at = objective.value_and_gradient(w);
        require_finite(at.value, "minimize_newton: loss at iteration " + std::to_string(k));
        require_finite(at.gradient, "minimize_newton: gradient at iteration " + std::to_string(k));
        losses.push_back(at.value);
        if (options.observer) options.observer(k, at.value);
        norms.push_back(at.gradient.norm());
        if (norms.back() <= options.gradient_tolerance) {
            run.outcome = NewtonOutcome::converged;
            break;
        }
        if (k == options.iterations) break;

        const Matrix hessian = objective.dense_hessian(w);
        require_finite(hessian, "minimize_newton: Hessian at iteration " + std::to_string(k));
        const Vector p =
            newton_preconditioner(hessian, {.method = options.method, .relative_damping = options.relative_damping})
                ->direction(at.gradient);
        const double slope = at.gradient.dot(p);
        const auto accepted = [&](double a) {
            return trial_value(objective, w - a * p) <= at.value - sufficient * a * slope;
        };
        double length = 1.0;
        Index halved = 0;
        while (!accepted(length) && halved < options.halvings) {
            length *= 0.5;
            ++halved;
        }
        if (halved == options.halvings && !accepted(length)) {
            run.outcome = NewtonOutcome::no_decrease;
            break;
        }
        lengths.push_back(length);
        w -= length * p;
    }
    run.loss = to_vector(losses);
    run.gradient_norm = to_vector(norms);
    run.step_length = to_vector(lengths);
    return run;
}

} // namespace hessq
