#pragma once

#include "hessq/experiments/ledger.hpp"

namespace hessq {

Experiment experiment_e1();
Experiment experiment_e3();
Experiment experiment_e4();
Experiment experiment_e5();
Experiment experiment_e8();
Experiment experiment_e9();

} // namespace hessq
