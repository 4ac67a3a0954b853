#pragma once

#include "hessq/core/types.hpp"

#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// Directions with |lambda_k| below this share of the largest are left out of fits and condition numbers: their
/// curvature is not resolved. 0.99e-4 rather than 1e-4, so that both ends of a spectrum spanning exactly 1e4 are kept.
inline constexpr double curvature_cut = 0.99e-4;

/// The indices k with |lambda_k| >= curvature_cut max |lambda|, in order; none if all are zero.
std::vector<Index> resolved_directions(VectorView lambda);

} // namespace hessq
#pragma GCC visibility pop
