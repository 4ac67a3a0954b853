#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& hessian_squared_experiments() {
    static const std::vector<Experiment> experiments = {
        experiment_b1(),  experiment_b2(),  experiment_b3(), experiment_b4(), experiment_b5(),
        experiment_b6(),  experiment_b7(),  experiment_b8(), experiment_b9(), experiment_b10(),
        experiment_b11(), experiment_b12(), experiment_x1(),
    };
    return experiments;
}

} // namespace hessq
