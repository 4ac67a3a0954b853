#include "hessq/spectrum/resolved.hpp"

#include <cmath>

namespace hessq {

std::vector<Index> resolved_directions(VectorView lambda) {
    if (lambda.size() == 0) return {};
    const double least = curvature_cut * lambda.cwiseAbs().maxCoeff();
    std::vector<Index> chosen;
    for (Index k = 0; k < lambda.size(); ++k)
        if (std::abs(lambda(k)) >= least && lambda(k) != 0.0) chosen.push_back(k);
    return chosen;
}

} // namespace hessq
