#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/optimizers/optimizer.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

// All optimizers by name, for programs that choose at run time.

/// Settings that several methods share, under one name. What is not given is the method's own default; what a method
/// does not have is ignored.
struct OptimizerSettings {
    std::optional<double> lr = {};           ///< not given: OptimizerInfo::lr
    std::optional<double> beta1 = {};        ///< decay of the memory of gradients: momentum's, Adam's, ...
    std::optional<double> beta2 = {};        ///< decay of the squares: rmsprop's alpha, adadelta's rho, lion's beta2
    std::optional<double> eps = {};          ///< wherever the method has it
    std::optional<double> second_eps = {};   ///< adabelief's in the recursion, adadelta's beside d; not given: eps
    std::optional<double> weight_decay = {}; ///< coupled or decoupled as the method does it
    std::optional<double> power = {};        ///< of adahessian's diagonal and shampoo's matrices
    std::optional<double> clip = {};         ///< sophia's
    std::optional<double> damping = {};      ///< newton's, relative
    std::optional<double> initial_squared_update = {}; ///< adadelta's
    std::optional<DiagonalEstimate> estimate = {};     ///< of sophia and adahessian
    ParameterLayout layout = {};                       ///< of the methods that go layer by layer
    std::uint64_t seed = 0;                            ///< of the methods that draw
};

/// What a method asks of the loss beside gradients.
enum class CurvatureNeed {
    none,
    products, ///< a Hessian product now and then
    matrix    ///< the dense Hessian and its eigenvectors every step
};

struct OptimizerInfo {
    std::string name;
    double lr; ///< a rate that suits losses of order one; PyTorch's default where that does
    CurvatureNeed curvature = CurvatureNeed::none;
    bool decoupled_decay = false; ///< weight_decay is added to the direction and not to the gradient
};

/// In the order in which they were invented, more or less.
const std::vector<OptimizerInfo>& optimizers();

std::vector<std::string> optimizer_names();

/// Throws     std::invalid_argument naming the nearest name. So for all of this page.
const OptimizerInfo& optimizer_info(std::string_view name);

/// The settings that make_optimizer builds with: defaults filled in, and nothing that the method does not have.
OptimizerSettings complete_settings(std::string_view name, const OptimizerSettings& settings = {});

/// Throws     std::invalid_argument also if a setting is out of range.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, const OptimizerSettings& settings = {});

} // namespace hessq
#pragma GCC visibility pop
