#include "entries.hpp"
#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& batch_size_experiments() {
    static const std::vector<Experiment> experiments = {experiment_d1(), experiment_d2(), experiment_d3(),
                                                        experiment_d4(), experiment_d5(), experiment_d6(),
                                                        experiment_d7(), experiment_d8(), experiment_d9()};
    return experiments;
}

} // namespace hessq
