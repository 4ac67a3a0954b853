#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& clipping_experiments() {
    static const std::vector<Experiment> experiments = {
        a1::experiment(), a2::experiment(), a3::experiment(), a4::experiment(), a5::experiment(),
    };
    return experiments;
}

} // namespace hessq
