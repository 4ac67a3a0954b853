#include "hessq/solvers/cg.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "every_operator.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(cg)

BOOST_AUTO_TEST_CASE(three_equations_are_solved_in_three_steps) {
    const Matrix a = (Matrix(3, 3) << 4, 1, 0, 1, 3, 1, 0, 1, 2).finished();

    const CgResult result = conjugate_gradients(dense_operator(a), Eigen::Vector3d(1, 2, 3));

    BOOST_CHECK(result.status == CgStatus::converged);
    BOOST_TEST((9.0 * result.x - Eigen::Vector3d(2, 1, 13)).norm() <= 1e-10 * 9 * std::sqrt(14.0));
    BOOST_TEST(result.residual <= 1e-10 * std::sqrt(14.0));
    BOOST_TEST(result.iterations == 3);
    BOOST_TEST(result.products == 4);
    BOOST_TEST(result.negative_curvature.size() == 0);
}

BOOST_AUTO_TEST_CASE(random_positive_definite_systems_agree_with_cholesky) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const Matrix a = with_spectrum(Vector::LinSpaced(80, 0.1, 10.0), seed);
        const Vector b = normal_vector(RandomStream(seed, 1), 80);
        const CgResult result = conjugate_gradients(dense_operator(a), b);
        BOOST_CHECK(result.status == CgStatus::converged);
        const Vector exact = a.llt().solve(b);
        // |x - exact| <= |A^-1| residual
        BOOST_TEST((result.x - exact).norm() <= 10.0 * 1e-10 * b.norm());
        BOOST_TEST(result.residual == (b - a * result.x).norm(), boost::test_tools::tolerance(1e-3));
    }
}

BOOST_AUTO_TEST_CASE(a_singular_but_consistent_system_converges_to_its_shortest_solution) {
    const CgResult result = conjugate_gradients(diagonal_operator(Eigen::Vector3d(2, 4, 0)), Eigen::Vector3d(2, 4, 0));
    BOOST_CHECK(result.status == CgStatus::converged);
    BOOST_TEST((result.x - Eigen::Vector3d(1, 1, 0)).norm() <= 1e-10 * std::sqrt(20.0) / 2.0);
}

BOOST_AUTO_TEST_CASE(a_flat_direction_is_reported_when_the_system_has_no_solution) {
    // p = (1, 1): x = (2, 2). Then p = (0, 2), along which A is zero.
    const CgResult result = conjugate_gradients(diagonal_operator(Eigen::Vector2d(1, 0)), Eigen::Vector2d(1, 1));
    BOOST_CHECK(result.status == CgStatus::negative_curvature);
    BOOST_TEST((result.x == Eigen::Vector2d(2, 2)));
    BOOST_TEST((result.negative_curvature == Eigen::Vector2d(0, 1)));
    BOOST_TEST(result.residual == std::sqrt(2.0), boost::test_tools::tolerance(2 * eps));
}

BOOST_AUTO_TEST_CASE(negative_curvature_stops_the_iteration_with_the_direction) {
    const CgResult at_once = conjugate_gradients(diagonal_operator(Eigen::Vector2d(1, -3)), Eigen::Vector2d(0, 2));
    BOOST_CHECK(at_once.status == CgStatus::negative_curvature);
    BOOST_TEST((at_once.x == Eigen::Vector2d(0, 0)));
    BOOST_TEST((at_once.negative_curvature == Eigen::Vector2d(0, 1)));
    BOOST_TEST(at_once.residual == 2.0);
    BOOST_TEST(at_once.iterations == 0);

    Vector spectrum = Vector::LinSpaced(60, 0.5, 5.0);
    spectrum(0) = -0.1;
    const Matrix a = with_spectrum(spectrum, 2);
    const Vector b = normal_vector(RandomStream(3, 1), 60);
    const CgResult later = conjugate_gradients(dense_operator(a), b);
    BOOST_CHECK(later.status == CgStatus::negative_curvature);
    BOOST_TEST(later.iterations > 0);
    BOOST_TEST(later.negative_curvature.norm() == 1.0, boost::test_tools::tolerance(60 * eps));
    BOOST_TEST(later.negative_curvature.dot(a * later.negative_curvature) < 0.0);
    BOOST_TEST(later.x.dot(0.5 * (a * later.x) - b) < 0.0);
}

BOOST_AUTO_TEST_CASE(the_iteration_limit_is_a_status_with_the_true_residual) {
    const Matrix a = with_spectrum(Vector::LinSpaced(80, 0.01, 10.0), 4);
    const Vector b = normal_vector(RandomStream(4, 1), 80);

    const CgResult result = conjugate_gradients(dense_operator(a), b, {.max_iterations = 5});

    BOOST_CHECK(result.status == CgStatus::iteration_limit);
    BOOST_TEST(result.iterations == 5);
    BOOST_TEST(result.products == 6);
    BOOST_TEST(result.residual == (b - a * result.x).norm(), boost::test_tools::tolerance(80 * 16 * eps));
}

BOOST_AUTO_TEST_CASE(a_tolerance_below_rounding_never_claims_convergence) {
    const Matrix a = with_spectrum(Vector::LinSpaced(80, 1e-6, 10.0), 5);
    const Vector b = normal_vector(RandomStream(5, 1), 80);
    const CgResult result = conjugate_gradients(dense_operator(a), b, {.tolerance = 1e-17, .max_iterations = 2000});
    BOOST_CHECK(result.status == CgStatus::iteration_limit);
    BOOST_TEST(result.residual > 1e-17 * b.norm());
}

BOOST_AUTO_TEST_CASE(a_zero_right_hand_side_has_the_zero_solution) {
    const CgResult result = conjugate_gradients(identity_operator(2), Vector::Zero(2));
    BOOST_CHECK(result.status == CgStatus::converged);
    BOOST_TEST((result.x == Vector::Zero(2)));
    BOOST_TEST(result.residual == 0.0);
}

BOOST_AUTO_TEST_CASE(a_good_preconditioner_changes_the_way_and_not_the_solution) {
    const Vector spectrum = Vector::NullaryExpr(100, [](Index i) { return std::pow(10.0, 0.06 * double(i)); });
    Matrix a = random_symmetric(100, 1) * 0.01;
    a.diagonal() += spectrum;
    const Vector b = normal_vector(RandomStream(6, 1), 100);
    const CgResult plain = conjugate_gradients(dense_operator(a), b);
    const CgResult fast =
        conjugate_gradients(dense_operator(a), b, {.preconditioner = diagonal_operator(a.diagonal().cwiseInverse())});
    BOOST_CHECK(fast.status == CgStatus::converged);
    // |x - exact| <= |A^-1| residual, and |A^-1| < 2
    BOOST_TEST((fast.x - a.llt().solve(b)).norm() <= 2.0 * 1e-10 * b.norm());
    BOOST_TEST(5 * fast.products < plain.products);

    // With the inverse itself one step is enough.
    const CgResult exact = conjugate_gradients(diagonal_operator(spectrum), b,
                                               {.preconditioner = diagonal_operator(spectrum.cwiseInverse())});
    BOOST_TEST(exact.iterations == 1);
    BOOST_TEST((exact.x - b.cwiseQuotient(spectrum)).norm() <= 100 * eps * b.norm());
}

BOOST_AUTO_TEST_CASE(a_preconditioned_iteration_stops_at_negative_curvature_too) {
    const CgResult result = conjugate_gradients(diagonal_operator(Eigen::Vector2d(1, -3)), Eigen::Vector2d(1, 2),
                                                {.preconditioner = diagonal_operator(Eigen::Vector2d(1, 4))});
    BOOST_CHECK(result.status == CgStatus::negative_curvature);
    BOOST_TEST((result.negative_curvature - Eigen::Vector2d(1, 8).normalized()).norm() <= 4 * eps);
}

BOOST_AUTO_TEST_CASE(conjugate_gradients_refuse_wrong_arguments) {
    const SymmetricOperator a = identity_operator(2);
    BOOST_CHECK_EXCEPTION((void)conjugate_gradients(a, Vector::Ones(3)), std::invalid_argument,
                          says("conjugate_gradients: b must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)conjugate_gradients(a, Vector::Ones(2), {.tolerance = -1.0}), std::invalid_argument,
                          says("conjugate_gradients: tolerance must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION((void)conjugate_gradients(a, Vector::Ones(2), {.max_iterations = 0}), std::invalid_argument,
                          says("conjugate_gradients: max_iterations must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)conjugate_gradients(a, Eigen::Vector2d(1, INFINITY)), NumericalError,
                          says("conjugate_gradients: b is not finite: entry 1 is inf"));
    BOOST_CHECK_EXCEPTION((void)conjugate_gradients(a, Vector::Ones(2), {.preconditioner = identity_operator(3)}),
                          std::invalid_argument,
                          says("conjugate_gradients: the preconditioner must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(
        (void)conjugate_gradients(a, Vector::Ones(2), {.preconditioner = diagonal_operator(-Vector::Ones(2))}),
        std::invalid_argument,
        says("conjugate_gradients: the preconditioner must be positive definite; r'P^-1 r; got -2"));
    const SymmetricOperator broken(
        2, [](MatrixView v) -> Matrix { return v * NAN; }, "Hessian");
    BOOST_CHECK_EXCEPTION((void)conjugate_gradients(broken, Vector::Ones(2)), NumericalError,
                          says("conjugate_gradients, product 1: Hessian product is not finite: entry 0 is nan"));
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_symmetric_is_refused) {
    check_that_asymmetry_is_refused(
        [](const SymmetricOperator& a, const Vector& b) { return conjugate_gradients(a, b); }, "conjugate_gradients");
}

BOOST_AUTO_TEST_CASE(sizes_that_cannot_be_squared_are_solved_as_well) {
    check_every_size([](const SymmetricOperator& a, const Vector& b) { return conjugate_gradients(a, b); },
                     CgStatus::converged);
}

BOOST_AUTO_TEST_CASE(residuals_that_shrink_below_the_range_of_products_are_no_asymmetry) {
    const auto result =
        conjugate_gradients(identity_operator(5), Vector::Ones(5), {.tolerance = 0.0, .max_iterations = 2000});
    BOOST_TEST((result.x == Vector::Ones(5)));
    const Matrix a = with_spectrum(Vector::LinSpaced(40, 1.0, 2.0), 36);
    const Vector b = random_matrix(40, 1, 37);
    BOOST_TEST(conjugate_gradients(dense_operator(a), b, {.tolerance = 0.0, .max_iterations = 2000}).residual <=
               1e-13 * b.norm());
}

BOOST_AUTO_TEST_SUITE_END()
