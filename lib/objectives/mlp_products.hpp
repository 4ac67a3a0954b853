#pragma once

#include "mlp_network.hpp"

#include <vector>

namespace hessq {

/// The sum over samples of the curvature (Hessian or Gauss-Newton) times a block of vectors, n x k.
Matrix curvature_product(const Mlp::Network& net, const double* w, const std::vector<MlpPass>& passes,
                         MlpCurvature curvature, MatrixView v);

} // namespace hessq
