#include "support/matrices.hpp"

#include <Eigen/SVD>

namespace hessq::test {

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
    return normal_vector(RandomStream(seed, 0), rows * cols).reshaped(rows, cols);
}

Matrix random_symmetric(Index n, std::uint64_t seed) {
    const Matrix a = random_matrix(n, n, seed);
    return 0.5 * (a + a.transpose());
}

Matrix orthonormal_basis(const Matrix& columns) {
    return Eigen::HouseholderQR<Matrix>(columns).householderQ() * Matrix::Identity(columns.rows(), columns.cols());
}

Vector singular_values_by_eigen(const Matrix& a) { return Eigen::JacobiSVD<Matrix>(a).singularValues(); }

Vector least_squares(const Matrix& a, const Vector& b) { return a.colPivHouseholderQr().solve(b); }

Matrix with_spectrum(const Vector& values, std::uint64_t seed) {
    const Index n = values.size();
    const Matrix q = Eigen::HouseholderQR<Matrix>(random_matrix(n, n, seed)).householderQ();
    const Matrix a = q * values.asDiagonal() * q.transpose();
    return 0.5 * (a + a.transpose());
}

} // namespace hessq::test
