#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (d): one namespace an entry of the ledger, each in the file of its name: several are compiled as one.

namespace hessq {

// clang-format off
namespace d1 { Experiment experiment(); }
namespace d2 { Experiment experiment(); }
namespace d3 { Experiment experiment(); }
namespace d4 { Experiment experiment(); }
namespace d5 { Experiment experiment(); }
namespace d6 { Experiment experiment(); }
namespace d7 { Experiment experiment(); }
namespace d8 { Experiment experiment(); }
namespace d9 { Experiment experiment(); }
// clang-format on

/// Where claims come from.
inline constexpr const char* batch_size_essay = "Su Jianlin, kexue.fm/archives/10542 (2024-11-14)";
inline constexpr const char* followups = "Su Jianlin, kexue.fm/archives/11267, 11280, 11285, 11301 (2025)";
inline constexpr const char* batch_size_page = "docs/batch-size.md";

} // namespace hessq
