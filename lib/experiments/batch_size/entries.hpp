#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (d): one function an entry of the ledger, each in the file of its name.

namespace hessq {

Experiment experiment_d1();
Experiment experiment_d2();
Experiment experiment_d3();
Experiment experiment_d4();
Experiment experiment_d5();
Experiment experiment_d6();
Experiment experiment_d7();
Experiment experiment_d8();
Experiment experiment_d9();

namespace batch_size_sources {

/// Where claims come from.
inline constexpr const char* essay = "Su Jianlin, kexue.fm/archives/10542 (2024-11-14)";
inline constexpr const char* followups = "Su Jianlin, kexue.fm/archives/11267, 11280, 11285, 11301 (2025)";
inline constexpr const char* hessq_theory = "docs/batch-size.md";

} // namespace batch_size_sources
} // namespace hessq
