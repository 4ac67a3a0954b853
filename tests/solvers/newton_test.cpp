#include "hessq/solvers/newton.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/function.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/objectives/test_functions.hpp"

#include <boost/test/unit_test.hpp>

#include "support/linear_model.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(newton)

namespace {

SymmetricEigen eigen2(double a, double b, double c) { return symmetric_eigen((Matrix(2, 2) << a, b, b, c).finished()); }

void check_step(const NewtonStep& newton, double first, double second) {
    BOOST_TEST((newton.step - Eigen::Vector2d(first, second)).norm() <=
               16 * eps * Eigen::Vector2d(first, second).norm());
}

/// The dampings that best_damped_step promises to try on an H that is not positive definite.
std::vector<double> tried_dampings(const SymmetricEigen& h, NewtonMetric metric) {
    const double shift = metric == NewtonMetric::shifted ? std::max(0.0, -h.values.minCoeff()) : 0.0;
    std::vector<double> dampings;
    for (int k = 0; k <= 16; ++k) dampings.push_back(shift + std::pow(10.0, -0.5 * k) * h.values.cwiseAbs().maxCoeff());
    return dampings;
}

NewtonStep step_with(NewtonMetric metric, const SymmetricEigen& h, const Vector& g, double damping) {
    return metric == NewtonMetric::shifted ? damped_newton_step(h, g, damping) : saddle_free_newton_step(h, g, damping);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_positive_definite_step_reaches_the_minimum_of_its_quadratic) {
    // L = 1/2 w'Hw - b'w with H = [[2, 1], [1, 2]], b = (3, 3): minimum (1, 1). At w = (4, -1), g = Hw - b = (4, -1).
    const NewtonStep newton = newton_step(eigen2(2, 1, 2), Eigen::Vector2d(4, -1));
    check_step(newton, 3, -2);
    BOOST_CHECK(newton.status == NewtonStatus::ok);
    BOOST_TEST(newton.negative_eigenvalues == 0);
    BOOST_TEST(newton.zero_eigenvalues == 0);
    BOOST_TEST(newton.damping == 0.0);
    BOOST_TEST(newton.residual <= 16 * eps * std::sqrt(17.0));
}

BOOST_AUTO_TEST_CASE(an_indefinite_step_is_computed_and_says_so) {
    const NewtonStep newton = newton_step(eigen2(1, 0, -2), Eigen::Vector2d(1, 2));
    check_step(newton, 1, -1);
    BOOST_CHECK(newton.status == NewtonStatus::indefinite);
    BOOST_TEST(newton.negative_eigenvalues == 1);
    BOOST_TEST(newton.residual <= 16 * eps);
}

BOOST_AUTO_TEST_CASE(a_singular_step_is_the_shortest_and_leaves_what_cannot_be_reached) {
    const NewtonStep axis = newton_step(eigen2(2, 0, 0), Eigen::Vector2d(2, 3));
    check_step(axis, 1, 0);
    BOOST_CHECK(axis.status == NewtonStatus::singular);
    BOOST_TEST(axis.zero_eigenvalues == 1);
    BOOST_TEST(axis.residual == 3.0, boost::test_tools::tolerance(8 * eps));

    // [[1, 1], [1, 1]] = 2 u u': only along u = (1, 1) / sqrt 2.
    const NewtonStep diagonal = newton_step(eigen2(1, 1, 1), Eigen::Vector2d(4, 0));
    check_step(diagonal, 1, 1);
    BOOST_CHECK(diagonal.status == NewtonStatus::singular);
    BOOST_TEST(diagonal.residual == std::sqrt(8.0), boost::test_tools::tolerance(8 * eps));

    const NewtonStep nothing = newton_step(eigen2(0, 0, 0), Eigen::Vector2d(3, 4));
    check_step(nothing, 0, 0);
    BOOST_CHECK(nothing.status == NewtonStatus::singular);
    BOOST_TEST(nothing.zero_eigenvalues == 2);
    BOOST_TEST(nothing.residual == 5.0, boost::test_tools::tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(a_matrix_both_singular_and_indefinite_is_called_singular_with_both_counts) {
    const Matrix h = Eigen::Vector3d(1, 0, -2).asDiagonal();
    const NewtonStep newton = newton_step(symmetric_eigen(h), Eigen::Vector3d(1, 5, 2));
    BOOST_TEST((newton.step - Eigen::Vector3d(1, 0, -1)).norm() <= 8 * eps);
    BOOST_CHECK(newton.status == NewtonStatus::singular);
    BOOST_TEST(newton.negative_eigenvalues == 1);
    BOOST_TEST(newton.zero_eigenvalues == 1);
    BOOST_TEST(newton.residual == 5.0, boost::test_tools::tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(eigenvalues_count_as_zero_up_to_n_eps_of_the_largest) {
    const Vector g = Eigen::Vector2d(1, 1);
    BOOST_TEST(newton_step(eigen2(1, 0, 1.5 * eps), g).zero_eigenvalues == 1);
    BOOST_TEST(newton_step(eigen2(1, 0, -1.5 * eps), g).negative_eigenvalues == 0);
    BOOST_TEST(newton_step(eigen2(1, 0, 4 * eps), g).zero_eigenvalues == 0);
    BOOST_TEST(newton_step(eigen2(1, 0, -4 * eps), g).negative_eigenvalues == 1);
}

BOOST_AUTO_TEST_CASE(a_damped_step_solves_the_shifted_system) {
    const NewtonStep damped = damped_newton_step(eigen2(2, 1, 2), Eigen::Vector2d(4, 4), 1.0);
    check_step(damped, 1, 1);
    BOOST_TEST(damped.damping == 1.0);
    BOOST_TEST(damped.residual <= 32 * eps);

    // H = diag(1, -2): a shift of 3 makes it definite, of 2 singular, of 1 leaves it indefinite. The counts are H's.
    const SymmetricEigen h = eigen2(1, 0, -2);
    const Vector g = Eigen::Vector2d(1, 1);
    BOOST_CHECK(damped_newton_step(h, g, 3.0).status == NewtonStatus::ok);
    BOOST_CHECK(damped_newton_step(h, g, 2.0).status == NewtonStatus::singular);
    BOOST_CHECK(damped_newton_step(h, g, 1.0).status == NewtonStatus::indefinite);
    BOOST_TEST(damped_newton_step(h, g, 3.0).negative_eigenvalues == 1);
    check_step(damped_newton_step(h, g, 3.0), 0.25, 1.0);
}

BOOST_AUTO_TEST_CASE(a_saddle_free_step_divides_by_the_absolute_eigenvalues) {
    const NewtonStep step = saddle_free_newton_step(eigen2(1, 0, -2), Eigen::Vector2d(1, 2));
    check_step(step, 1, 1);
    BOOST_CHECK(step.status == NewtonStatus::ok);
    BOOST_TEST(step.negative_eigenvalues == 1);

    // |[[0, 1], [1, 0]]| = I
    check_step(saddle_free_newton_step(eigen2(0, 1, 0), Eigen::Vector2d(3, -7)), 3, -7);
    check_step(saddle_free_newton_step(eigen2(0, 1, 0), Eigen::Vector2d(3, -7), 1.0), 1.5, -3.5);
    BOOST_CHECK(saddle_free_newton_step(eigen2(1, 1, 1), Eigen::Vector2d(1, 0)).status == NewtonStatus::singular);
}

BOOST_AUTO_TEST_CASE(all_steps_agree_on_positive_definite_matrices) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const Matrix a = with_spectrum(Vector::LinSpaced(70, 0.1, 10.0), seed);
        const SymmetricEigen h = symmetric_eigen(a);
        const Vector g = normal_vector(RandomStream(seed, 2), 70);
        const NewtonStep newton = newton_step(h, g);
        const double rounding = 70 * eps * 100; // n eps condition
        BOOST_TEST((newton.step - a.llt().solve(g)).norm() <= rounding * newton.step.norm());
        BOOST_TEST((newton.step == saddle_free_newton_step(h, g).step));
        BOOST_TEST((newton.step == damped_newton_step(h, g, 0.0).step));
        BOOST_TEST(newton.residual <= rounding * g.norm());
        BOOST_TEST((a * newton.step - g).norm() <= rounding * g.norm());
        const CgResult cg = newton_step_cg(dense_operator(a), g);
        BOOST_CHECK(cg.status == CgStatus::converged);
        BOOST_TEST((cg.x - newton.step).norm() <= 10.0 * 1e-10 * g.norm());
    }
}

BOOST_AUTO_TEST_CASE(a_saddle_free_step_goes_downhill_where_newton_may_not) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const SymmetricEigen h = symmetric_eigen(random_symmetric(30, seed));
        const Vector g = normal_vector(RandomStream(seed, 3), 30);
        BOOST_TEST(saddle_free_newton_step(h, g).step.dot(g) > 0.0);
    }
}

BOOST_AUTO_TEST_CASE(the_default_damping_makes_any_matrix_definite_with_a_bounded_condition) {
    BOOST_TEST(default_damping(eigen2(-3, 0, 1)) == 3.0 + 3e-4, boost::test_tools::tolerance(8 * eps));
    BOOST_TEST(default_damping(eigen2(2, 0, 5)) == 5e-4, boost::test_tools::tolerance(8 * eps));
    BOOST_TEST(default_damping(eigen2(0, 0, 0)) == 0.0);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const SymmetricEigen h = symmetric_eigen(random_symmetric(20, seed));
        const double damping = default_damping(h);
        const double condition = (h.values(19) + damping) / (h.values(0) + damping);
        BOOST_CHECK(damped_newton_step(h, Vector::Ones(20), damping).status == NewtonStatus::ok);
        // The small eigenvalue, 1e-4 of the large one, is known to n eps / 1e-4.
        BOOST_TEST(condition <= (2e4 + 1) * (1.0 + 20 * eps / 1e-4));
    }
}

BOOST_AUTO_TEST_CASE(on_a_quadratic_with_a_minimum_the_best_damping_is_none) {
    for (const double smallest : {0.5, 1e-6}) {
        const Quadratic bowl(with_spectrum(Vector::LinSpaced(20, smallest, 3.0), 4), {.minimum = Vector::Ones(20)});
        const SymmetricEigen h = symmetric_eigen(bowl.matrix());
        const Vector w = normal_vector(RandomStream(5, 0), 20);
        const Vector g = bowl.gradient(w);
        for (const NewtonMetric metric : {NewtonMetric::shifted, NewtonMetric::absolute}) {
            const NewtonStep best = best_damped_step(bowl, w, h, g, metric);
            BOOST_TEST(best.damping == 0.0);
            BOOST_CHECK(best.status == NewtonStatus::ok);
            BOOST_TEST((best.step == newton_step(h, g).step));
        }
    }
}

BOOST_AUTO_TEST_CASE(of_losses_equal_to_rounding_the_one_with_less_damping_is_taken) {
    // This close to a minimum that is not 0, every small damping gives the same loss to rounding.
    const LinearModel model = LinearModel::random(6, 40, 1);
    const Vector origin = Vector::Zero(6);
    const SymmetricEigen h = symmetric_eigen(model.dense_hessian(origin));
    const Vector minimum = -newton_step(h, model.gradient(origin)).step;
    BOOST_TEST(model.value(minimum) > 0.1);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const Vector w = minimum + 1e-3 * normal_vector(RandomStream(seed, 6), 6);
        for (const NewtonMetric metric : {NewtonMetric::shifted, NewtonMetric::absolute})
            BOOST_TEST(best_damped_step(model, w, h, model.gradient(w), metric).damping == 0.0);
    }
}

BOOST_AUTO_TEST_CASE(where_the_hessian_is_indefinite_the_best_of_the_promised_dampings_is_found) {
    const auto check = [](const Objective& objective, const Vector& w) {
        const SymmetricEigen h = symmetric_eigen(objective.dense_hessian(w));
        BOOST_REQUIRE(h.values(0) < 0.0);
        const Vector g = objective.gradient(w);
        for (const NewtonMetric metric : {NewtonMetric::shifted, NewtonMetric::absolute}) {
            const NewtonStep best = best_damped_step(objective, w, h, g, metric);
            const double loss = objective.value(w - best.step);
            BOOST_TEST(loss < objective.value(w));
            BOOST_TEST(best.step.dot(g) > 0.0);
            BOOST_CHECK(best.status == NewtonStatus::ok);
            BOOST_TEST(best.negative_eigenvalues >= 1);
            const std::vector<double> tried = tried_dampings(h, metric);
            BOOST_TEST(std::any_of(tried.begin(), tried.end(), [&](double damping) {
                return std::abs(best.damping - damping) <= 4.0 * eps * damping;
            }));
            BOOST_TEST((best.step == step_with(metric, h, g, best.damping).step));
            for (const double damping : tried) {
                const double other = objective.value(w - step_with(metric, h, g, damping).step);
                BOOST_TEST(loss <= other + 100 * eps * std::max(std::abs(other), objective.value(w)));
            }
        }
    };
    check(Rosenbrock(4), (Vector(4) << 0.1, 0.6, 0.2, 0.9).finished());
    check(Beale(), (Vector(2) << 0.1, 0.9).finished());
    check(MonkeySaddle(), (Vector(2) << 0.5, 0.3).finished());
}

BOOST_AUTO_TEST_CASE(without_curvature_there_is_no_step_to_damp) {
    const FunctionObjective slope(
        2, [](VectorView w) { return 3.0 * w(0) + 4.0 * w(1); },
        [](VectorView) -> Vector { return Eigen::Vector2d(3, 4); });
    const NewtonStep none =
        best_damped_step(slope, Vector::Zero(2), eigen2(0, 0, 0), Eigen::Vector2d(3, 4), NewtonMetric::shifted);
    check_step(none, 0, 0);
    BOOST_CHECK(none.status == NewtonStatus::singular);
    BOOST_TEST(none.damping == 0.0);
}

BOOST_AUTO_TEST_CASE(the_step_by_products_alone_adds_the_damping) {
    const SymmetricOperator h = diagonal_operator(Eigen::Vector2d(1, -2));
    const Vector g = Eigen::Vector2d(1, 1);

    const CgResult damped = newton_step_cg(h, g, {.damping = 3.0});
    BOOST_CHECK(damped.status == CgStatus::converged);
    BOOST_TEST((damped.x - Eigen::Vector2d(0.25, 1.0)).norm() <= 1e-10 * std::sqrt(2.0));

    // p = g = (1, 1): p'Hp = -1.
    const CgResult plain = newton_step_cg(h, g);
    BOOST_CHECK(plain.status == CgStatus::negative_curvature);
    BOOST_TEST((plain.x == Vector::Zero(2)));
    BOOST_TEST((plain.negative_curvature - g / std::sqrt(2.0)).norm() <= 2 * eps);

    const CgResult stopped = newton_step_cg(diagonal_operator(Eigen::Vector2d(1, 3)), g, {.max_iterations = 1});
    BOOST_CHECK(stopped.status == CgStatus::iteration_limit);
    BOOST_TEST((stopped.x - Eigen::Vector2d(0.5, 0.5)).norm() <= 2 * eps); // alpha = 2 / 4
    BOOST_TEST(stopped.residual == std::sqrt(0.5), boost::test_tools::tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(newton_steps_refuse_wrong_arguments) {
    const SymmetricEigen h = eigen2(1, 0, 2);
    const Vector g = Vector::Ones(2);
    BOOST_CHECK_EXCEPTION((void)newton_step(h, Vector::Ones(3)), std::invalid_argument,
                          says("newton_step: g must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)newton_step(h, Eigen::Vector2d(NAN, 0)), NumericalError,
                          says("newton_step: g is not finite: entry 0 is nan"));
    BOOST_CHECK_EXCEPTION((void)damped_newton_step(h, g, -0.5), std::invalid_argument,
                          says("damped_newton_step: damping must be at least 0; got -0.5"));
    BOOST_CHECK_EXCEPTION((void)saddle_free_newton_step(h, g, NAN), std::invalid_argument,
                          says("saddle_free_newton_step: damping must be at least 0; got nan"));
    const SymmetricEigen broken = {Vector::Constant(2, INFINITY), Matrix::Identity(2, 2)};
    BOOST_CHECK_EXCEPTION((void)newton_step(broken, g), NumericalError,
                          says("newton_step: eigenvalue is not finite: entry 0 is inf"));
    const Quadratic bowl(Matrix::Identity(2, 2));
    BOOST_CHECK_EXCEPTION((void)best_damped_step(bowl, g, h, Vector::Ones(3), NewtonMetric::shifted),
                          std::invalid_argument, says("best_damped_step: g must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)best_damped_step(bowl, g, h, Eigen::Vector2d(0, INFINITY), NewtonMetric::absolute),
                          NumericalError, says("best_damped_step: g is not finite: entry 1 is inf"));
    BOOST_CHECK_EXCEPTION((void)newton_step_cg(identity_operator(2), g, {.damping = -1.0}), std::invalid_argument,
                          says("newton_step_cg: damping must be at least 0; got -1"));
}

BOOST_AUTO_TEST_CASE(newtons_step_at_a_saddle_point_comes_from_products_with_a_way_down) {
    Vector spectrum = Vector::LinSpaced(50, -1.0, 3.0);
    const Matrix a = with_spectrum(spectrum, 21);
    const Vector g = normal_vector(RandomStream(22, 1), 50);
    for (const double damping : {0.0, 0.5}) {
        const NewtonStep exact = damped_newton_step(symmetric_eigen(a), g, damping);
        const MinresResult found = newton_step_minres(dense_operator(a), g, {.damping = damping});
        BOOST_CHECK(found.status == MinresStatus::converged);
        const double inverse = 1.0 / (spectrum.array() + damping).abs().minCoeff();
        BOOST_TEST((found.x - exact.step).norm() <= 1.01e-10 * inverse * g.norm());
        const Vector p = found.negative_curvature;
        BOOST_TEST(p.dot(a * p) + damping < 0.0);
    }
    BOOST_CHECK_EXCEPTION((void)newton_step_minres(identity_operator(2), Vector::Ones(2), {.damping = -1.0}),
                          std::invalid_argument, says("newton_step_minres: damping must be at least 0; got -1"));
}

BOOST_AUTO_TEST_SUITE_END()
