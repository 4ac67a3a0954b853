#include "hessq/preconditioners/preconditioner.hpp"

#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::test::eps;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(preconditioner)

BOOST_AUTO_TEST_CASE(fixed_diagonals_and_momentum_obey_the_laws) {
    constexpr Index n = 6;
    check_preconditioner_laws(*sgd_preconditioner(n), n);
    check_preconditioner_laws(*diagonal_preconditioner(Vector::LinSpaced(n, 1.0, 2.0)), n);
    check_preconditioner_laws(*momentum_preconditioner(n), n, true);
}

BOOST_AUTO_TEST_CASE(gradient_descent_is_the_identity) {
    const auto p = sgd_preconditioner(3);
    BOOST_TEST(p->name() == "sgd");
    BOOST_CHECK(to_dense(p->matrix()) == Matrix::Identity(3, 3));
    BOOST_CHECK(p->direction(Eigen::Vector3d(1, -2, 3)) == Eigen::Vector3d(1, -2, 3));
}

BOOST_AUTO_TEST_CASE(a_diagonal_divides_entry_by_entry) {
    const auto p = diagonal_preconditioner(Eigen::Vector2d(4, 16), "name");
    BOOST_TEST(p->name() == "name");
    BOOST_CHECK(p->diagonal().value() == Eigen::Vector2d(4, 16));
    BOOST_CHECK(p->direction(Eigen::Vector2d(2, -4)) == Eigen::Vector2d(0.5, -0.25));
    BOOST_CHECK((p->inverse_sqrt() * Eigen::Vector2d(2, -4)).col(0) == Eigen::Vector2d(1, -1));
}

BOOST_AUTO_TEST_CASE(momentum_is_the_identity_with_the_averaged_direction) {
    const auto p = momentum_preconditioner(2, 0.5);
    p->observe(Eigen::Vector2d(1, 0));
    p->observe(Eigen::Vector2d(0, 3));
    // m = (1/4, 3/2), divided by 1 - 1/4.
    BOOST_TEST((p->direction(Eigen::Vector2d(7, 7)) - Eigen::Vector2d(1.0 / 3.0, 2.0)).norm() <= 4 * eps);
    BOOST_CHECK(to_dense(p->matrix()) == Matrix::Identity(2, 2));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { sgd_preconditioner(0); }, "sgd_preconditioner: dimension must be at least 1; got 0");
    refuses([] { momentum_preconditioner(1, 1.0); }, "momentum_preconditioner: beta1 must lie in [0, 1); got 1");
    refuses([] { diagonal_preconditioner(Eigen::Vector2d(1, 0)); },
            "diagonal_preconditioner: entries must be positive and finite; got 0");
    refuses([] { momentum_preconditioner(2)->direction(Vector::Ones(2)); },
            "momentum preconditioner: at least one gradient must have been observed; got 0");
}

BOOST_AUTO_TEST_SUITE_END()
