#include "hessq/objectives/function.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "support/messages.hpp"
#include "support/objective_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(function)

namespace {

// x^2 y + 3 y^2.
double value(VectorView w) { return w(0) * w(0) * w(1) + 3.0 * w(1) * w(1); }
Vector gradient(VectorView w) { return Eigen::Vector2d(2.0 * w(0) * w(1), w(0) * w(0) + 6.0 * w(1)); }
Matrix product(VectorView w, MatrixView v) {
    Matrix h(2, 2);
    h << 2.0 * w(1), 2.0 * w(0), 2.0 * w(0), 6.0;
    return h * v;
}

// 4 times the documented eps^(2/3).
const double difference_accuracy = 4.0 * std::pow(std::numeric_limits<double>::epsilon(), 2.0 / 3.0);

} // namespace

BOOST_AUTO_TEST_CASE(callables_with_a_product_obey_the_laws) {
    laws::check_laws(FunctionObjective(2, value, gradient, product), Eigen::Vector2d(2, -3));
}

BOOST_AUTO_TEST_CASE(callables_without_a_product_obey_the_laws_to_the_accuracy_of_differences) {
    laws::check_laws(FunctionObjective(2, value, gradient), Eigen::Vector2d(2, -3), difference_accuracy);
    // exp z + sin xy: derivatives of every order.
    const auto wavy = [](VectorView w) { return std::exp(w(2)) + std::sin(w(0) * w(1)); };
    const auto slope = [](VectorView w) -> Vector {
        const double c = std::cos(w(0) * w(1));
        return Eigen::Vector3d(w(1) * c, w(0) * c, std::exp(w(2)));
    };
    laws::check_laws(FunctionObjective(3, wavy, slope), Eigen::Vector3d(0.3, -0.7, 0.2), 100.0 * difference_accuracy);
}

// stan-dev/math, autodiff_test.cpp: at (2, -3) along (8, 5) the product is (-28, 62); at (5, 7) the value is 322, the
// gradient (70, 67) and the Hessian [14 10; 10 6].
BOOST_AUTO_TEST_CASE(a_cubic_gives_the_reference_numbers_of_stan_math) {
    const FunctionObjective exact(2, value, gradient, product);
    const FunctionObjective differences(2, value, gradient);
    const Vector w = Eigen::Vector2d(2, -3);
    const Vector v = Eigen::Vector2d(8, 5);
    BOOST_TEST((exact.hessian(w) * v == Eigen::Vector2d(-28, 62)));
    // The gradient is quadratic, so central differences have rounding error only.
    BOOST_TEST((differences.hessian(w) * v - Eigen::Vector2d(-28, 62)).norm() <= difference_accuracy * 62 * v.norm());
    Matrix h(2, 2);
    h << 14, 10, 10, 6;
    const Vector at = Eigen::Vector2d(5, 7);
    BOOST_TEST(exact.value(at) == 322.0);
    BOOST_TEST((exact.gradient(at) == Eigen::Vector2d(70, 67)));
    BOOST_TEST((exact.dense_hessian(at) == h));
}

BOOST_AUTO_TEST_CASE(the_error_of_differences_is_reported_and_is_not_much_more_than_the_error) {
    // sum_i exp(3 x_i) + sin(x_0 x_1 x_2) at 100 points: products are off by up to 1e-8, and vary over five decades.
    const auto energy = [](VectorView w) { return (3.0 * w.array()).exp().sum() + std::sin(w.prod()); };
    const auto slope = [](VectorView w) -> Vector {
        const double p = w.prod();
        return (3.0 * (3.0 * w.array()).exp() + std::cos(p) * p / w.array()).matrix();
    };
    const auto exact = [](VectorView w, MatrixView v) -> Matrix {
        const double p = w.prod();
        const Vector r = w.cwiseInverse();
        Matrix h = (std::cos(p) * p - std::sin(p) * p * p) * r * r.transpose();
        h.diagonal().array() += 9.0 * (3.0 * w.array()).exp() - std::cos(p) * p * r.array().square();
        return h * v;
    };
    const FunctionObjective differences(3, energy, slope), known(3, energy, slope, exact);
    int covered = 0;
    double excess = 0.0;
    for (std::uint64_t k = 0; k < 100; ++k) {
        const Vector w = normal_vector(RandomStream(9, k), 3);
        const Vector v = normal_vector(RandomStream(10, k), 3);
        const double error = (differences.hessian(w) * v - known.hessian(w) * v).norm();
        const double reported = differences.product_error(w, v)(0);
        covered += error <= reported ? 1 : 0;
        excess += std::log10(reported / error) / 100.0;
    }
    BOOST_TEST(covered >= 99);
    BOOST_TEST(excess <= 1.0); // within a factor of ten on average
    BOOST_TEST(known.product_error(Vector::Ones(3), Matrix::Ones(3, 2)).norm() == 0.0);
    BOOST_TEST(!known.products_by_differences());
    BOOST_TEST(differences.product_error(Vector::Ones(3), Vector::Zero(3))(0) == 0.0);
    BOOST_CHECK_EXCEPTION((void)known.product_error(Vector::Ones(3), Vector::Ones(2)), std::invalid_argument,
                          says("FunctionObjective::product_error: each vector must have 3 entries; got 2"));
}

BOOST_AUTO_TEST_CASE(the_hessian_stays_valid_after_the_objective_is_gone) {
    auto objective = std::make_unique<FunctionObjective>(2, value, gradient);
    const SymmetricOperator h = objective->hessian(Eigen::Vector2d(2, -3));
    objective.reset();
    BOOST_TEST((h * Eigen::Vector2d(8, 5) - Eigen::Vector2d(-28, 62)).norm() < 1e-6);
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_stop_the_work_and_say_which_call_and_where) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const FunctionObjective broken(
        6, [](VectorView w) { return w(0) > 1.0 ? std::numeric_limits<double>::infinity() : 0.0; },
        [nan](VectorView w) {
            Vector g = Vector::Zero(6);
            g(4) = w(0) == 0.0 ? 0.0 : nan;
            return g;
        });
    Vector w = Vector::Zero(6);
    w(0) = 2.5;
    w(1) = -1.0;
    BOOST_CHECK_EXCEPTION(broken.value(w), NumericalError,
                          says("the value at w = (2.5, -1, 0, 0, ...) is not finite: inf"));
    BOOST_CHECK_EXCEPTION(broken.gradient(w), NumericalError,
                          says("the gradient at w = (2.5, -1, 0, 0, ...) is not finite: entry 4 is nan"));
    BOOST_CHECK_THROW(broken.hessian(w) * Vector::Ones(6), NumericalError);
    const FunctionObjective curved(
        1, [](VectorView) { return 0.0; }, [](VectorView v) -> Vector { return v; },
        [nan](VectorView, MatrixView v) -> Matrix { return nan * v; });
    BOOST_CHECK_EXCEPTION(curved.hessian(Vector::Ones(1)) * Vector::Ones(1), NumericalError,
                          says("the Hessian product at w = (1) is not finite: entry 0 is nan"));
}

BOOST_AUTO_TEST_CASE(callables_that_are_missing_or_misshapen_are_refused) {
    BOOST_CHECK_EXCEPTION(FunctionObjective(0, value, gradient), std::invalid_argument,
                          says("FunctionObjective: dimension must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(FunctionObjective(2, {}, gradient), std::invalid_argument,
                          says("FunctionObjective: a value must be given; got an empty function"));
    BOOST_CHECK_EXCEPTION(FunctionObjective(2, value, {}), std::invalid_argument,
                          says("FunctionObjective: a gradient must be given; got an empty function"));
    BOOST_CHECK_EXCEPTION(FunctionObjective(3, value, gradient).gradient(Vector::Ones(3)), std::invalid_argument,
                          says("FunctionObjective: the gradient must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION(FunctionObjective(2, value, gradient).value(Vector::Ones(3)), std::invalid_argument,
                          says("FunctionObjective: w must have 2 entries; got 3"));
}

BOOST_AUTO_TEST_SUITE_END()
