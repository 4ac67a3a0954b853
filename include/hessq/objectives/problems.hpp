#pragma once

#include "hessq/core/types.hpp"
#include "hessq/datasets/dataset.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/objective.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// A loss with a name, somewhere to start and, where known, where it ends.
struct Problem {
    std::string name;
    std::string summary;     ///< what it shows, one line
    std::string loss;        ///< "softmax cross-entropy", "logistic cross-entropy", "squared", "quadratic"
    std::string conventions; ///< how the loss is averaged and scaled, penalty, order of the parameters
    std::shared_ptr<const FiniteSumObjective> objective;
    std::function<Vector(std::uint64_t seed)> start; ///< initial parameters
    std::optional<Vector> minimum;                   ///< where it is known in closed form
    std::optional<Dataset> data;                     ///< as the objective sees it; none for quadratics
};

/// A network on its data as a problem: loss and conventions follow from its options, and it starts as PyTorch would.
Problem mlp_problem(std::string name, std::string summary, Mlp network);

/// What can be listed without building the problem.
struct ProblemInfo {
    std::string name;
    Index samples = 0;
    Index parameters = 0;
    std::string summary;
};

/// The problems that come with hessq: networks and linear models on the bundled data, and the synthetic test bench
/// P1, P1r, P2, P3a, P3b, P3c, P5, on which the theory has closed forms.
std::vector<ProblemInfo> bundled_problems();

/// Builds one of them. The synthetic ones are always the same: their data do not depend on the start's seed.
///
/// Throws     std::invalid_argument for another name, with the nearest of these; InputError if the data is not there.
Problem bundled_problem(std::string_view name);

} // namespace hessq
#pragma GCC visibility pop
