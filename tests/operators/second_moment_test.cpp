#include "hessq/operators/second_moment.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;
using hessq::test::eps;
using hessq::test::random_matrix;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(second_moment_suite)

namespace {

Vector gradient(Index t, Index n) { return normal_vector(RandomStream(1, static_cast<std::uint64_t>(t)), n); }

/// W by the recursion W_t = beta2 W_(t-1) + (1 - beta2) g g', then bias-corrected.
Matrix recursion(Index n, double beta2, Index steps) {
    Matrix w = Matrix::Zero(n, n);
    for (Index t = 0; t < steps; ++t) w = beta2 * w + (1.0 - beta2) * gradient(t, n) * gradient(t, n).transpose();
    return w / (1.0 - std::pow(beta2, static_cast<double>(steps)));
}

double distance(const Matrix& a, const Matrix& b) { return (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff(); }

} // namespace

BOOST_AUTO_TEST_CASE(two_steps_by_hand) {
    SecondMomentAverages v(1, {0.5, 0.0});
    v.observe(Vector::Constant(1, 2.0));
    v.observe(Vector::Constant(1, 4.0));
    BOOST_TEST(v.average(0)(0) == 9.0);    // .5 (.5 4) + .5 16
    BOOST_TEST(v.corrected(0)(0) == 12.0); // 9 / (1 - .25)
    BOOST_TEST(v.average(1)(0) == 16.0);
    BOOST_TEST(v.corrected(1)(0) == 16.0);
    BOOST_TEST(v.steps() == 2);
}

BOOST_AUTO_TEST_CASE(a_constant_gradient_is_known_after_one_step) {
    SecondMomentAverages v(2, {0.9, 0.999});
    const Vector g = Eigen::Vector2d(3.0, -0.5);
    for (Index t = 1; t <= 50; ++t) {
        v.observe(g);
        // 1 - beta2^t is known to eps, hence v to eps / (1 - beta2^t).
        for (const Index k : {0, 1})
            BOOST_TEST(distance(v.corrected(k), g.cwiseAbs2()) <= 100 * eps / (1.0 - v.beta2()[std::size_t(k)]));
    }
}

BOOST_AUTO_TEST_CASE(the_history_equals_the_recursion_at_every_step_and_decay_rate) {
    const Index n = 6, steps = 40;
    GradientHistory history(n, 3); // grows on the way
    for (Index t = 0; t < steps; ++t) history.observe(gradient(t, n));
    const Matrix u = normal_vector(RandomStream(2, 0), n * 70).reshaped(n, 70); // more than one block
    for (const double beta2 : {0.0, 0.5, 0.9, 0.999})
        for (const Index at : {Index{1}, Index{7}, steps}) {
            const Matrix w = recursion(n, beta2, at);
            const double tolerance = 50 * eps / (1.0 - beta2);
            BOOST_TEST(distance(history.diagonal(beta2, at), w.diagonal()) <= tolerance);
            BOOST_TEST(distance(to_dense(history.second_moment(beta2, at)), w) <= tolerance);
            const Matrix f = history.weighted_factor(beta2, at);
            BOOST_TEST(distance(f * f.transpose(), w) <= tolerance);
            const Vector forms = (u.transpose() * w * u).diagonal();
            BOOST_TEST(distance(history.quadratic_forms(u, beta2, at), forms) <= tolerance);
        }
}

BOOST_AUTO_TEST_CASE(the_diagonal_of_the_history_is_what_adam_averages) {
    const Index n = 5, steps = 30;
    GradientHistory history(n);
    SecondMomentAverages v(n, {0.99});
    for (Index t = 0; t < steps; ++t) {
        history.observe(gradient(t, n));
        v.observe(gradient(t, n));
        BOOST_TEST(distance(history.diagonal(0.99, t + 1), v.corrected(0)) <= 1e4 * eps);
    }
}

BOOST_AUTO_TEST_CASE(steps_without_weight_are_dropped) {
    GradientHistory history(1);
    for (Index t = 0; t < 200; ++t) history.observe(Vector::Ones(1));
    BOOST_TEST(history.weighted_factor(0.0, 200).cols() == 1);
    // .5^(k + 1) >= 1e-17 for k <= 55.
    BOOST_TEST(history.weighted_factor(0.5, 200).cols() == 56);
    BOOST_TEST(std::abs(history.diagonal(0.5, 200)(0) - 1.0) <= 4 * eps);
}

BOOST_AUTO_TEST_CASE(a_history_of_the_newest_gradients_equals_one_that_began_with_them) {
    const Index n = 5, most = 7;
    GradientHistory bounded(n, 3, most);
    for (Index t = 0; t < 40; ++t) {
        bounded.observe(gradient(t, n));
        GradientHistory fresh(n);
        for (Index s = std::max<Index>(0, t + 1 - most); s <= t; ++s) fresh.observe(gradient(s, n));
        BOOST_TEST(bounded.steps() == t + 1);
        BOOST_TEST((bounded.weighted_factor(0.9, t + 1) == fresh.weighted_factor(0.9, fresh.steps())));
        BOOST_TEST((bounded.diagonal(0.9, t + 1) == fresh.diagonal(0.9, fresh.steps())));
    }
    BOOST_CHECK_THROW((void)bounded.diagonal(0.9, 20), std::invalid_argument); // no longer kept
    // Of the seven gradients that count after 39 steps the first is gone: six would be another average.
    BOOST_CHECK_EXCEPTION((void)bounded.weighted_factor(0.9, 39), std::invalid_argument,
                          says("GradientHistory::weighted_factor: the gradients of the steps from 33 on must still be "
                               "kept; the oldest; got 34"));
}

BOOST_AUTO_TEST_CASE(keeping_what_counts_keeps_everything_that_has_weight) {
    for (const double beta2 : {0.0, 0.5, 0.9, 0.99}) {
        const Index most = GradientHistory::steps_that_count(beta2);
        GradientHistory all(2), bounded(2, 8, most);
        for (Index t = 0; t < 3 * most; ++t) {
            all.observe(gradient(t, 2));
            bounded.observe(gradient(t, 2));
        }
        BOOST_TEST(distance(bounded.diagonal(beta2, 3 * most), all.diagonal(beta2, 3 * most)) <= 1e-13);
        BOOST_TEST(all.weighted_factor(beta2, 3 * most).cols() <= most);
    }
    BOOST_TEST(GradientHistory::steps_that_count(0.999) == 32222);
}

BOOST_AUTO_TEST_CASE(an_operator_outlives_what_the_history_sees_next) {
    GradientHistory history(2, 1);
    history.observe(Eigen::Vector2d(1, 2));
    const SymmetricOperator w = history.second_moment(0.9, 1);
    for (int t = 0; t < 9; ++t) history.observe(Eigen::Vector2d(7, 7));
    BOOST_TEST(distance(to_dense(w), (Matrix(2, 2) << 1, 2, 2, 4).finished()) <= 4 * eps);
}

BOOST_AUTO_TEST_CASE(the_bytes_do_not_depend_on_the_number_of_threads) {
    const Index n = 200, steps = 30; // several blocks of rows
    GradientHistory history(n);
    for (Index t = 0; t < steps; ++t) history.observe(gradient(t, n));
    const Matrix u = random_matrix(n, n, 2);
    const auto read = [&](int threads) {
        const ThreadLimit limit(threads);
        Matrix all(n, 3);
        all << history.quadratic_forms(u, 0.9, steps), history.diagonal(0.9, steps),
            history.second_moment(0.9, steps) * u.col(0);
        return all;
    };
    BOOST_CHECK(read(1) == read(4));
}

BOOST_AUTO_TEST_CASE(the_memory_is_announced) { BOOST_TEST(GradientHistory::bytes(2410, 1000) == 19280000.0); }

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    BOOST_CHECK_EXCEPTION(SecondMomentAverages(2, {0.9, 1.0}), std::invalid_argument,
                          says("SecondMomentAverages: beta2 must lie in [0, 1); got 1"));
    BOOST_CHECK_EXCEPTION(SecondMomentAverages(2, {}), std::invalid_argument,
                          says("SecondMomentAverages: at least one beta2 must be given; got 0"));
    SecondMomentAverages v(2, {0.9});
    BOOST_CHECK_EXCEPTION(v.observe(Vector::Ones(3)), std::invalid_argument,
                          says("SecondMomentAverages::observe: the gradient must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(v.corrected(0), std::invalid_argument,
                          says("SecondMomentAverages::corrected: at least one gradient must have been observed; got "
                               "0"));
    BOOST_CHECK_EXCEPTION(v.average(1), std::invalid_argument,
                          says("SecondMomentAverages: the decay rate must be one of 0, ..., 0; got 1"));

    GradientHistory history(2);
    history.observe(Vector::Ones(2));
    BOOST_CHECK_EXCEPTION(history.observe(Vector::Ones(3)), std::invalid_argument,
                          says("GradientHistory::observe: the gradient must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(history.diagonal(0.9, 2), std::invalid_argument,
                          says("GradientHistory::diagonal: steps must lie between 1 and the 1 observed; got 2"));
    BOOST_CHECK_EXCEPTION(history.weighted_factor(-0.1, 1), std::invalid_argument,
                          says("GradientHistory::weighted_factor: beta2 must lie in [0, 1); got -0.1"));
    BOOST_CHECK_EXCEPTION(history.quadratic_forms(Matrix::Ones(3, 1), 0.9, 1), std::invalid_argument,
                          says("GradientHistory::quadratic_forms: the block must have as many rows as a gradient (2); "
                               "got 3"));
}

BOOST_AUTO_TEST_SUITE_END()
