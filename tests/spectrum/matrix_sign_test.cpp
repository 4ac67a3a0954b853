#include "hessq/spectrum/matrix_sign.hpp"

#include "hessq/core/require.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

using namespace hessq;
using hessq::test::eps;
using hessq::test::random_matrix;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(matrix_sign_suite)

BOOST_AUTO_TEST_CASE(of_a_diagonal_matrix_it_is_the_signs) {
    const Matrix a = Eigen::Vector3d(3, -0.01, 0).asDiagonal();
    const Matrix expected = Eigen::Vector3d(1, -1, 0).asDiagonal();
    BOOST_TEST((matrix_sign(a) - expected).norm() <= 8.0 * eps);
}

BOOST_AUTO_TEST_CASE(it_is_the_nearest_matrix_with_orthonormal_rows_or_columns) {
    for (const Matrix& a : {random_matrix(3, 5, 1), random_matrix(5, 3, 2)}) {
        const Matrix sign = matrix_sign(a);
        const Matrix gram = a.rows() < a.cols() ? Matrix(sign * sign.transpose()) : Matrix(sign.transpose() * sign);
        BOOST_TEST((gram - Matrix::Identity(3, 3)).norm() <= 64.0 * eps);
        // A = sign * |A| with |A| symmetric and positive semidefinite: the polar decomposition, which is unique.
        const Matrix absolute = sign.transpose() * a;
        BOOST_TEST((absolute - absolute.transpose()).norm() <= 64.0 * eps * a.norm());
        const Eigen::SelfAdjointEigenSolver<Matrix> eigen(Matrix(0.5 * (absolute + absolute.transpose())));
        BOOST_TEST(eigen.eigenvalues().minCoeff() >= -64.0 * eps * a.norm());
        BOOST_TEST((sign * absolute - a).norm() <= 64.0 * eps * a.norm());
    }
}

BOOST_AUTO_TEST_CASE(it_does_not_depend_on_length_and_is_the_direction_of_a_vector) {
    const Matrix a = random_matrix(4, 3, 3);
    BOOST_CHECK(matrix_sign(4.0 * a) == matrix_sign(a));
    BOOST_TEST((matrix_sign(1e-200 * a) - matrix_sign(a)).norm() <= 64.0 * eps);
    BOOST_TEST((matrix_sign(Eigen::Vector2d(3, 4)) - Eigen::Vector2d(0.6, 0.8)).norm() <= 4.0 * eps);
    BOOST_CHECK(matrix_sign(Matrix::Zero(2, 3)) == Matrix::Zero(2, 3));
}

BOOST_AUTO_TEST_CASE(newton_and_schulz_leave_singular_values_between_two_thirds_and_five_quarters) {
    for (const Matrix& a : {random_matrix(4, 6, 1), random_matrix(6, 4, 2)}) {
        const Matrix x = newton_schulz_sign(a);
        BOOST_TEST(x.rows() == a.rows());
        const Vector s = test::singular_values_by_eigen(x);
        BOOST_TEST(s.minCoeff() > 2.0 / 3.0);
        BOOST_TEST(s.maxCoeff() < 1.25);
        // The same singular vectors: x'sign(a) is symmetric.
        const Matrix absolute = matrix_sign(a).transpose() * x;
        BOOST_TEST((absolute - absolute.transpose()).norm() <= 1e-12);
    }
}

BOOST_AUTO_TEST_CASE(the_classical_coefficients_converge_to_the_exact_sign) {
    const Matrix a = random_matrix(3, 4, 5);
    const Matrix x = newton_schulz_sign(a, {.steps = 40, .a = 15.0 / 8.0, .b = -10.0 / 8.0, .c = 3.0 / 8.0});
    BOOST_TEST((x - matrix_sign(a)).norm() <= 1e-13);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    BOOST_CHECK_EXCEPTION((void)matrix_sign(Matrix(0, 3)), std::invalid_argument,
                          says("matrix_sign: the matrix must not be empty; got 0"));
    BOOST_CHECK_EXCEPTION((void)newton_schulz_sign(Matrix::Ones(2, 2), {.steps = 0}), std::invalid_argument,
                          says("newton_schulz_sign: steps must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)newton_schulz_sign(Matrix::Ones(2, 2), {.eps = 0.0}), std::invalid_argument,
                          says("newton_schulz_sign: eps must be greater than 0; got 0"));
    BOOST_CHECK_THROW((void)matrix_sign(Matrix::Constant(2, 2, std::numeric_limits<double>::quiet_NaN())),
                      NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
