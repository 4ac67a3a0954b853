#pragma once

#include "hessq/core/types.hpp"

namespace hessq::test {

/// |mean - expected| in standard errors of the mean of independent draws.
double z_score(VectorView draws, double expected);

} // namespace hessq::test
