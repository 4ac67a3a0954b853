#include "hessq/core/dense.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/operators/fisher.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/operators/kronecker.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(operators_example)

BOOST_AUTO_TEST_CASE(second_moment_covariance_and_fisher_are_three_matrices) {
    const Mlp model = linear_regression(gaussian_regression(1000, Vector::Ones(3), {.seed = 1}).data);
    const Vector w = Vector::Ones(4); // far from the minimum

    const GradientMoments moments = gradient_moments(model, w); // uncentered, labels of the data
    const Matrix sigma = noise_covariance(model, w);            // centered
    const Matrix fisher = to_dense(true_fisher(model, w));      // labels of the model: here it is the Hessian

    // What a batch of 64 sees: g g' + Sigma / 64.
    const Matrix w64 = batch_second_moment(moments.mean, sigma, 64, model.samples(), Sampling::iid);

    const Matrix square = moments.mean * moments.mean.transpose();
    const double eps = 1e-12 * moments.second_moment.norm(); // 1000 terms, each to a few 2^-52
    BOOST_TEST((moments.second_moment - square - sigma).norm() <= eps);
    BOOST_TEST((w64 - square - sigma / 64.0).norm() <= eps);
    BOOST_TEST((fisher - model.dense_hessian(w)).norm() <= eps);
    BOOST_TEST((fisher - moments.second_moment).norm() > 0.5 * fisher.norm());
}

BOOST_AUTO_TEST_CASE(no_kronecker_product_is_nearer_than_the_nearest) {
    const Problem problem = bundled_problem("iris-mlp");
    const FiniteSumObjective& network = *problem.objective;
    const Vector at = problem.start(0);
    const ParameterGroup weight = network.layout().groups[0]; // out x in, row by row
    const Matrix gradients = network.per_sample_gradients(at, Batch::all(network.samples()));

    const KroneckerMap moment =
        gradient_kronecker_map(gradients.middleRows(weight.offset, weight.size()), weight.rows, weight.cols);
    const KroneckerFit nearest = nearest_kronecker(moment); // no other L (x) R has a smaller error
    const KroneckerFit shampoo = shampoo_squared_kronecker(moment);

    BOOST_TEST(nearest.converged);
    BOOST_TEST(nearest.error < shampoo.error);
    BOOST_TEST(shampoo.cosine < nearest.cosine);
}

BOOST_AUTO_TEST_SUITE_END()
