#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/optimizers/optimizer.hpp"

#include <functional>
#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

/// Makes the optimizer of one group. The group comes as a layout of its own that begins at 0, for methods that want to
/// know the shape of a layer.
using GroupOptimizer = std::function<std::unique_ptr<Optimizer>(const ParameterLayout& group)>;

/// An optimizer for each group of parameters, with settings or even a method of its own: PyTorch's parameter groups.
///
///     const auto muon_and_adam = grouped_optimizer(layout, [](const ParameterLayout& group) {
///         return group.groups[0].cols > 1 ? muon_optimizer({.lr = 0.02, .layout = group}) : adam_optimizer();
///     });
///
/// memory() is theirs one after the other, preconditioner() their blocks. A method that divides by a full matrix, as
/// newton, gets its block on the diagonal. The name is theirs, joined by + where they differ.
///
/// Throws     std::invalid_argument if the layout is empty or a group gets no optimizer; a step, if w has not the
///            layout's dimension.
std::unique_ptr<Optimizer> grouped_optimizer(const ParameterLayout& layout, const GroupOptimizer& make);

} // namespace hessq
#pragma GCC visibility pop
