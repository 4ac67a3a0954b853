#pragma once

#include "hessq/experiments/ledger.hpp"

// Essay (b): one function an entry of the ledger, each in the file of its name.

namespace hessq {

Experiment experiment_b1();
Experiment experiment_b2();
Experiment experiment_b3();
Experiment experiment_b4();
Experiment experiment_b5();
Experiment experiment_b6();
Experiment experiment_b7();
Experiment experiment_b8();
Experiment experiment_b9();
Experiment experiment_b10();
Experiment experiment_b11();
Experiment experiment_b12();
Experiment experiment_x1();

/// Where claims come from.
inline constexpr const char* essay = "Su Jianlin, kexue.fm/archives/10588 (2024-11-29)";
inline constexpr const char* hessq_theory = "docs/theory.md";

} // namespace hessq
