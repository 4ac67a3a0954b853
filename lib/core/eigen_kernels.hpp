// The kernels of Eigen's products and triangular solves, which nearly every source would compile again; Eigen does not
// inline them. The precompiled headers declare them here, and one source, which defines HESSQ_EIGEN_TEMPLATE, has the
// code. No include guard: that source reads this twice.

#include <Eigen/Core>

#ifndef HESSQ_EIGEN_TEMPLATE
#define HESSQ_EIGEN_TEMPLATE extern template
#endif

namespace hessq::eigen_kernels {
using Eigen::ColMajor;
using Eigen::Index;
using Eigen::RowMajor;
using Eigen::internal::blas_data_mapper;
using Eigen::internal::const_blas_data_mapper;
using Traits = Eigen::internal::gebp_traits<double, double>;
using Plain = const_blas_data_mapper<double, Index, ColMajor>;
using Turned = const_blas_data_mapper<double, Index, RowMajor>;
using Result = blas_data_mapper<double, Index, ColMajor>;
} // namespace hessq::eigen_kernels

// clang-format off
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::gebp_kernel<
    double, double, Eigen::Index, hessq::eigen_kernels::Result, hessq::eigen_kernels::Traits::mr,
    hessq::eigen_kernels::Traits::nr, false, false>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::gemm_pack_lhs<
    double, Eigen::Index, hessq::eigen_kernels::Plain, hessq::eigen_kernels::Traits::mr, hessq::eigen_kernels::Traits::LhsProgress, hessq::eigen_kernels::Traits::LhsPacket4Packing, Eigen::ColMajor>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::gemm_pack_rhs<
    double, Eigen::Index, hessq::eigen_kernels::Plain, hessq::eigen_kernels::Traits::nr, Eigen::ColMajor>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::gemm_pack_lhs<
    double, Eigen::Index, hessq::eigen_kernels::Turned, hessq::eigen_kernels::Traits::mr, hessq::eigen_kernels::Traits::LhsProgress, hessq::eigen_kernels::Traits::LhsPacket4Packing, Eigen::RowMajor>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::gemm_pack_rhs<
    double, Eigen::Index, hessq::eigen_kernels::Turned, hessq::eigen_kernels::Traits::nr, Eigen::RowMajor>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_vector_product<
    Eigen::Index, double, hessq::eigen_kernels::Plain, Eigen::ColMajor, false, double, hessq::eigen_kernels::Plain, false, 0>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_vector_product<
    Eigen::Index, double, hessq::eigen_kernels::Plain, Eigen::ColMajor, false, double, hessq::eigen_kernels::Turned, false, 0>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_vector_product<
    Eigen::Index, double, hessq::eigen_kernels::Turned, Eigen::RowMajor, false, double, hessq::eigen_kernels::Plain, false, 0>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_vector_product<
    Eigen::Index, double, hessq::eigen_kernels::Turned, Eigen::RowMajor, false, double, hessq::eigen_kernels::Turned, false, 0>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_matrix_product<
    Eigen::Index, double, Eigen::ColMajor, false, double, Eigen::ColMajor, false, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_matrix_product<
    Eigen::Index, double, Eigen::ColMajor, false, double, Eigen::RowMajor, false, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_matrix_product<
    Eigen::Index, double, Eigen::RowMajor, false, double, Eigen::ColMajor, false, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::general_matrix_matrix_product<
    Eigen::Index, double, Eigen::RowMajor, false, double, Eigen::RowMajor, false, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::triangular_solve_matrix<
    double, Eigen::Index, Eigen::OnTheLeft, Eigen::Lower, false, Eigen::ColMajor, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::triangular_solve_matrix<
    double, Eigen::Index, Eigen::OnTheLeft, Eigen::Upper, false, Eigen::ColMajor, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::triangular_solve_matrix<
    double, Eigen::Index, Eigen::OnTheLeft, Eigen::Lower, false, Eigen::RowMajor, Eigen::ColMajor, 1>;
HESSQ_EIGEN_TEMPLATE struct Eigen::internal::triangular_solve_matrix<
    double, Eigen::Index, Eigen::OnTheLeft, Eigen::Upper, false, Eigen::RowMajor, Eigen::ColMajor, 1>;
// clang-format on
