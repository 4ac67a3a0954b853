#include "hessq/solvers/lyapunov.hpp"

#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(lyapunov)

namespace {

/// A and B to A (x) B: vec(B X A') = (A (x) B) vec(X).
Matrix kronecker(const Matrix& a, const Matrix& b) {
    Matrix result(a.rows() * b.rows(), a.cols() * b.cols());
    for (Index j = 0; j < a.cols(); ++j)
        for (Index i = 0; i < a.rows(); ++i) result.block(i * b.rows(), j * b.cols(), b.rows(), b.cols()) = a(i, j) * b;
    return result;
}

/// The solution of system vec(X) = vec(Q).
Matrix dense_solution(const Matrix& system, const Matrix& q) {
    const Vector x = system.partialPivLu().solve(q.reshaped());
    return x.reshaped(q.rows(), q.cols());
}

Matrix rotation(double angle) {
    return (Matrix(2, 2) << std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)).finished();
}

} // namespace

BOOST_AUTO_TEST_CASE(two_by_two_equations_have_their_solutions_by_hand) {
    // A X + X A' = I, A = [[1, 1], [0, 2]], X = [[x, y], [y, z]]: 4 z = 1, 3 y + z = 0, 2 (x + y) = 1.
    const Matrix a = (Matrix(2, 2) << 1.0, 1.0, 0.0, 2.0).finished();
    const Matrix x = (Matrix(2, 2) << 7.0 / 12.0, -1.0 / 12.0, -1.0 / 12.0, 0.25).finished();
    BOOST_TEST((solve_continuous_lyapunov(a, Matrix::Identity(2, 2)) - x).norm() <= 16 * eps * x.norm());

    // X - A X A' = I, A = [[1/2, 1], [0, 1/3]]: 8/9 z = 1, 5/6 y = z / 3, 3/4 x = 1 + y + z.
    const Matrix b = (Matrix(2, 2) << 0.5, 1.0, 0.0, 1.0 / 3.0).finished();
    const Matrix y = (Matrix(2, 2) << 103.0 / 30.0, 0.45, 0.45, 1.125).finished();
    BOOST_TEST((solve_discrete_lyapunov(b, Matrix::Identity(2, 2)) - y).norm() <= 16 * eps * y.norm());
}

BOOST_AUTO_TEST_CASE(one_by_one_equations_are_divisions) {
    const Matrix three = Matrix::Constant(1, 1, 3.0), six = Matrix::Constant(1, 1, 6.0);
    BOOST_TEST(solve_continuous_lyapunov(three, six)(0, 0) == 1.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(solve_discrete_lyapunov(three, six)(0, 0) == -0.75, boost::test_tools::tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(general_equations_agree_with_the_dense_system_for_all_entries) {
    for (const Index n : {2, 3, 5, 8}) BOOST_TEST_CONTEXT("n = " << n) {
            const Matrix a = random_matrix(n, n, 1), q = random_matrix(n, n, 2), identity = Matrix::Identity(n, n);
            // An error of rounding in a solution is at most its condition number times n eps.
            const auto check = [&](const Matrix& system, const Matrix& x) {
                const double condition = system.norm() * system.inverse().norm();
                const Matrix expected = dense_solution(system, q);
                BOOST_TEST((x - expected).norm() <= 10.0 * static_cast<double>(n) * eps * condition * expected.norm());
            };
            check(kronecker(identity, a) + kronecker(a, identity), solve_continuous_lyapunov(a, q));
            check(Matrix::Identity(n * n, n * n) - kronecker(a, a), solve_discrete_lyapunov(a, q));
        }
}

BOOST_AUTO_TEST_CASE(residuals_are_rounding_and_symmetric_data_have_symmetric_solutions) {
    for (const Index n : {1, 4, 20, 60}) BOOST_TEST_CONTEXT("n = " << n) {
            const Matrix a = random_matrix(n, n, 3), q = random_symmetric(n, 4);
            const double rounding = 10.0 * static_cast<double>(n) * eps, size = a.norm();
            const Matrix x = solve_continuous_lyapunov(a, q);
            BOOST_TEST((a * x + x * a.transpose() - q).norm() <= rounding * (2.0 * size * x.norm() + q.norm()));
            BOOST_TEST((x == x.transpose()));
            const Matrix y = solve_discrete_lyapunov(a, q);
            BOOST_TEST((y - a * y * a.transpose() - q).norm() <= rounding * (size * size * y.norm() + q.norm()));
            BOOST_TEST((y == y.transpose()));
        }
}

BOOST_AUTO_TEST_CASE(a_contraction_s_solution_is_its_geometric_series) {
    const Matrix a = 0.3 * random_matrix(4, 4, 5).normalized(), q = random_matrix(4, 4, 6);
    Matrix sum = Matrix::Zero(4, 4), term = q;
    for (int t = 0; t < 40; ++t) { // 0.09^40 < 1e-41
        sum += term;
        term = a * term * a.transpose();
    }
    BOOST_TEST((solve_discrete_lyapunov(a, q) - sum).norm() <= 40 * eps * sum.norm());
}

BOOST_AUTO_TEST_CASE(defective_matrices_are_no_exception) {
    const Matrix a = (Matrix(3, 3) << 0.5, 1.0, 0.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.5).finished();
    const Matrix q = random_symmetric(3, 7);
    const Matrix x = solve_continuous_lyapunov(a, q), y = solve_discrete_lyapunov(a, q);
    BOOST_TEST((a * x + x * a.transpose() - q).norm() <= 30 * eps * (2.0 * a.norm() * x.norm() + q.norm()));
    BOOST_TEST((y - a * y * a.transpose() - q).norm() <= 30 * eps * (a.squaredNorm() * y.norm() + q.norm()));
}

BOOST_AUTO_TEST_CASE(singular_equations_are_refused) {
    const Matrix identity = Matrix::Identity(2, 2);
    const Matrix opposite = Eigen::Vector2d(1.0, -1.0).asDiagonal(),
                 reciprocal = Eigen::Vector2d(2.0, 0.5).asDiagonal();
    BOOST_CHECK_EXCEPTION(
        (void)solve_continuous_lyapunov(opposite, identity), std::invalid_argument,
        says("solve_continuous_lyapunov: lambda_i + conj(lambda_j) must not be zero for eigenvalues of A; smallest "
             "modulus; got 0"));
    BOOST_CHECK_EXCEPTION(
        (void)solve_discrete_lyapunov(reciprocal, identity), std::invalid_argument,
        says("solve_discrete_lyapunov: lambda_i conj(lambda_j) must not be 1 for eigenvalues of A; smallest "
             "|1 - lambda_i conj(lambda_j)|; got 0"));
    // A rotation by a right angle has +-i, and conj(i) = -i; every rotation has |lambda| = 1.
    BOOST_CHECK_THROW((void)solve_continuous_lyapunov(rotation(std::acos(0.0)), identity), std::invalid_argument);
    BOOST_CHECK_THROW((void)solve_discrete_lyapunov(rotation(1.0), identity), std::invalid_argument);
    BOOST_CHECK_THROW((void)solve_continuous_lyapunov(Matrix::Zero(2, 2), identity), std::invalid_argument);
    BOOST_CHECK_NO_THROW((void)solve_continuous_lyapunov(rotation(1.0), identity));
}

BOOST_AUTO_TEST_CASE(misfits_are_refused) {
    const Matrix two = Matrix::Identity(2, 2);
    BOOST_CHECK_EXCEPTION((void)solve_continuous_lyapunov(Matrix::Zero(2, 3), two), std::invalid_argument,
                          says("solve_continuous_lyapunov: A must be square and not empty; got 2 x 3"));
    BOOST_CHECK_EXCEPTION((void)solve_discrete_lyapunov(Matrix(0, 0), Matrix(0, 0)), std::invalid_argument,
                          says("solve_discrete_lyapunov: A must be square and not empty; got 0 x 0"));
    BOOST_CHECK_EXCEPTION((void)solve_discrete_lyapunov(two, Matrix::Zero(3, 3)), std::invalid_argument,
                          says("solve_discrete_lyapunov: Q must have the shape of A; got 3 x 3"));
    const Matrix broken = Matrix::Constant(2, 2, std::numeric_limits<double>::quiet_NaN());
    BOOST_CHECK_EXCEPTION((void)solve_continuous_lyapunov(broken, two), NumericalError,
                          says("solve_continuous_lyapunov: A is not finite: entry (0, 0) is nan"));
    BOOST_CHECK_EXCEPTION((void)solve_continuous_lyapunov(two, broken), NumericalError,
                          says("solve_continuous_lyapunov: Q is not finite: entry (0, 0) is nan"));
}

BOOST_AUTO_TEST_SUITE_END()
