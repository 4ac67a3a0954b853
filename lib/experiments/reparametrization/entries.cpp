#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& reparametrization_experiments() {
    static const std::vector<Experiment> experiments = {e1::experiment(), e3::experiment(), e4::experiment(),
                                                        e5::experiment(), e8::experiment(), e9::experiment()};
    return experiments;
}

} // namespace hessq
