#include "hessq/preconditioners/newton.hpp"

#include "hessq/core/require.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::laws::distance;
using hessq::test::says;
using hessq::test::with_spectrum;

BOOST_AUTO_TEST_SUITE(newton_preconditioner_suite)

namespace {

const Vector spectrum = (Vector(4) << -2, 0.5, 1, 4).finished();

Matrix dense(const Preconditioner& p, Index n) { return p.matrix() * Matrix::Identity(n, n); }

} // namespace

BOOST_AUTO_TEST_CASE(every_method_obeys_the_laws) {
    for (const NewtonMethod method : {NewtonMethod::diagonal, NewtonMethod::damped, NewtonMethod::saddle_free})
        check_preconditioner_laws(
            *newton_preconditioner(with_spectrum(spectrum, 1), {.method = method, .relative_damping = 0.1}), 4);
}

BOOST_AUTO_TEST_CASE(it_is_the_matrix_that_its_method_names) {
    const Matrix h = with_spectrum(spectrum, 1), identity = Matrix::Identity(4, 4);
    const auto damped = newton_preconditioner(h, {.method = NewtonMethod::damped, .relative_damping = 0.1});
    BOOST_TEST(damped->name() == "damped_newton");
    BOOST_TEST(distance(dense(*damped, 4), h + 2.4 * identity) <= 1e-14);
    const auto saddle_free = newton_preconditioner(h, {.relative_damping = 0.1});
    BOOST_TEST(saddle_free->name() == "saddle_free_newton");
    const Matrix absolute = with_spectrum(spectrum.cwiseAbs(), 1);
    BOOST_TEST(distance(dense(*saddle_free, 4), absolute + 0.4 * identity) <= 1e-14);
    const Matrix two = (Matrix(2, 2) << -3, 7, 7, 0.1).finished();
    const auto diagonal = newton_preconditioner(two, {.method = NewtonMethod::diagonal, .relative_damping = 0.5});
    BOOST_TEST(diagonal->name() == "diagonal_newton");
    BOOST_CHECK(diagonal->diagonal().value() == Eigen::Vector2d(3, 1.5));
}

BOOST_AUTO_TEST_CASE(without_damping_a_step_is_newtons_and_none_along_zero_curvature) {
    const Matrix h = (Matrix(2, 2) << 4, 0, 0, 0).finished();
    const auto p = newton_preconditioner(h, {.method = NewtonMethod::damped, .relative_damping = 0.0});
    BOOST_TEST((p->direction(Eigen::Vector2d(2, 5)) - Eigen::Vector2d(0.5, 0)).norm() <= 1e-15);
    const auto zero = newton_preconditioner(Matrix::Zero(2, 2));
    BOOST_CHECK(zero->direction(Eigen::Vector2d(2, 5)) == Eigen::Vector2d(2, 5));
}

BOOST_AUTO_TEST_CASE(it_is_that_of_the_hessian_last_observed) {
    const Matrix h = with_spectrum(spectrum, 1), other = with_spectrum(spectrum, 2);
    const Quadratic first(h), second(other);
    const auto p = newton_preconditioner(Index{4}, {.relative_damping = 0.1});
    for (const Quadratic* loss : {&first, &second})
        p->observe_curvature(LocalCurvature(*loss, Vector::Zero(4), Batch::all(loss->samples())));
    BOOST_CHECK(dense(*p, 4) == dense(*newton_preconditioner(other, {.relative_damping = 0.1}), 4));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { newton_preconditioner(Matrix::Identity(2, 2), {.relative_damping = 2.0}); },
            "newton_preconditioner: relative_damping must lie in [0, 1]; got 2");
    refuses([] { newton_preconditioner(Matrix::Ones(2, 3)); },
            "newton_preconditioner: the Hessian must be square and not empty; got 2 x 3");
    refuses([] { newton_preconditioner(Index{0}); }, "newton_preconditioner: dimension must be at least 1; got 0");
    refuses([] { (void)newton_preconditioner(Index{2})->matrix(); },
            "saddle_free_newton preconditioner: curvature must have been observed; got none");
    BOOST_CHECK_THROW(newton_preconditioner(Matrix::Constant(2, 2, std::numeric_limits<double>::infinity())),
                      NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
