#include "hessq/preconditioners/curvature_average.hpp"

#include "hessq/objectives/quadratic.hpp"
#include "support/linear_model.hpp"
#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::test::eps;
using hessq::test::LinearModel;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(curvature_average)

namespace {

/// Diagonal curvature, which Hutchinson's draws know exactly.
Quadratic diagonal_quadratic(const Vector& h) { return Quadratic(Matrix(h.asDiagonal())); }

LocalCurvature at_zero(const FiniteSumObjective& objective) {
    return LocalCurvature(objective, Vector::Zero(objective.dimension()), Batch::all(objective.samples()));
}

} // namespace

BOOST_AUTO_TEST_CASE(every_kind_obeys_the_laws) {
    const LinearModel model = LinearModel::random(5, 9, 3);
    for (const DiagonalEstimate estimate :
         {DiagonalEstimate::hutchinson, DiagonalEstimate::exact, DiagonalEstimate::gauss_newton}) {
        const auto sophia = sophia_preconditioner(5, {.eps = 1e-4, .estimate = estimate});
        sophia->observe_curvature(at_zero(model));
        check_preconditioner_laws(*sophia, 5);
        const auto adahessian = adahessian_preconditioner(5, {.estimate = estimate});
        adahessian->observe_curvature(at_zero(model));
        check_preconditioner_laws(*adahessian, 5);
    }
}

BOOST_AUTO_TEST_CASE(sophia_averages_every_few_steps_and_takes_negative_curvature_for_none) {
    const Quadratic before = diagonal_quadratic(Eigen::Vector3d(2, -2, 8));
    const Quadratic after = diagonal_quadratic(Eigen::Vector3d(100, 100, 100));
    const auto p = sophia_preconditioner(3, {.beta2 = 0.75, .gamma = 0.5, .eps = 0.01, .interval = 2});
    p->observe_curvature(at_zero(before));
    BOOST_CHECK(p->diagonal().value() == Eigen::Vector3d(0.25, 0.01, 1.0));
    p->observe_curvature(at_zero(after)); // between two estimates
    BOOST_CHECK(p->diagonal().value() == Eigen::Vector3d(0.25, 0.01, 1.0));
    p->observe_curvature(at_zero(before));
    BOOST_CHECK(p->diagonal().value() == Eigen::Vector3d(0.4375, 0.01, 1.75));
}

BOOST_AUTO_TEST_CASE(adahessian_is_a_corrected_root_mean_square_and_takes_a_power) {
    const Quadratic one = diagonal_quadratic(Eigen::Vector2d(3, -4)), other = diagonal_quadratic(Eigen::Vector2d(1, 0));
    for (const double power : {1.0, 0.5, 0.0}) {
        const auto p = adahessian_preconditioner(2, {.beta2 = 0.5, .eps = 0.1, .power = power});
        p->observe_curvature(at_zero(one));
        const Vector first = p->diagonal().value();
        BOOST_TEST((first - Eigen::Vector2d(std::pow(3, power) + 0.1, std::pow(4, power) + 0.1)).norm() <= 8 * eps);
        p->observe_curvature(at_zero(other));
        // (1/4 d1^2 + 1/2 d2^2) / (3/4)
        const Vector second = Eigen::Vector2d(std::pow((9 + 2) / 3.0, 0.5 * power), std::pow(16 / 3.0, 0.5 * power));
        BOOST_TEST((p->diagonal().value() - Vector(second.array() + 0.1)).norm() <= 16 * eps);
    }
}

BOOST_AUTO_TEST_CASE(many_draws_of_adahessian_are_row_norms) {
    const Matrix h = test::random_symmetric(4, 6);
    const Quadratic quadratic(h);
    const auto p = adahessian_preconditioner(4, {.beta2 = 0.9999, .eps = 0.0});
    for (int t = 0; t < 20000; ++t) p->observe_curvature(at_zero(quadratic));
    const Vector rows = h.rowwise().norm();
    // The variance of a squared draw is at most 2 (row norm)^4 (2 sum h^2)^2 ..., that of the average 1 / 15000 of it.
    BOOST_TEST((p->diagonal().value().array() / rows.array() - 1.0).abs().maxCoeff() <= 0.05);
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { sophia_preconditioner(0); }, "sophia_preconditioner: dimension must be at least 1; got 0");
    refuses([] { sophia_preconditioner(1, {.beta2 = 1.0}); }, "sophia_preconditioner: beta2 must lie in [0, 1); got 1");
    refuses([] { sophia_preconditioner(1, {.gamma = 0.0}); },
            "sophia_preconditioner: gamma must be greater than 0; got 0");
    refuses([] { sophia_preconditioner(1, {.eps = -1.0}); }, "sophia_preconditioner: eps must be at least 0; got -1");
    refuses([] { sophia_preconditioner(1, {.interval = 0}); },
            "sophia_preconditioner: interval must be at least 1; got 0");
    refuses([] { adahessian_preconditioner(1, {.power = 2.0}); },
            "adahessian_preconditioner: power must lie in [0, 1]; got 2");
    refuses([] { (void)sophia_preconditioner(2)->diagonal(); },
            "sophia preconditioner: curvature must have been observed; got 0");
    const Quadratic quadratic = diagonal_quadratic(Eigen::Vector3d(1, 2, 3));
    refuses([&] { adahessian_preconditioner(2)->observe_curvature(at_zero(quadratic)); },
            "adahessian preconditioner: the curvature must have 2 entries; got 3");
}

BOOST_AUTO_TEST_SUITE_END()
