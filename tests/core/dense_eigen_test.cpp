#include "hessq/core/dense_eigen.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <Eigen/Eigenvalues>
#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <utility>
#include <vector>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(dense_eigen)

namespace {

Matrix matrix2(double a, double b, double c) { return (Matrix(2, 2) << a, b, b, c).finished(); }

} // namespace

BOOST_AUTO_TEST_CASE(two_by_two_has_its_closed_form) {
    const SymmetricEigen eigen = symmetric_eigen(matrix2(2, 1, 2));
    BOOST_TEST(eigen.values(0) == 1.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(eigen.values(1) == 3.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST((eigen.vectors.cwiseAbs().array() - std::sqrt(0.5)).abs().maxCoeff() <= 4 * eps);
    BOOST_TEST(eigen.vectors(0, 0) * eigen.vectors(1, 0) < 0.0);
    BOOST_TEST(eigen.vectors(0, 1) * eigen.vectors(1, 1) > 0.0);
    BOOST_TEST(largest_residual(matrix2(2, 1, 2), eigen) <= 8 * eps);
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
    BOOST_TEST(largest_residual(Matrix::Constant(1, 1, -3.0), eigen) == 0.0);
}

BOOST_AUTO_TEST_CASE(random_matrices_are_recovered_from_orthogonal_vectors) {
    for (const Index n : {3, 64, 65, 150}) {
        const Matrix a = random_symmetric(n, 1);
        const SymmetricEigen eigen = symmetric_eigen(a);
        const double rounding = static_cast<double>(n) * eps, scale = a.norm();
        BOOST_TEST(largest_residual(a, eigen) <= rounding * scale);
        BOOST_TEST((eigen.vectors.transpose() * eigen.vectors - Matrix::Identity(n, n)).norm() <= 4 * rounding);
        BOOST_TEST((apply_function(eigen, [](double x) { return x; }) - a).norm() <= 4 * rounding * scale);
        BOOST_TEST((symmetric_eigenvalues(a) - eigen.values).norm() <= rounding * scale);
        BOOST_TEST((eigen.values.tail(n - 1) - eigen.values.head(n - 1)).minCoeff() >= 0.0);
    }
}

BOOST_AUTO_TEST_CASE(coordinates_that_nothing_touches_are_eigenvectors_exactly) {
    // A random block scattered over 3 k and 3 k + 1; every third coordinate stands alone, some with equal entries.
    const Index n = 210;
    Matrix a = random_symmetric(n, 8);
    std::vector<Index> alone;
    for (Index i = 2; i < n; i += 3) {
        a.row(i).setZero();
        a.col(i).setZero();
        a(i, i) = static_cast<double>(i % 5) - 2.0;
        alone.push_back(i);
    }
    const SymmetricEigen eigen = symmetric_eigen(a);
    const Vector values = Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvalues();
    const double rounding = static_cast<double>(n) * eps * a.norm();
    BOOST_TEST((eigen.values - values).cwiseAbs().maxCoeff() <= rounding);
    BOOST_TEST((symmetric_eigenvalues(a) - values).cwiseAbs().maxCoeff() <= rounding);
    BOOST_TEST(largest_residual(a, eigen) <= rounding);
    BOOST_TEST((eigen.vectors.transpose() * eigen.vectors - Matrix::Identity(n, n)).norm() <= 4 * n * eps);
    for (const Index i : alone) {
        const Vector row = eigen.vectors.row(i);
        Index k = 0;
        BOOST_TEST(row.cwiseAbs().maxCoeff(&k) == 1.0);
        BOOST_TEST(row.cwiseAbs().sum() == 1.0);
        BOOST_TEST(eigen.vectors.col(k).cwiseAbs().sum() == 1.0);
        BOOST_TEST(eigen.values(k) == a(i, i));
    }
}

BOOST_AUTO_TEST_CASE(a_diagonal_matrix_needs_no_arithmetic) {
    const SymmetricEigen eigen = symmetric_eigen(Eigen::Vector4d(3, -1, 3, 0).asDiagonal().toDenseMatrix());
    BOOST_TEST((eigen.values == Eigen::Vector4d(-1, 0, 3, 3)));
    BOOST_TEST((eigen.vectors == Matrix(Eigen::PermutationMatrix<4>(Eigen::Vector4i(1, 3, 0, 2)))));
    BOOST_TEST((symmetric_eigenvalues(Matrix::Zero(3, 3)) == Vector::Zero(3)));
}

BOOST_AUTO_TEST_CASE(the_scale_of_a_matrix_does_not_matter) {
    const Matrix a = random_symmetric(90, 9);
    const Vector values = symmetric_eigenvalues(a);
    for (const int power : {-900, 900}) { // exact; squares of the entries would under- and overflow
        const Matrix scaled = a * std::ldexp(1.0, power);
        const SymmetricEigen eigen = symmetric_eigen(scaled);
        const Vector back = eigen.values * std::ldexp(1.0, -power);
        BOOST_TEST((back - values).cwiseAbs().maxCoeff() <= 90 * eps * a.norm());
        BOOST_TEST((eigen.vectors.transpose() * eigen.vectors - Matrix::Identity(90, 90)).norm() <= 4 * 90 * eps);
        BOOST_TEST((eigen.values - symmetric_eigenvalues(scaled)).cwiseAbs().maxCoeff() * std::ldexp(1.0, -power) <=
                   90 * eps * a.norm());
    }
}

BOOST_AUTO_TEST_CASE(the_residual_is_that_of_the_matrix_given) {
    // [[1, h], [0, 1]] is decomposed as its symmetric part, [[1, h/2], [h/2, 1]], which is h/2 away in every direction.
    const double h = 1e-9;
    Matrix a = Matrix::Identity(2, 2);
    a(0, 1) = h;
    const SymmetricEigen eigen = symmetric_eigen(a);
    BOOST_TEST(eigen.values(1) - eigen.values(0) == h, boost::test_tools::tolerance(8 * eps / h));
    BOOST_TEST(largest_residual(a, eigen) == 0.5 * h, boost::test_tools::tolerance(8 * eps / h));
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const Matrix a = random_symmetric(200, 2);
    const auto decompose = [&](int threads) {
        const ThreadLimit limit(threads);
        SymmetricEigen eigen = symmetric_eigen(a);
        return std::pair{eigen, largest_residual(a, eigen)};
    };
    const auto [one, one_residual] = decompose(1);
    const auto [four, four_residual] = decompose(4);
    BOOST_TEST((one.values == four.values));
    BOOST_TEST((one.vectors == four.vectors));
    BOOST_TEST(one_residual == four_residual);
    BOOST_TEST((absolute_value(one) == absolute_value(four)));

    std::vector<SymmetricEigen> side_by_side(4);
    parallel_for(4, [&](Index i) { side_by_side[static_cast<std::size_t>(i)] = symmetric_eigen(a); });
    for (const SymmetricEigen& other : side_by_side) BOOST_TEST((side_by_side[0].vectors == other.vectors));
    BOOST_TEST((side_by_side[0].vectors == one.vectors));
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
    BOOST_TEST(symmetric_eigen_bytes(1) == 8 * (2 + 4 + 6) + 4 * 8);
    BOOST_TEST(symmetric_eigen_bytes(1000) == 8 * (3000000 + 4000 + 4001) + 4 * 5003);
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
    BOOST_CHECK_EXCEPTION((void)largest_residual(matrix2(0, 0, 1), symmetric_eigen(Matrix::Identity(3, 3))),
                          std::invalid_argument,
                          says("largest_residual: the matrix must be the decomposed one's size; got 2 x 2"));
    BOOST_CHECK_EXCEPTION((void)symmetric_eigen_bytes(0), std::invalid_argument,
                          says("symmetric_eigen_bytes: dimension must be at least 1; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
