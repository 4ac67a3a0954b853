#pragma once

#include "hessq/experiments/ledger.hpp"

#include <vector>

// What there is in the ledger: for each of Su Jianlin's essays (kexue.fm) the experiments that decide its claims, and
// what is true instead. Ids begin with the essay's letter.

#pragma GCC visibility push(default)
namespace hessq {

/// (b) archives/10588: is Adam's second moment the Hessian squared? Claims b1 ..., x1; experiments E-b1 ..., E-x1.
const std::vector<Experiment>& hessian_squared_experiments();

/// (d) archives/10542: how should the learning rate change with the batch size? Claims d1 ...; experiments E-d1 ...
const std::vector<Experiment>& batch_size_experiments();

/// (c) archives/10563: how does Adam's epsilon change that law? Claims c1 ...; experiments E-c1 ...
const std::vector<Experiment>& epsilon_experiments();

/// (a) archives/10657: why are gradients clipped at norm 1? Claims a1 ...; experiments E-a1 ...
const std::vector<Experiment>& clipping_experiments();

/// (e) archives/6418: are layer-wise learning rates a reparametrization? Claims e1 ...; experiments E-e1 ...
const std::vector<Experiment>& reparametrization_experiments();

/// All of them, in this order.
const std::vector<Experiment>& all_experiments();

/// The essays that have experiments, in the same order.
const std::vector<Essay>& all_essays();

} // namespace hessq
#pragma GCC visibility pop
