#pragma once

#include "hessq/experiments/ledger.hpp"

// One function an entry of the ledger, each in the file of its name.

namespace hessq {

Experiment experiment_b3();
Experiment experiment_b8();
Experiment experiment_b11();

/// Where claims come from.
inline constexpr const char* essay = "Su Jianlin, kexue.fm/archives/10588 (2024-11-29)";
inline constexpr const char* hessq_theory = "docs/theory.md";

} // namespace hessq
