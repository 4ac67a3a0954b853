#pragma once

#include "hessq/core/types.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace hessq {

/// Something from outside the program (a file, its text, its numbers) is not what was expected.
/// The message is one line: "<file>:<line>: expected ...; got ...".
class InputError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The arithmetic cannot go on: an objective returned a number that is not finite, or the work would
/// not fit in memory. Outcomes that a caller can act upon (no convergence, negative curvature) are
/// statuses in results, not exceptions.
class NumericalError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Checks a precondition at a public door; always on.
///
/// Throws     std::invalid_argument("<function>: <rule>; got <value>").
void require(bool holds, std::string_view function, std::string_view rule, std::string_view got);
void require(bool holds, std::string_view function, std::string_view rule, Index got);
void require(bool holds, std::string_view function, std::string_view rule, double got);

/// Throws std::invalid_argument("<function>: <what> must have <expected> entries; got <size>").
void require_size(Index size, Index expected, std::string_view function, std::string_view what);

/// Throws NumericalError("<what> is not finite at ...") when an entry is NaN or infinite; says which entry.
void require_finite(MatrixView values, std::string_view what);
void require_finite(double value, std::string_view what);

} // namespace hessq
#pragma GCC visibility pop
