#pragma once

#include "hessq/theory/batch_size.hpp"

// Problems of one step that several essays are tried on.

namespace hessq {

/// n coordinates that are all alike: H_ii = 1, H_ij = coupling, g = 1 and sigma.
StepProblem alike_problem(Index n, double coupling, double noise_sd);

} // namespace hessq
