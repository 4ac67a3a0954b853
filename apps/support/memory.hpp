#pragma once

#include "hessq/core/types.hpp"

#include <string>

namespace hessq::app {

/// The address space, with room to spare, that OpenBLAS and the allocator take in a thread that calls OpenBLAS. Where
/// OpenBLAS gets none it tries for ever.
inline constexpr double blas_buffer_bytes = 256.0 * 1024.0 * 1024.0;

/// Bytes that this process can still allocate: what the kernel calls available, or what a container leaves if less.
double available_memory();

/// The eigenvectors of n parameters' Hessian and LAPACK's workspace for them.
double eigen_bytes(Index parameters);

/// Throws     NumericalError("hessq compare: expected to need at most the ... of memory that are free; got ...").
void require_memory(const std::string& command, double bytes, double parameters);

} // namespace hessq::app
