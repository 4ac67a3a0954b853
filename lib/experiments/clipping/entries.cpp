#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& clipping_experiments() {
    static const std::vector<Experiment> experiments;
    return experiments;
}

} // namespace hessq
