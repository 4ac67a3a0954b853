// Each closed form against mpmath's integral of the definition, numbers printed in the theory (to the printed digits),
// or a simulation that knows the definitions only (4 standard errors).
#include "hessq/theory/clipping.hpp"

#include "support/draws.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/printed.hpp"

#include "hessq/core/random.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "support/json.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace hessq;
using namespace hessq::test;
using boost::test_tools::tolerance;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(clipping)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

const json& reference() {
    static const json numbers = test::json_in(HESSQ_TEST_DATA "/reference/clipping.json");
    return numbers;
}

/// lambda = 4, ..., 0.1, sigma = 0.7, B = 4, lr = 0.08: the problem of b15.
Vector b15_spectrum() { return vector_of({4, 2, 1, 0.5, 0.25, 0.1}); }

} // namespace

// --- a1, a3, a6 -----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(clipping_is_the_identity_within_the_threshold_and_normalizes_beyond) { // a1
    BOOST_TEST(norm_clip_factor(0.0, 1.0) == 1.0);
    BOOST_TEST(norm_clip_factor(1.0, 1.0) == 1.0);
    BOOST_TEST(norm_clip_factor(4.0, 1.0) == 0.25);
}

BOOST_AUTO_TEST_CASE(a_limited_decrease_shortens_steps_as_the_gradient_grows) { // a6
    for (const double norm : {0.5, 1.0, 2.0, 8.0}) {
        const double by_norm = clipped_step_length(ClipRule::norm, 0.1, norm, 1.0);
        const double by_decrease = clipped_step_length(ClipRule::decrease, 0.1, norm, 1.0);
        BOOST_TEST(by_norm == 0.1 * std::min(norm, 1.0), tolerance(2 * eps));
        BOOST_TEST(by_decrease / by_norm == std::min(1.0, 1.0 / norm), tolerance(2 * eps));
        BOOST_TEST(by_decrease * norm <= 0.1 * (1.0 + 2 * eps)); // the promise, rate tau^2
    }
}

// --- a2, a8 ---------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_decrease_of_a_step_is_that_of_the_quadratic_loss) { // a8
    const Vector lambda = vector_of({3, 1, 0.5}), w = vector_of({0.4, -1, 2}), g = lambda.cwiseProduct(w);
    const Vector sd = vector_of({0.5, 1, 2});
    constexpr double rate = 0.2, batch = 5;
    const double curvature = lambda.dot(g.cwiseAbs2()) / g.squaredNorm();
    const StepDecrease law = sgd_step_decrease(rate, g.squaredNorm(), curvature, lambda.dot(sd.cwiseAbs2()), batch);
    constexpr Index draws = 40'000;
    Vector decreases(draws);
    const auto loss = [&](const Vector& x) { return 0.5 * lambda.dot(x.cwiseAbs2()); };
    for (Index i = 0; i < draws; ++i) {
        const Vector noise = normal_vector(RandomStream(1, 0), 3, static_cast<std::uint64_t>(3 * i)) / std::sqrt(batch);
        decreases(i) = loss(w) - loss(w - rate * (g + sd.cwiseProduct(noise)));
    }
    BOOST_TEST(z_score(decreases, law.total()) < 4.0);
    // Neither of the two costs is lost in that error.
    BOOST_TEST(z_score(decreases, law.total() + law.curvature_cost) > 10.0);
    BOOST_TEST(z_score(decreases, law.total() + law.noise_cost) > 10.0);
    const StepDecrease full = sgd_step_decrease(rate, g.squaredNorm(), curvature, 1.0, infinity);
    BOOST_TEST(full.total() == loss(w) - loss(w - rate * g), tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(the_best_step_halves_the_first_order_promise) { // a8
    const StepDecrease best = sgd_step_decrease(1.0 / 3.0, 2.0, 3.0, 0.0, 1.0);
    BOOST_TEST(best.total() == 0.5 * best.first_order, tolerance(4 * eps));
}

// --- a7 -------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_stationary_norm_is_four_excess_losses_over_the_rate) { // a7, b15, yp17
    const Vector lambda = b15_spectrum();
    const RegressionStationaryState state = stationary_regression_sgd(lambda, 0.49, 4.0, 0.08);
    const double excess = 0.5 * lambda.dot(state.cloud);
    BOOST_TEST(stationary_squared_norm(excess, 0.08) == state.minibatch.sum(), tolerance(1e-14));
    check_printed(stationary_squared_norm(excess, 0.08), 1.23248, 1e-5);
    BOOST_TEST(stationary_excess_loss(state.minibatch.sum(), 0.08) == excess, tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(the_law_holds_for_noise_that_does_not_commute_with_the_hessian) { // a7, b14
    const Matrix h = with_spectrum(vector_of({2, 0.7, 0.1}), 1), noise = with_spectrum(vector_of({3, 1, 0.2}), 2);
    const StationaryMoments state = stationary_sgd(h, noise, 0.3);
    const double excess = 0.5 * (h * state.cloud).trace();
    BOOST_TEST(stationary_squared_norm(excess, 0.3) == state.minibatch.trace(), tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(the_full_gradient_is_shorter_by_the_rate_to_leading_order) { // a7, yp17
    const Vector lambda = b15_spectrum();
    const Matrix h = lambda.asDiagonal();
    const auto ratio = [&](double rate) {
        const StationaryMoments state = stationary_sgd(h, h, rate);
        return (lambda.cwiseAbs2().dot(state.cloud.diagonal())) /
               stationary_full_squared_norm(rate, lambda.squaredNorm(), 1.0);
    };
    // Of order rate lambda_max: the error falls with the rate, tenfold.
    BOOST_TEST(std::abs(ratio(1e-4) - 1.0) < 2e-4);
    BOOST_TEST((ratio(1e-3) - 1.0) / (ratio(1e-4) - 1.0) == 10.0, tolerance(0.01));
}

BOOST_AUTO_TEST_CASE(moments_of_the_squared_norm_are_those_of_drawn_batches) { // a7
    // A population of five gradients in two dimensions, far from Gaussian.
    const Matrix x = (Matrix(2, 5) << 3, -1, -1, -0.5, -0.5, 0, 2, -2, 0.25, -0.25).finished();
    const Vector g = vector_of({0.6, -0.4});
    NoiseMoments noise{.squared_norm = g.squaredNorm()};
    Matrix sigma = Matrix::Zero(2, 2);
    for (Index s = 0; s < 5; ++s) {
        const double square = x.col(s).squaredNorm();
        sigma += x.col(s) * x.col(s).transpose() / 5.0;
        noise.fourth_moment += square * square / 5.0;
        noise.gradient_third += g.dot(x.col(s)) * square / 5.0;
    }
    noise.trace = sigma.trace();
    noise.gradient_form = g.dot(sigma * g);
    noise.squared_trace = (sigma * sigma).trace();
    // All 125 batches of three.
    double mean = 0.0, second = 0.0;
    for (Index i = 0; i < 125; ++i) {
        const Vector batch = g + (x.col(i % 5) + x.col(i / 5 % 5) + x.col(i / 25)) / 3.0;
        mean += batch.squaredNorm() / 125.0;
        second += batch.squaredNorm() * batch.squaredNorm() / 125.0;
    }
    const SquaredNormMoments law = squared_norm_moments(noise, 3);
    BOOST_TEST(law.mean == mean, tolerance(1e-14));
    BOOST_TEST(law.variance == second - mean * mean, tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(the_clipped_share_is_exact_for_isotropic_noise) { // a7
    for (const json& row : reference().at("exceedance")) {
        const double degrees = row.at(0), level = row.at(1), expected = row.at(2);
        BOOST_TEST(clipped_share({degrees, 2 * degrees}, std::sqrt(level)) == expected, tolerance(1e-12));
    }
    BOOST_TEST(clipped_share({1.1, 0.0}, 1.0) == 1.0);
    BOOST_TEST(clipped_share({0.9, 0.0}, 1.0) == 0.0);
    BOOST_TEST(clipped_share({0.0, 0.0}, 1.0) == 0.0);
}

// --- a4, a5, a9, y10 ------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_cosine_knows_the_shape_of_a_gradient_and_not_its_size) { // a4, a5, y10
    const Vector g = vector_of({3, -4, 0, 12});
    BOOST_TEST(sign_cosine(g) == 19.0 / (std::sqrt(3.0) * 13.0), tolerance(4 * eps));
    for (const double scale : {-1.0, 1e-3, 1e-200, 1e200})
        BOOST_TEST(sign_cosine(scale * g) == sign_cosine(g), tolerance(8 * eps));
    BOOST_TEST(sign_cosine(Vector::Unit(5, 2)) == 1.0); // one-hot: |g|_1 = |g|_2, however small
    BOOST_TEST(sign_cosine(Vector::Constant(7, -0.1)) == 1.0, tolerance(8 * eps));
}

BOOST_AUTO_TEST_CASE(limits_of_the_cosine_are_mean_over_root_mean_square) { // a9
    check_printed(limit_sign_cosine(EntryLaw::gaussian), 0.79788, 1e-5);
    check_printed(limit_sign_cosine(EntryLaw::laplace), 0.70711, 1e-5);
    check_printed(limit_sign_cosine(EntryLaw::uniform), 0.86603, 1e-5);
    check_printed(sparse_sign_cosine(limit_sign_cosine(EntryLaw::gaussian), 0.25), 0.5 * 0.79788, 1e-5);
    for (const json& row : reference().at("student"))
        BOOST_TEST(student_sign_cosine(row.at(0)) == row.at(1).get<double>(), tolerance(1e-12));
    BOOST_TEST(student_sign_cosine(3.0) == 2.0 * std::numbers::inv_pi, tolerance(1e-14));
    BOOST_TEST(student_sign_cosine(4.0) == 1.0 / std::numbers::sqrt2, tolerance(1e-14));
    BOOST_TEST(student_sign_cosine(1e9) == limit_sign_cosine(EntryLaw::gaussian), tolerance(1e-8));
}

BOOST_AUTO_TEST_CASE(few_normal_entries_have_a_larger_cosine) { // a9
    BOOST_TEST(gaussian_sign_cosine(1) == 1.0, tolerance(4 * eps));
    for (const json& row : reference().at("sphere"))
        BOOST_TEST(gaussian_sign_cosine(row.at(0)) == row.at(1).get<double>(), tolerance(1e-12));
    const double limit = limit_sign_cosine(EntryLaw::gaussian);
    BOOST_TEST((gaussian_sign_cosine(1000) / limit - 1.0) * 4000.0 == 1.0, tolerance(1e-3));
    Vector drawn(4000);
    for (Index i = 0; i < drawn.size(); ++i)
        drawn(i) = sign_cosine(normal_vector(RandomStream(2, 0), 10, static_cast<std::uint64_t>(10 * i)));
    BOOST_TEST(z_score(drawn, gaussian_sign_cosine(10)) < 4.0);
    BOOST_TEST(z_score(drawn, limit) > 10.0);
}

// --- a10 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_always_clipped_second_moment_is_that_of_mpmath) { // a10
    for (const char* name : {"pairs", "triples"})
        for (const json& row : reference().at(name)) {
            const Vector found = clipped_second_moment(vector_of(row.at(0)), 3.0);
            const Vector expected = 9.0 * vector_of(row.at(1));
            BOOST_TEST((found - expected).cwiseQuotient(expected).lpNorm<Eigen::Infinity>() < 1e-12);
        }
    // In two dimensions the integral is elementary.
    const Vector two = clipped_second_moment(vector_of({-1e-3, 2.0}), 1.0);
    BOOST_TEST(two(0) == 1e-3 / 2.001, tolerance(1e-12));
    BOOST_TEST(clipped_second_moment(vector_of({0.3}), 2.0)(0) == 4.0, tolerance(1e-12));
    BOOST_TEST(clipped_second_moment(vector_of({0.0, 1.0}), 1.0)(0) == 0.0);
}

BOOST_AUTO_TEST_CASE(clipped_steps_share_their_square_among_the_directions) { // a10
    const Vector lambda = log_uniform_spectrum(60, 1e-3, 10.0);
    BOOST_TEST(clipped_second_moment(lambda, 0.7).sum() == 0.49, tolerance(1e-12));
    BOOST_TEST(concentrated_second_moment(lambda, 0.7).sum() == 0.49, tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(the_concentrated_law_needs_a_large_effective_rank) { // y11
    // Measured over the concentrated law: at the top, and over the ten flattest directions.
    const auto ratios = [](const Vector& lambda) {
        const Vector ratio = clipped_second_moment(lambda, 1.0).cwiseQuotient(concentrated_second_moment(lambda, 1.0));
        return std::pair{ratio(lambda.size() - 1), ratio.head(10).mean()};
    };
    const Vector bench = log_uniform_spectrum(60, 1e-3, 10.0), power = power_law_spectrum(1000);
    check_printed(effective_rank(bench), 6.5, 0.1);
    check_printed(effective_rank(power), 2.5, 0.1);
    check_printed(ratios(bench).first, 0.84, 0.01);
    // Printed as 1.33 and 1.74; 80000 draws give 1.354 +- 0.003 and 1.789 +- 0.006.
    check_printed(ratios(bench).second, 1.35, 0.01);
    check_printed(ratios(power).first, 0.72, 0.01);
    check_printed(ratios(power).second, 1.80, 0.01);
    const Vector flat = Vector::Ones(400);
    BOOST_TEST(effective_rank(flat) == 400.0, tolerance(1e-14));
    BOOST_TEST(effective_rank(3.0 * bench) == effective_rank(bench), tolerance(1e-13));
    BOOST_TEST(std::abs(ratios(Vector::LinSpaced(400, 1.0, 1.5)).first - 1.0) < 0.01);
}

// --- a11 ------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(moments_of_a_clipped_entry_are_those_of_draws) { // a11
    constexpr double g = 0.3, sd = 0.8, threshold = 0.5;
    const Vector draws =
        (g + sd * normal_vector(RandomStream(3, 0), 100'000).array()).cwiseMax(-threshold).cwiseMin(threshold);
    const UpdateMoments law = value_clip_moments(g, sd, threshold);
    BOOST_TEST(z_score(draws, law.mean) < 4.0);
    BOOST_TEST(z_score(draws.cwiseAbs2(), law.second) < 4.0);
    BOOST_TEST(law.variance == law.second - law.mean * law.mean, tolerance(1e-13));
    BOOST_TEST(value_clip_moments(g, sd, 1e3).mean == g, tolerance(1e-12));
    BOOST_TEST(value_clip_moments(g, 0.0, 0.1).mean == 0.1, tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(the_clip_factor_concentrates_in_many_dimensions) { // a11, yp20
    const auto drawn = [](Index n) {
        Vector factors(2000);
        for (Index i = 0; i < factors.size(); ++i) {
            const Vector ghat =
                normal_vector(RandomStream(4, static_cast<std::uint64_t>(n)), n, static_cast<std::uint64_t>(n * i)) /
                std::sqrt(static_cast<double>(n));
            factors(i) = norm_clip_factor(ghat.norm(), 0.8);
        }
        return factors;
    };
    const double law = concentrated_clip_factor({.mean = 1.0}, 0.8);
    BOOST_TEST(law == 0.8);
    BOOST_TEST(std::abs(drawn(1000).mean() - law) < 1e-3);
    BOOST_TEST(z_score(drawn(4), law) > 4.0); // where the norm scatters it is not the law
}

// --- Refusals -------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION((void)call(), std::invalid_argument, says(message));
    };
    refuses([] { return norm_clip_factor(1.0, 0.0); }, "norm_clip_factor: threshold must be finite and above 0; got 0");
    refuses([] { return student_sign_cosine(2.0); },
            "student_sign_cosine: degrees_of_freedom must be above 2 and finite; got 2");
    refuses([] { return sign_cosine(Vector::Zero(3)); }, "sign_cosine: the gradient must not be 0; got 0");
    refuses([] { return sparse_sign_cosine(0.5, 0.0); }, "sparse_sign_cosine: share must be in (0, 1]; got 0");
    refuses([] { return gaussian_sign_cosine(0); }, "gaussian_sign_cosine: n must be at least 1; got 0");
    refuses([] { return effective_rank(Vector::Zero(2)); },
            "effective_rank: an eigenvalue must not be 0; got none that is not");
    refuses([] { return squared_norm_moments({}, 0); }, "squared_norm_moments: batch must be at least 1; got 0");
}

BOOST_AUTO_TEST_SUITE_END()
