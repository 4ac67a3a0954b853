#include "hessq/preconditioners/curvature.hpp"

#include "hessq/core/require.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::test::LinearModel;
using hessq::test::random_symmetric;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(curvature)

BOOST_AUTO_TEST_CASE(every_kind_obeys_the_laws) {
    constexpr Index n = 6;
    const Matrix indefinite = random_symmetric(n, 2);
    check_preconditioner_laws(*hessian_diagonal_preconditioner(indefinite), n);
    check_preconditioner_laws(*hessian_row_norm_preconditioner(indefinite), n);
    check_preconditioner_laws(*gauss_newton_diagonal_preconditioner(LinearModel::random(n, 9, 3), Vector::Zero(n)), n);
}

BOOST_AUTO_TEST_CASE(curvature_takes_absolute_values_and_row_norms) {
    const Matrix h = (Matrix(2, 2) << -3, 4, 4, 0).finished();
    const auto diagonal = hessian_diagonal_preconditioner(h);
    BOOST_TEST(diagonal->name() == "hessian_diagonal");
    BOOST_CHECK(diagonal->diagonal().value() == Eigen::Vector2d(3, 3 * 1e-8));
    const auto row_norms = hessian_row_norm_preconditioner(h);
    BOOST_TEST(row_norms->name() == "hessian_row_norms");
    BOOST_CHECK(row_norms->diagonal().value() == Eigen::Vector2d(5, 4));
    const LinearModel model((Matrix(2, 2) << 1, 1, 0, 2).finished(), Vector::Zero(2));
    const auto gauss_newton = gauss_newton_diagonal_preconditioner(model, Vector::Zero(2));
    BOOST_TEST(gauss_newton->name() == "gauss_newton_diagonal");
    BOOST_CHECK(gauss_newton->diagonal().value() == Eigen::Vector2d(1, 2));
}

BOOST_AUTO_TEST_CASE(a_dead_coordinate_gets_the_floor) {
    const Vector d = Eigen::Vector3d(2, 0, -4);
    const Vector damped = curvature_diagonal_preconditioner(d, "test", {.floor = 0.25})->diagonal().value();
    BOOST_CHECK(damped == Eigen::Vector3d(2, 1, 4));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    BOOST_CHECK_EXCEPTION(hessian_diagonal_preconditioner(Matrix::Ones(2, 3)), std::invalid_argument,
                          says("hessian_diagonal_preconditioner: the Hessian must be square; got 2 x 3"));
    BOOST_CHECK_EXCEPTION(hessian_diagonal_preconditioner(Matrix::Ones(2, 2), {.floor = 0.0}), std::invalid_argument,
                          says("curvature_diagonal_preconditioner: floor must lie in (0, 1]; got 0"));
    BOOST_CHECK_EXCEPTION(hessian_diagonal_preconditioner(Matrix::Zero(2, 2)), NumericalError,
                          says("the hessian_diagonal preconditioner is zero everywhere"));
}

BOOST_AUTO_TEST_SUITE_END()
