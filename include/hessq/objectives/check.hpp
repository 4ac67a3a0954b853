#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/types.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct CheckOptions {
    Index coordinates = 0; ///< gradient entries compared, evenly spread over w; 0: all
    Index directions = 4;  ///< random directions for the Hessian products, at least 2
    /// Relative accuracy of the Hessian products: 0 if only rounding limits them, about 1e-8 if they are themselves
    /// differences of gradients. What a FunctionObjective's differences are off by is known without this.
    double product_accuracy = 0.0;
    std::uint64_t seed = 0;
};

/// One comparison of many numbers, reported by the worst of them: that with the largest error / tolerance.
struct DerivativeCheck {
    std::string name;       ///< "gradient", "Hessian product", "symmetry", "linearity", "per-sample mean"
    bool passed = false;    ///< error <= tolerance for every number
    std::string where;      ///< "layer0.weight[3, 17]", with the direction where there is one
    Index parameter = -1;   ///< the index in w; -1 where the number belongs to no single parameter
    double expected = 0.0;  ///< by differences, or by the other side of the identity
    double found = 0.0;     ///< what the objective returned
    double error = 0.0;     ///< |found - expected|
    double relative = 0.0;  ///< error / max(|found|, |expected|)
    double tolerance = 0.0; ///< for the error; derived for this number
};

struct DerivativeReport {
    std::vector<DerivativeCheck> checks;

    bool passed() const;
    /// A verdict, then one line for each check: how well it agrees, or which number is wrong, what it should be and by
    /// what factor it is off.
    std::string summary() const;
};

/// Compares an objective's derivatives at w with central differences and with each other:
///
///     gradient          g_i = (L(w + t e_i) - L(w - t e_i)) / (2 t), entry by entry
///     Hessian product   H v = (g(w + t v) - g(w - t v)) / (2 t), |v| = 1 random
///     symmetry          u' (H v) = v' (H u)
///     linearity         H (a u + b v) = a H u + b H v
///     per-sample mean   the mean of the per-sample gradients is the gradient (finite sums only)
///
/// Steps are t = eps^(1/3) (1 + |w_i|), or 1 + |w| along a direction.
///
/// Cost       4 values for each gradient entry, 4 gradients and 1 product for each direction, all per-sample gradients
///            once in chunks.
/// Error bar  The tolerance of a difference D(t/2) is |D(t) - D(t/2)|, three times its leading truncation error, plus
///            the rounding 32 eps (|f| + |f'| |w|) / t of a function evaluated to backward stability. Identities
///            get 32 n eps (plus product_accuracy) times the lengths that enter them. Differences across a kink (a ReLU
///            within t of 0) are meaningless: move w if that is the entry named.
/// Throws     std::invalid_argument if w does not have n entries, coordinates < 0, directions < 2 or product_accuracy
///            < 0; what the objective throws.
[[nodiscard]] DerivativeReport check_derivatives(const Objective& objective, VectorView w,
                                                 const CheckOptions& options = {});

/// "layer0.weight[3, 17]", "layer0.bias[5]": the group and place of parameter i.
///
/// Throws     std::invalid_argument if i lies outside the layout.
std::string parameter_name(const ParameterLayout& layout, Index i);

} // namespace hessq
#pragma GCC visibility pop
