#include "hessq/solvers/minres.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "every_operator.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(minres_suite)

BOOST_AUTO_TEST_CASE(three_equations_are_solved_in_three_steps) {
    const Matrix a = (Matrix(3, 3) << 4, 1, 0, 1, 3, 1, 0, 1, 2).finished();
    const MinresResult result = minres(dense_operator(a), Eigen::Vector3d(1, 2, 3));
    BOOST_CHECK(result.status == MinresStatus::converged);
    BOOST_TEST((9.0 * result.x - Eigen::Vector3d(2, 1, 13)).norm() <= 1e-10 * 9 * std::sqrt(14.0));
    BOOST_TEST(result.iterations == 3);
    BOOST_TEST(result.products == 5);
    BOOST_TEST(result.negative_curvature.size() == 0);
}

BOOST_AUTO_TEST_CASE(indefinite_systems_agree_with_a_dense_solve) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        Vector spectrum = Vector::LinSpaced(80, -3.0, 5.0);
        const Matrix a = with_spectrum(spectrum, seed);
        const Vector b = normal_vector(RandomStream(seed, 1), 80);
        const MinresResult result = minres(dense_operator(a), b);
        BOOST_CHECK(result.status == MinresStatus::converged);
        const double inverse = 1.0 / spectrum.cwiseAbs().minCoeff();
        BOOST_TEST((result.x - a.lu().solve(b)).norm() <= inverse * 1.01e-10 * b.norm());
        BOOST_TEST(result.residual == (b - a * result.x).norm(), boost::test_tools::tolerance(1e-3));
        const Vector p = result.negative_curvature;
        BOOST_TEST(p.norm() == 1.0, boost::test_tools::tolerance(80 * eps));
        BOOST_TEST(p.dot(a * p) < 0.0);
    }
}

BOOST_AUTO_TEST_CASE(the_residual_is_the_least_of_the_krylov_space) {
    const Matrix a = with_spectrum(Vector::LinSpaced(40, -2.0, 3.0), 3);
    const Vector b = normal_vector(RandomStream(3, 1), 40);
    Matrix krylov(40, 6);
    krylov.col(0) = b;
    for (Index k = 1; k < 6; ++k) krylov.col(k) = a * krylov.col(k - 1);
    for (Index k = 1; k <= 6; ++k) {
        const Matrix reach = a * krylov.leftCols(k);
        const Vector least = b - reach * test::least_squares(reach, b);
        const MinresResult result = minres(dense_operator(a), b, {.max_iterations = k});
        BOOST_CHECK(result.status == MinresStatus::iteration_limit);
        BOOST_TEST(result.iterations == k);
        BOOST_TEST(result.residual == least.norm(), boost::test_tools::tolerance(1e-10));
        BOOST_TEST(result.normal_residual == (a * least).norm(), boost::test_tools::tolerance(1e-8));
    }
}

BOOST_AUTO_TEST_CASE(a_system_without_a_solution_is_noticed_and_gets_the_pseudo_inverses_one) {
    const MinresResult small = minres(diagonal_operator(Eigen::Vector2d(1, 0)), Eigen::Vector2d(1, 1));
    BOOST_CHECK(small.status == MinresStatus::inconsistent);
    BOOST_TEST((small.x - Eigen::Vector2d(1, 0)).norm() <= 8 * eps);
    BOOST_TEST(small.residual == 1.0, boost::test_tools::tolerance(4 * eps));

    Vector spectrum = Vector::LinSpaced(60, -1.0, 2.0);
    spectrum.segment(20, 5).setZero();
    const Matrix a = with_spectrum(spectrum, 7);
    const Vector b = normal_vector(RandomStream(7, 1), 60);
    const MinresResult result = minres(dense_operator(a), b);
    const Matrix inverse =
        apply_function(symmetric_eigen(a), [](double x) { return std::abs(x) < 1e-10 ? 0.0 : 1.0 / x; });
    const Vector pseudo = inverse * b;
    BOOST_CHECK(result.status == MinresStatus::inconsistent);
    BOOST_TEST(result.normal_residual <= 1.5e-8 * 2.0 * result.residual);
    // The part of r within A's reach is at most |A r| / least; x misses by that over least, and along r by its share.
    const double least = Vector((spectrum.array() == 0.0).select(2.0, spectrum.cwiseAbs())).minCoeff();
    const double within = result.normal_residual / least;
    BOOST_TEST((result.x - pseudo).norm() <= within / least + 2.0 * within / result.residual * result.x.norm() / least);
    BOOST_TEST(result.residual == (b - a * pseudo).norm(), boost::test_tools::tolerance(1e-8));
}

BOOST_AUTO_TEST_CASE(a_singular_system_with_a_solution_converges_to_the_shortest) {
    const MinresResult result = minres(diagonal_operator(Eigen::Vector3d(2, -4, 0)), Eigen::Vector3d(2, 4, 0));
    BOOST_CHECK(result.status == MinresStatus::converged);
    BOOST_TEST((result.x - Eigen::Vector3d(1, -1, 0)).norm() <= 1e-10 * std::sqrt(20.0) / 2.0);
    BOOST_TEST((result.negative_curvature.array().abs() - Eigen::Array3d(1 / std::sqrt(5.0), 2 / std::sqrt(5.0), 0))
                   .matrix()
                   .norm() <= 16 * eps);
}

BOOST_AUTO_TEST_CASE(zero_right_hand_sides_and_zero_operators_have_an_answer) {
    const MinresResult nothing = minres(identity_operator(2), Vector::Zero(2));
    BOOST_CHECK(nothing.status == MinresStatus::converged);
    BOOST_TEST(nothing.products == 0);
    const MinresResult zero = minres(diagonal_operator(Vector::Zero(2)), Vector::Ones(2));
    BOOST_CHECK(zero.status == MinresStatus::inconsistent);
    BOOST_TEST((zero.x == Vector::Zero(2)));
    BOOST_TEST(zero.residual == std::sqrt(2.0));
}

BOOST_AUTO_TEST_CASE(a_tolerance_below_rounding_never_claims_convergence) {
    const Matrix a = with_spectrum(Vector::LinSpaced(80, -1.0, 10.0), 5);
    const Vector b = normal_vector(RandomStream(5, 1), 80);
    const MinresResult result = minres(dense_operator(a), b, {.tolerance = 1e-18, .max_iterations = 2000});
    BOOST_CHECK(result.status != MinresStatus::converged);
    BOOST_TEST(result.residual > 1e-18 * b.norm());
    BOOST_TEST(result.residual <= 1e-11 * b.norm());
}

BOOST_AUTO_TEST_CASE(minres_refuses_wrong_arguments) {
    const SymmetricOperator a = identity_operator(2);
    BOOST_CHECK_EXCEPTION((void)minres(a, Vector::Ones(3)), std::invalid_argument,
                          says("minres: b must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)minres(a, Vector::Ones(2), {.tolerance = -1.0}), std::invalid_argument,
                          says("minres: tolerance must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION((void)minres(a, Vector::Ones(2), {.max_iterations = 0}), std::invalid_argument,
                          says("minres: max_iterations must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)minres(a, Eigen::Vector2d(1, INFINITY)), NumericalError,
                          says("minres: b is not finite: entry 1 is inf"));
    BOOST_CHECK_EXCEPTION((void)minres(a, Vector::Ones(2), {.inverse_sqrt = identity_operator(3)}),
                          std::invalid_argument, says("minres: P^(-1/2) must have 2 entries; got 3"));
}

BOOST_AUTO_TEST_CASE(a_preconditioner_changes_the_iterations_and_not_the_solution) {
    // |lambda| from 1e-4 to 1; with P = |A| all eigenvalues are -1 and 1, and two steps do.
    const Vector spectrum = Vector::LinSpaced(80, 0.0, -4.0).unaryExpr([](double e) { return std::pow(10.0, e); });
    const Vector signs = Vector::Ones(80) - 2.0 * Vector::LinSpaced(80, 0.0, 79.0).unaryExpr([](double k) {
        return k == 3.0 || k == 40.0 ? 1.0 : 0.0;
    });
    const Matrix a = with_spectrum(spectrum.cwiseProduct(signs), 8);
    const SymmetricOperator inverse_sqrt = dense_operator(with_spectrum(spectrum.cwiseInverse().cwiseSqrt(), 8));
    const Vector b = normal_vector(RandomStream(8, 1), 80), x = a.lu().solve(b);
    const MinresResult plain = minres(dense_operator(a), b),
                       fast = minres(dense_operator(a), b, {.inverse_sqrt = inverse_sqrt});
    for (const MinresResult& result : {plain, fast}) {
        BOOST_CHECK(result.status == MinresStatus::converged);
        BOOST_TEST(std::abs(result.residual - (b - a * result.x).norm()) <= 80 * eps * x.norm());
        BOOST_TEST(result.residual <= 1e-10 * b.norm());
        BOOST_TEST((result.x - x).norm() <= 1e4 * 1.01e-10 * b.norm());
        const Vector p = result.negative_curvature;
        BOOST_TEST(p.norm() == 1.0, boost::test_tools::tolerance(80 * eps));
        BOOST_TEST(p.dot(a * p) < 0.0);
    }
    BOOST_TEST(fast.iterations <= 4);
    BOOST_TEST(plain.iterations > 60);
}

BOOST_AUTO_TEST_CASE(with_a_preconditioner_the_residual_is_least_in_its_norm) {
    const Matrix a = with_spectrum(Vector::LinSpaced(40, -2.0, 3.0), 3);
    const Matrix root = with_spectrum(Vector::LinSpaced(40, 0.5, 2.0), 9);
    const Vector b = normal_vector(RandomStream(3, 1), 40);
    const Matrix both = root * a * root;
    Matrix krylov(40, 5);
    krylov.col(0) = root * b;
    for (Index k = 1; k < 5; ++k) krylov.col(k) = both * krylov.col(k - 1);
    for (Index k = 1; k <= 5; ++k) {
        const Matrix reach = both * krylov.leftCols(k);
        const Vector y = krylov.leftCols(k) * test::least_squares(reach, root * b);
        const MinresResult result =
            minres(dense_operator(a), b, {.max_iterations = k, .inverse_sqrt = dense_operator(root)});
        BOOST_TEST((result.x - root * y).norm() <= 1e-9 * result.x.norm());
    }
}

BOOST_AUTO_TEST_CASE(with_a_preconditioner_a_system_without_a_solution_has_the_one_that_is_shortest_in_its_norm) {
    Vector spectrum = Vector::LinSpaced(30, -1.0, 2.0);
    spectrum.segment(10, 3).setZero();
    const Matrix a = with_spectrum(spectrum, 7), root = with_spectrum(Vector::LinSpaced(30, 0.5, 2.0), 9);
    const Vector b = normal_vector(RandomStream(7, 1), 30);
    const MinresResult result = minres(dense_operator(a), b, {.inverse_sqrt = dense_operator(root)});
    BOOST_CHECK(result.status == MinresStatus::inconsistent);
    const Matrix both = root * a * root;
    const Matrix inverse = apply_function(symmetric_eigen(0.5 * (both + both.transpose())),
                                          [](double x) { return std::abs(x) < 1e-10 ? 0.0 : 1.0 / x; });
    const Vector x = root * (inverse * (root * b));
    BOOST_TEST((result.x - x).norm() <= 1e-6 * x.norm());
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_symmetric_is_refused) {
    check_that_asymmetry_is_refused([](const SymmetricOperator& a, const Vector& b) { return minres(a, b); }, "minres");
}

BOOST_AUTO_TEST_CASE(sizes_that_cannot_be_squared_are_solved_as_well) {
    check_every_size([](const SymmetricOperator& a, const Vector& b) { return minres(a, b); }, MinresStatus::converged);
}

BOOST_AUTO_TEST_CASE(residuals_that_shrink_below_the_range_of_products_are_no_asymmetry) {
    const auto result = minres(identity_operator(5), Vector::Ones(5), {.tolerance = 0.0, .max_iterations = 2000});
    BOOST_TEST((result.x == Vector::Ones(5)));
    const Matrix a = with_spectrum(Vector::LinSpaced(40, 1.0, 2.0), 36);
    const Vector b = random_matrix(40, 1, 37);
    BOOST_TEST(minres(dense_operator(a), b, {.tolerance = 0.0, .max_iterations = 2000}).residual <= 1e-13 * b.norm());
}

BOOST_AUTO_TEST_SUITE_END()
