#include "hessq/core/parallel.hpp"
#include "hessq/theory/simulation.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(simulation)

namespace {

/// Averages of outer products over all columns and `draws` calls of the population at the fixed point delta.
struct SampledMoments {
    Vector mean;
    Matrix second_moment;
};

SampledMoments sample(const Population& population, const Vector& delta, Index runs, std::uint64_t seed) {
    BlockGradients out;
    (void)population.gradients(delta.replicate(1, runs), RandomStream(seed, 0), 0, out);
    return {out.minibatch.rowwise().mean(), out.minibatch * out.minibatch.transpose() / static_cast<double>(runs)};
}

/// The same, with each of the batch's samples drawn as the definition says.
SampledMoments sample_by_definition(const Vector& lambda, double noise_variance, Index batch, const Vector& delta,
                                    Index runs, std::uint64_t seed) {
    const RandomStream stream(seed, 1);
    const Index n = lambda.size();
    Matrix g = Matrix::Zero(n, runs);
    std::uint64_t index = 0;
    for (Index r = 0; r < runs; ++r)
        for (Index s = 0; s < batch; ++s) {
            const Vector x = lambda.cwiseSqrt().cwiseProduct(normal_vector(stream, n, index));
            index += static_cast<std::uint64_t>(n);
            const double label_noise = std::sqrt(noise_variance) * stream.normal(index++);
            g.col(r) += x * (x.dot(delta) - label_noise) / static_cast<double>(batch);
        }
    return {g.rowwise().mean(), g * g.transpose() / static_cast<double>(runs)};
}

} // namespace

BOOST_AUTO_TEST_CASE(additive_noise_has_the_covariance_asked_for) {
    const Matrix h = (Matrix(2, 2) << 2.0, 0.5, 0.5, 1.0).finished();
    const Matrix noise = (Matrix(2, 2) << 1.0, -0.6, -0.6, 0.8).finished();
    const Vector delta = (Vector(2) << 0.3, -0.2).finished();
    const Index runs = 200'000;
    const SampledMoments found = sample(noisy_quadratic(h, noise), delta, runs, 3);
    const Vector g = h * delta;
    // Five standard errors: of a mean sqrt(c / runs), of a second moment at most sqrt(2) E g^2 / sqrt(runs).
    BOOST_TEST((found.mean - g).cwiseAbs().maxCoeff() <= 5.0 / std::sqrt(runs));
    BOOST_TEST((found.second_moment - g * g.transpose() - noise).cwiseAbs().maxCoeff() <=
               5.0 * std::sqrt(2.0) * 1.5 / std::sqrt(runs));

    const Vector lambda = (Vector(2) << 2.0, 1.0).finished(), variance = (Vector(2) << 0.5, 0.0).finished();
    const SampledMoments diagonal = sample(noisy_quadratic(lambda, variance), delta, runs, 4);
    BOOST_TEST(diagonal.mean(1) == -0.2, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(std::abs(diagonal.second_moment(0, 0) - 0.36 - 0.5) <= 5.0 * std::sqrt(2.0) * 0.86 / std::sqrt(runs));
}

BOOST_AUTO_TEST_CASE(a_regression_batch_has_the_law_of_its_definition) {
    const Vector lambda = (Vector(3) << 4.0, 1.0, 0.25).finished();
    const Vector delta = (Vector(3) << 0.2, -0.5, 1.0).finished();
    for (const Index batch : {Index{1}, Index{3}}) {
        const Index runs = 100'000;
        const SampledMoments found = sample(gaussian_regression_population(lambda, 0.49, batch), delta, runs, 5);
        const SampledMoments direct = sample_by_definition(lambda, 0.49, batch, delta, runs, 6);
        // Fourth moments of x (x'delta - y) are at most 105 / 3 times those of a normal: kurtosis 35 at batch 1.
        const double scale = direct.second_moment.diagonal().maxCoeff();
        BOOST_TEST((found.mean - direct.mean).cwiseAbs().maxCoeff() <= 5.0 * std::sqrt(2.0 * scale / runs));
        BOOST_TEST((found.second_moment - direct.second_moment).cwiseAbs().maxCoeff() <=
                   5.0 * std::sqrt(2.0 * 35.0 / runs) * scale);
    }
}

BOOST_AUTO_TEST_CASE(without_noise_sgd_contracts_each_coordinate_by_its_own_factor) {
    const Vector lambda = (Vector(2) << 1.0, 0.1).finished();
    const Population population = noisy_quadratic(lambda, Vector(Vector::Zero(2)));
    Vector last;
    simulate(population, {.lr = 0.5}, Vector::Ones(2), {.runs = 1, .steps = 4},
             [&](Index, Index t, const Matrix& delta, const BlockGradients&) {
                 if (t == 3) last = delta.col(0);
             });
    BOOST_TEST(last(0) == 0.125, boost::test_tools::tolerance(1e-15));
    BOOST_TEST(last(1) == std::pow(0.95, 3), boost::test_tools::tolerance(1e-15));
}

BOOST_AUTO_TEST_CASE(adams_first_steps_are_those_of_its_definition) {
    const Population population = noisy_quadratic(Vector(Vector::Ones(1)), Vector(Vector::Zero(1)));
    std::vector<double> path;
    simulate(population, {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99}, Vector::Ones(1), {.runs = 1, .steps = 4},
             [&](Index, Index, const Matrix& delta, const BlockGradients&) { path.push_back(delta(0, 0)); });
    double w = 1.0, m = 0.0, v = 0.0;
    for (int t = 1; t < 4; ++t) {
        m = 0.9 * m + 0.1 * w;
        v = 0.99 * v + 0.01 * w * w;
        w -= 0.1 * (m / (1.0 - std::pow(0.9, t))) / std::sqrt(v / (1.0 - std::pow(0.99, t)));
        BOOST_TEST(path[static_cast<std::size_t>(t)] == w, boost::test_tools::tolerance(1e-13));
    }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes_for_any_number_of_threads) {
    const Population population = gaussian_regression_population((Vector(2) << 1.0, 0.5).finished(), 0.3, 2);
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        return simulated_moments(population, {.lr = 0.05, .beta2 = 0.99}, Vector::Zero(2),
                                 {.runs = 20, .block_runs = 6, .steps = 50, .burn_in = 10, .seed = 8});
    };
    const SimulatedMoments one = run(1), two = run(2);
    BOOST_TEST(one.minibatch.cols() == 4);
    BOOST_TEST((one.minibatch.array() == two.minibatch.array()).all());
    BOOST_TEST((one.cloud.array() == two.cloud.array()).all());
    BOOST_TEST((one.cloud.col(0) - one.cloud.col(1)).norm() > 0.0); // blocks are different draws
}

BOOST_AUTO_TEST_CASE(a_run_that_diverges_is_named_and_options_are_checked) {
    const Population population = noisy_quadratic(Vector(Vector::Ones(1)), Vector(Vector::Ones(1)));
    const auto observer = [](Index, Index, const Matrix&, const BlockGradients&) {};
    BOOST_CHECK_THROW(simulate(population, {.lr = 3.0}, Vector::Ones(1), {.runs = 2, .steps = 5000}, observer),
                      std::runtime_error);
    BOOST_CHECK_THROW(simulate(population, {.lr = 0.0}, Vector::Ones(1), {}, observer), std::invalid_argument);
    BOOST_CHECK_THROW(simulate(population, {.lr = 0.1}, Vector::Ones(2), {}, observer), std::invalid_argument);
    BOOST_CHECK_THROW(simulate(population, {.lr = 0.1, .beta2 = 1.0}, Vector::Ones(1), {}, observer),
                      std::invalid_argument);
    BOOST_CHECK_THROW((void)gaussian_regression_population(Vector::Ones(1), -1.0, 1), std::invalid_argument);
    BOOST_CHECK_THROW((void)noisy_quadratic(Matrix(Matrix::Identity(2, 2)), Matrix(-Matrix::Identity(2, 2))),
                      std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
