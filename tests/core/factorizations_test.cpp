#include "hessq/core/factorizations.hpp"

#include "hessq/core/require.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <Eigen/Eigenvalues>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <complex>
#include <limits>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(factorizations_suite)

namespace {

const Index shapes[][2] = {{1, 1}, {1, 4}, {4, 1}, {5, 5}, {70, 30}, {30, 70}, {200, 3}};

double distance_from_orthonormal(const Matrix& q) {
    return (q.transpose() * q - Matrix::Identity(q.cols(), q.cols())).norm();
}

} // namespace

BOOST_AUTO_TEST_CASE(q_is_orthonormal_r_is_triangular_and_their_product_is_the_matrix) {
    for (const auto& [m, n] : shapes) {
        const Matrix a = random_matrix(m, n, 1);
        const ThinQr qr = thin_qr(a);
        BOOST_TEST(qr.q.cols() == std::min(m, n));
        BOOST_TEST(qr.r.rows() == std::min(m, n));
        BOOST_TEST(distance_from_orthonormal(qr.q) < 1e-13);
        BOOST_TEST((qr.q * qr.r - a).norm() < 1e-14 * static_cast<double>(m + n) * a.norm());
        for (Index j = 0; j < qr.r.cols(); ++j)
            for (Index i = j + 1; i < qr.r.rows(); ++i) BOOST_TEST(qr.r(i, j) == 0.0);
    }
}

BOOST_AUTO_TEST_CASE(qr_by_hand) {
    // (3, 4)' has length 5, and (1, 2)' has 11 / 5 along it and |3 * 2 - 4 * 1| / 5 = 2 / 5 across.
    const Matrix r = thin_qr(Matrix{{3.0, 1.0}, {4.0, 2.0}}).r.cwiseAbs();
    BOOST_TEST((r - Matrix{{5.0, 2.2}, {0.0, 0.4}}).norm() < 1e-14);
}

BOOST_AUTO_TEST_CASE(q_is_orthonormal_also_where_columns_depend_on_each_other) {
    Matrix a = random_matrix(40, 5, 2);
    a.col(3) = a.col(0) - 2.0 * a.col(1);
    a.col(4).setZero();
    const ThinQr qr = thin_qr(a);
    BOOST_TEST(distance_from_orthonormal(qr.q) < 1e-13);
    BOOST_TEST((qr.q * qr.r - a).norm() < 1e-13);
}

BOOST_AUTO_TEST_CASE(singular_values_and_vectors_of_matrices_made_from_them) {
    const Matrix u = thin_qr(random_matrix(60, 4, 3)).q, v = thin_qr(random_matrix(7, 4, 4)).q;
    for (const Vector& s :
         {Vector{{4.0, 3.0, 2.0, 1.0}}, Vector{{1.0, 1e-3, 1e-6, 0.0}}, Vector{{2.0, 2.0, 2.0, 1.0}}}) {
        const Matrix tall = u * s.asDiagonal() * v.transpose();
        for (const Matrix& a : {tall, Matrix(tall.transpose())}) {
            const ThinSvd svd = thin_svd(a);
            BOOST_TEST(svd.values.size() == 7);
            BOOST_TEST((svd.values.head(4) - s).norm() < 1e-14 * s(0) * 60.0);
            BOOST_TEST(svd.values.tail(3).norm() < 1e-14 * s(0) * 60.0);
            BOOST_TEST(distance_from_orthonormal(svd.u) < 1e-13);
            BOOST_TEST(distance_from_orthonormal(svd.v) < 1e-13);
            BOOST_TEST((svd.u * svd.values.asDiagonal() * svd.v.transpose() - a).norm() < 1e-13 * s(0));
            BOOST_TEST((singular_values(a) - svd.values).norm() < 1e-13 * s(0));
        }
    }
}

BOOST_AUTO_TEST_CASE(singular_values_are_those_that_eigen_finds) {
    for (const auto& [m, n] : shapes) {
        const Matrix a = random_matrix(m, n, 5);
        const Matrix gram = m < n ? Matrix(a * a.transpose()) : Matrix(a.transpose() * a);
        const Vector squares = Eigen::SelfAdjointEigenSolver<Matrix>(gram).eigenvalues().reverse();
        const Vector s = singular_values(a);
        BOOST_REQUIRE(s.size() == squares.size());
        BOOST_TEST((s.cwiseAbs2() - squares).norm() < 1e-12 * squares(0));
    }
}

BOOST_AUTO_TEST_CASE(a_cholesky_factor_is_the_triangle_that_the_matrix_was_made_from) {
    for (const Index n : {1, 2, 7, 150}) {
        Matrix l = random_matrix(n, n, 6).triangularView<Eigen::StrictlyLower>();
        l.diagonal() = Vector::LinSpaced(n, 1.0, 2.0) * static_cast<double>(n);
        Matrix a = l * l.transpose();
        a.triangularView<Eigen::StrictlyUpper>().setConstant(std::numeric_limits<double>::max()); // not read
        const auto factor = cholesky(a);
        BOOST_REQUIRE(factor.has_value());
        BOOST_TEST((*factor - l).norm() < 1e-13 * l.norm());
        BOOST_TEST(Matrix(factor->triangularView<Eigen::StrictlyUpper>()).norm() == 0.0);
        const Matrix x = random_matrix(n, 3, 7);
        BOOST_TEST((cholesky_solve(l, l * (l.transpose() * x)) - x).norm() < 1e-12 * x.norm());
    }
}

BOOST_AUTO_TEST_CASE(an_indefinite_or_singular_matrix_has_no_cholesky_factor) {
    BOOST_TEST(!cholesky(Matrix{{1.0, 2.0}, {2.0, 1.0}}).has_value());
    BOOST_TEST(!cholesky(Matrix{{1.0, 1.0}, {1.0, 1.0}}).has_value());
    BOOST_TEST(!cholesky(Matrix{{-1.0}}).has_value());
    BOOST_TEST(cholesky(Matrix{{2.0, 1.0}, {1.0, 2.0}}).has_value());
}

BOOST_AUTO_TEST_CASE(a_linear_system_has_the_solution_that_it_was_made_from) {
    // 2 x + y = 4, x - y = -1, after a pivot of zero: x = 1, y = 2.
    const Vector x = linear_solve(Matrix{{0.0, 1.0, 0.0}, {2.0, 1.0, 0.0}, {1.0, -1.0, 1.0}}, Vector{{2.0, 4.0, 0.0}});
    BOOST_TEST((x - Vector{{1.0, 2.0, 1.0}}).norm() < 1e-15);
    for (const Index n : {1, 5, 120}) {
        const Matrix a = random_matrix(n, n, 8) + 3.0 * std::sqrt(static_cast<double>(n)) * Matrix::Identity(n, n);
        const Matrix solution = random_matrix(n, 4, 9);
        BOOST_TEST((linear_solve(a, a * solution) - solution).norm() < 1e-12 * solution.norm());
    }
}

BOOST_AUTO_TEST_CASE(a_schur_form_is_triangular_with_the_eigenvalues_of_the_matrix) {
    for (const Index n : {1, 2, 9, 80}) {
        const Matrix a = random_matrix(n, n, 10);
        const ComplexSchur schur = complex_schur(a);
        const Eigen::MatrixXcd identity = Eigen::MatrixXcd::Identity(n, n);
        BOOST_TEST((schur.u.adjoint() * schur.u - identity).norm() < 1e-12);
        BOOST_TEST((schur.u * schur.t * schur.u.adjoint() - a.cast<std::complex<double>>()).norm() < 1e-12 * a.norm());
        for (Index j = 0; j < n; ++j)
            for (Index i = j + 1; i < n; ++i) BOOST_TEST(std::abs(schur.t(i, j)) == 0.0);
    }
    // A rotation by a right angle turns nothing into itself but (1, -i) and (1, i), into i and -i times themselves.
    const ComplexSchur turn = complex_schur(Matrix{{0.0, -1.0}, {1.0, 0.0}});
    BOOST_TEST(std::abs(turn.t(0, 0) + turn.t(1, 1)) < 1e-15);
    BOOST_TEST(std::abs(turn.t(0, 0) * turn.t(1, 1) - 1.0) < 1e-15);
    BOOST_TEST(std::abs(turn.t(0, 0).real()) < 1e-15);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_factored_is_refused) {
    Matrix bad = Matrix::Ones(3, 2);
    bad(2, 1) = std::numeric_limits<double>::quiet_NaN();
    BOOST_CHECK_EXCEPTION((void)thin_qr(bad), NumericalError,
                          says("thin_qr: the matrix is not finite: entry (2, 1) is nan"));
    BOOST_CHECK_EXCEPTION((void)thin_svd(bad), NumericalError,
                          says("thin_svd: the matrix is not finite: entry (2, 1) is nan"));
    BOOST_CHECK_EXCEPTION((void)singular_values(Matrix(0, 3)), std::invalid_argument,
                          says("singular_values: the matrix must not be empty; got 0 x 3"));
    BOOST_CHECK_EXCEPTION((void)cholesky(Matrix::Ones(2, 3)), std::invalid_argument,
                          says("cholesky: the matrix must be square; got 2 x 3"));
    BOOST_CHECK_EXCEPTION((void)complex_schur(Matrix::Ones(3, 2)), std::invalid_argument,
                          says("complex_schur: the matrix must be square; got 3 x 2"));
    BOOST_CHECK_EXCEPTION((void)linear_solve(Matrix::Ones(2, 2), Vector::Ones(2)), NumericalError,
                          says("linear_solve: the matrix is singular"));
    BOOST_CHECK_EXCEPTION((void)linear_solve(Matrix::Identity(2, 2), Vector::Ones(3)), std::invalid_argument,
                          says("linear_solve: a column of B must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)cholesky_solve(Matrix::Identity(2, 2), Vector::Ones(3)), std::invalid_argument,
                          says("cholesky_solve: a column of B must have 2 entries; got 3"));
}

BOOST_AUTO_TEST_SUITE_END()
