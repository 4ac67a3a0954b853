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

Vector entries_at(VectorView v, const std::vector<Index>& chosen) {
    Vector result(static_cast<Index>(chosen.size()));
    for (Index i = 0; i < result.size(); ++i) result(i) = v(chosen[static_cast<std::size_t>(i)]);
    return result;
}

Matrix columns_at(MatrixView a, const std::vector<Index>& chosen) {
    Matrix result(a.rows(), static_cast<Index>(chosen.size()));
    for (Index j = 0; j < result.cols(); ++j) result.col(j) = a.col(chosen[static_cast<std::size_t>(j)]);
    return result;
}

} // namespace hessq
