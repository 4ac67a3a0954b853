#pragma once

#include "hessq/experiments/ledger.hpp"

namespace hessq {

// clang-format off
namespace e1 { Experiment experiment(); }
namespace e3 { Experiment experiment(); }
namespace e4 { Experiment experiment(); }
namespace e5 { Experiment experiment(); }
namespace e8 { Experiment experiment(); }
namespace e9 { Experiment experiment(); }
// clang-format on

} // namespace hessq
