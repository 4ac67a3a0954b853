#include "hessq/objectives/problems.hpp"

#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "support/eigen_solvers.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <memory>
#include <stdexcept>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(problems)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

} // namespace

BOOST_AUTO_TEST_CASE(every_listed_problem_is_what_the_list_says) {
    BOOST_TEST(bundled_problems().size() == 14u);
    for (const ProblemInfo& info : bundled_problems()) {
        BOOST_TEST_CONTEXT(info.name) {
            const Problem problem = bundled_problem(info.name);
            BOOST_TEST(problem.name == info.name);
            BOOST_TEST(problem.summary == info.summary);
            BOOST_TEST(!problem.conventions.empty());
            BOOST_TEST(problem.objective->samples() == info.samples);
            BOOST_TEST(problem.objective->dimension() == info.parameters);
            const Vector start = problem.start(3);
            BOOST_TEST(start.size() == info.parameters);
            BOOST_TEST((start == problem.start(3)));
            BOOST_TEST((start != problem.start(4)));
            const double loss = problem.objective->value(start);
            BOOST_TEST(loss > 0.0);
            if (problem.data) {
                validate(*problem.data);
                BOOST_TEST(problem.data->samples() == info.samples);
            }
            if (problem.minimum) {
                BOOST_TEST(problem.objective->value(*problem.minimum) < loss);
                // Solved through a Hessian of condition 1e4: the gradient's rounding is that of its terms, order one.
                BOOST_TEST(problem.objective->gradient(*problem.minimum).norm() <=
                           1e4 * eps * (1.0 + problem.minimum->norm()));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_quadratics_share_a_spectrum_and_have_noise_of_covariance_h) {
    const Problem straight = bundled_problem("P1");
    const Problem turned = bundled_problem("P1r");
    const Vector w = straight.start(1);
    const Matrix h = turned.objective->dense_hessian(w);
    BOOST_TEST((Eigen::SelfAdjointEigenSolver<Matrix>(h).eigenvalues() - log_uniform_spectrum(60, 1e-3, 10.0))
                   .cwiseAbs()
                   .maxCoeff() <= 60 * 60 * eps * 10.0);
    BOOST_TEST(straight.objective->dense_hessian(w).isDiagonal(eps));
    BOOST_TEST(!h.isDiagonal(0.01));
    Matrix g = turned.objective->per_sample_gradients(w, Batch::all(1024));
    g.colwise() -= turned.objective->gradient(w);
    BOOST_TEST((g * g.transpose() / 1024.0 - h).cwiseAbs().maxCoeff() <= 1024 * 60 * eps * 10.0);
}

BOOST_AUTO_TEST_CASE(the_deep_linear_network_starts_beside_a_strict_saddle) {
    const Problem problem = bundled_problem("P5");
    const Vector saddle = Vector::Zero(problem.objective->dimension());
    BOOST_TEST(problem.objective->gradient(saddle).norm() <= 256 * eps);
    const Matrix h = problem.objective->dense_hessian(saddle);
    BOOST_TEST(Eigen::SelfAdjointEigenSolver<Matrix>(h).eigenvalues()(0) < -0.1);
    BOOST_TEST(problem.start(1).cwiseAbs().maxCoeff() <= 0.1);
}

BOOST_AUTO_TEST_CASE(the_digits_network_is_the_one_of_the_documentation) {
    const Problem problem = bundled_problem("digits-mlp");
    const auto net = std::dynamic_pointer_cast<const Mlp>(problem.objective);
    BOOST_TEST_REQUIRE(net != nullptr);
    BOOST_TEST((net->options().hidden == std::vector<Index>{32}));
    BOOST_TEST((net->options().activation == Activation::tanh));
    BOOST_TEST((net->options().loss == Loss::cross_entropy));
    BOOST_TEST(net->options().l2 == 0.0);
    BOOST_TEST(problem.data->inputs.maxCoeff() == 1.0);
    // The autoencoder's targets are its inputs.
    const Problem autoencoder = bundled_problem("digits-autoencoder");
    BOOST_TEST((autoencoder.data->targets == problem.data->inputs));
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_refused_with_the_nearest_one) {
    const std::string names = "digits-mlp, digits-softmax, digits-autoencoder, iris-mlp, breast-cancer-logistic, "
                              "breast-cancer-mlp, diabetes-linear, P1, P1r, P2, P3a, P3b, P3c, P5";
    BOOST_CHECK_EXCEPTION(
        bundled_problem("digit-mpl"), std::invalid_argument,
        says("bundled_problem: the name must be one of " + names + "; got \"digit-mpl\" (did you mean digits-mlp?)"));
    BOOST_CHECK_EXCEPTION(bundled_problem("imagenet-vit-large"), std::invalid_argument,
                          says("bundled_problem: the name must be one of " + names + "; got \"imagenet-vit-large\""));
}

BOOST_AUTO_TEST_SUITE_END()
