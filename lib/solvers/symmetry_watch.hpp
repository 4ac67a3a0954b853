#pragma once

#include "hessq/core/symmetric_operator.hpp"
#include "hessq/core/unit.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace hessq {

/// Refuses an operator that an iteration shows not to be symmetric: p'A q = q'A p for each two directions in a row.
class SymmetryWatch {
public:
    explicit SymmetryWatch(std::string_view function) : function_(function) {}

    double norm() const { return norm_; } ///< max |A p| / |p|: a lower bound of |A|

    /// The next direction, and the product with it.
    void see(const Vector& p, const Vector& ap) {
        const double length = p.norm();
        norm_ = std::max(norm_, length_of(ap) / length);
        // Directions too short for their products tell nothing.
        const double scale = p_.size() > 0 ? length * p_.norm() * norm_ : 0.0;
        if (std::isnormal(scale)) require_symmetric(std::abs(p_.dot(ap) - ap_.dot(p)) / scale, function_);
        p_ = p;
        ap_ = ap;
    }

private:
    std::string_view function_;
    double norm_ = 0.0;
    Vector p_, ap_; ///< the last direction
};

} // namespace hessq
