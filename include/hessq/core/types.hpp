#pragma once

#include <Eigen/Core>

#pragma GCC visibility push(default)
namespace hessq {

/// Everything is measured in double precision; there is no second scalar type.
using Index = Eigen::Index;
using Vector = Eigen::VectorXd;
/// Column-major. A block of k vectors is n x k: one vector is a block of one.
using Matrix = Eigen::MatrixXd;

/// Read-only arguments. Column-major storage is viewed, never copied;
/// anything else (a row-major matrix, an expression) is copied silently by Eigen.
using VectorView = const Eigen::Ref<const Vector>&;
using MatrixView = const Eigen::Ref<const Matrix>&;

} // namespace hessq
#pragma GCC visibility pop
