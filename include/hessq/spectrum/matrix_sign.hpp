#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// msign(A) = U V' of the singular value decomposition A = U S V': every singular value that is not zero becomes 1, so
/// that msign(A) = (A A')^(-1/2) A with the pseudo-inverse. It does not change when A is multiplied by a positive
/// number; that of a vector is its direction. Singular values within max(rows, cols) eps of the largest count as zero.
///
/// Cost       One singular value decomposition.
/// Throws     std::invalid_argument if A is empty; NumericalError if an entry is not finite.
[[nodiscard]] Matrix matrix_sign(MatrixView a);

struct NewtonSchulzOptions {
    Index steps = 5;                            ///< at least 1
    double a = 3.4445, b = -4.7750, c = 2.0315; ///< of the polynomial a x + b x^3 + c x^5
    double eps = 1e-7;                          ///< least norm that A is divided by, greater than 0
};

/// The same, roughly: X = A / max(|A|_F, eps), then X <- a X + b X X'X + c X (X'X)^2 a few times. With these
/// coefficients singular values end anywhere between about 0.7 and 1.2, which is what makes five steps enough.
///
/// Cost       Three matrix products a step.
/// Throws     std::invalid_argument if A is empty or an option is out of range; NumericalError if an entry is not
///            finite.
/// Source     Jordan et al. (2024), Muon; the iteration goes back to Bjorck and Bowie (1971), SIAM J. Numer.
///            Anal. 8(2), 358-364.
[[nodiscard]] Matrix newton_schulz_sign(MatrixView a, const NewtonSchulzOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
