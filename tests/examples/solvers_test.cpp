#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/solvers/newton.hpp"
#include "hessq/solvers/nystrom.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(solvers_example)

BOOST_AUTO_TEST_CASE(newtons_step_goes_to_the_saddle_and_the_saddle_free_step_away_from_it) {
    // L = 2 x^2 - y^2 / 2: a valley along z, a saddle across it.
    const Quadratic saddle(Eigen::Vector3d(4.0, -1.0, 0.0).asDiagonal());
    const Vector w = Vector::Ones(3);
    const Vector g = saddle.gradient(w);
    const SymmetricEigen h = symmetric_eigen(saddle.dense_hessian(w));

    const NewtonStep newton = newton_step(h, g);                  // (1, 1, 0): w - step is the nearest saddle point
    const NewtonStep saddle_free = saddle_free_newton_step(h, g); // (1, -1, 0): downhill along y

    BOOST_TEST((newton.status == NewtonStatus::singular));
    BOOST_TEST(newton.negative_eigenvalues == 1);
    BOOST_TEST(newton.zero_eigenvalues == 1);
    BOOST_TEST((newton.step - Eigen::Vector3d(1.0, 1.0, 0.0)).norm() <= 1e-14); // some tens of 2^-52
    BOOST_TEST((saddle_free.step - Eigen::Vector3d(1.0, -1.0, 0.0)).norm() <= 1e-14);
    BOOST_TEST(saddle.value(w - saddle_free.step) == -2.0, boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(a_sketch_serves_as_preconditioner) {
    const Problem problem = bundled_problem("iris-mlp");
    const auto& network = dynamic_cast<const ModelObjective&>(*problem.objective);
    const Vector at = problem.start(0), slope = network.gradient(at);
    const SymmetricOperator gauss_newton = network.gauss_newton(at);

    const double damping = 1e-4;
    const NystromApproximation sketch = nystrom_approximation(gauss_newton, {.rank = 30});
    const CgResult step = newton_step_cg(
        gauss_newton, slope, {.damping = damping, .preconditioner = nystrom_preconditioner(sketch, damping)});

    BOOST_TEST((step.status == CgStatus::converged));
    BOOST_TEST((gauss_newton * step.x + damping * step.x - slope).norm() <= 1.001e-10 * slope.norm());
    BOOST_TEST(step.products < newton_step_cg(gauss_newton, slope, {.damping = damping}).products);
}

BOOST_AUTO_TEST_SUITE_END()
