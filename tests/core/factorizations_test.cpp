#include "hessq/core/factorizations.hpp"

#include "hessq/core/require.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <Eigen/Eigenvalues>
#include <boost/test/unit_test.hpp>
#include <cmath>
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

BOOST_AUTO_TEST_CASE(what_cannot_be_factored_is_refused) {
    Matrix bad = Matrix::Ones(3, 2);
    bad(2, 1) = std::numeric_limits<double>::quiet_NaN();
    BOOST_CHECK_EXCEPTION((void)thin_qr(bad), NumericalError,
                          says("thin_qr: the matrix is not finite: entry (2, 1) is nan"));
    BOOST_CHECK_EXCEPTION((void)thin_svd(bad), NumericalError,
                          says("thin_svd: the matrix is not finite: entry (2, 1) is nan"));
    BOOST_CHECK_EXCEPTION((void)singular_values(Matrix(0, 3)), std::invalid_argument,
                          says("singular_values: the matrix must not be empty; got 0 x 3"));
}

BOOST_AUTO_TEST_SUITE_END()
