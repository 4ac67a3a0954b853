#include "entries.hpp"

#include "hessq/experiments/essays.hpp"

namespace hessq {

const std::vector<Experiment>& hessian_squared_experiments() {
    static const std::vector<Experiment> experiments = {
        b1::experiment(),  b2::experiment(),  b3::experiment(), b4::experiment(), b5::experiment(),
        b6::experiment(),  b7::experiment(),  b8::experiment(), b9::experiment(), b10::experiment(),
        b11::experiment(), b12::experiment(), x1::experiment(),
    };
    return experiments;
}

} // namespace hessq
