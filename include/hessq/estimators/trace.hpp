#pragma once

#include "hessq/core/layout.hpp"
#include "hessq/core/symmetric_operator.hpp"
#include "hessq/estimators/hutchinson.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

enum class TraceMethod {
    automatic,  ///< a pilot decides between the others
    exact,      ///< n products with unit vectors
    hutchinson, ///< the mean of z'Az: its error does not depend on how the spectrum decays
    hutchpp,    ///< exact on the range of a sketch, Hutchinson's estimate for the rest: a calibrated interval
    xtrace,     ///< as `xtrace`: the least error on a decaying spectrum, with an interval wider than need be
    /// As `xnystrace`: the same for half the products where A is positive semidefinite. Never chosen by `automatic`,
    /// which does not know that.
    xnystrace
};

std::string_view name(TraceMethod method);

/// How good is good enough: every number of the interval differs from the estimate by at most this share of itself.
struct Target {
    double relative_error = 0.01; ///< between 0 and 1
    double confidence = 0.95;     ///< that the interval contains the truth at the moment it stops
};

enum class StoppingStatus {
    completed,      ///< all products were spent, as asked
    target_reached, ///< the interval became short enough
    product_limit   ///< all products that could help were spent before it did
};

std::string_view name(StoppingStatus status);

struct TraceOptions {
    TraceMethod method = TraceMethod::automatic;
    Index products = 128; ///< to spend, at least 24; with a target the most that may be spent
    std::optional<Target> target = {};
    double confidence = 0.95; ///< of the interval when there is no target
    std::uint64_t seed = 0;
    Index block = 16; ///< vectors multiplied at a time, and probes between two looks at a target, at least 2
    /// Traces of these groups of parameters, too: they must cover 0, ..., n - 1. Not for `xtrace` and
    /// `xnystrace`.
    ParameterLayout groups = {};
    /// Where to go on from and what to leave behind after each block; none: nowhere. See estimate_trace.
    std::filesystem::path file = {};
};

struct GroupTrace {
    std::string name;
    IntervalEstimate trace; ///< of the diagonal block that belongs to the group
};

struct TraceEstimate : IntervalEstimate {
    TraceMethod method = TraceMethod::exact;
    StoppingStatus status = StoppingStatus::completed;
    std::string reason; ///< why this method, with the errors that the pilot predicted
    std::vector<GroupTrace> groups;
};

/// Estimates tr A with an interval, by the method that will be the most accurate for this spectrum or by the one asked
/// for, up to a number of products or until a target is reached.
///
/// Automatic  A sketch Y = A Z of a third of the products shows how much of A is left outside its range. Predicted are
///            the errors of Hutchinson, 2 sum_{i != j} A_ij^2 / m, of Hutch++, 2 |(I - P) A|_F^2 / (m / 3), and of
///            XTrace, with what would be left at m / 2; the least wins. Every method goes on from the sketch: the pilot
///            costs nothing. With products >= n and no target the trace is computed exactly, by `xtrace` and
///            `xnystrace` too.
/// Target     Looks at the interval after each quarter more probes, and stops when its half-width is at most
///            relative_error times the end nearest to zero. The interval keeps its coverage (docs/estimators.md has the
///            measured one): what decides when to stop, the standard error, is known far better than the trace itself.
/// File       Holds what has been paid for. A run that was interrupted goes on from it and ends with the same bytes as
///            one that was not; of `hutchinson`, `xtrace` and `xnystrace` a larger number of products or a closer
///            target extends what is there. The file names everything that determines the result, and the first product
///            is repeated to see that the operator is the same.
/// Shapes     A is n x n, symmetric.
/// Cost       `products` at most; 2 n k doubles for a sketch of k probes and 4 n block.
/// Error bar  Hutchinson and Hutch++: std_error from the variances of the n numbers z_k (A z)_k, Student's t with the
///            degrees of freedom that these show. XTrace and XNysTrace: the jackknife, see `xtrace`.
/// Throws     std::invalid_argument if an option is out of range or the operator is not symmetric; NumericalError if a
///            product is not finite, with its number; InputError if the file is not of this estimate.
/// Source     Hutchinson (1990); Meyer, Musco, Musco and Woodruff (2021), SOSA, for Hutch++; Persson, Cortinovis and
///            Kressner (2022), SIAM J. Matrix Anal. Appl. 43(3), for splits that adapt; see `xtrace`.
[[nodiscard]] TraceEstimate estimate_trace(const SymmetricOperator& a, const TraceOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
