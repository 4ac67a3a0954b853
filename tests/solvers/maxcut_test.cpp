#include "hessq/solvers/maxcut.hpp"

#include "hessq/core/require.hpp"

#include <Eigen/Eigenvalues>
#include <boost/test/unit_test.hpp>

#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(maxcut)

namespace {

double least_eigenvalue(const Matrix& a) {
    return Eigen::SelfAdjointEigenSolver<Matrix>(a, Eigen::EigenvaluesOnly).eigenvalues()(0);
}

/// The proof of optimality, from P and V alone: both are feasible and have the same value.
void check_optimal(const Matrix& h, const MaxcutSolution& found) {
    const auto n = static_cast<double>(h.rows());
    const double scale = found.p.cwiseAbs().sum() + h.diagonal().cwiseAbs().sum(), rounding = 10.0 * n * eps * scale;
    BOOST_TEST(found.converged);
    const Matrix z = 0.5 * found.rows * found.rows.transpose();
    BOOST_TEST((z.diagonal().array() - 0.5).abs().maxCoeff() <= 10.0 * eps);
    Matrix slack = -h;
    slack.diagonal() += 2.0 * found.p;
    const double least = least_eigenvalue(slack);
    BOOST_TEST(std::abs(found.certificate - least) <= rounding);
    BOOST_TEST(least >= -1e-12 * scale);
    const double gap = found.p.sum() + 0.5 * n * std::max(0.0, -least) - z.cwiseProduct(h).sum();
    BOOST_TEST(std::abs(found.gap - gap) <= n * rounding);
    BOOST_TEST(gap >= -rounding);
    BOOST_TEST(gap <= 1e-12 * scale + n * rounding);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_diagonal_matrix_needs_half_its_diagonal) {
    const Vector diagonal = (Vector(4) << 3.0, 0.0, -2.0, 1e-3).finished();
    const Matrix h = diagonal.asDiagonal();
    const MaxcutSolution found = maxcut_diagonal(h);
    BOOST_TEST((found.p == 0.5 * diagonal));
    BOOST_TEST(found.sweeps == 1);
    check_optimal(h, found);
    BOOST_TEST((maxcut_diagonal(Matrix::Zero(3, 3)).p == Vector::Zero(3)));
    BOOST_TEST(maxcut_diagonal(Matrix::Zero(3, 3)).converged);
}

BOOST_AUTO_TEST_CASE(a_two_by_two_matrix_adds_the_modulus_of_its_corner) {
    // 2 P - H = [[2 p - a, -b], [-b, 2 r - c]]: (2 p - a)(2 r - c) >= b^2, least trace where both factors are |b|.
    for (const double b : {0.7, -3.0}) {
        const Matrix h = (Matrix(2, 2) << 2.0, b, b, -1.0).finished();
        const MaxcutSolution found = maxcut_diagonal(h);
        BOOST_TEST((found.p - 0.5 * Eigen::Vector2d(2.0 + std::abs(b), -1.0 + std::abs(b))).norm() <= 16 * eps);
        check_optimal(h, found);
    }
}

BOOST_AUTO_TEST_CASE(a_matrix_of_rank_one_has_its_closed_form) {
    // V_i = sign q_i: P_i = |q_i| sum_j |q_j| / 2, and 2 P - q q' is positive semidefinite by Cauchy-Schwarz.
    const Vector q = (Vector(5) << 1.0, -2.0, 0.5, 3.0, -0.1).finished();
    const Matrix h = q * q.transpose();
    const MaxcutSolution found = maxcut_diagonal(h);
    const Vector expected = 0.5 * q.cwiseAbs().sum() * q.cwiseAbs();
    BOOST_TEST((found.p - expected).norm() <= 1e-11 * expected.norm());
    check_optimal(h, found);
}

BOOST_AUTO_TEST_CASE(a_balanced_negative_matrix_of_rank_one_needs_nothing) {
    // -q q' <= 0, and no |q_i| exceeds the sum of the others: unit rows with sum_i q_i V_i = 0 give tr(Z H) = 0.
    const Vector q = (Vector(4) << 1.0, 2.0, 2.5, 1.5).finished();
    const Matrix h = -q * q.transpose();
    const MaxcutSolution found = maxcut_diagonal(h);
    BOOST_TEST(found.p.cwiseAbs().maxCoeff() <= 1e-11);
    check_optimal(h, found);
}

BOOST_AUTO_TEST_CASE(random_matrices_are_solved_to_a_proof) {
    for (const Index n : {3, 6, 15, 30}) BOOST_TEST_CONTEXT("n = " << n) {
            check_optimal(random_symmetric(n, 1), maxcut_diagonal(random_symmetric(n, 1)));
            Vector spectrum(n);
            for (Index k = 0; k < n; ++k)
                spectrum(k) = 0.05 * std::pow(100.0, static_cast<double>(k) / static_cast<double>(n - 1));
            const Matrix positive = with_spectrum(spectrum, 2);
            const MaxcutSolution found = maxcut_diagonal(positive);
            check_optimal(positive, found);
            // Larger than what a diagonal H needs, smaller than what Gershgorin's circles do.
            BOOST_TEST((found.p.array() >= 0.5 * positive.diagonal().array()).all());
            BOOST_TEST(found.p.sum() <= 0.5 * positive.cwiseAbs().sum());
        }
}

BOOST_AUTO_TEST_CASE(blocks_are_solved_one_by_one) {
    const Matrix first = random_symmetric(3, 3), second = random_symmetric(4, 4);
    Matrix h = Matrix::Zero(8, 8);
    h.topLeftCorner(3, 3) = first;
    h.block(3, 3, 4, 4) = second;
    h(7, 7) = -1.0;
    Vector expected(8);
    expected << maxcut_diagonal(first).p, maxcut_diagonal(second).p, -0.5;
    const MaxcutSolution found = maxcut_diagonal(h);
    check_optimal(h, found);
    // The gap bounds the trace; P itself errs by its square root at worst.
    BOOST_TEST((found.p - expected).norm() <= 1e-6 * expected.norm());
}

BOOST_AUTO_TEST_CASE(every_start_finds_the_same_diagonal) {
    const Matrix h = random_symmetric(10, 5);
    const MaxcutSolution first = maxcut_diagonal(h, {.seed = 1}), second = maxcut_diagonal(h, {.seed = 2});
    BOOST_TEST((first.rows != second.rows));
    BOOST_TEST((first.p - second.p).norm() <= 1e-6 * first.p.norm());
    BOOST_TEST((maxcut_diagonal(h, {.seed = 1}).p == first.p));
}

BOOST_AUTO_TEST_CASE(stopping_early_is_said_and_the_gap_stays_a_bound) {
    const Matrix h = random_symmetric(20, 6);
    const MaxcutSolution early = maxcut_diagonal(h, {.max_sweeps = 2}), late = maxcut_diagonal(h);
    BOOST_TEST(!early.converged);
    BOOST_TEST(early.sweeps == 2);
    BOOST_TEST(early.certificate < 0.0);
    const double feasible = early.p.sum() - 10.0 * early.certificate;
    BOOST_TEST(feasible >= late.p.sum());
    BOOST_TEST(feasible - early.gap <= late.p.sum());
}

BOOST_AUTO_TEST_CASE(misuse_is_refused) {
    const Matrix h = Matrix::Identity(2, 2);
    BOOST_CHECK_EXCEPTION((void)maxcut_diagonal(h, {.tolerance = 0.0}), std::invalid_argument,
                          says("maxcut_diagonal: tolerance must be above 0; got 0"));
    BOOST_CHECK_EXCEPTION((void)maxcut_diagonal(h, {.max_sweeps = 0}), std::invalid_argument,
                          says("maxcut_diagonal: max_sweeps must be at least 1; got 0"));
    BOOST_CHECK_THROW((void)maxcut_diagonal(Matrix::Zero(2, 3)), std::invalid_argument);
    BOOST_CHECK_THROW((void)maxcut_diagonal(Matrix(0, 0)), std::invalid_argument);
    BOOST_CHECK_THROW((void)maxcut_diagonal((Matrix(2, 2) << 1.0, 2.0, 3.0, 1.0).finished()), std::invalid_argument);
    BOOST_CHECK_THROW((void)maxcut_diagonal(Matrix::Constant(2, 2, std::numeric_limits<double>::infinity())),
                      NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
