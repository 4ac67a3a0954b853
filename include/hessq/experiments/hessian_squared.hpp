#pragma once

#include "hessq/experiments/ledger.hpp"

#include <vector>

namespace hessq {

/// Essay (b), kexue.fm/archives/10588: is Adam's second moment the Hessian squared? Its claims b1-b8, what is true
/// instead (b9-b28, x1), and the experiments E-b1 to E-b12 and E-x1 that decide.
const std::vector<Experiment>& hessian_squared_experiments();

} // namespace hessq
