#include "hessq/core/unit.hpp"

#include <cmath>

namespace hessq {

double unit_of(MatrixView numbers) {
    const double largest = numbers.lpNorm<Eigen::Infinity>();
    if (largest == 0.0 || (largest > 1e-60 && largest < 1e60)) return 1.0;
    return std::ldexp(1.0, std::ilogb(largest));
}

double length_of(VectorView v) {
    const double unit = unit_of(v);
    return unit == 1.0 ? v.norm() : unit * (v / unit).norm();
}

} // namespace hessq
