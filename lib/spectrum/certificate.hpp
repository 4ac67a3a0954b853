#pragma once

#include "hessq/core/counted_operator.hpp"
#include "hessq/core/types.hpp"

#include <cstdint>

namespace hessq {

/// What is to be shown about A on the complement of the columns of V, orthonormal: that it has no eigenvalue above the
/// entries of `above` (descending), none below those of `below` (ascending).
struct Claims {
    const Matrix& found;
    Vector above, below;
};

/// How many of the claims hold, from the first: each is wrong with a chance of at most `chance` over the random
/// vectors.
struct Verdict {
    Index above = 0, below = 0;
    bool refuted = false; ///< an eigenvalue beyond one of the bounds exists
};

/// Lanczos runs from random vectors z in the complement, two at a time, with B = A there. Suppose that B has a unit
/// eigenvector u with an eigenvalue mu >= a, and that a lies above all Ritz values. Along a run c_j = u'v_j obeys
///
///     beta_j c_(j+1) = (mu - alpha_j) c_j - beta_(j-1) c_(j-1) + rounding,   c_1 = u'z / |z|,
///
/// and with q_j from the same recurrence at a, q_1 = 1, no rounding, every |c_j| <= 1 gives |c_1| <= 1 / q_j + what
/// rounding makes of it. But |c_1| <= t happens with a chance of at most t sqrt(2 d / pi) in d dimensions: as q_j
/// grows exponentially, such a u becomes unbelievable. That the v_j are orthogonal is not used, so nothing is
/// reorthogonalized or kept. Runs are independent, and the chance that the product of s of these numbers is below p is
/// p sum_(i < s) ln(1/p)^i / i!.
///
/// Cost       4 n c flops a product beside it for the c columns of V; n (c + 12) doubles.
/// Source     van Dorsselaer, Hochstenbach and van der Vorst (2000), SIAM J. Matrix Anal. Appl. 22(3), 837-852.
Verdict examine(CountedOperator& a, const Claims& claims, double norm, double chance, std::uint64_t seed,
                std::uint64_t stream, Index max_products);

/// p sum_(i < s) ln(1/p)^i / i! with p = exp(log_p): the chance that the product of s independent uniform numbers is
/// at most p.
double chance_of_product(double log_p, Index s);

} // namespace hessq
