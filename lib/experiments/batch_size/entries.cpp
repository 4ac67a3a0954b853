#include "entries.hpp"
#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& batch_size_experiments() {
    static const std::vector<Experiment> experiments = {d1::experiment(), d2::experiment(), d3::experiment(),
                                                        d4::experiment(), d5::experiment(), d6::experiment(),
                                                        d7::experiment(), d8::experiment(), d9::experiment()};
    return experiments;
}

} // namespace hessq
