#pragma once

#include "hessq/core/random.hpp"
#include "hessq/core/types.hpp"

#include <Eigen/Dense>
#include <limits>

namespace hessq::test {

inline constexpr double eps = std::numeric_limits<double>::epsilon();

inline Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
    return normal_vector(RandomStream(seed, 0), rows * cols).reshaped(rows, cols);
}

inline Matrix random_symmetric(Index n, std::uint64_t seed) {
    const Matrix a = random_matrix(n, n, seed);
    return 0.5 * (a + a.transpose());
}

/// Q diag(values) Q' with a random orthogonal Q, exactly symmetric.
inline Matrix with_spectrum(const Vector& values, std::uint64_t seed) {
    const Index n = values.size();
    const Matrix q = Eigen::HouseholderQR<Matrix>(random_matrix(n, n, seed)).householderQ();
    const Matrix a = q * values.asDiagonal() * q.transpose();
    return 0.5 * (a + a.transpose());
}

} // namespace hessq::test
