#pragma once

#include "hessq/core/types.hpp"

#pragma GCC visibility push(default)
namespace hessq {

/// A matrix whose entries are not set, for results of many megabytes. Where the system has large pages on request
/// (Linux: transparent huge pages), it is asked to back the matrix with them: the first touch of a gigabyte then takes
/// milliseconds instead of a large part of a second.
Matrix large_matrix(Index rows, Index cols);

/// Makes a matrix one of these unless it has that shape: for a loop's blocks, all but the last of one size.
void resize_large(Matrix& matrix, Index rows, Index cols);

} // namespace hessq
#pragma GCC visibility pop
