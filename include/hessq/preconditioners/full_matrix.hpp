#pragma once

#include "hessq/preconditioners/preconditioner.hpp"

#include <memory>

#pragma GCC visibility push(default)
namespace hessq {

struct FullMatrixOptions {
    double eps = 1e-8; ///< outside the root, greater than 0
};

/// (F F')^(1/2) + eps I, fixed: what Adam's diagonal stands for. With F = history.weighted_factor(beta2, steps) the
/// matrix F F' is the bias-corrected average of g g'; for full gradients over an isotropic cloud it is proportional to
/// H^2, and its root to |H|.
///
/// With T < n columns it is eps on the n - T directions that no gradient entered. The eigenvectors come from a QR
/// decomposition of F and a T x T eigenproblem, or from the n x n eigenproblem of F F' when T >= n; either way
/// eigenvalues of the root below sqrt(eps_machine) = 1.5e-8 of its largest are rounding error.
///
/// Shapes     F is n x T.
/// Cost       6 n r^2 + 3 r^3 flops with r = T < n, n^2 T + 14/3 n^3 with r = n <= T; then 4 n r flops a product. n r
///            doubles are kept, and 4 r^2 are needed on the way.
/// Throws     std::invalid_argument if F is empty or eps <= 0; NumericalError if F is not finite.
std::unique_ptr<Preconditioner> full_matrix_preconditioner(MatrixView factor, const FullMatrixOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
