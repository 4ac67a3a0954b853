#include "hessq/spectrum/lanczos.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <Eigen/QR>
#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::test::eps;
using hessq::test::random_matrix;
using hessq::test::says;

namespace {

Matrix with_eigenvalues(const Vector& lambda, std::uint64_t seed) {
    const Index n = lambda.size();
    const Matrix q = Eigen::HouseholderQR<Matrix>(random_matrix(n, n, seed)).householderQ();
    const Matrix a = q * lambda.asDiagonal() * q.transpose();
    return 0.5 * (a + a.transpose());
}

Matrix dense(const Tridiagonal& t) {
    const Index k = t.steps();
    Matrix matrix = Matrix::Zero(k, k);
    matrix.diagonal() = t.diagonal;
    matrix.diagonal(1) = t.off_diagonal.head(k - 1);
    matrix.diagonal(-1) = t.off_diagonal.head(k - 1);
    return matrix;
}

} // namespace

BOOST_AUTO_TEST_SUITE(lanczos_suite)

BOOST_AUTO_TEST_CASE(the_basis_is_orthonormal_and_projects_the_matrix_to_t) {
    Vector lambda = Vector::LinSpaced(80, -1.0, 1.0);
    lambda(79) = 1e4; // converges first: without reorthogonalization its vector would come back
    const Matrix a = with_eigenvalues(lambda, 1);
    const Matrix start = random_matrix(80, 3, 2);
    const LanczosResult run = lanczos(dense_operator(a), start, {.steps = 40, .keep_bases = true});
    BOOST_TEST(run.products == 120);
    BOOST_TEST(std::abs(run.norm - 1e4) <= 1e-8);
    for (std::size_t l = 0; l < 3; ++l) {
        const Matrix& q = run.bases[l];
        const Tridiagonal& t = run.tridiagonals[l];
        BOOST_TEST((q.transpose() * q - Matrix::Identity(40, 40)).norm() <= 100.0 * eps);
        BOOST_TEST((q.col(0) - start.col(static_cast<Index>(l)).normalized()).norm() <= 8.0 * eps);
        // A Q = Q T + beta_k q_(k+1) e_k': all but the last column.
        BOOST_TEST((a * q - q * dense(t)).leftCols(39).norm() <= 1000.0 * eps * 1e4);
        BOOST_TEST(std::abs((a * q - q * dense(t)).col(39).norm() - t.off_diagonal(39)) <= 1000.0 * eps * 1e4);
        BOOST_TEST(!t.is_exhausted());
    }
}

BOOST_AUTO_TEST_CASE(a_space_ends_after_as_many_steps_as_there_are_different_eigenvalues) {
    Vector lambda = Vector::Zero(60);
    lambda.head(20).setConstant(1.0);
    lambda.tail(5).setConstant(-3.0);
    for (const double scale : {1.0, 1e-150, 1e150}) {
        const LanczosResult run = lanczos(dense_operator(scale * with_eigenvalues(lambda, 3)), random_matrix(60, 2, 4));
        for (const Tridiagonal& t : run.tridiagonals) {
            BOOST_TEST(t.is_exhausted());
            BOOST_TEST(t.steps() == 3);
            const Quadrature rule = gauss_quadrature(t);
            BOOST_TEST((rule.nodes / scale - Eigen::Vector3d(-3.0, 0.0, 1.0)).norm() <= 1e-13);
        }
    }
    const LanczosResult zero = lanczos(dense_operator(Matrix::Zero(4, 4)), Vector::Ones(4));
    BOOST_TEST(zero.tridiagonals[0].steps() == 1);
    BOOST_TEST(zero.tridiagonals[0].is_exhausted());
    BOOST_TEST(zero.norm == 0.0);
}

BOOST_AUTO_TEST_CASE(spaces_side_by_side_are_those_of_each_alone) {
    const Matrix a = with_eigenvalues(Vector::LinSpaced(50, 0.0, 2.0), 5), start = random_matrix(50, 4, 6);
    const LanczosResult together = lanczos(dense_operator(a), start, {.steps = 10});
    for (Index l = 0; l < 4; ++l) {
        const LanczosResult alone = lanczos(dense_operator(a), start.col(l), {.steps = 10});
        const Tridiagonal& t = together.tridiagonals[static_cast<std::size_t>(l)];
        BOOST_TEST((t.diagonal - alone.tridiagonals[0].diagonal).norm() <= 1e-12);
        BOOST_TEST((t.off_diagonal - alone.tridiagonals[0].off_diagonal).norm() <= 1e-12);
    }
}

BOOST_AUTO_TEST_CASE(gauss_rules_are_exact_up_to_the_degree_2k_minus_1) {
    const Vector lambda = Vector::LinSpaced(30, -1.0, 1.5);
    const Matrix a = lambda.asDiagonal();
    const Vector v = random_matrix(30, 1, 7).col(0).normalized();
    for (const Index k : {1, 2, 5, 8}) {
        const Quadrature rule = gauss_quadrature(lanczos(dense_operator(a), v, {.steps = k}).tridiagonals[0]);
        for (Index degree = 0; degree <= 2 * k; ++degree) {
            const auto p = static_cast<double>(degree);
            const double moment = v.cwiseAbs2().dot(Vector(lambda.array().pow(p)));
            const double found = rule.weights.dot(Vector(rule.nodes.array().pow(p)));
            if (degree < 2 * k)
                BOOST_TEST(std::abs(found - moment) <= 1e-12);
            else
                BOOST_TEST(std::abs(found - moment) > 1e-9); // and no further
        }
    }
}

BOOST_AUTO_TEST_CASE(the_weight_up_to_x_lies_between_its_bounds_which_full_order_makes_equal) {
    const Vector lambda = Vector::LinSpaced(40, -2.0, 2.0).array().cube();
    const Matrix a = lambda.asDiagonal();
    const Vector v = random_matrix(40, 1, 8).col(0).normalized();
    for (const Index k : {1, 3, 10, 25, 40}) {
        const Tridiagonal t = lanczos(dense_operator(a), v, {.steps = k}).tridiagonals[0];
        double widest = 0.0;
        for (double x = -8.5; x < 8.6; x += 0.173) {
            const double weight = (lambda.array() <= x).select(v.cwiseAbs2(), 0.0).sum();
            const Interval bounds = distribution_bounds(t, x);
            BOOST_TEST(bounds.lower <= weight + 1e-12);
            BOOST_TEST(bounds.upper >= weight - 1e-12);
            widest = std::max(widest, bounds.upper - bounds.lower);
        }
        if (k == 40) BOOST_TEST(widest <= 1e-10);
        if (k == 1) BOOST_TEST(widest > 0.5);
    }
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
    const SymmetricOperator a = dense_operator(Matrix::Identity(3, 3));
    BOOST_CHECK_EXCEPTION((void)lanczos(a, Vector::Ones(3), {.steps = 0}), std::invalid_argument,
                          says("lanczos: steps must be at least 1; got 0"));
    BOOST_CHECK_THROW((void)lanczos(a, Vector::Ones(4)), std::invalid_argument);
    BOOST_CHECK_EXCEPTION((void)lanczos(a, Vector::Zero(3)), std::invalid_argument,
                          says("lanczos: no start vector may be zero; zero is number; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
