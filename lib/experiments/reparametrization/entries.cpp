#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& reparametrization_experiments() {
    static const std::vector<Experiment> experiments = {experiment_e1(), experiment_e3(), experiment_e4(),
                                                        experiment_e5(), experiment_e8(), experiment_e9()};
    return experiments;
}

} // namespace hessq
