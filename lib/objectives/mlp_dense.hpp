#pragma once

#include "mlp_network.hpp"

#include <functional>
#include <vector>

namespace hessq {

/// Makes the passes of the chunks [begin, end) of a batch.
using MlpPasses = std::function<std::vector<MlpPass>(Index begin, Index end)>;

/// Some rows and columns of the mean over a batch's samples of their curvature. Throws NumericalError if it is not
/// finite.
Matrix dense_mean(const Mlp::Network& net, const double* w, const Batch& batch, const MlpPasses& passes,
                  MlpCurvature curvature, const ParameterRange& rows, const ParameterRange& columns);

/// The diagonal of the mean Hessian.
Vector mean_hessian_diagonal(const Mlp::Network& net, const double* w, const Batch& batch, const MlpPasses& passes);

} // namespace hessq
