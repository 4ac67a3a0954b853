#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (a): one function an entry of the ledger, each in the file of its name.

namespace hessq::clipping {

Experiment experiment_a1();
Experiment experiment_a2();
Experiment experiment_a3();
Experiment experiment_a4();
Experiment experiment_a5();

/// Where claims come from.
inline constexpr const char* essay = "Su Jianlin, kexue.fm/archives/10657 (2025-01-02)";
inline constexpr const char* hessq_theory = "docs/clipping.md";

} // namespace hessq::clipping
