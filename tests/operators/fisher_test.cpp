#include "hessq/operators/fisher.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::test::LinearModel;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(fisher_suite)

BOOST_AUTO_TEST_CASE(the_true_fisher_of_a_gaussian_linear_model_is_the_mean_of_x_x) {
    const Matrix x = (Matrix(2, 2) << 1, 0, 1, 2).finished();
    const LinearModel model(x, Eigen::Vector2d(5, -3));
    const Matrix fisher = to_dense(true_fisher(model, Eigen::Vector2d(1, 1)));
    BOOST_CHECK(fisher == (Matrix(2, 2) << 0.5, 0.5, 0.5, 2.5).finished());
}

BOOST_AUTO_TEST_CASE(sampling_labels_is_unbiased_and_its_error_bar_is_the_true_error) {
    // Gradients are z x with z standard normal and Var z^2 = 2: E |F_D - F|^2 = 2 sum_s |x_s|^4 / (m^2 D).
    const Index n = 4, m = 30, draws = 5, seeds = 400;
    const LinearModel model = LinearModel::random(n, m, 1);
    const Vector w = Vector::Zero(n);
    const Matrix truth = to_dense(true_fisher(model, w));
    const double variance =
        2.0 * model.inputs().colwise().squaredNorm().squaredNorm() / static_cast<double>(m * m * draws);
    Vector actual(seeds), claimed(seeds);
    Matrix mean = Matrix::Zero(n, n);
    for (Index s = 0; s < seeds; ++s) {
        const SampledFisher sampled = sampled_fisher(model, w, {.draws = draws, .seed = static_cast<std::uint64_t>(s)});
        actual(s) = (sampled.value - truth).squaredNorm();
        claimed(s) = sampled.frobenius_error * sampled.frobenius_error;
        mean += sampled.value / static_cast<double>(seeds);
    }
    // Four standard errors of a mean over the seeds.
    const auto four_sigma = [&](const Vector& x) {
        return 4.0 * std::sqrt((x.array() - x.mean()).square().mean() / static_cast<double>(seeds));
    };
    BOOST_TEST(std::abs(actual.mean() - variance) <= four_sigma(actual));
    BOOST_TEST(std::abs(claimed.mean() - variance) <= four_sigma(claimed));
    // |mean - F|^2 has expectation variance / seeds; nine of them is three sigma of the norm.
    BOOST_TEST((mean - truth).squaredNorm() <= 9.0 * variance / static_cast<double>(seeds));
}

BOOST_AUTO_TEST_CASE(a_penalty_adds_the_square_of_its_gradient) {
    const LinearModel model = LinearModel::random(3, 50, 2, 2.0);
    const LinearModel plain = LinearModel::random(3, 50, 2);
    const Vector w = Vector::Ones(3);
    const Matrix expected = to_dense(true_fisher(plain, w)) + 4.0 * w * w.transpose();
    const SampledFisher sampled = sampled_fisher(model, w, {.draws = 200, .seed = 3});
    BOOST_TEST((sampled.value - expected).norm() <= 3.0 * sampled.frobenius_error);
}

BOOST_AUTO_TEST_CASE(a_network_with_sampled_labels_has_the_gauss_newton_matrix_as_its_fisher_matrix) {
    Dataset data;
    data.name = "test";
    data.inputs = normal_vector(RandomStream(8, 0), 60).reshaped(2, 30);
    data.targets = Matrix::Zero(1, 30);
    for (Index s = 0; s < 30; ++s) data.targets(0, s) = static_cast<double>(s % 3);
    data.class_names = {"a", "b", "c"};
    const Mlp network(data, {.hidden = {4}});
    const Vector w = network.initial_parameters(9);
    const Matrix truth = to_dense(true_fisher(network, w));
    const SampledFisher sampled = sampled_fisher(network, w, {.draws = 400, .seed = 10});
    BOOST_TEST(sampled.frobenius_error <= 0.05 * truth.norm());
    BOOST_TEST((sampled.value - truth).norm() <= 3.0 * sampled.frobenius_error);
}

BOOST_AUTO_TEST_CASE(the_trace_alone_is_the_trace_of_the_matrix) {
    const LinearModel model = LinearModel::random(3, 300, 4);
    const Vector w = Vector::Ones(3);
    const SampledFisherOptions options{.draws = 4, .seed = 5};
    const Estimate trace = sampled_fisher_trace(model, w, options);
    const double exact = to_dense(true_fisher(model, w)).trace();
    BOOST_TEST(trace.value == sampled_fisher(model, w, options).value.trace(), boost::test_tools::tolerance(1e-13));
    BOOST_TEST(std::abs(sampled_fisher_trace(model, w, {.draws = 100}).value - exact) <=
               4.0 * sampled_fisher_trace(model, w, {.draws = 100}).std_error);
    BOOST_TEST(trace.samples == 4);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes_and_another_seed_does_not) {
    const LinearModel model = LinearModel::random(3, 10, 4);
    const Vector w = Vector::Ones(3);
    const Matrix first = sampled_fisher(model, w, {.draws = 2, .seed = 5}).value;
    BOOST_CHECK(first == sampled_fisher(model, w, {.draws = 2, .seed = 5}).value);
    BOOST_CHECK(first != sampled_fisher(model, w, {.draws = 2, .seed = 6}).value);
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const Mlp net(softmax_data(2 * sample_chunk + 5, 6, 3).data, {.hidden = {4}});
    const Vector w = net.initial_parameters(1);
    const auto sample = [&](int threads) {
        const ThreadLimit limit(threads);
        return sampled_fisher(net, w, {.draws = 3});
    };
    BOOST_CHECK(sample(1).value == sample(4).value);
    BOOST_TEST(sample(1).frobenius_error == sample(4).frobenius_error);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const LinearModel model = LinearModel::random(3, 4, 5);
    BOOST_CHECK_EXCEPTION((void)sampled_fisher(model, Vector::Zero(2)), std::invalid_argument,
                          says("sampled_fisher: w must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION((void)sampled_fisher(model, Vector::Zero(3), {.draws = 1}), std::invalid_argument,
                          says("sampled_fisher: draws must be at least 2; got 1"));
}

BOOST_AUTO_TEST_SUITE_END()
