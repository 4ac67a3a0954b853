#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// The Euclidean norms of the rows. For a symmetric H they are sqrt(diag(H^2)), what sqrt(v) of Adam is compared
/// with: the diagonal of the Hessian squared, which is not the square of its diagonal.
Vector row_norms(MatrixView h);

} // namespace hessq
#pragma GCC visibility pop
