#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/core/types.hpp"

#include <vector>

// What many experiments measure. Replicates are the columns: independent blocks of runs or draws.

namespace hessq {

/// Metric M1 of the mean of the replicates: the exponent q of w_k ~ lambda_k^q, its error from the replicates.
Estimate exponent_estimate(VectorView lambda, MatrixView replicates);

/// The same for sqrt(w_k) ~ lambda_k^p: p = q / 2.
Estimate root_exponent_estimate(VectorView lambda, MatrixView replicates);

/// The mean over k of w_k / predicted_k.
Estimate mean_ratio(MatrixView replicates, VectorView predicted);

/// A number that is known without sampling error.
inline Estimate exact(double value, Index samples = 1) {
    return {.value = value, .std_error = 0.0, .samples = samples};
}

/// How many of so many runs make a block: at most `most`, and so few that there are 20 blocks. Fewer replicates tell
/// an error so badly that Student's quantile eats what they save.
Index runs_in_a_block(Index runs, Index most);

/// Divided by a number that is known.
Estimate divided(Estimate estimate, double unit);

std::vector<double> to_list(VectorView values);

} // namespace hessq
