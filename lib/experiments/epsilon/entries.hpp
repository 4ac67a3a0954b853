#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (c): one function an entry of the ledger, each in the file of its name.

namespace hessq {

Experiment experiment_c1();
Experiment experiment_c2();
Experiment experiment_c3();
Experiment experiment_c4();

/// Where claims come from.
inline constexpr const char* epsilon_essay = "Su Jianlin, kexue.fm/archives/10563 (2024-11-18)";
inline constexpr const char* mean_field_essay = "Su Jianlin, kexue.fm/archives/11280";
inline constexpr const char* epsilon_page = "docs/epsilon.md";

} // namespace hessq
