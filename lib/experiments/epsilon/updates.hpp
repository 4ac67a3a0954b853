#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/theory/epsilon.hpp"

#include <cstdint>
#include <functional>
#include <vector>

// What the experiments hold the laws of epsilon.hpp against: updates written out, integrals by another rule, and draws.

namespace hessq {

/// u(x), written from its definition.
double written_update(EpsilonForm form, double x, double eps);

/// E f(z), z standard normal, by adaptive Gauss-Kronrod quadrature on pieces between the cuts.
double normal_mean(const std::function<double(double)>& f, std::vector<double> cuts = {});

/// E u and E u^2 for x ~ N(a, 1), by normal_mean.
UpdateMoments integrated_moments(EpsilonForm form, double a, double b);

/// The best rate for updates u(ghat) that are drawn, ghat = g + sigma z / sqrt(B): mean of u'g over mean of u'H u.
/// `correlation` is that between any two coordinates of z.
///
/// Error bar  Jackknife over 24 blocks.
Estimate drawn_rate(EpsilonForm form, const StepProblem& problem, double eps, double batch, Index draws,
                    std::uint64_t seed, std::uint64_t stream, double correlation = 0.0);

} // namespace hessq
