#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& clipping_experiments() {
    static const std::vector<Experiment> experiments = {
        clipping::experiment_a1(), clipping::experiment_a2(), clipping::experiment_a3(),
        clipping::experiment_a4(), clipping::experiment_a5(),
    };
    return experiments;
}

} // namespace hessq
