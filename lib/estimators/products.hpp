#pragma once

#include "hessq/core/symmetric_operator.hpp"

#include <cstdint>
#include <string_view>

namespace hessq {

/// A V; an error says which products of `function` it happened in: those with probes first, first + 1, ...
///
/// Throws     NumericalError if a product is not finite, or the first ones are so small or large (1e-60, 1e60) that
///            sums of their powers lose numbers.
Matrix multiply(const SymmetricOperator& a, MatrixView v, Index first, std::string_view function);

/// A itself, symmetrised, by n products with `block` unit vectors at a time.
///
/// Throws     NumericalError if a product is not finite; std::invalid_argument if |A - A'|_F > 1e-6 |A|_F.
Matrix all_products(const SymmetricOperator& a, Index block, std::string_view function);

/// Finds an operator that is not symmetric from products that are there anyway: z_0'A z_k = z_k'A z_0 if it is, and
/// otherwise the difference has mean square |A - A'|_F^2 over random signs, up to what the one z_0 makes of it.
class SymmetryCheck {
public:
    explicit SymmetryCheck(std::string_view function) : function_(function) {}

    /// The operator was given Z and made Y of it. The first column that is ever seen is kept; after 64 others, what is
    /// not symmetric has been found.
    ///
    /// Throws     std::invalid_argument if the differences show |A - A'|_F > 1e-6 |A|_F, with the measured quotient.
    void add(MatrixView z, MatrixView y);

private:
    std::string_view function_;
    Vector z_, y_;
    Index seen_ = 0;
};

/// The same for a matrix V'AV.
///
/// Throws     std::invalid_argument if |M - M'|_F > 1e-6 |M|_F.
void require_symmetric(MatrixView m, std::string_view function);

/// Whether this is the operator whose first probe of this seed gave this z'Az. One product more, which nobody counts:
/// an interrupted run ends as one that was not.
///
/// Throws     InputError if not.
void require_same_operator(const SymmetricOperator& a, double first_form, std::uint64_t seed, std::string_view file,
                           std::string_view function);

} // namespace hessq
