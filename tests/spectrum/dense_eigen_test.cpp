#include "hessq/spectrum/dense_eigen.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <vector>

using namespace hessq;
using namespace hessq::test;

namespace {

Matrix matrix2(double a, double b, double c) { return (Matrix(2, 2) << a, b, b, c).finished(); }

} // namespace

BOOST_AUTO_TEST_SUITE(dense_eigen)

BOOST_AUTO_TEST_CASE(two_by_two_has_its_closed_form) {
    const SymmetricEigen eigen = symmetric_eigen(matrix2(2, 1, 2));
    BOOST_TEST(eigen.values(0) == 1.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(eigen.values(1) == 3.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST((eigen.vectors.cwiseAbs().array() - std::sqrt(0.5)).abs().maxCoeff() <= 4 * eps);
    BOOST_TEST(eigen.vectors(0, 0) * eigen.vectors(1, 0) < 0.0);
    BOOST_TEST(eigen.vectors(0, 1) * eigen.vectors(1, 1) > 0.0);
    BOOST_TEST(eigen.residual <= 8 * eps);
}

BOOST_AUTO_TEST_CASE(the_chain_of_five_has_cosines_as_eigenvalues) {
    Matrix chain = 2.0 * Matrix::Identity(5, 5);
    chain.diagonal(1).setConstant(-1.0);
    chain.diagonal(-1).setConstant(-1.0);

    const Vector values = symmetric_eigenvalues(chain);

    for (Index k = 0; k < 5; ++k)
        BOOST_TEST(std::abs(values(k) - (2.0 - 2.0 * std::cos(M_PI * static_cast<double>(k + 1) / 6.0))) <=
                   5 * 4 * eps);
}

BOOST_AUTO_TEST_CASE(multiple_eigenvalues_are_all_there) {
    const SymmetricEigen eigen = symmetric_eigen(Matrix::Ones(4, 4) + Matrix::Identity(4, 4));
    BOOST_TEST((eigen.values - Eigen::Vector4d(1, 1, 1, 5)).cwiseAbs().maxCoeff() <= 4 * 5 * eps);
    BOOST_TEST((eigen.vectors.transpose() * eigen.vectors - Matrix::Identity(4, 4)).norm() <= 4 * 4 * eps);
}

BOOST_AUTO_TEST_CASE(a_one_by_one_matrix_is_its_eigenvalue) {
    const SymmetricEigen eigen = symmetric_eigen(Matrix::Constant(1, 1, -3.0));
    BOOST_TEST(eigen.values(0) == -3.0);
    BOOST_TEST(std::abs(eigen.vectors(0, 0)) == 1.0);
    BOOST_TEST(eigen.residual == 0.0);
}

BOOST_AUTO_TEST_CASE(random_matrices_are_recovered_from_orthogonal_vectors) {
    for (const Index n : {3, 64, 65, 150}) {
        const Matrix a = random_symmetric(n, 1);
        const SymmetricEigen eigen = symmetric_eigen(a);
        const double rounding = static_cast<double>(n) * eps, scale = a.norm();
        BOOST_TEST(eigen.residual <= rounding * scale);
        BOOST_TEST((eigen.vectors.transpose() * eigen.vectors - Matrix::Identity(n, n)).norm() <= 4 * rounding);
        BOOST_TEST((apply_function(eigen, [](double x) { return x; }) - a).norm() <= 4 * rounding * scale);
        BOOST_TEST((symmetric_eigenvalues(a) - eigen.values).norm() <= rounding * scale);
        BOOST_TEST((eigen.values.tail(n - 1) - eigen.values.head(n - 1)).minCoeff() >= 0.0);
    }
}

BOOST_AUTO_TEST_CASE(the_residual_is_that_of_the_matrix_given) {
    // [[1, h], [0, 1]] is decomposed as its symmetric part, [[1, h/2], [h/2, 1]], which is h/2 away in every direction.
    const double h = 1e-9;
    Matrix a = Matrix::Identity(2, 2);
    a(0, 1) = h;
    const SymmetricEigen eigen = symmetric_eigen(a);
    BOOST_TEST(eigen.values(1) - eigen.values(0) == h, boost::test_tools::tolerance(8 * eps / h));
    BOOST_TEST(eigen.residual == 0.5 * h, boost::test_tools::tolerance(8 * eps / h));
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const Matrix a = random_symmetric(200, 2);
    const auto decompose = [&](int threads) {
        const ThreadLimit limit(threads);
        return symmetric_eigen(a);
    };
    const SymmetricEigen one = decompose(1), four = decompose(4);
    BOOST_TEST((one.values == four.values));
    BOOST_TEST((one.vectors == four.vectors));
    BOOST_TEST(one.residual == four.residual);
    BOOST_TEST((absolute_value(one) == absolute_value(four)));

    std::vector<SymmetricEigen> side_by_side(4);
    parallel_for(4, [&](Index i) { side_by_side[static_cast<std::size_t>(i)] = symmetric_eigen(a); });
    for (const SymmetricEigen& other : side_by_side) BOOST_TEST((one.vectors == other.vectors));
}

BOOST_AUTO_TEST_CASE(functions_of_a_swap_are_hyperbolic) {
    // exp [[0, t], [t, 0]] = [[cosh t, sinh t], [sinh t, cosh t]]
    const Matrix result = apply_function(symmetric_eigen(matrix2(0, 0.5, 0)), [](double x) { return std::exp(x); });
    BOOST_TEST((result - matrix2(std::cosh(0.5), std::sinh(0.5), std::cosh(0.5))).norm() <= 8 * eps);
}

BOOST_AUTO_TEST_CASE(absolute_value_turns_negative_eigenvalues_around) {
    BOOST_TEST((absolute_value(symmetric_eigen(matrix2(0, 1, 0))) - Matrix::Identity(2, 2)).norm() <= 8 * eps);
    // 3 along (2, 1) and -2 along (1, -2): (1/5) [[10, 10], [10, -5]] turns into (1/5) [[14, 2], [2, 11]].
    BOOST_TEST((absolute_value(symmetric_eigen(matrix2(2, 2, -1))) - matrix2(2.8, 0.4, 2.2)).norm() <= 32 * eps);
}

BOOST_AUTO_TEST_CASE(a_function_of_a_matrix_is_exactly_symmetric_and_composes) {
    const Matrix a = with_spectrum(Vector::LinSpaced(150, 0.1, 3.0), 3);
    const Matrix root = apply_function(symmetric_eigen(a), [](double x) { return std::sqrt(x); });
    BOOST_TEST((root == root.transpose()));
    BOOST_TEST((root * root - a).norm() <= 4 * 150 * eps * a.norm());
}

BOOST_AUTO_TEST_CASE(the_announced_bytes_are_those_of_lapacks_workspace) {
    BOOST_TEST(symmetric_eigen_bytes(1) == 8 * (1 + 1 + 9) + 4 * 8);
    BOOST_TEST(symmetric_eigen_bytes(1000) == 8 * (3000000 + 1000 + 6001) + 4 * 5003);
}

BOOST_AUTO_TEST_CASE(matrices_without_a_decomposition_are_refused) {
    Matrix a = Matrix::Identity(3, 3);
    BOOST_CHECK_EXCEPTION((void)symmetric_eigen(a.topRows(2)), std::invalid_argument,
                          says("symmetric_eigen: the matrix must be square; got 2 x 3"));
    BOOST_CHECK_EXCEPTION((void)symmetric_eigen(Matrix(0, 0)), std::invalid_argument,
                          says("symmetric_eigen: the matrix must not be empty; got 0"));
    a(2, 0) = 0.25;
    BOOST_CHECK_EXCEPTION((void)symmetric_eigenvalues(a), std::invalid_argument,
                          says("symmetric_eigenvalues: the matrix must be symmetric to sqrt(eps) of its largest entry; "
                               "largest |A_ij - A_ji|; got 0.25"));
    a(2, 0) = NAN;
    BOOST_CHECK_EXCEPTION((void)symmetric_eigen(a), NumericalError,
                          says("symmetric_eigen: the matrix is not finite: entry (2, 0) is nan"));
    BOOST_CHECK_EXCEPTION((void)apply_function(symmetric_eigen(matrix2(0, 0, 1)), [](double x) { return 1.0 / x; }),
                          NumericalError, says("apply_function: f of the eigenvalues is not finite: entry 0 is inf"));
    BOOST_CHECK_EXCEPTION((void)symmetric_eigen_bytes(0), std::invalid_argument,
                          says("symmetric_eigen_bytes: dimension must be at least 1; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
