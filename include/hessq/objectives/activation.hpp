#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// A function applied entry by entry after a hidden layer.
enum class Activation {
    tanh,
    sigmoid,  ///< 1 / (1 + e^-z)
    softplus, ///< ln(1 + e^z)
    gelu,     ///< z Phi(z), exact (erf), as PyTorch's default
    relu,     ///< derivative 0 at z = 0; second derivative 0 everywhere, as automatic differentiation has it
    identity
};

/// s(z), s'(z) and s''(z), entry by entry.
struct ActivationDerivatives {
    Matrix value;
    Matrix first;
    Matrix second;
};

/// s(z). Accurate to a few eps, relative, wherever s(z) does not underflow.
Matrix activate(Activation activation, MatrixView z);

ActivationDerivatives activation_derivatives(Activation activation, MatrixView z);

/// Overwrites z with s(z) and, where asked for, writes s'(z) and s''(z).
///
/// Throws     std::invalid_argument unless the columns of z lie side by side in memory.
void apply_activation(Activation activation, Eigen::Ref<Matrix> z, Matrix* first = nullptr, Matrix* second = nullptr);

} // namespace hessq
#pragma GCC visibility pop
