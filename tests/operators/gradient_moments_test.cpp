#include "hessq/operators/gradient_moments.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::test::eps;
using hessq::test::LinearModel;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(gradient_moments_suite)

namespace {

/// Largest entry of the difference, in units of the largest entry.
double distance(const Matrix& a, const Matrix& b) {
    return (a - b).cwiseAbs().maxCoeff() / std::max(1e-300, b.cwiseAbs().maxCoeff());
}

/// The mean of hat(g) hat(g)' over a list of batches, each as likely as the other.
Matrix mean_over_batches(const LinearModel& model, const Vector& w, const std::vector<std::vector<Index>>& batches) {
    Matrix sum = Matrix::Zero(w.size(), w.size());
    for (const auto& indices : batches) {
        const Vector g = model.gradient(w, Batch(indices));
        sum += g * g.transpose();
    }
    return sum / static_cast<double>(batches.size());
}

/// All m^B ordered draws with replacement.
std::vector<std::vector<Index>> draws_with_replacement(Index m, Index size) {
    std::vector<std::vector<Index>> batches = {{}};
    for (Index i = 0; i < size; ++i) {
        std::vector<std::vector<Index>> longer;
        for (const auto& batch : batches)
            for (Index s = 0; s < m; ++s) {
                longer.push_back(batch);
                longer.back().push_back(s);
            }
        batches = std::move(longer);
    }
    return batches;
}

/// All subsets of B out of m.
std::vector<std::vector<Index>> draws_without_replacement(Index m, Index size) {
    std::vector<std::vector<Index>> batches;
    for (unsigned mask = 0; mask < (1u << m); ++mask) {
        std::vector<Index> batch;
        for (Index s = 0; s < m; ++s)
            if (mask >> s & 1u) batch.push_back(s);
        if (static_cast<Index>(batch.size()) == size) batches.push_back(batch);
    }
    return batches;
}

} // namespace

BOOST_AUTO_TEST_CASE(two_samples_by_hand) {
    // Gradients (w - 1, 0) and (0, 2 (2 w - 0)) at w = (3, 1): (2, 0) and (0, 4).
    const Matrix x = (Matrix(2, 2) << 1, 0, 0, 2).finished();
    const LinearModel model(x, Eigen::Vector2d(1, 0));
    const Vector w = Eigen::Vector2d(3, 1);
    const GradientMoments moments = gradient_moments(model, w);
    BOOST_CHECK(moments.mean == Eigen::Vector2d(1, 2));
    BOOST_CHECK(moments.second_moment == (Matrix(2, 2) << 2, 0, 0, 8).finished());
    BOOST_TEST(moments.samples == 2);
    BOOST_CHECK(noise_covariance(model, w) == (Matrix(2, 2) << 1, -2, -2, 4).finished());
    BOOST_CHECK(noise_diagonal(model, w) == Eigen::Vector2d(1, 4));
    BOOST_TEST(noise_trace(model, w) == 5.0);
}

BOOST_AUTO_TEST_CASE(several_chunks_agree_with_all_gradients_at_once) {
    const Index n = 7, m = 2 * sample_chunk + 9;
    const LinearModel model = LinearModel::random(n, m, 1, 0.3);
    const Vector w = normal_vector(RandomStream(2, 0), n);
    const Matrix g = model.per_sample_gradients(w, Batch::all(m));
    const Vector mean = g.rowwise().mean();
    const Matrix centered = g.colwise() - mean;
    const Matrix second = g * g.transpose() / static_cast<double>(m);
    const Matrix sigma = centered * centered.transpose() / static_cast<double>(m);
    const double tolerance = static_cast<double>(m) * eps;

    const GradientMoments moments = gradient_moments(model, w);
    BOOST_TEST(distance(moments.mean, mean) <= tolerance);
    BOOST_TEST(distance(moments.second_moment, second) <= tolerance);
    BOOST_TEST(distance(noise_covariance(model, w), sigma) <= tolerance);
    BOOST_TEST(distance(noise_diagonal(model, w), sigma.diagonal()) <= tolerance);
    BOOST_TEST(std::abs(noise_trace(model, w) - sigma.trace()) <= tolerance * sigma.trace());
    BOOST_TEST(distance(to_dense(empirical_fisher(model, w)), second) <= tolerance);
    BOOST_TEST(distance(to_dense(noise_covariance_operator(model, w)), sigma) <= tolerance);
}

BOOST_AUTO_TEST_CASE(the_second_moment_is_the_covariance_plus_the_squared_mean) {
    const LinearModel model = LinearModel::random(5, 40, 3, 0.1);
    const Vector w = normal_vector(RandomStream(4, 0), 5);
    const GradientMoments moments = gradient_moments(model, w);
    const Matrix sum = noise_covariance(model, w) + moments.mean * moments.mean.transpose();
    BOOST_TEST(distance(moments.second_moment, sum) <= 40 * eps);
}

BOOST_AUTO_TEST_CASE(moments_of_a_batch_run_over_the_batch) {
    const LinearModel model = LinearModel::random(3, 20, 5);
    const Vector w = normal_vector(RandomStream(6, 0), 3);
    const Batch batch(std::vector<Index>{4, 4, 17});
    const Matrix g = model.per_sample_gradients(w, batch);
    const GradientMoments moments = gradient_moments(model, w, batch);
    BOOST_TEST(distance(moments.mean, g.rowwise().mean()) <= 8 * eps);
    BOOST_TEST(distance(moments.second_moment, g * g.transpose() / 3.0) <= 8 * eps);
    BOOST_TEST(moments.samples == 3);
}

BOOST_AUTO_TEST_CASE(a_large_mean_does_not_drown_the_noise) {
    // The penalty adds 1e8 to every gradient: E gg' - g g' would lose 16 digits, centring first loses 8.
    const LinearModel plain = LinearModel::random(3, 300, 7);
    const Vector w = Vector::Ones(3);
    const LinearModel shifted = LinearModel::random(3, 300, 7, 1e8);
    BOOST_TEST(distance(noise_covariance(shifted, w), noise_covariance(plain, w)) <= 1e8 * 4 * eps);
}

BOOST_AUTO_TEST_CASE(a_quadratic_has_the_noise_it_was_given) {
    const Matrix c = (Matrix(2, 2) << 2, 1, 1, 3).finished();
    const Quadratic bowl(Matrix::Identity(2, 2), {.noise_covariance = c, .samples = 300, .seed = 1});
    for (const double at : {0.0, 10.0})
        BOOST_TEST(distance(noise_covariance(bowl, Vector::Constant(2, at)), c) <= 300 * eps);
}

BOOST_AUTO_TEST_CASE(batches_with_replacement_have_the_predicted_second_moment) {
    const Index m = 5;
    const LinearModel model = LinearModel::random(3, m, 8, 0.2);
    const Vector w = normal_vector(RandomStream(9, 0), 3);
    for (const Index size : {1, 2, 3, 6}) {
        const Matrix exact = mean_over_batches(model, w, draws_with_replacement(m, size));
        const Matrix law = batch_second_moment(model.gradient(w), noise_covariance(model, w), size, m, Sampling::iid);
        BOOST_TEST(distance(law, exact) <= 1e3 * eps);
    }
}

BOOST_AUTO_TEST_CASE(batches_without_replacement_have_the_predicted_second_moment) {
    const Index m = 6;
    const LinearModel model = LinearModel::random(3, m, 10, 0.2);
    const Vector w = normal_vector(RandomStream(11, 0), 3);
    for (Index size = 1; size <= m; ++size) {
        const Matrix exact = mean_over_batches(model, w, draws_without_replacement(m, size));
        const Matrix law =
            batch_second_moment(model.gradient(w), noise_covariance(model, w), size, m, Sampling::epochs);
        BOOST_TEST(distance(law, exact) <= 1e3 * eps);
    }
}

BOOST_AUTO_TEST_CASE(one_sample_has_no_noise_left) {
    BOOST_TEST(batch_noise_factor(1, 1, Sampling::epochs) == 0.0);
    BOOST_TEST(batch_noise_factor(6, 6, Sampling::epochs) == 0.0);
    BOOST_TEST(batch_noise_factor(4, 2, Sampling::iid) == 0.25);
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const LinearModel model = LinearModel::random(20, 900, 12);
    const Vector w = normal_vector(RandomStream(13, 0), 20);
    Matrix sigma;
    Vector diagonal;
    {
        const ThreadLimit one(1);
        sigma = noise_covariance(model, w);
        diagonal = noise_diagonal(model, w);
    }
    const ThreadLimit four(4);
    BOOST_CHECK(sigma == noise_covariance(model, w));
    BOOST_CHECK(diagonal == noise_diagonal(model, w));
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const LinearModel model = LinearModel::random(3, 4, 14);
    const Vector w = Vector::Zero(3), small = Vector::Zero(2);
    const Matrix sigma = Matrix::Identity(3, 3);
    BOOST_CHECK_EXCEPTION(gradient_moments(model, small), std::invalid_argument,
                          says("gradient_moments: w must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION(gradient_moments(model, w, Batch(std::vector<Index>{4})), std::invalid_argument,
                          says("gradient_moments: batch indices must lie in 0, ..., 3; got 4"));
    BOOST_CHECK_EXCEPTION(noise_covariance(model, small), std::invalid_argument,
                          says("noise_covariance: w must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION(batch_second_moment(w, sigma, 5, 4, Sampling::epochs), std::invalid_argument,
                          says("batch_noise_factor: batch size must be at most the number of samples (4) when drawn "
                               "without replacement; got 5"));
    BOOST_CHECK_EXCEPTION(batch_second_moment(w, sigma, 0, 4, Sampling::iid), std::invalid_argument,
                          says("batch_noise_factor: batch size must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(batch_second_moment(small, sigma, 1, 4, Sampling::iid), std::invalid_argument,
                          says("batch_second_moment: sigma must be square with as many rows as the mean has entries "
                               "(2); got 3 x 3"));
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_not_finite_stops_the_work) {
    const LinearModel model(Matrix::Constant(2, 3, 1e200), Vector::Zero(3)); // x (x'w) overflows
    BOOST_CHECK_EXCEPTION(empirical_fisher(model, Vector::Ones(2)), NumericalError,
                          says("per-sample gradient is not finite: entry (0, 0) is inf"));
}

BOOST_AUTO_TEST_SUITE_END()
