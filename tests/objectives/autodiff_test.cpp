#include "hessq/objectives/autodiff.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/test_functions.hpp"
#include "support/messages.hpp"
#include "support/objective_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(autodiff)

namespace {

const auto rosenbrock = [](const auto& w) {
    auto sum = 0.0 * w(0);
    for (Index i = 0; i + 1 < w.size(); ++i) {
        const auto a = 1.0 - w(i), b = w(i + 1) - w(i) * w(i);
        sum += a * a + 100.0 * b * b;
    }
    return sum;
};

/// -log softmax of W x_s at the sample's class, W (classes x features) row by row and then the biases: as the library's
/// softmax_regression flattens it.
auto softmax_loss(const Dataset& data, Index classes) {
    return [x = data.inputs, y = data.targets, classes](const auto& w, Index s) {
        const Index features = x.rows();
        auto partition = 0.0 * w(0), own = 0.0 * w(0);
        for (Index c = 0; c < classes; ++c) {
            const auto logit = w.segment(c * features, features).dot(x.col(s)) + w(classes * features + c);
            partition += exp(logit);
            if (static_cast<double>(c) == y(0, s)) own += logit;
        }
        return log(partition) - own;
    };
}

double relative(const Matrix& found, const Matrix& expected) {
    return (found - expected).cwiseAbs().maxCoeff() / expected.cwiseAbs().maxCoeff();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_lambda_has_the_derivatives_of_the_closed_form_to_1e_14) {
    for (const Index n : {2, 7, 40, 300}) {
        const AutodiffObjective found(n, rosenbrock);
        const Rosenbrock exact(n);
        const Vector w = normal_vector(RandomStream(5, 0), n);
        const Vector v = normal_vector(RandomStream(5, 1), n);
        BOOST_TEST(std::abs(found.value(w) / exact.value(w) - 1.0) <= 1e-14);
        BOOST_TEST(relative(found.gradient(w), exact.gradient(w)) <= 1e-14);
        if (n < 100) BOOST_TEST(relative(found.dense_hessian(w), exact.dense_hessian(w)) <= 1e-14);
        const ParameterRange all{0, n}, last{n - 2, 2};
        BOOST_TEST(relative(found.dense_hessian_block(w, all, last), exact.dense_hessian(w).rightCols(2)) <= 1e-14);
        BOOST_TEST(relative(found.hessian(w) * v, exact.hessian(w) * v) <= 1e-14);
        BOOST_TEST(relative(found.hessian_diagonal(w), exact.hessian_diagonal(w)) <= 1e-14);
    }
}

BOOST_AUTO_TEST_CASE(functions_of_analysis_have_their_known_first_and_second_derivatives) {
    const double x = 0.7;
    const auto check = [x](const auto& f, double first, double second) {
        const AutodiffObjective loss(1, [f](const auto& w) { return f(w(0)); });
        const Vector w = Vector::Constant(1, x);
        BOOST_TEST(loss.gradient(w)(0) == first, boost::test_tools::tolerance(1e-14));
        BOOST_TEST(loss.dense_hessian(w)(0, 0) == second, boost::test_tools::tolerance(1e-14));
    };
    const double th = std::tanh(x), e = std::exp(x), bell = 2.0 / std::sqrt(std::acos(-1.0)) * std::exp(-x * x);
    check([](const auto& u) { return exp(u); }, e, e);
    check([](const auto& u) { return log(u); }, 1.0 / x, -1.0 / (x * x));
    check([](const auto& u) { return sqrt(u); }, 0.5 / std::sqrt(x), -0.25 / (x * std::sqrt(x)));
    check([](const auto& u) { return sin(u); }, std::cos(x), -std::sin(x));
    check([](const auto& u) { return cos(u); }, -std::sin(x), -std::cos(x));
    check([](const auto& u) { return tanh(u); }, 1.0 - th * th, -2.0 * th * (1.0 - th * th));
    check([](const auto& u) { return erf(u); }, bell, -2.0 * x * bell);
    check([](const auto& u) { return pow(u, 2.5); }, 2.5 * std::pow(x, 1.5), 3.75 * std::sqrt(x));
    check([](const auto& u) { return 1.0 / u; }, -1.0 / (x * x), 2.0 / (x * x * x));
    check([](const auto& u) { return log(1.0 + exp(u)); }, e / (1.0 + e), e / ((1.0 + e) * (1.0 + e)));
}

BOOST_AUTO_TEST_CASE(the_lambda_may_branch_and_multiply_by_matrices) {
    const Matrix a = normal_vector(RandomStream(6, 0), 12).reshaped(4, 3);
    const Vector b = normal_vector(RandomStream(6, 1), 4);
    const Vector w = normal_vector(RandomStream(6, 2), 3);
    const AutodiffObjective square(3, [a, b](const auto& u) { return 0.5 * (a * u - b).squaredNorm(); });
    BOOST_TEST(relative(square.gradient(w), a.transpose() * (a * w - b)) <= 1e-14);
    BOOST_TEST(relative(square.dense_hessian(w), a.transpose() * a) <= 1e-14);

    const AutodiffObjective hinge(2, [](const auto& u) { return u(0) > 1.0 ? u(0) * u(0) * u(1) : 3.0 * u(1); });
    BOOST_TEST((hinge.gradient(Eigen::Vector2d(2.0, 5.0)) == Eigen::Vector2d(20.0, 4.0)));
    BOOST_TEST((hinge.gradient(Eigen::Vector2d(0.0, 5.0)) == Eigen::Vector2d(0.0, 3.0)));
    const AutodiffObjective flat(2, [](const auto&) { return 4.0; });
    BOOST_TEST(flat.dense_hessian(Vector::Ones(2)).norm() == 0.0);
}

BOOST_AUTO_TEST_CASE(both_objectives_obey_the_laws) {
    laws::check_laws(AutodiffObjective(7, rosenbrock), 0.5 * normal_vector(RandomStream(7, 0), 7));
    const SyntheticData classes = softmax_data(30, 3, 4);
    const AutodiffFiniteSum fit(16, 30, softmax_loss(classes.data, 4),
                                [](const auto& w) { return 0.05 * w.squaredNorm(); });
    laws::check_laws(fit, normal_vector(RandomStream(7, 1), 16));
}

BOOST_AUTO_TEST_CASE(a_mean_of_per_sample_losses_is_the_model_that_was_written_by_hand) {
    const SyntheticData classes = softmax_data(40, 3, 4);
    const Mlp exact = softmax_regression(classes.data);
    const AutodiffFiniteSum found(16, 40, softmax_loss(classes.data, 4));
    const Vector w = normal_vector(RandomStream(8, 0), 16);
    const Batch some(std::vector<Index>{3, 0, 3, 39});
    BOOST_TEST(std::abs(found.value(w, some) / exact.value(w, some) - 1.0) <= 1e-13);
    BOOST_TEST(relative(found.gradient(w, some), exact.gradient(w, some)) <= 1e-13);
    BOOST_TEST(relative(found.per_sample_gradients(w, some), exact.per_sample_gradients(w, some)) <= 1e-13);
    BOOST_TEST(relative(found.dense_hessian(w, some), exact.dense_hessian(w, some)) <= 1e-13);
    BOOST_TEST(relative(found.gradient_second_moment(w, some), exact.gradient_second_moment(w, some)) <= 1e-13);
}

BOOST_AUTO_TEST_CASE(the_hessian_stays_valid_after_the_objective_is_gone) {
    auto loss = std::make_unique<AutodiffObjective>(2, rosenbrock);
    const SymmetricOperator h = loss->hessian(Vector::Ones(2));
    loss.reset();
    BOOST_TEST((h * Eigen::Vector2d(1.0, 0.0) == Eigen::Vector2d(802.0, -400.0)));
}

BOOST_AUTO_TEST_CASE(mistakes_and_numbers_that_are_not_finite_are_named) {
    const AutodiffObjective root(2, [](const auto& w) { return sqrt(w(0)) + w(1); });
    BOOST_CHECK_EXCEPTION((void)root.value(Eigen::Vector2d(-1.0, 0.0)), NumericalError,
                          [](const NumericalError& error) {
                              return std::string(error.what()).find("the value at w = (-1, 0) is not finite") == 0;
                          });
    BOOST_CHECK_EXCEPTION((void)root.gradient(Eigen::Vector2d(0.0, 0.0)), NumericalError,
                          says("the gradient at w = (0, 0) is not finite: entry 0 is inf"));
    BOOST_CHECK_EXCEPTION((void)root.value(Vector::Ones(3)), std::invalid_argument,
                          says("AutodiffObjective: w must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION(AutodiffObjective(0, rosenbrock), std::invalid_argument,
                          says("AutodiffObjective: dimension must be at least 1; got 0"));
    const auto sample = [](const auto& w, Index s) { return static_cast<double>(s) * w(0); };
    BOOST_CHECK_EXCEPTION(AutodiffFiniteSum(1, 0, sample), std::invalid_argument,
                          says("AutodiffFiniteSum: samples must be at least 1; got 0"));
    BOOST_CHECK_THROW((void)AutodiffFiniteSum(1, 3, sample).value(Vector::Ones(1), Batch::range(2, 2)),
                      std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(where_there_is_no_loss_there_are_no_derivatives_although_the_formula_gives_numbers) {
    // 1 / w is finite at -1, log w is not.
    const Vector at = Vector::Constant(1, -1.0);
    const AutodiffObjective one(1, [](const auto& w) { return log(w(0)); });
    BOOST_CHECK_THROW((void)one.gradient(at), NumericalError);
    BOOST_CHECK_THROW((void)one.hessian(at), NumericalError);
    BOOST_CHECK_THROW((void)one.dense_hessian(at), NumericalError);
    const AutodiffFiniteSum two(1, 2, [](const auto& w, Index) { return log(w(0)); });
    BOOST_CHECK_THROW((void)two.per_sample_gradients(at, Batch::all(2)), NumericalError);
    BOOST_CHECK_THROW((void)two.dense_hessian(at), NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
