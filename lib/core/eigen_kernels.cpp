#include "eigen_kernels.hpp"

#undef HESSQ_EIGEN_TEMPLATE
#define HESSQ_EIGEN_TEMPLATE template
#include "eigen_kernels.hpp"
