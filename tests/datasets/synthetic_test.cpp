#include "hessq/datasets/synthetic.hpp"

#include "support/draws.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

using namespace hessq;
using hessq::test::says;
using hessq::test::z_score;

BOOST_AUTO_TEST_SUITE(synthetic)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

} // namespace

// Every statistic below is a mean of independent draws with a fixed seed; 4 standard errors are exceeded by one seed
// in 16000.
BOOST_AUTO_TEST_CASE(regression_inputs_have_the_spectrum_and_targets_the_noise) {
    const Vector spectrum = Eigen::Vector3d(4.0, 1.0, 0.25);
    const SyntheticData made = gaussian_regression(4000, spectrum, {.noise = 0.7, .seed = 3});
    validate(made.data);
    BOOST_TEST(made.parameters.size() == 4);
    BOOST_TEST(made.parameters(3) == 0.0);
    for (Index i = 0; i < 3; ++i) {
        BOOST_TEST(z_score(made.data.inputs.row(i).transpose(), 0.0) < 4.0);
        BOOST_TEST(z_score(made.data.inputs.row(i).transpose().cwiseAbs2(), spectrum(i)) < 4.0);
        BOOST_TEST(z_score(made.data.inputs.row(i).cwiseProduct(made.data.inputs.row((i + 1) % 3)).transpose(), 0.0) <
                   4.0);
    }
    const Vector residual = (made.data.targets - made.parameters.head(3).transpose() * made.data.inputs).transpose();
    BOOST_TEST(z_score(residual, 0.0) < 4.0);
    BOOST_TEST(z_score(residual.cwiseAbs2(), 0.49) < 4.0);
}

BOOST_AUTO_TEST_CASE(without_noise_the_given_coefficients_fit_exactly) {
    const Vector truth = Eigen::Vector2d(2.0, -3.0);
    const SyntheticData made = gaussian_regression(10, Vector::Ones(2), {.coefficients = truth, .noise = 0.0});
    BOOST_TEST((made.parameters.head(2) == truth));
    BOOST_TEST((made.data.targets - truth.transpose() * made.data.inputs).cwiseAbs().maxCoeff() <=
               4.0 * eps * truth.norm() * made.data.inputs.colwise().norm().maxCoeff());
}

BOOST_AUTO_TEST_CASE(zipf_frequencies_fall_as_one_over_the_rank) {
    const Vector pi = zipf_frequencies(4); // (12, 6, 4, 3) / 25
    BOOST_TEST((pi - Eigen::Vector4d(0.48, 0.24, 0.16, 0.12)).cwiseAbs().maxCoeff() <= 4 * eps);
}

BOOST_AUTO_TEST_CASE(a_mixture_has_its_frequencies_and_unit_variance_within_each_class) {
    const Vector pi = zipf_frequencies(5);
    const Index samples = 6000;
    const Dataset data = gaussian_mixture(samples, 3, pi, {.mean_scale = 2.0, .seed = 4});
    validate(data);
    for (Index k = 0; k < 5; ++k) {
        const Vector is_k = (data.targets.row(0).array() == static_cast<double>(k)).cast<double>();
        BOOST_TEST(z_score(is_k, pi(k)) < 4.0);
        const double count = is_k.sum();
        const Vector mean = data.inputs * is_k / count;
        // Sum of squares about the class's own mean: 3 (count - 1) chi-square degrees of freedom, variance 2 each.
        const double square = ((data.inputs.colwise() - mean).colwise().squaredNorm() * is_k).value();
        const double freedom = 3.0 * (count - 1.0);
        BOOST_TEST(std::abs(square - freedom) < 4.0 * std::sqrt(2.0 * freedom));
    }
}

BOOST_AUTO_TEST_CASE(a_linear_teacher_has_its_rank) {
    const Dataset data = linear_teacher(50, 6, 5, 2, {.noise = 0.0, .seed = 1});
    validate(data);
    // Every 3 x 3 minor of a matrix of rank 2 vanishes.
    const Matrix minor = data.targets.topLeftCorner(3, 3);
    const double determinant = minor.col(0).dot(Eigen::Vector3d(minor(1, 1) * minor(2, 2) - minor(2, 1) * minor(1, 2),
                                                                minor(2, 1) * minor(0, 2) - minor(0, 1) * minor(2, 2),
                                                                minor(0, 1) * minor(1, 2) - minor(1, 1) * minor(0, 2)));
    BOOST_TEST(std::abs(determinant) <= 100.0 * eps * std::pow(minor.norm(), 3));
    BOOST_TEST(minor.norm() > 0.1);
}

BOOST_AUTO_TEST_CASE(a_seed_fixes_the_data_and_more_samples_extend_them) {
    const Dataset few = synthetic_classification(20, 3, 4, 7);
    const Dataset many = synthetic_classification(30, 3, 4, 7);
    const Dataset other = synthetic_classification(20, 3, 4, 8);
    BOOST_TEST((few.inputs == many.inputs.leftCols(20)));
    BOOST_TEST((few.targets == many.targets.leftCols(20)));
    BOOST_TEST((few.inputs != other.inputs));
    BOOST_TEST(few.classes() == 4);
}

BOOST_AUTO_TEST_CASE(generators_refuse_impossible_shapes_and_frequencies) {
    BOOST_CHECK_EXCEPTION(gaussian_regression(0, Vector::Ones(2)), std::invalid_argument,
                          says("gaussian_regression: samples must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(gaussian_regression(5, Vector()), std::invalid_argument,
                          says("gaussian_regression: features must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(gaussian_regression(5, -Vector::Ones(2)), std::invalid_argument,
                          says("gaussian_regression: the spectrum must not be negative; got -1"));
    BOOST_CHECK_EXCEPTION(gaussian_regression(5, Vector::Ones(2), {.noise = -0.5}), std::invalid_argument,
                          says("gaussian_regression: noise must be at least 0; got -0.5"));
    BOOST_CHECK_EXCEPTION(gaussian_regression(5, Vector::Ones(2), {.coefficients = Vector::Ones(3)}),
                          std::invalid_argument,
                          says("gaussian_regression: the coefficients must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(softmax_data(5, 2, 1), std::invalid_argument,
                          says("softmax_data: classes must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION(softmax_data(5, 2, 2, {.scale = -1.0}), std::invalid_argument,
                          says("softmax_data: scale must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION(zipf_frequencies(0), std::invalid_argument,
                          says("zipf_frequencies: classes must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(gaussian_mixture(5, 2, Vector::Constant(2, 0.4)), std::invalid_argument,
                          says("gaussian_mixture: frequencies must sum to 1; got 0.8"));
    BOOST_CHECK_EXCEPTION(gaussian_mixture(5, 2, Eigen::Vector2d(1.5, -0.5)), std::invalid_argument,
                          says("gaussian_mixture: frequencies must not be negative; got -0.5"));
    BOOST_CHECK_EXCEPTION(synthetic_classification(5, 2, 1, 0), std::invalid_argument,
                          says("synthetic_classification: classes must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION(linear_teacher(5, 2, 2, 0), std::invalid_argument,
                          says("linear_teacher: rank must be at least 1; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
