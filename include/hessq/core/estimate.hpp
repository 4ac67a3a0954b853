#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// A number known up to sampling error. `std_error` is one standard deviation of `value`
/// over repetitions of the experiment; deterministic errors are called `residual` elsewhere.
struct Estimate {
    double value = 0.0;
    double std_error = 0.0;
    Index samples = 0;  ///< independent draws that were averaged
    Index products = 0; ///< operator-vector products that were paid
};

/// The same, entry by entry.
struct VectorEstimate {
    Vector value;
    Vector std_error;
    Index samples = 0;
    Index products = 0;
};

} // namespace hessq
#pragma GCC visibility pop
