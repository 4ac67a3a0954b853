#include "hessq/objectives/quadratic.hpp"
#include "hessq/objectives/test_functions.hpp"
#include "hessq/optimizers/groups.hpp"
#include "hessq/optimizers/newton.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/optimizers/transforms.hpp"

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

BOOST_AUTO_TEST_CASE(a_method_for_each_group) {
    ParameterLayout layout;
    layout.append("weight", 4, 3);
    layout.append("bias", 4);

    const auto muon_and_adam = grouped_optimizer(layout, [](const ParameterLayout& group) {
        return group.groups[0].cols > 1 ? muon_optimizer({.lr = 0.02, .layout = group}) : adam_optimizer();
    });
    const auto clipped = transformed(shampoo_optimizer({.layout = layout}), clip_by_norm(1.0));

    Vector w = Vector::Zero(16), z = w;
    muon_and_adam->step(w, Vector::LinSpaced(16, -1.0, 2.0));
    clipped->step(z, Vector::LinSpaced(16, -1.0, 2.0));
    BOOST_TEST(muon_and_adam->name() == "muon+adam");
    BOOST_TEST(std::abs(w.tail(4).cwiseAbs().maxCoeff() - 1e-3) <= 1e-9);
    BOOST_TEST(z.norm() > 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
