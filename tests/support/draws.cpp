#include "support/draws.hpp"

#include <cmath>

namespace hessq::test {

double z_score(VectorView draws, double expected) {
    const double mean = draws.mean();
    const double variance = (draws.array() - mean).square().sum() / static_cast<double>(draws.size() - 1);
    return std::abs(mean - expected) / std::sqrt(variance / static_cast<double>(draws.size()));
}

} // namespace hessq::test
