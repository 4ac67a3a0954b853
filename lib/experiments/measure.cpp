#include "measure.hpp"

#include "hessq/theory/second_moment_metrics.hpp"

#include <cmath>

#include <algorithm>

namespace hessq {

Estimate exponent_estimate(VectorView lambda, MatrixView replicates) {
    return jackknife(replicates, [&](VectorView w) { return eigen_exponent(lambda, w).value().exponent.value; });
}

Estimate root_exponent_estimate(VectorView lambda, MatrixView replicates) {
    Estimate q = exponent_estimate(lambda, replicates);
    q.value /= 2.0;
    q.std_error /= 2.0;
    return q;
}

Estimate mean_ratio(MatrixView replicates, VectorView predicted) {
    return jackknife(replicates, [&](VectorView w) { return w.cwiseQuotient(predicted).mean(); });
}

Index runs_in_a_block(Index runs, Index most) {
    constexpr Index blocks = 20;
    return std::clamp<Index>(runs / blocks, 1, most);
}

Estimate divided(Estimate estimate, double unit) {
    estimate.value /= unit;
    estimate.std_error /= std::abs(unit);
    return estimate;
}

std::vector<double> to_list(VectorView values) { return {values.begin(), values.end()}; }

} // namespace hessq
