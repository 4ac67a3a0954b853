#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& batch_size_experiments() {
    static const std::vector<Experiment> experiments;
    return experiments;
}

} // namespace hessq
