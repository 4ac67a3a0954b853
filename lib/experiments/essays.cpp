#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& all_experiments() {
    static const std::vector<Experiment> all = [] {
        std::vector<Experiment> together;
        for (const auto& essay : {hessian_squared_experiments(), batch_size_experiments(), epsilon_experiments(),
                                  clipping_experiments(), reparametrization_experiments()})
            together.insert(together.end(), essay.begin(), essay.end());
        return together;
    }();
    return all;
}

} // namespace hessq
