#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/estimators/hutchinson.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

struct LayerOptions {
    Index samples = 64; ///< sign vectors, at least 16
    double confidence = 0.95;
    std::uint64_t seed = 0;
    Index block = 16; ///< probes multiplied at a time, at least 2
    /// Where to go on from and what to leave behind after each block, as in estimate_trace; more samples extend what is
    /// there.
    std::filesystem::path file = {};
};

/// Estimates entry by entry with the ends of their intervals.
struct VectorIntervals : VectorEstimate {
    Vector lower;
    Vector upper;
};

/// What belongs to the rows of one group of parameters.
struct LayerEstimate {
    std::string name;
    IntervalEstimate trace;        ///< of the diagonal block
    IntervalEstimate squared_norm; ///< sum of A_ij^2 over i in the group and all j
};

struct MatrixEstimates {
    IntervalEstimate trace;
    IntervalEstimate squared_norm;     ///< |A|_F^2
    VectorIntervals diagonal;          ///< each interval for itself
    VectorIntervals squared_row_norms; ///< (A^2)_ii = sum_j A_ij^2
    std::vector<LayerEstimate> layers;
};

/// Trace, Frobenius norm, diagonal and row norms of A, and the first two of each group of parameters, all from the same
/// probes z and products y = A z: the means of z'y, |y|^2, z o y and y o y, and of the first two over the rows of a
/// group.
///
/// Shapes     A is n x n, symmetric; the groups cover 0, ..., n - 1, or there are none.
/// Cost       m products; 4 n + 4 n block doubles.
/// Error bar  Student's t for the diagonal and for the traces (of all of A with the degrees of freedom that the data
///            show). Squares are chi-square variables: those of a row with m degrees of freedom, which is too wide
///            where few entries make up the row, those of norms with the number that the variance of |y|^2 shows. Norms
///            need about 64 probes for the coverage that they claim (docs/estimators.md). The intervals of different
///            entries and groups are for each alone, and not independent.
/// Throws     std::invalid_argument if an option is out of range, the groups do not fit or the operator is not
///            symmetric; NumericalError if a product is not finite, with its number; InputError as estimate_trace.
/// Source     As hutchinson_trace, hutchinson_diagonal and hutchinson_squared_diagonal.
[[nodiscard]] MatrixEstimates estimate_layers(const SymmetricOperator& a, const ParameterLayout& layout = {},
                                              const LayerOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
