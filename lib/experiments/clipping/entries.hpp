#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (a): one namespace an entry of the ledger, each in the file of its name: several are compiled as one.

namespace hessq {

// clang-format off
namespace a1 { Experiment experiment(); }
namespace a2 { Experiment experiment(); }
namespace a3 { Experiment experiment(); }
namespace a4 { Experiment experiment(); }
namespace a5 { Experiment experiment(); }
// clang-format on

/// Where claims come from.
inline constexpr const char* clipping_essay = "Su Jianlin, kexue.fm/archives/10657 (2025-01-02)";
inline constexpr const char* clipping_page = "docs/clipping.md";

} // namespace hessq
