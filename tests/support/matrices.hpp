#pragma once

#include "hessq/core/random.hpp"
#include "hessq/core/types.hpp"
#include "support/eigen_solvers.hpp"

#include <limits>

namespace hessq::test {

inline constexpr double eps = std::numeric_limits<double>::epsilon();

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed);
Matrix random_symmetric(Index n, std::uint64_t seed);

/// An orthonormal basis of what the columns span, by Eigen's Householder reflections: as many columns.
Matrix orthonormal_basis(const Matrix& columns);

/// Descending, by Jacobi's method.
Vector singular_values_by_eigen(const Matrix& a);

/// The x of least |A x - b|.
Vector least_squares(const Matrix& a, const Vector& b);

/// Q diag(values) Q' with a random orthogonal Q, exactly symmetric.
Matrix with_spectrum(const Vector& values, std::uint64_t seed);

} // namespace hessq::test
