#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/random.hpp"
#include "hessq/theory/batch_size.hpp"

#include <cstdint>
#include <functional>

// Best steps from drawn directions: definitions only, no law of batch_size.hpp.

namespace hessq {

/// The example of the theory's unit numbers: three coordinates of different gradients and noise.
StepProblem uneven_problem();

/// One draw of a direction: the random numbers of a stream from `index` on; sets the direction, returns the first
/// index not used.
using DrawDirection = std::function<std::uint64_t(const RandomStream&, std::uint64_t index, Vector& u)>;

/// ghat = g + R z / sqrt(B) with R R' = Sigma, z standard normal.
DrawDirection normal_gradient(const StepProblem& problem, Matrix root, double batch);
/// The same variance in rare jumps: a coordinate of one sample is off by sqrt(1 / rare) sigma_i with chance `rare`.
DrawDirection sparse_gradient(const StepProblem& problem, double rare, Index batch);
DrawDirection signs_of(DrawDirection gradient);

/// Means of u'g and u'H u over blocks of draws: 2 x 20.
Matrix drawn_moments(const StepProblem& problem, const DrawDirection& direction, Index draws, std::uint64_t seed,
                     std::uint64_t stream);

/// E u'g / E u'H u and (E u'g)^2 / (2 E u'H u), errors by the jackknife over blocks.
Estimate rate_of(const Matrix& moments);
Estimate decrease_of(const Matrix& moments);

} // namespace hessq
