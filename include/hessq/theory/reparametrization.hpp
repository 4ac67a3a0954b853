#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/objectives/objective.hpp"
#include "hessq/optimizers/registry.hpp"
#include "hessq/optimizers/train.hpp"

#include <memory>
#include <string_view>
#include <vector>

// Essay (e): layer-wise learning rates by reparametrization. A layer's parameters theta are stored as phi = theta /
// lambda and used as lambda phi; an optimizer that moves phi then moves theta as if the layer had other settings. Which
// settings, for every optimizer of the library, is what this page knows; and it measures what happens.
//
// With theta = lambda phi the gradient is g_phi = lambda g and the Hessian H_phi = lambda^2 H, at the same loss.

#pragma GCC visibility push(default)
namespace hessq {

/// How the update of an optimizer scales: it is homogeneous of these degrees in the gradients, in the Hessians and in
/// the parameters that it has seen, its constants (eps, decay, clip) scaled along.
struct UpdateDegrees {
    double gradient = 1.0;
    double curvature = 0.0;
    double parameters = 0.0;

    /// k = gradient + 2 curvature: what lambda does to an update through g and H together.
    double k() const { return gradient + 2.0 * curvature; }
    double j() const { return parameters; }

    /// The learning rate of theta is lr lambda^(1 + k - j): lambda^-j through the smaller phi, lambda^k through the
    /// update, and one lambda more on the way from phi to theta.
    double rate_exponent() const { return 1.0 + k() - j(); }
};

/// Of an optimizer of the registry. Those of sophia hold where it does not clip; where it does, they are those of sign.
///
/// Throws     std::invalid_argument for an unknown name. So for all of this page.
UpdateDegrees update_degrees(std::string_view optimizer, const OptimizerSettings& settings = {});

/// What is translated; the rest stays as it is.
struct Translation {
    bool rate = true;      ///< lr
    bool constants = true; ///< eps, weight decay, clip, the state that is given at the start
};

/// The settings on theta that move theta as `settings` on phi = theta / lambda do, exactly:
///
///     lr              lr lambda^(1 + k - j)
///     eps             eps / lambda beside the root of squared gradients, eps / lambda^2 inside it (adadelta, shampoo)
///                     and in squared gradients (adabelief's recursion), lambda^2 eps beside adadelta's squared
///                     updates, eps / lambda^2 beside a curvature (sophia), eps / lambda^(2 power) (adahessian)
///     weight_decay    / lambda^2 where it is added to the gradient, / lambda^(1 + k) where it is added to the
///                     direction: for adamw w / lambda, so that lr w, the decay a step, stays
///     clip            lambda clip (sophia)
///
/// Complete: every setting that the method has is filled in.
///
/// Throws     std::invalid_argument unless lambda is positive and finite.
OptimizerSettings reparametrized_settings(std::string_view optimizer, const OptimizerSettings& settings, double lambda,
                                          const Translation& translation = {});

/// The optimizer on theta that does what `settings` do on phi, lambda_k for the k-th group of the layout: one with
/// translated settings where all lambda are the same, otherwise one for each group. newton divides by one matrix for
/// all groups; with unequal lambda it is the same method on theta, as it would be without damping.
///
/// Throws     std::invalid_argument unless there is a positive lambda for each group.
std::unique_ptr<Optimizer> equivalent_optimizer(std::string_view optimizer, OptimizerSettings settings,
                                                const ParameterLayout& layout, const std::vector<double>& lambda,
                                                const Translation& translation = {});

/// What clipping by norm on phi sees: sqrt(sum_l lambda_l^2 |g_l|^2), and not lambda times the norm: layers with a
/// large lambda decide when all are clipped.
///
/// Throws     std::invalid_argument unless g fits the layout and there is a lambda for each group.
double reparametrized_norm(VectorView g, const ParameterLayout& layout, const std::vector<double>& lambda);

/// lambda of each coordinate: theta = factors o phi.
Vector coordinate_factors(const ParameterLayout& layout, const std::vector<double>& lambda);

/// w before every step of a run of train() and after the last: n x (steps + 1).
///
/// Throws     As train().
Matrix parameter_path(const FiniteSumObjective& objective, VectorView start, Optimizer& optimizer,
                      const TrainOptions& options);

/// The path of theta when the optimizer runs on phi = theta / factors.
Matrix reparametrized_path(const std::shared_ptr<const FiniteSumObjective>& objective, VectorView start,
                           VectorView factors, Optimizer& optimizer, const TrainOptions& options);

/// The largest distance of two runs as a share of how far the second one got: max_t |a_t - b_t| / max_t |b_t - b_0|.
/// Rounding only means 1e-12 or less.
double path_deviation(const Matrix& a, const Matrix& b);

/// A measured rate exponent: that of lambda in the length of the steps of theta.
struct RateMeasurement {
    Vector lambda;
    Vector rate;  ///< root of the mean squared step of theta in the scaled groups, over that for lambda = 1
    LineFit line; ///< log rate on log lambda: its slope is 1 + k - j
};

/// Steps of the optimizer on phi along one given path of theta, for each lambda: so all see the same losses, and their
/// lengths differ by the settings alone. `scaled` are the groups that get lambda, the others keep 1.
///
/// With `constants` the settings on phi are those whose constants, seen on theta, are the given ones: what remains is
/// the rate, to rounding. Without, eps, decay and clip are the same numbers for every lambda.
///
/// Shapes     path is n x T, lambda has at least 3 different positive entries.
/// Throws     std::invalid_argument for other shapes or no scaled group.
RateMeasurement measure_rate(const std::shared_ptr<const FiniteSumObjective>& objective, MatrixView path,
                             std::string_view optimizer, const OptimizerSettings& settings,
                             const std::vector<Index>& scaled, VectorView lambda, const TrainOptions& options,
                             bool constants);

} // namespace hessq
#pragma GCC visibility pop
