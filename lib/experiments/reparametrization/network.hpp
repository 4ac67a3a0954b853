#pragma once

#include "hessq/experiments/ledger.hpp"
#include "hessq/theory/reparametrization.hpp"

#include <memory>
#include <string>
#include <vector>

namespace hessq {

/// The network that these experiments train: 4-8-3, tanh, on the flowers; its groups are two weights and two biases.
struct SmallNetwork {
    std::shared_ptr<const FiniteSumObjective> objective;
    ParameterLayout layout;
    Vector start;
    TrainOptions training; ///< 40 steps of 32 samples

    explicit SmallNetwork(const ExperimentOptions& options);

    /// How far the run on phi = theta / lambda ends from the run on theta: path_deviation.
    double apart(const std::string& optimizer, const OptimizerSettings& settings, const std::vector<double>& lambda,
                 const Translation& translation = {}) const;
    double apart(Optimizer& on_phi, Optimizer& on_theta, const std::vector<double>& lambda) const;
};

/// A run counts as the same if it is the same to this share of its way: rounding, and what 40 steps make of it.
inline constexpr double same_run = 1e-12;

inline const std::string essay_e = "archives/6418";

} // namespace hessq
