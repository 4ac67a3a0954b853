#pragma once

#include "hessq/core/require.hpp"
#include "hessq/theory/batch_size.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

// What the scaling laws require of their arguments, and the few lines they share.

namespace hessq {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

void require_positive(double value, const char* function, const std::string& what);
void require_not_negative(double value, const char* function, const std::string& what);
/// Above 0; may be infinite.
void require_any_batch(double batch, const char* function);
void require_share(double beta, const char* function, const std::string& name);
void require_symmetric(MatrixView a, Index n, const char* function, const std::string& name);
void require_noisy_gradient(VectorView gradient, VectorView noise_sd, const char* function);
void require_problem(const StepProblem& problem, const char* function);

inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// -1, 0 or 1.
inline double sign_of(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; }

/// From E[u]'g and E[u'H u].
BestStep best_step_of(double slope, double curvature);

/// c of an attenuation.
double attenuation_constant(Attenuation attenuation);

} // namespace hessq
