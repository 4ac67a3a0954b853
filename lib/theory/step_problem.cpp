#include "step_problem.hpp"

#include <cmath>
#include <limits>
#include <numbers>

namespace hessq {
namespace {

std::string shape(Index rows, Index cols) { return std::to_string(rows) + " x " + std::to_string(cols); }

} // namespace

void require_positive(double value, const char* function, const std::string& what) {
    require(value > 0.0 && value < infinity, function, what + " must be finite and above 0", value);
}

void require_not_negative(double value, const char* function, const std::string& what) {
    require(value >= 0.0 && value < infinity, function, what + " must be finite and at least 0", value);
}

void require_any_batch(double batch, const char* function) {
    require(batch > 0.0, function, "batch must be above 0", batch);
}

void require_share(double beta, const char* function, const std::string& name) {
    require(beta >= 0.0 && beta < 1.0, function, name + " must be in [0, 1)", beta);
}

void require_symmetric(MatrixView a, Index n, const char* function, const std::string& name) {
    require(a.rows() == n && a.cols() == n, function, name + " must be " + shape(n, n), shape(a.rows(), a.cols()));
    require_finite(a, std::string(function) + ": " + name);
    double largest = 0.0, asymmetry = 0.0;
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i) {
            largest = std::max(largest, std::abs(a(i, j)));
            asymmetry = std::max(asymmetry, std::abs(a(i, j) - a(j, i)));
        }
    require(asymmetry <= std::sqrt(std::numeric_limits<double>::epsilon()) * largest, function,
            name + " must be symmetric to sqrt(eps) of its largest entry; largest |A_ij - A_ji|", asymmetry);
}

void require_noisy_gradient(VectorView gradient, VectorView noise_sd, const char* function) {
    require(gradient.size() >= 1, function, "gradient must not be empty; size", gradient.size());
    require_finite(gradient, std::string(function) + ": gradient");
    require_size(noise_sd.size(), gradient.size(), function, "noise_sd");
    require_finite(noise_sd, std::string(function) + ": noise_sd");
    require_not_negative(noise_sd.minCoeff(), function, "the least noise_sd");
}

void require_problem(const StepProblem& problem, const char* function) {
    require_noisy_gradient(problem.gradient, problem.noise_sd, function);
    require_symmetric(problem.hessian, problem.gradient.size(), function, "hessian");
}

BestStep best_step_of(double slope, double curvature) {
    if (curvature > 0.0) return {.rate = slope / curvature, .decrease = 0.5 * slope * slope / curvature};
    return {.rate = infinity, .decrease = infinity, .status = StepStatus::unbounded};
}

double attenuation_constant(Attenuation attenuation) {
    return attenuation == Attenuation::essay ? 0.5 * std::numbers::pi : 1.0;
}

} // namespace hessq
