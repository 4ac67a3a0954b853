#pragma once

#include "hessq/core/layout.hpp"
#include "intervals.hpp"
#include "state_file.hpp"

#include <string_view>
#include <vector>

namespace hessq {

/// Throws     std::invalid_argument unless the groups cover 0, ..., n - 1 one after the other.
void require_groups(const ParameterLayout& groups, Index n, std::string_view function);

/// What sign probes z and products y = A z tell about A, summed probe by probe: the trace from z'y, the diagonal from
/// z o y, |A|_F^2 from |y|^2, the squared row norms from y o y, and the same for the rows of each group.
///
/// The same bytes for any number of threads, and for any cut of the sequence of blocks into runs.
class ProbeSums {
public:
    struct Group {
        Moments trace;  ///< z'y over the rows of the group
        Moments spread; ///< means to sum_k Var(z_k y_k) = sum_k sum_{j != k} A_kj^2 over these rows
        Moments square; ///< |y|^2 over these rows
    };

    /// With `entries`, everything; otherwise the trace alone, for n doubles of memory.
    ProbeSums(Index n, const ParameterLayout& groups, bool entries);

    void add(MatrixView z, MatrixView y);

    Index count() const { return count_; }
    const Group& total() const { return total_; }
    const std::vector<Group>& groups() const { return groups_; }
    const Vector& diagonal() const { return mean_; }
    Vector diagonal_variance() const { return squares_ / static_cast<double>(count_ - 1); }
    const Vector& row_norms() const { return row_mean_; }
    Vector row_norm_variance() const { return row_squares_ / static_cast<double>(count_ - 1); }
    /// Means to 2 (tr A^4 - sum_k (A^2)_kk^2), the variance of |y|^2, from pairs of probes of one block.
    double square_variance_of_pairs() const { return pairs_.count > 0 ? 2.0 * pairs_.mean : 0.0; }

    void save(NumberWriter& out) const;
    void load(NumberReader& in);

private:
    struct Piece {
        Index first, size, group;
    };

    Index count_ = 0;
    bool entries_;
    std::vector<Piece> pieces_;
    Group total_;
    std::vector<Group> groups_;
    Moments pairs_; ///< one number a block; blocks of unequal size count alike only in the last
    Vector mean_, squares_, row_mean_, row_squares_;
};

/// The variance of one z'y is 2 sum_{i != j} A_ij^2, twice the sum over k of the variances of z_k y_k. These sums of
/// squares of n numbers are known far better than the spread of m numbers z'y, and less correlated with their mean.
struct TraceError {
    double std_error = 0.0;
    double degrees_of_freedom = 0.0;
};
TraceError trace_error(const ProbeSums::Group& sums);

} // namespace hessq
