#include "hessq/objectives/test_functions.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "support/eigen_solvers.hpp"
#include "support/messages.hpp"
#include "support/objective_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <stdexcept>
#include <string>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(test_functions)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

Vector eigenvalues(const Matrix& a) { return Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvalues(); }

// Singular values 3, 2 and 1.
Matrix target() {
    Matrix m(3, 4);
    m << 0, 3, 0, 0, 0, 0, -2, 0, 1, 0, 0, 0;
    return m;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_test_function_obeys_the_laws_away_from_and_at_its_critical_points) {
    for (const Index n : {2, 3, 6}) {
        const Rosenbrock rosenbrock(n);
        laws::check_laws(rosenbrock, normal_vector(RandomStream(1, 0), n));
        laws::check_laws(rosenbrock, rosenbrock.minimum());
    }
    const Vector w = normal_vector(RandomStream(2, 0), 2);
    laws::check_laws(Beale(), w);
    laws::check_laws(Beale(), Beale().minimum());
    laws::check_laws(Beale(), Beale().saddle());
    laws::check_laws(MonkeySaddle(), w);
    laws::check_laws(MonkeySaddle(), MonkeySaddle().saddle());
    for (const std::vector<Index>& hidden : {std::vector<Index>{}, {2}, {4}, {3, 5}, {4, 2, 3}}) {
        const MatrixFactorization f(target(), hidden);
        laws::check_laws(f, normal_vector(RandomStream(3, hidden.size()), f.dimension()));
        laws::check_laws(f, f.minimum());
    }
}

BOOST_AUTO_TEST_CASE(rosenbrock_at_the_classic_start_has_the_textbook_numbers) {
    const Rosenbrock f;
    const Vector w = Eigen::Vector2d(-1.2, 1.0);
    Matrix h(2, 2);
    h << 1330, 480, 480, 200;
    BOOST_TEST(f.value(w) == 24.2, boost::test_tools::tolerance(8 * eps));
    BOOST_TEST((f.gradient(w) - Eigen::Vector2d(-215.6, -88.0)).norm() <= 8 * eps * 215.6);
    BOOST_TEST((f.dense_hessian(w) - h).norm() <= 8 * eps * 1330);
}

BOOST_AUTO_TEST_CASE(the_known_points_are_critical_and_have_the_known_values) {
    const Rosenbrock rosenbrock(5);
    BOOST_TEST(rosenbrock.value(rosenbrock.minimum()) == rosenbrock.minimum_value());
    BOOST_TEST(rosenbrock.gradient(rosenbrock.minimum()).norm() == 0.0);
    BOOST_TEST(eigenvalues(rosenbrock.dense_hessian(rosenbrock.minimum()))(0) > 0.0);
    const Beale beale;
    BOOST_TEST(beale.value(beale.minimum()) == beale.minimum_value());
    BOOST_TEST(beale.gradient(beale.minimum()).norm() == 0.0);
    BOOST_TEST(eigenvalues(beale.dense_hessian(beale.minimum()))(0) > 0.0);
    BOOST_TEST(beale.value(beale.saddle()) == beale.saddle_value());
    BOOST_TEST(beale.gradient(beale.saddle()).norm() == 0.0);
    const Vector curvature = eigenvalues(beale.dense_hessian(beale.saddle()));
    BOOST_TEST((curvature - Eigen::Vector2d(-27.75, 27.75)).norm() <= 8 * eps * 27.75);
    const MonkeySaddle monkey;
    BOOST_TEST(monkey.value(monkey.saddle()) == monkey.saddle_value());
    BOOST_TEST(monkey.gradient(monkey.saddle()).norm() == 0.0);
    BOOST_TEST(monkey.dense_hessian(monkey.saddle()).norm() == 0.0);
    // At (3, 4): eigenvalues +-6 * 5.
    const Vector spectrum = eigenvalues(monkey.dense_hessian(Eigen::Vector2d(3, 4)));
    BOOST_TEST((spectrum - Eigen::Vector2d(-30, 30)).norm() <= 8 * eps * 30);
}

BOOST_AUTO_TEST_CASE(factorization_minima_are_critical_and_reach_the_eckart_young_value) {
    // Singular values 3, 2, 1: nothing lost at width 3 or more, 1/2 at width 2, (4 + 1)/2 at width 1.
    const std::vector<std::pair<std::vector<Index>, double>> cases = {{{}, 0.0},  {{5}, 0.0},    {{3, 4}, 0.0},
                                                                      {{2}, 0.5}, {{4, 2}, 0.5}, {{3, 1, 3}, 2.5}};
    for (const auto& [hidden, least] : cases) {
        const MatrixFactorization f(target(), hidden);
        BOOST_TEST(std::abs(f.minimum_value() - least) <= 100 * eps);
        BOOST_TEST(std::abs(f.value(f.minimum()) - least) <= 100 * eps);
        BOOST_TEST(f.gradient(f.minimum()).norm() <= 1000 * eps);
        BOOST_TEST(eigenvalues(f.dense_hessian(f.minimum()))(0) >= -1000 * eps);
    }
}

BOOST_AUTO_TEST_CASE(two_layers_at_zero_have_the_singular_values_as_curvature_and_three_have_none) {
    const MatrixFactorization two(target(), {2});
    const Vector spectrum = eigenvalues(two.dense_hessian(two.saddle()));
    // Each of +-3, +-2, +-1 once for each of the two hidden units, and zeros.
    Vector expected = Vector::Zero(two.dimension());
    expected.head(6) << -3, -3, -2, -2, -1, -1;
    expected.tail(6) << 1, 1, 2, 2, 3, 3;
    BOOST_TEST((spectrum - expected).cwiseAbs().maxCoeff() <= 100 * eps);
    BOOST_TEST(two.value(two.saddle()) == two.saddle_value());
    BOOST_TEST(two.saddle_value() == 7.0);
    BOOST_TEST(two.gradient(two.saddle()).norm() == 0.0);
    const MatrixFactorization three(target(), {2, 2});
    BOOST_TEST(three.dense_hessian(three.saddle()).norm() == 0.0);
}

BOOST_AUTO_TEST_CASE(factors_are_flattened_row_by_row_and_layer_by_layer) {
    Matrix m(1, 1);
    m << 0.0;
    const MatrixFactorization f(m, {2, 2});
    // W_1 = (1, 2)', W_2 = [3 4; 5 6], W_3 = (7, 8): W_2 W_1 = (11, 17), the product 213.
    Vector w(8);
    w << 1, 2, 3, 4, 5, 6, 7, 8;
    BOOST_TEST(f.value(w) == 0.5 * 213.0 * 213.0);
    BOOST_TEST(f.layout().groups[1].name == "layer1.weight");
    BOOST_TEST(f.layout().groups[1].offset == 2);
}

BOOST_AUTO_TEST_CASE(test_functions_refuse_wrong_sizes) {
    BOOST_CHECK_EXCEPTION(Rosenbrock(1), std::invalid_argument,
                          says("Rosenbrock: dimension must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION(Rosenbrock(3).value(Vector::Zero(2)), std::invalid_argument,
                          says("Rosenbrock: w must have 3 entries; got 2"));
    BOOST_CHECK_EXCEPTION(Beale().gradient(Vector::Zero(3)), std::invalid_argument,
                          says("Beale: w must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(MonkeySaddle().hessian(Vector::Zero(1)), std::invalid_argument,
                          says("MonkeySaddle: w must have 2 entries; got 1"));
    BOOST_CHECK_EXCEPTION(MatrixFactorization(target(), {0}), std::invalid_argument,
                          says("MatrixFactorization: widths must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(MatrixFactorization(Matrix(), {2}), std::invalid_argument,
                          says("MatrixFactorization: the target must not be empty; got 0"));
    BOOST_CHECK_EXCEPTION(MatrixFactorization(target(), {}).value(Vector::Zero(3)), std::invalid_argument,
                          says("MatrixFactorization: w must have 12 entries; got 3"));
}

BOOST_AUTO_TEST_SUITE_END()
