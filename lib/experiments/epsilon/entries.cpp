#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& epsilon_experiments() {
    static const std::vector<Experiment> experiments = {experiment_c1(), experiment_c2(), experiment_c3(),
                                                        experiment_c4()};
    return experiments;
}

} // namespace hessq
