#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/reparametrization.hpp"
#include "hessq/optimizers/groups.hpp"
#include "hessq/theory/reparametrization.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(layerwise_example)

BOOST_AUTO_TEST_CASE(the_run_on_phi_is_the_run_on_theta) {
    const Problem iris = bundled_problem("iris-mlp");
    const ParameterLayout layout = iris.objective->layout(); // two weights, two biases
    const std::vector<double> lambda = {4.0, 4.0, 1.0, 1.0}; // theta = 4 phi in the first layer
    const TrainOptions training{.steps = 50, .batch = 16};

    const OptimizerSettings settings{.lr = 1e-3, .eps = 1e-8, .weight_decay = 0.1};
    const auto on_phi = make_optimizer("adamw", settings);
    const auto on_theta = equivalent_optimizer("adamw", settings, layout, lambda); // 4 lr, eps / 4, decay / 4 there
    const Vector start = iris.start(0);
    const double apart = path_deviation(
        reparametrized_path(iris.objective, start, coordinate_factors(layout, lambda), *on_phi, training),
        parameter_path(*iris.objective, start, *on_theta, training)); // 0: powers of two change no digit

    const double exponent = update_degrees("lamb").rate_exponent(); // 0: its steps are as long as the parameters say

    BOOST_TEST(apart == 0.0);
    BOOST_TEST(exponent == 0.0);
    const OptimizerSettings first = reparametrized_settings("adamw", settings, 4.0);
    BOOST_TEST(*first.lr == 4e-3);
    BOOST_TEST(*first.eps == 0.25e-8);
    BOOST_TEST(*first.weight_decay == 0.025);
}

BOOST_AUTO_TEST_SUITE_END()
