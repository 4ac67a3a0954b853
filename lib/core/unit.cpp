#include "hessq/core/unit.hpp"

#include <cmath>

namespace hessq {

double unit_of(MatrixView numbers) {
    const double largest = numbers.lpNorm<Eigen::Infinity>();
    if (largest == 0.0 || (largest > 1e-60 && largest < 1e60)) return 1.0;
    return std::ldexp(1.0, std::ilogb(largest));
}

} // namespace hessq
