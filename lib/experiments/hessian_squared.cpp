#include "hessq/experiments/hessian_squared.hpp"

#include "hessian_squared/entries.hpp"

namespace hessq {

const std::vector<Experiment>& hessian_squared_experiments() {
    static const std::vector<Experiment> experiments = {
        experiment_b3(),
        experiment_b8(),
        experiment_b11(),
    };
    return experiments;
}

} // namespace hessq
