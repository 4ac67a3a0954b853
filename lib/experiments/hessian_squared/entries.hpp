#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (b): one namespace an entry of the ledger, each in the file of its name: several are compiled as one.

namespace hessq {

// clang-format off
namespace b1 { Experiment experiment(); }
namespace b2 { Experiment experiment(); }
namespace b3 { Experiment experiment(); }
namespace b4 { Experiment experiment(); }
namespace b5 { Experiment experiment(); }
namespace b6 { Experiment experiment(); }
namespace b7 { Experiment experiment(); }
namespace b8 { Experiment experiment(); }
namespace b9 { Experiment experiment(); }
namespace b10 { Experiment experiment(); }
namespace b11 { Experiment experiment(); }
namespace b12 { Experiment experiment(); }
namespace x1 { Experiment experiment(); }
// clang-format on

/// Where claims come from.
inline constexpr const char* hessian_squared_essay = "Su Jianlin, kexue.fm/archives/10588 (2024-11-29)";
inline constexpr const char* hessian_squared_page = "docs/theory.md";

} // namespace hessq
