#pragma once

#include "hessq/core/types.hpp"
#include "hessq/preconditioners/preconditioner.hpp"

#include <memory>
#include <string>

namespace hessq {

/// A first-order method: gradients in, steps out. Conventions and defaults are PyTorch's.
///
/// Each is a direction divided by a diagonal preconditioner, and the preconditioner is the very object that can be
/// studied: w <- w - lr * direction / diag P. Its size is settled by the first step.
class Optimizer {
public:
    virtual ~Optimizer() = default;

    /// "sgd", "adam", ...
    virtual std::string name() const = 0;

    /// The update: what this step subtracts from w, g being the gradient at w. The optimizer's memory moves on.
    ///
    /// Throws     std::invalid_argument if the sizes of w and g differ, or differ from those of the first step.
    virtual Vector update(VectorView w, VectorView g) = 0;

    /// w <- w - update(w, g).
    void step(Vector& w, VectorView g) { w -= update(w, g); }

    /// What the last step divided by.
    ///
    /// Throws     std::invalid_argument before the first step.
    virtual const Preconditioner& preconditioner() const = 0;

protected:
    Optimizer() = default;
    Optimizer(const Optimizer&) = default;
    Optimizer& operator=(const Optimizer&) = default;
};

struct SgdOptions {
    double lr = 1e-3;          ///< greater than 0. So for all
    double weight_decay = 0.0; ///< g + weight_decay w replaces g; at least 0. So for all but AdamW
};

/// w <- w - lr g.
///
/// Throws     std::invalid_argument if an option is out of range. So for all.
std::unique_ptr<Optimizer> sgd_optimizer(const SgdOptions& options = {});

struct MomentumOptions {
    double lr = 1e-3;
    double momentum = 0.9; ///< mu, in [0, 1)
    double weight_decay = 0.0;
};

/// b_1 = g_1, b_t = mu b_(t-1) + g_t; w <- w - lr b_t: PyTorch's SGD with momentum, no dampening. The buffer is a sum
/// and not an average: at a steady gradient the step is lr / (1 - mu) times as long as that of sgd.
std::unique_ptr<Optimizer> momentum_optimizer(const MomentumOptions& options = {});

struct RmspropOptions {
    double lr = 1e-2;
    double alpha = 0.99; ///< in [0, 1)
    double eps = 1e-8;   ///< at least 0
    double weight_decay = 0.0;
};

/// w <- w - lr g / (sqrt(v) + eps), v not corrected for its start at 0; see rmsprop_preconditioner.
std::unique_ptr<Optimizer> rmsprop_optimizer(const RmspropOptions& options = {});

struct AdamOptions {
    double lr = 1e-3;
    double beta1 = 0.9;   ///< in [0, 1)
    double beta2 = 0.999; ///< in [0, 1)
    double eps = 1e-8;    ///< at least 0
    double weight_decay = 0.0;
};

/// w <- w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps); see adam_preconditioner.
///
/// Source     Kingma and Ba (2015), arXiv 1412.6980, algorithm 1.
std::unique_ptr<Optimizer> adam_optimizer(const AdamOptions& options = {});

struct AdamwOptions {
    double lr = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    double weight_decay = 1e-2; ///< decoupled: w shrinks by 1 - lr weight_decay before the step; at least 0
};

/// Adam with weight decay that does not pass through v.
///
/// Source     Loshchilov and Hutter (2019), arXiv 1711.05101, algorithm 2 with a constant schedule.
std::unique_ptr<Optimizer> adamw_optimizer(const AdamwOptions& options = {});

struct AdagradOptions {
    double lr = 1e-2;
    double eps = 1e-10; ///< at least 0
    double weight_decay = 0.0;
};

/// w <- w - lr g / (sqrt(sum_t g_t o g_t) + eps); see adagrad_preconditioner.
std::unique_ptr<Optimizer> adagrad_optimizer(const AdagradOptions& options = {});

struct AdabeliefOptions {
    double lr = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-16; ///< at least 0; see adabelief_preconditioner
    double weight_decay = 0.0;
};

/// w <- w - lr (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps), without rectification.
///
/// Source     Zhuang et al. (2020), arXiv 2010.07468, algorithm 2.
std::unique_ptr<Optimizer> adabelief_optimizer(const AdabeliefOptions& options = {});

} // namespace hessq
