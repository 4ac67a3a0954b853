#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/types.hpp"
#include "hessq/optimizers/optimizer.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// What becomes of a gradient between its computation and the update. Any function of g alone that keeps its size:
///
///     const auto adam = transformed(adam_optimizer(), chain({zero_groups(layout, "layer0.*"), clip_by_norm(1.0)}));
///
/// Groups are those of a ParameterLayout, chosen by a pattern for their names as in a shell: * for any letters, ? for
/// one. Every function with a pattern throws std::invalid_argument naming the groups if it fits none of them, and the
/// transform it returns throws if g has not the layout's dimension.
using GradientTransform = std::function<Vector(VectorView g)>;

/// One after the other, the first one first. Without any the identity.
///
/// Throws     std::invalid_argument if one of them is empty.
GradientTransform chain(std::vector<GradientTransform> transforms);

/// g min(1, t / |g|), the norm over all of g: "global norm". A gradient within the threshold passes as it is, to the
/// last bit. (PyTorch's clip_grad_norm_ divides by |g| + 1e-6.)
///
/// Throws     std::invalid_argument if the threshold is not greater than 0. So for all that clip.
GradientTransform clip_by_norm(double threshold);

/// g min(1, t / |g|_1), |g|_1 the sum of absolute values: what limits the first-order decrease of sign descent.
GradientTransform clip_by_l1_norm(double threshold);

/// Every entry to [-t, t]. The direction changes. Keras clips by norm first when both are given.
GradientTransform clip_by_value(double threshold);

/// Each matching group by its own norm, the others as they are.
GradientTransform clip_groups_by_norm(const ParameterLayout& layout, std::string_view pattern, double threshold);

/// The matching groups times a factor, of either sign. Adam forgets a constant factor but for its eps: to give a layer
/// its own learning rate scale the update, with group_learning_rates.
///
/// Throws     std::invalid_argument if the factor is not finite.
GradientTransform scale_groups(const ParameterLayout& layout, std::string_view pattern, double factor);

/// The matching groups to 0, whatever they hold. Parameters then stay only where nothing else moves them: not after
/// steps with another gradient (m remembers it), not under decoupled weight decay, and with eps = 0 the adaptive
/// methods divide 0 by 0. A learning rate of 0 holds them in every case.
GradientTransform zero_groups(const ParameterLayout& layout, std::string_view pattern);

/// The optimizer on transformed gradients; its name stays.
///
/// Throws     std::invalid_argument if either is empty; a step, if the transform changes the size of g.
std::unique_ptr<Optimizer> transformed(std::unique_ptr<Optimizer> optimizer, GradientTransform transform);

/// A number for the groups that fit a pattern.
struct GroupFactor {
    std::string pattern;
    double factor = 1.0;
};

/// The factor of each coordinate: 1 where no pattern fits, the last one where several do.
///
/// Throws     std::invalid_argument if a pattern fits no group.
Vector group_factors(const ParameterLayout& layout, const std::vector<GroupFactor>& factors);

/// The indices in layout.groups of those that fit, ascending.
///
/// Throws     std::invalid_argument if there is none.
std::vector<Index> matching_groups(const ParameterLayout& layout, std::string_view pattern);

/// Layer-wise learning rates: the *update* of the matching groups times their factors, weight decay included, so that
/// lr is factor * lr there for every optimizer. Memory and preconditioner() are those of the optimizer itself. A factor
/// of 0 holds the group still even where the update is not a number.
///
/// Throws     std::invalid_argument if the optimizer is empty, a pattern fits no group, or a factor is below 0 or not
///            finite; a step, if w has not the layout's dimension.
std::unique_ptr<Optimizer> group_learning_rates(std::unique_ptr<Optimizer> optimizer, const ParameterLayout& layout,
                                                const std::vector<GroupFactor>& factors);

/// The update u times min(1, most / (g'u)): no step promises, to first order, a decrease of the loss above `most`. This
/// is the loss-based alternative to warm-up, lr <- lr min(1, T / (u'g)) for a step lr u, with most = lr T. For sgd it
/// clips |g|^2 and not |g|: beyond the threshold steps get shorter as 1 / |g|. Steps uphill (g'u <= 0) stay.
///
/// Throws     std::invalid_argument if the optimizer is empty or most is not greater than 0.
std::unique_ptr<Optimizer> limited_decrease(std::unique_ptr<Optimizer> optimizer, double most);

/// The update of step t = 0, 1, ... times min(1, (t + 1) / steps): a learning rate that rises linearly to its value.
/// The optimizer's memory is that of the optimizer itself.
///
/// Throws     std::invalid_argument if the optimizer is empty or steps < 1.
std::unique_ptr<Optimizer> warmed_up(std::unique_ptr<Optimizer> optimizer, Index steps);

} // namespace hessq
#pragma GCC visibility pop
