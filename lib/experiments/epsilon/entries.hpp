#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (c): one namespace an entry of the ledger, each in the file of its name: several are compiled as one.

namespace hessq {

// clang-format off
namespace c1 { Experiment experiment(); }
namespace c2 { Experiment experiment(); }
namespace c3 { Experiment experiment(); }
namespace c4 { Experiment experiment(); }
// clang-format on

/// Where claims come from.
inline constexpr const char* epsilon_essay = "Su Jianlin, kexue.fm/archives/10563 (2024-11-18)";
inline constexpr const char* mean_field_essay = "Su Jianlin, kexue.fm/archives/11280";
inline constexpr const char* epsilon_page = "docs/epsilon.md";

} // namespace hessq
