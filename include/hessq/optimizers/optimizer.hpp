#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/local_curvature.hpp"
#include "hessq/preconditioners/curvature_average.hpp"
#include "hessq/preconditioners/newton.hpp"
#include "hessq/preconditioners/preconditioner.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace hessq {

/// Gradients in, steps out. Conventions and defaults are PyTorch's where it has the method.
///
/// Each is a composition: memory of gradients, division by a preconditioner, a shape given to the result (signs, a
/// clip, a length for each layer), decay of the weights. What it remembers and what it divides by can be looked at:
///
///     w <- w - lr shape(P^-1 memory(g))
///
/// Its size is settled by the first step.
class Optimizer {
public:
    virtual ~Optimizer() = default;

    /// "sgd", "adam", ...
    virtual std::string name() const = 0;

    /// The curvature of the loss at the w of the next update. Methods that use it (sophia, adahessian, newton) refuse
    /// to step without; the others look away.
    virtual void observe_curvature(const LocalCurvature&) {}

    /// The update: what this step subtracts from w, g being the gradient at w. The optimizer's memory moves on.
    ///
    /// Throws     std::invalid_argument if the sizes of w and g differ, or differ from those of the first step, or if
    ///            the method needs curvature and has not seen it since its last step.
    virtual Vector update(VectorView w, VectorView g) = 0;

    /// w <- w - update(w, g).
    void step(Vector& w, VectorView g) { w -= update(w, g); }

    /// What the last step divided by.
    ///
    /// Throws     std::invalid_argument before the first step.
    virtual const Preconditioner& preconditioner() const = 0;

    /// What it remembers of the gradients beside the preconditioner: momentum's sum, Adam's m, not corrected for its
    /// start. Zero for a method without memory, empty before the first step.
    virtual Vector memory() const { return {}; }

protected:
    Optimizer() = default;
    Optimizer(const Optimizer&) = default;
    Optimizer& operator=(const Optimizer&) = default;
};

struct SgdOptions {
    double lr = 1e-3;          ///< greater than 0. So for all
    double weight_decay = 0.0; ///< g + weight_decay w replaces g; at least 0. So for all that do not say otherwise
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

/// The same buffer and a look ahead: w <- w - lr (g_t + mu b_t), PyTorch's SGD with nesterov=True.
///
/// Source     Sutskever et al. (2013), ICML, in the form whose gradient is taken at w itself.
std::unique_ptr<Optimizer> nesterov_optimizer(const MomentumOptions& options = {});

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
    std::optional<double> recursion_eps = {}; ///< see adabelief_preconditioner
};

/// w <- w - lr (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps), without rectification.
///
/// Source     Zhuang et al. (2020), arXiv 2010.07468, algorithm 2.
std::unique_ptr<Optimizer> adabelief_optimizer(const AdabeliefOptions& options = {});

struct AdadeltaOptions {
    double lr = 1.0;
    double rho = 0.9;  ///< in [0, 1)
    double eps = 1e-6; ///< inside both roots, at least 0
    double weight_decay = 0.0;
    double initial_squared_update = 0.0;   ///< where d starts, at least 0; with eps = 0 a start at 0 never moves
    std::optional<double> update_eps = {}; ///< see adadelta_preconditioner
};

/// w <- w - lr x, x = g sqrt(d + eps) / sqrt(v + eps) with the averages v of g^2 and d of the earlier x^2; see
/// adadelta_preconditioner.
///
/// Source     Zeiler (2012), arXiv 1212.5701, algorithm 1.
std::unique_ptr<Optimizer> adadelta_optimizer(const AdadeltaOptions& options = {});

struct SignOptions {
    double lr = 1e-3;
    double weight_decay = 0.0;
};

/// w <- w - lr sign(g), sign 0 = 0. Of the length lr in every coordinate, so no metric: preconditioner() is the
/// identity, also for lion.
std::unique_ptr<Optimizer> sign_optimizer(const SignOptions& options = {});

struct LionOptions {
    double lr = 1e-4;
    double beta1 = 0.9;        ///< weight of m in the sign, in [0, 1)
    double beta2 = 0.99;       ///< decay of m, in [0, 1)
    double weight_decay = 0.0; ///< decoupled, as AdamW's
};

/// w <- w - lr (sign(beta1 m + (1 - beta1) g) + weight_decay w), then m <- beta2 m + (1 - beta2) g.
///
/// Source     Chen et al. (2023), arXiv 2302.06675, program 1.
std::unique_ptr<Optimizer> lion_optimizer(const LionOptions& options = {});

struct LarsOptions {
    double lr = 1.0;
    double momentum = 0.9;
    double trust = 1e-3; ///< length of a layer's gradient step relative to |w|, at lr = 1; greater than 0
    double weight_decay = 0.0;
    ParameterLayout layout = {}; ///< its groups are the layers; empty: w is one layer
};

/// Momentum on g_l trust |w_l| / (|g_l| + weight_decay |w_l|) layer by layer, g_l with its decay added; the factor is 1
/// for layers where w or the denominator is 0.
///
/// Throws     A step: std::invalid_argument if w has not the layout's dimension. So for lamb.
/// Source     You, Gitman and Ginsburg (2017), arXiv 1708.03888, algorithm 1.
std::unique_ptr<Optimizer> lars_optimizer(const LarsOptions& options = {});

struct LambOptions {
    double lr = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-6;
    double weight_decay = 0.0;   ///< added to Adam's direction, not to g
    ParameterLayout layout = {}; ///< its groups are the layers; empty: w is one layer
};

/// w_l <- w_l - lr r_l |w_l| / |r_l| layer by layer, r = Adam's direction + weight_decay w; the factor is 1 for layers
/// where w or r is 0.
///
/// Source     You et al. (2019), arXiv 1904.00962, algorithm 2 with phi(z) = z.
std::unique_ptr<Optimizer> lamb_optimizer(const LambOptions& options = {});

struct SophiaOptions {
    double lr = 1e-3;
    double beta1 = 0.96;       ///< decay of m, which is not corrected for its start at 0; in [0, 1)
    double clip = 1.0;         ///< of every entry of the direction, greater than 0
    double weight_decay = 0.0; ///< decoupled, as AdamW's
    SophiaPreconditionerOptions curvature = {};
};

/// w <- w - lr (clip(m / max(gamma h, eps)) + weight_decay w): a diagonal Newton step where the curvature is large,
/// and lr sign(m) where the step would be longer than that.
///
/// Source     Liu et al. (2023), arXiv 2305.14342, algorithm 3; see sophia_preconditioner.
std::unique_ptr<Optimizer> sophia_optimizer(const SophiaOptions& options = {});

struct AdahessianOptions {
    double lr = 0.15;
    double beta1 = 0.9;
    double weight_decay = 0.0; ///< decoupled
    AdahessianPreconditionerOptions curvature = {};
};

/// Adam with squared diagonals of curvature in place of squared gradients: w <- w - lr (m / (1 - beta1^t)) / diag P;
/// see adahessian_preconditioner.
///
/// Source     Yao et al. (2020), arXiv 2006.00719, algorithm 2.
std::unique_ptr<Optimizer> adahessian_optimizer(const AdahessianOptions& options = {});

struct ShampooOptions {
    double lr = 0.1;
    double momentum = 0.0; ///< of the gradients before the division, a sum; in [0, 1)
    double eps = 1e-4;     ///< greater than 0
    double power = 0.25;   ///< see shampoo_preconditioner
    double weight_decay = 0.0;
    ParameterLayout layout = {}; ///< its groups are the layers; empty: w is one vector
};

/// W <- W - lr L^(-1/4) G R^(-1/4) layer by layer; see shampoo_preconditioner.
///
/// Source     Gupta, Koren and Singer (2018), arXiv 1802.09568, algorithm 1.
std::unique_ptr<Optimizer> shampoo_optimizer(const ShampooOptions& options = {});

/// How msign is computed.
enum class MatrixSign {
    exact,        ///< by the singular value decomposition
    newton_schulz ///< five steps of an iteration that leaves singular values between 0.7 and 1.2
};

struct MuonOptions {
    double lr = 1e-3;
    double momentum = 0.95;
    bool nesterov = true;
    double weight_decay = 0.0; ///< decoupled
    MatrixSign sign = MatrixSign::exact;
    ParameterLayout layout = {}; ///< its groups are the layers; empty: w is one vector
};

/// W <- W - lr (s msign(B) + weight_decay W) for the momentum B of each r x c layer, s = sqrt(max(1, r / c)) as
/// PyTorch's; a group with one column moves along its direction with the length lr sqrt(r). As for sign no metric:
/// preconditioner() is the identity. Beside biases and embeddings it is usually left to another method; see
/// grouped_optimizer.
///
/// Source     Jordan et al. (2024), Muon.
std::unique_ptr<Optimizer> muon_optimizer(const MuonOptions& options = {});

struct NewtonOptimizerOptions {
    double lr = 1.0;
    double weight_decay = 0.0; ///< of the gradient; the Hessian is the loss's
    /// More damping than for minimize_newton: nothing shortens a step that is too long.
    NewtonPreconditionerOptions curvature = {.relative_damping = 0.1};
};

/// w <- w - lr P^-1 g with the Hessian of the same batch and no line search; see newton_preconditioner, and
/// minimize_newton for a method that always goes down. Its name is "newton" whatever P is.
std::unique_ptr<Optimizer> newton_optimizer(const NewtonOptimizerOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
