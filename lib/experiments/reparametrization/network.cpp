#include "network.hpp"

#include "hessq/objectives/problems.hpp"

namespace hessq {

SmallNetwork::SmallNetwork(const ExperimentOptions& options)
    : training{.steps = 40, .batch = 32, .sampling = Sampling::iid, .seed = options.seed} {
    const Problem problem = bundled_problem("iris-mlp");
    objective = problem.objective;
    layout = objective->layout();
    start = problem.start(options.seed);
}

double SmallNetwork::apart(const std::string& optimizer, const OptimizerSettings& settings,
                           const std::vector<double>& lambda, const Translation& translation) const {
    const std::vector<double> ones(layout.groups.size(), 1.0);
    return apart(*equivalent_optimizer(optimizer, settings, layout, ones),
                 *equivalent_optimizer(optimizer, settings, layout, lambda, translation), lambda);
}

double SmallNetwork::apart(Optimizer& on_phi, Optimizer& on_theta, const std::vector<double>& lambda) const {
    return path_deviation(reparametrized_path(objective, start, coordinate_factors(layout, lambda), on_phi, training),
                          parameter_path(*objective, start, on_theta, training));
}

} // namespace hessq
