#include "hessq/preconditioners/adaptive.hpp"

#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/preconditioner_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <stdexcept>

using namespace hessq;
using hessq::laws::check_preconditioner_laws;
using hessq::test::eps;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(adaptive)

namespace {

/// What a preconditioner made of three equal gradients of 2 divides by.
double after_three_twos(std::unique_ptr<Preconditioner> p) {
    for (int t = 0; t < 3; ++t) p->observe(Vector::Constant(1, 2.0));
    return p->diagonal().value()(0);
}

} // namespace

BOOST_AUTO_TEST_CASE(all_five_obey_the_laws) {
    constexpr Index n = 6;
    check_preconditioner_laws(*rmsprop_preconditioner(n), n);
    check_preconditioner_laws(*adam_preconditioner(n), n);
    check_preconditioner_laws(*adagrad_preconditioner(n), n);
    check_preconditioner_laws(*adabelief_preconditioner(n), n);
    check_preconditioner_laws(*adadelta_preconditioner(n), n);
}

BOOST_AUTO_TEST_CASE(steady_gradients_by_hand) {
    // alpha = 1/2: v = 4 (1 - 1/8), not corrected.
    BOOST_TEST(after_three_twos(rmsprop_preconditioner(1, {.alpha = 0.5, .eps = 0.25})) == std::sqrt(3.5) + 0.25);
    BOOST_TEST(after_three_twos(adam_preconditioner(1, {.beta2 = 0.5, .eps = 0.25})) == 2.25);
    BOOST_TEST(after_three_twos(adagrad_preconditioner(1, {.eps = 0.25})) == std::sqrt(12.0) + 0.25);
    // beta1 = beta2 = 1/2, eps = 1/4: g - m = 1, 1/2, 1/4; s = 1/2 + 1/4, 3/8 + 1/8 + 1/4, 3/8 + 1/32 + 1/4.
    BOOST_TEST(after_three_twos(adabelief_preconditioner(1, {.beta1 = 0.5, .beta2 = 0.5, .eps = 0.25})) ==
                   std::sqrt(0.65625 / 0.875) + 0.25,
               boost::test_tools::tolerance(4 * eps));
    // rho = 1/2, eps = 1/4: v = 2, 3, 3.5; the squared updates are 4/9 and 68/117, d = 0, 2/9, 47/117.
    BOOST_TEST(after_three_twos(adadelta_preconditioner(1, {.rho = 0.5, .eps = 0.25})) ==
                   std::sqrt(3.75 / (47.0 / 117.0 + 0.25)),
               boost::test_tools::tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(a_coordinate_without_gradients_is_divided_by_eps) {
    const auto p = adam_preconditioner(2);
    p->observe(Eigen::Vector2d(3, 0));
    BOOST_TEST((p->diagonal().value())(1) == 1e-8);
    BOOST_TEST(p->direction(Eigen::Vector2d(0, 1))(1) == 1.0 / 1e-8);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { rmsprop_preconditioner(2, {.alpha = -0.5}); },
            "rmsprop_preconditioner: alpha must lie in [0, 1); got -0.5");
    refuses([] { adam_preconditioner(2, {.beta2 = 1.0}); }, "adam_preconditioner: beta2 must lie in [0, 1); got 1");
    refuses([] { adadelta_preconditioner(2, {.rho = 1.0}); }, "adadelta_preconditioner: rho must lie in [0, 1); got 1");
    refuses([] { adadelta_preconditioner(2, {.eps = -1.0}); },
            "adadelta_preconditioner: eps must be at least 0; got -1");
    refuses([] { adadelta_preconditioner(2, {.initial_squared_update = -1.0}); },
            "adadelta_preconditioner: initial_squared_update must be at least 0; got -1");
    refuses([] { adadelta_preconditioner(0); }, "adadelta_preconditioner: dimension must be at least 1; got 0");
    refuses([] { adam_preconditioner(2, {.eps = -1.0}); }, "adam_preconditioner: eps must be at least 0; got -1");
    refuses([] { adagrad_preconditioner(0); }, "adagrad_preconditioner: dimension must be at least 1; got 0");
    refuses([] { adabelief_preconditioner(2, {.beta1 = 2.0}); },
            "adabelief_preconditioner: beta1 must lie in [0, 1); got 2");
    refuses([] { adam_preconditioner(2)->matrix(); },
            "adam preconditioner: at least one gradient must have been observed; got 0");
    refuses([] { adagrad_preconditioner(2)->observe(Vector::Ones(3)); },
            "adagrad preconditioner: the gradient must have 2 entries; got 3");
}

BOOST_AUTO_TEST_SUITE_END()
