#include "hessq/solvers/step_quality.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/objectives/function.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/spectrum/resolved.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;

BOOST_AUTO_TEST_SUITE(step_quality_suite)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

StepQuality quality_at(const Objective& objective, const Vector& w, const Vector& d) {
    return step_quality(objective, w, objective.value(w), objective.gradient(w), objective.hessian(w), d);
}

/// A = H's eigenvectors with other eigenvalues.
SymmetricOperator function_of(const SymmetricEigen& h, double (*f)(double)) {
    return dense_operator(apply_function(h, f));
}

double inverse_sqrt(double x) { return 1.0 / std::sqrt(x); }

} // namespace

BOOST_AUTO_TEST_CASE(the_newton_step_on_a_quadratic_gains_half_of_g_inverse_h_g) {
    const Quadratic bowl(with_spectrum(Vector::LinSpaced(12, 0.5, 5.0), 1), {.minimum = Vector::LinSpaced(12, -1, 1)});
    const Vector w = normal_vector(RandomStream(2, 0), 12);
    const Vector g = bowl.gradient(w);
    const Vector step = bowl.matrix().llt().solve(g);
    const double gain = 0.5 * g.dot(step);
    const double rounding = 12 * eps * 10;   // n eps condition
    for (const double length : {1.0, 7.0}) { // the length of d does not matter, only t d does
        const StepQuality quality = quality_at(bowl, w, length * step);
        BOOST_TEST(quality.scale == 1.0 / length, tolerance(rounding));
        BOOST_CHECK(quality.scale_from == StepQuality::Scale::quadratic_model);
        BOOST_TEST(quality.decrease_predicted == gain, tolerance(rounding));
        BOOST_TEST(quality.decrease_actual == gain, tolerance(rounding));
        BOOST_TEST(quality.decrease_actual == bowl.value(w), tolerance(rounding));
        BOOST_TEST(quality.cosine == cosine(step, g), tolerance(rounding));
    }
}

BOOST_AUTO_TEST_CASE(steepest_descent_from_the_worst_point_gains_kantorovichs_share) {
    // On 1/2 (a x^2 + b y^2) from (b, a), exact line search leaves ((b - a) / (b + a))^2 of the loss.
    const double a = 1.0, b = 9.0;
    const Quadratic bowl(Eigen::Vector2d(a, b).asDiagonal());
    const Vector w = Eigen::Vector2d(b, a);
    const StepQuality quality = quality_at(bowl, w, bowl.gradient(w));
    BOOST_TEST(quality.scale == 2.0 / (a + b), tolerance(4 * eps));
    BOOST_TEST(quality.curvature == 0.5 * (a + b), tolerance(4 * eps));
    BOOST_TEST(quality.cosine == 1.0, tolerance(4 * eps));
    BOOST_TEST(quality.decrease_actual == bowl.value(w) * (1.0 - 0.64), tolerance(16 * eps));
    BOOST_TEST(quality.decrease_predicted == quality.decrease_actual, tolerance(16 * eps));
    // The least possible cos(g, H^-1 g) is 2 sqrt(ab) / (a + b), at (sqrt b, sqrt a).
    const Vector widest = Eigen::Vector2d(3, 1);
    BOOST_TEST(quality_at(bowl, widest, widest).cosine == 0.6, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(a_direction_uphill_is_walked_backwards) {
    const Quadratic bowl(Eigen::Vector2d(2, 2).asDiagonal());
    const StepQuality quality = quality_at(bowl, Eigen::Vector2d(1, 0), Eigen::Vector2d(-1, 0));
    BOOST_TEST(quality.cosine == -1.0);
    BOOST_TEST(quality.scale == -1.0);
    BOOST_TEST(quality.decrease_actual == 1.0);
}

BOOST_AUTO_TEST_CASE(the_prediction_and_the_outcome_differ_where_the_loss_is_not_quadratic) {
    // w^4 / 4 at 1: g = 1, H = 3, t = 1/3, predicted 1/6, actual (1 - (2/3)^4) / 4 = 65/324.
    const FunctionObjective quartic(
        1, [](VectorView w) { return std::pow(w(0), 4) / 4.0; },
        [](VectorView w) -> Vector { return w.array().cube(); },
        [](VectorView w, MatrixView v) -> Matrix { return 3.0 * w(0) * w(0) * v; });
    const StepQuality quality = quality_at(quartic, Vector::Ones(1), Vector::Ones(1));
    BOOST_TEST(quality.decrease_predicted == 1.0 / 6.0, tolerance(4 * eps));
    BOOST_TEST(quality.decrease_actual == 65.0 / 324.0, tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(a_full_step_keeps_its_length) {
    // 1/2 (x^2 + 3 y^2) from (1, 1) along -d = -(2, 0): x goes to -1, and nothing is gained.
    const Quadratic bowl(Eigen::Vector2d(1, 3).asDiagonal());
    const Vector w = Eigen::Vector2d(1, 1), d = Eigen::Vector2d(2, 0);
    const StepQuality full = full_step_quality(bowl, w, 2.0, bowl.gradient(w), bowl.hessian(w), d);
    BOOST_CHECK(full.scale_from == StepQuality::Scale::full_step);
    BOOST_TEST(full.scale == 1.0);
    BOOST_TEST(full.decrease_actual == 0.0);
    BOOST_TEST(full.decrease_predicted == 0.0);
    BOOST_TEST(full.curvature == 1.0);
    BOOST_TEST(full.cosine == 1.0 / std::sqrt(10.0), tolerance(4 * eps));
    const StepQuality best = quality_at(bowl, w, d);
    BOOST_TEST(best.scale == 0.5);
    BOOST_TEST(best.decrease_actual == 0.5);
}

BOOST_AUTO_TEST_CASE(along_negative_curvature_the_best_power_of_two_is_taken) {
    // w^4 / 4 - w^2 / 2 at 1/2: g = -3/8, H = -1/4, |d'g / d'Hd| = 4 for d = g. From 4 2^k the best is t = 1, which
    // ends at 7/8; t = 2 overshoots the minimum at 1 and ends at 5/4. All of it is exact in binary.
    const FunctionObjective well(
        1, [](VectorView w) { return w(0) * w(0) * (w(0) * w(0) / 4.0 - 0.5); },
        [](VectorView w) -> Vector { return w.array() * (w.array().square() - 1.0); },
        [](VectorView w, MatrixView v) -> Matrix { return (3.0 * w(0) * w(0) - 1.0) * v; });
    const Vector w = Vector::Constant(1, 0.5);
    const StepQuality quality = quality_at(well, w, well.gradient(w));
    BOOST_CHECK(quality.scale_from == StepQuality::Scale::line_search);
    BOOST_TEST(quality.curvature == -0.25);
    BOOST_TEST(quality.scale == 1.0);
    BOOST_TEST(quality.decrease_actual == well.value(w) - well.value(Vector::Constant(1, 0.875)));
    BOOST_TEST(quality.decrease_predicted == 9.0 / 64.0 * (1.0 + 0.125));
}

BOOST_AUTO_TEST_CASE(without_curvature_the_powers_of_two_start_from_one) {
    const FunctionObjective slope(
        1, [](VectorView w) { return 3.0 * w(0); }, [](VectorView) -> Vector { return Vector::Constant(1, 3.0); },
        [](VectorView, MatrixView v) -> Matrix { return 0.0 * v; });
    const StepQuality quality = quality_at(slope, Vector::Zero(1), Vector::Constant(1, 3.0));
    BOOST_CHECK(quality.scale_from == StepQuality::Scale::line_search);
    BOOST_TEST(quality.scale == 1024.0);
    BOOST_TEST(quality.decrease_actual == 9.0 * 1024.0);
    BOOST_TEST(quality.decrease_predicted == 9.0 * 1024.0);
}

BOOST_AUTO_TEST_CASE(the_cosine_of_a_right_angle_is_zero_and_of_nothing_not_a_number) {
    BOOST_TEST(cosine(Eigen::Vector2d(3, 4), Eigen::Vector2d(-4, 3)) == 0.0);
    BOOST_TEST(cosine(Eigen::Vector2d(3, 4), Eigen::Vector2d(5, 0)) == 0.6, tolerance(2 * eps));
    BOOST_TEST(std::isnan(cosine(Eigen::Vector2d(3, 4), Vector::Zero(2))));
}

BOOST_AUTO_TEST_CASE(newtons_method_sees_a_sphere) {
    const Matrix matrix = with_spectrum(Vector::LinSpaced(10, 0.1, 3.0), 3);
    const SymmetricEigen h = symmetric_eigen(matrix);
    for (const PreconditionedCurvature& seen :
         {preconditioned_curvature(h, h.values),
          preconditioned_curvature(dense_operator(matrix), h, function_of(h, inverse_sqrt))}) {
        const double rounding = 10 * eps * 30; // n eps condition
        BOOST_TEST(seen.condition_number == 1.0, tolerance(rounding));
        BOOST_TEST(seen.lambda_max == 1.0, tolerance(rounding));
        BOOST_TEST(seen.lambda_min == 1.0, tolerance(rounding));
        BOOST_TEST(seen.largest_stable_lr == 2.0, tolerance(rounding));
        BOOST_TEST(seen.directions == 10);
        BOOST_TEST(seen.converged);
    }
}

BOOST_AUTO_TEST_CASE(gradient_descent_sees_the_hessian_itself) {
    const Matrix matrix = with_spectrum(Vector::LinSpaced(10, 0.1, 4.0), 4);
    const SymmetricEigen h = symmetric_eigen(matrix);
    for (const PreconditionedCurvature& seen :
         {preconditioned_curvature(h, Vector::Ones(10)),
          preconditioned_curvature(dense_operator(matrix), h, identity_operator(10))}) {
        const double rounding = 10 * eps * 40;
        BOOST_TEST(seen.lambda_max == 4.0, tolerance(rounding));
        BOOST_TEST(seen.lambda_min == 0.1, tolerance(rounding));
        BOOST_TEST(seen.condition_number == 40.0, tolerance(rounding));
        BOOST_TEST(seen.largest_stable_lr == 0.5, tolerance(rounding));
    }
}

BOOST_AUTO_TEST_CASE(a_diagonal_preconditioner_by_hand) {
    // P = diag(1, 4), H = [[2, 2], [2, 5]]: P^(-1/2) H P^(-1/2) = [[2, 1], [1, 5/4]] with eigenvalues (13 +- sqrt 73)
    // / 8.
    const Matrix matrix = (Matrix(2, 2) << 2, 2, 2, 5).finished();
    const PreconditionedCurvature seen = preconditioned_curvature(dense_operator(matrix), symmetric_eigen(matrix),
                                                                  diagonal_operator(Eigen::Vector2d(1, 0.5)));
    const double large = (13.0 + std::sqrt(73.0)) / 8.0, small = (13.0 - std::sqrt(73.0)) / 8.0;
    BOOST_TEST(seen.lambda_max == large, tolerance(32 * eps));
    BOOST_TEST(seen.lambda_min == small, tolerance(32 * eps));
    BOOST_TEST(seen.condition_number == large / small, tolerance(64 * eps));
}

BOOST_AUTO_TEST_CASE(both_ways_to_give_a_metric_agree_on_any_hessian) {
    // P = |H| + 1/2, on indefinite matrices; 100 is beyond the dense route of the eigensolver.
    for (const Index n : {8, 100}) {
        Vector spectrum = Vector::LinSpaced(n, -2.0, 3.0);
        spectrum(n - 1) = 8.0; // isolated ends, as networks have them
        spectrum(0) = -5.0;
        const Matrix matrix = with_spectrum(spectrum, 5);
        const SymmetricEigen h = symmetric_eigen(matrix);
        const PreconditionedCurvature exact = preconditioned_curvature(h, h.values.cwiseAbs().array() + 0.5);
        const PreconditionedCurvature seen = preconditioned_curvature(
            dense_operator(matrix), h, function_of(h, [](double x) { return 1.0 / std::sqrt(std::abs(x) + 0.5); }));
        BOOST_TEST(seen.converged);
        // Each residual bounds its eigenvalue's error; the products have the rounding of |H| = 8.
        const double error = seen.residual + 8.0 * static_cast<double>(n) * eps;
        BOOST_TEST(std::abs(seen.lambda_max - exact.lambda_max) <= error);
        BOOST_TEST(std::abs(seen.lambda_min - exact.lambda_min) <= error);
        const double condition = exact.condition_number;
        BOOST_TEST(seen.condition_number == condition, tolerance(10.0 * static_cast<double>(n) * eps * condition));
        BOOST_TEST(seen.directions == n);
        BOOST_TEST(exact.directions == n);
    }
}

BOOST_AUTO_TEST_CASE(diagonal_preconditioners_of_a_singular_indefinite_hessian_agree_with_dense_algebra) {
    // Both signs, 30 flat directions, and a P spread over six decades.
    const Index n = 180;
    Vector spectrum = Vector::LinSpaced(n, -1.0, 4.0);
    spectrum.segment(60, 30).setZero();
    const Matrix matrix = with_spectrum(spectrum, 11);
    const SymmetricEigen h = symmetric_eigen(matrix);
    const Vector root = log_uniform_spectrum(n, 1e-3, 1.0);

    const PreconditionedCurvature seen = preconditioned_curvature(dense_operator(matrix), h, diagonal_operator(root));

    const Vector all =
        Eigen::SelfAdjointEigenSolver<Matrix>(Matrix(root.asDiagonal() * matrix * root.asDiagonal())).eigenvalues();
    BOOST_TEST(seen.lambda_max == all.maxCoeff(), tolerance(1e-9));
    BOOST_TEST(seen.lambda_min == all.minCoeff(), tolerance(1e-9));
    // On an orthonormal basis Q of the range of P^(-1/2) H: the other eigenvalues are zero.
    const auto chosen = resolved_directions(h.values);
    const Matrix q = orthonormal_basis(root.asDiagonal() * columns_at(h.vectors, chosen));
    const Matrix resolved = columns_at(h.vectors, chosen) * entries_at(h.values, chosen).asDiagonal() *
                            columns_at(h.vectors, chosen).transpose();
    const Vector range = Eigen::SelfAdjointEigenSolver<Matrix>(
                             Matrix(q.transpose() * root.asDiagonal() * resolved * root.asDiagonal() * q))
                             .eigenvalues()
                             .cwiseAbs();
    const double condition = range.maxCoeff() / range.minCoeff();
    BOOST_TEST(seen.converged);
    BOOST_TEST(seen.directions == n - 30);
    BOOST_TEST(condition > 1e4); // of which the dense way loses eps condition
    BOOST_TEST(seen.condition_number == condition, tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(flat_directions_have_no_part_in_the_condition_number) {
    // Two zero eigenvalues, one just below the cut and one just above it.
    const double below = 0.98 * curvature_cut, above = 1.02 * curvature_cut;
    const Matrix matrix = with_spectrum((Vector(6) << 0.0, 0.0, below, above, 0.5, 1.0).finished(), 6);
    const SymmetricEigen h = symmetric_eigen(matrix);
    for (const PreconditionedCurvature& seen :
         {preconditioned_curvature(h, Vector::Ones(6)),
          preconditioned_curvature(dense_operator(matrix), h, identity_operator(6))}) {
        BOOST_TEST(seen.directions == 3);
        BOOST_TEST(seen.condition_number == 1.0 / above, tolerance(20 * eps / above));
        BOOST_TEST(std::abs(seen.lambda_min) <= 20 * eps);
    }
    // What P does to the flat directions does not matter either: 1 where H is flat, H elsewhere.
    const Vector metric = h.values.unaryExpr([](double x) { return x < curvature_cut ? 1.0 : x; });
    const PreconditionedCurvature seen = preconditioned_curvature(h, metric);
    BOOST_TEST(seen.condition_number == 1.0);
}

BOOST_AUTO_TEST_CASE(a_hessian_without_positive_curvature_allows_any_learning_rate) {
    const SymmetricEigen h = symmetric_eigen(Eigen::Vector2d(-1, -3).asDiagonal().toDenseMatrix());
    const PreconditionedCurvature seen = preconditioned_curvature(h, Vector::Ones(2));
    BOOST_TEST(seen.largest_stable_lr == infinity);
    BOOST_TEST(seen.lambda_max == -1.0);
    BOOST_TEST(seen.condition_number == 3.0);
}

BOOST_AUTO_TEST_CASE(a_zero_hessian_has_no_directions_and_no_condition_number) {
    const Matrix zero = Matrix::Zero(3, 3);
    const SymmetricEigen h = symmetric_eigen(zero);
    for (const PreconditionedCurvature& seen :
         {preconditioned_curvature(h, Vector::Ones(3)),
          preconditioned_curvature(dense_operator(zero), h, identity_operator(3))}) {
        BOOST_TEST(seen.directions == 0);
        BOOST_TEST(std::isnan(seen.condition_number));
        BOOST_TEST(seen.largest_stable_lr == infinity);
    }
}

BOOST_AUTO_TEST_CASE(a_preconditioner_that_erases_a_direction_has_an_infinite_condition_number) {
    const Matrix identity = Matrix::Identity(2, 2);
    const PreconditionedCurvature seen = preconditioned_curvature(identity_operator(2), symmetric_eigen(identity),
                                                                  diagonal_operator(Eigen::Vector2d(1, 0)));
    BOOST_TEST(seen.condition_number == infinity);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const Quadratic bowl(Matrix::Identity(2, 2));
    const Vector w = Eigen::Vector2d(1, 1);
    const SymmetricOperator h = identity_operator(2);
    const SymmetricEigen eigen = symmetric_eigen(bowl.matrix());
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION((void)call(), std::invalid_argument, says(message));
    };
    refuses([&] { return step_quality(bowl, w, 1.0, Vector::Ones(3), h, w); },
            "step_quality: the gradient must have 2 entries; got 3");
    refuses([&] { return step_quality(bowl, w, 1.0, w, h, Vector::Ones(1)); },
            "step_quality: d must have 2 entries; got 1");
    refuses([&] { return step_quality(bowl, w, 1.0, w, h, Vector::Zero(2)); },
            "step_quality: d must not be zero; its norm; got 0");
    refuses([&] { return full_step_quality(bowl, w, 1.0, w, h, Vector::Zero(2)); },
            "full_step_quality: d must not be zero; its norm; got 0");
    refuses([&] { return preconditioned_curvature(h, eigen, identity_operator(3)); },
            "preconditioned_curvature: P^(-1/2) must have 2 entries; got 3");
    refuses([&] { return preconditioned_curvature(identity_operator(3), eigen, identity_operator(3)); },
            "preconditioned_curvature: the spectrum of h must have 3 entries; got 2");
    refuses([&] { return preconditioned_curvature(eigen, Vector::Ones(3)); },
            "preconditioned_curvature: the metric must have 2 entries; got 3");
    refuses([&] { return preconditioned_curvature(eigen, Eigen::Vector2d(1, 0)); },
            "preconditioned_curvature: the metric must be positive; got 0");
}

BOOST_AUTO_TEST_SUITE_END()
