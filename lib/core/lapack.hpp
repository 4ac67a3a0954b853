#pragma once

#include <complex>
#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <lapacke.h>

namespace hessq {

/// OpenBLAS's own threads would compete with ours, and their number would change its results. Called before LAPACK is.
void use_one_blas_thread();

} // namespace hessq
