#include "hessq/objectives/quadratic.hpp"
#include "hessq/objectives/test_functions.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/optimizers/train.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(optimizers_example)

BOOST_AUTO_TEST_CASE(gradient_descent_and_newton_from_start_to_end) {
    const Quadratic bowl(Eigen::Vector2d(1.0, 4.0).asDiagonal());
    const auto sgd = sgd_optimizer({.lr = 0.25});
    const TrainResult trained = train(bowl, Vector::Ones(2), *sgd, {.steps = 10}); // ((1 - lr)^10, (1 - 4 lr)^10)

    const NewtonRun newton = minimize_newton(Rosenbrock(2), Eigen::Vector2d(-1.2, 1.0));

    BOOST_TEST(trained.parameters(0) == std::pow(0.75, 10), boost::test_tools::tolerance(1e-14));
    BOOST_TEST(trained.parameters(1) == 0.0);
    BOOST_TEST((newton.outcome == NewtonOutcome::converged));
    // The smallest eigenvalue at the minimum is 0.399, so |w - w*| <= |g| / 0.399 to first order.
    BOOST_TEST((newton.parameters - Vector::Ones(2)).norm() <= 1e-8 / 0.39);
}

BOOST_AUTO_TEST_SUITE_END()
