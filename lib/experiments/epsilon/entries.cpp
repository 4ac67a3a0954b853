#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& epsilon_experiments() {
    static const std::vector<Experiment> experiments = {c1::experiment(), c2::experiment(), c3::experiment(),
                                                        c4::experiment()};
    return experiments;
}

} // namespace hessq
