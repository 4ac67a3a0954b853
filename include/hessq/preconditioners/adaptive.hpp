#pragma once

#include "hessq/preconditioners/preconditioner.hpp"

#include <memory>
#include <optional>

#pragma GCC visibility push(default)
namespace hessq {

/// Diagonal preconditioners made from the gradients that were observed. Asking for the matrix before the first
/// gradient is refused.
///
/// A coordinate that never saw a gradient (a weight behind a dead input) has v = 0, and the inverse is 1/eps there, as
/// in the real optimizers. Its own gradient stays zero, so training does not notice; but in P^(-1/2) H P^(-1/2) its row
/// is multiplied by up to 1/eps = 1e8, and a condition number or a largest eigenvalue taken over all coordinates
/// then speaks of eps, not of the loss.

struct RmspropPreconditionerOptions {
    double alpha = 0.99; ///< decay of the average, in [0, 1)
    double eps = 1e-8;   ///< outside the root, at least 0
};

/// diag(sqrt(v) + eps) with v_t = alpha v_(t-1) + (1 - alpha) g_t o g_t: PyTorch's RMSprop. No bias correction, so the
/// first 1 / (1 - alpha) steps divide by too little.
///
/// Throws     std::invalid_argument if dimension < 1 or an option is out of range. So for all five.
std::unique_ptr<Preconditioner> rmsprop_preconditioner(Index dimension,
                                                       const RmspropPreconditionerOptions& options = {});

struct AdamPreconditionerOptions {
    double beta2 = 0.999; ///< decay of the average, in [0, 1)
    double eps = 1e-8;    ///< outside the root, at least 0
};

/// diag(sqrt(v / (1 - beta2^t)) + eps) with v the average of squared gradients: Adam, and AdamW, whose decay of the
/// weights is no part of the matrix.
///
/// Source     Kingma and Ba (2015), arXiv 1412.6980, algorithm 1.
std::unique_ptr<Preconditioner> adam_preconditioner(Index dimension, const AdamPreconditionerOptions& options = {});

struct AdagradPreconditionerOptions {
    double eps = 1e-10; ///< outside the root, at least 0
};

/// diag(sqrt(sum_t g_t o g_t) + eps): the sum, not the mean; the step size falls with 1/sqrt(t).
///
/// Source     Duchi, Hazan and Singer (2011), JMLR 12, 2121-2159; eps as in PyTorch.
std::unique_ptr<Preconditioner> adagrad_preconditioner(Index dimension,
                                                       const AdagradPreconditionerOptions& options = {});

struct AdabeliefPreconditionerOptions {
    double beta1 = 0.9;                       ///< decay of the mean that is subtracted, in [0, 1)
    double beta2 = 0.999;                     ///< decay of the average, in [0, 1)
    double eps = 1e-16;                       ///< added in the recursion and again outside the root, at least 0
    std::optional<double> recursion_eps = {}; ///< in the recursion, where it shall differ from eps; at least 0
};

/// diag(sqrt(s / (1 - beta2^t)) + eps) with s_t = beta2 s_(t-1) + (1 - beta2) (g_t - m_t) o (g_t - m_t) + eps, where
/// m_t = beta1 m_(t-1) + (1 - beta1) g_t includes g_t: on steady gradients it sees beta1^2 of their squared deviation.
/// The eps in the recursion adds up to eps / (1 - beta2): with eps = 1e-8 the entries could not fall below 3e-3, which
/// is why the authors' program has 1e-16.
///
/// Source     Zhuang et al. (2020), arXiv 2010.07468, algorithm 2; eps as in adabelief-pytorch 0.2.
std::unique_ptr<Preconditioner> adabelief_preconditioner(Index dimension,
                                                         const AdabeliefPreconditionerOptions& options = {});

struct AdadeltaPreconditionerOptions {
    double rho = 0.9;                      ///< decay of both averages, in [0, 1)
    double eps = 1e-6;                     ///< inside both roots, at least 0
    double initial_squared_update = 0.0;   ///< where d starts, at least 0
    std::optional<double> update_eps = {}; ///< in the root of d, where it shall differ from eps; at least 0
};

/// diag(sqrt(v_t + eps) / sqrt(d_(t-1) + eps)) with the averages v_t of g_t^2 and d_t of the squares of g_t divided by
/// these entries: an estimate of the curvature's size, gradient over step, and so of degree 2 in the unit of 1 / w as
/// a Hessian is. From d = 0 it starts at 1 / sqrt(eps) times too much and takes many steps to forget that.
///
/// Source     Zeiler (2012), arXiv 1212.5701, algorithm 1.
std::unique_ptr<Preconditioner> adadelta_preconditioner(Index dimension,
                                                        const AdadeltaPreconditionerOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
