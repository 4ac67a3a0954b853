#include "hessq/objectives/check.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/objectives/function.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/objectives/test_functions.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(check)

namespace {

// A correct factorization loss whose gradient, Hessian and per-sample gradients can be spoiled one by one.
class Spoiled final : public FiniteSumObjective {
public:
    std::function<void(Vector&)> spoil_gradient = [](Vector&) {};
    std::function<void(MatrixView, Matrix&)> spoil_product = [](MatrixView, Matrix&) {};
    std::function<void(Matrix&)> spoil_samples = [](Matrix&) {};

    Index dimension() const override { return loss_.dimension(); }
    Index samples() const override { return 3; }
    ParameterLayout layout() const override { return loss_.layout(); }
    using FiniteSumObjective::value_and_gradient;
    ValueAndGradient value_and_gradient(VectorView w, const Batch&) const override {
        ValueAndGradient at = {loss_.value(w), loss_.gradient(w)};
        spoil_gradient(at.gradient);
        return at;
    }
    using FiniteSumObjective::hessian;
    SymmetricOperator hessian(VectorView w, const Batch&) const override {
        return SymmetricOperator(dimension(), [h = loss_.hessian(w), spoil = spoil_product](MatrixView v) {
            Matrix product = h * v;
            spoil(v, product);
            return product;
        });
    }
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override {
        Matrix all = FiniteSumObjective::gradient(w).replicate(1, batch.size());
        spoil_samples(all);
        return all;
    }

private:
    MatrixFactorization loss_{normal_vector(RandomStream(3, 0), 6).reshaped(2, 3),
                              {4}}; // layer0.weight is 4 x 3, layer1.weight 2 x 4
};

const DerivativeCheck& named(const DerivativeReport& report, const std::string& name) {
    for (const DerivativeCheck& check : report.checks)
        if (check.name == name) return check;
    throw std::out_of_range(name);
}

Vector somewhere(const Objective& objective) { return normal_vector(RandomStream(3, 1), objective.dimension()); }

} // namespace

BOOST_AUTO_TEST_CASE(correct_derivatives_pass_and_every_check_gets_a_line) {
    const Spoiled right;
    const DerivativeReport report = check_derivatives(right, somewhere(right));
    BOOST_TEST(report.passed(), report.summary());
    BOOST_TEST_REQUIRE(report.checks.size() == 5u);
    const std::string summary = report.summary();
    BOOST_TEST(std::count(summary.begin(), summary.end(), '\n') == 6);
    BOOST_TEST(summary.find("These derivatives are right, as far as differences can tell.\n") == 0u);
    for (const char* name :
         {"\n  gradient: agrees with differences of the value; the worst at layer",
          "\n  Hessian product: agrees with differences of the gradient; the worst at ", "\n  symmetry: agrees with ",
          "\n  linearity: agrees with ", "\n  per-sample mean: agrees with the gradient of the whole"})
        BOOST_TEST(summary.find(name) != std::string::npos, summary);
    BOOST_TEST(check_derivatives(Beale(), Eigen::Vector2d(1, 2)).checks.size() == 4u);
}

BOOST_AUTO_TEST_CASE(a_wrong_gradient_entry_is_caught_and_named_even_if_wrong_in_the_sixth_digit) {
    for (const double mistake : {0.1, 1e-6}) {
        Spoiled wrong;
        wrong.spoil_gradient = [mistake](Vector& g) { g(7) += mistake; }; // row 2, column 1 of the first layer
        const Vector w = somewhere(wrong);
        const DerivativeReport report = check_derivatives(wrong, w);
        const DerivativeCheck& check = named(report, "gradient");
        BOOST_TEST(!report.passed());
        BOOST_TEST(!check.passed);
        BOOST_TEST(check.where == "layer0.weight[2, 1]");
        BOOST_TEST(check.parameter == 7);
        BOOST_TEST(std::abs(check.found - check.expected - mistake) <= check.tolerance);
        BOOST_TEST(check.error > check.tolerance);
        BOOST_TEST(report.summary().find("These derivatives are wrong: ") == 0u);
        BOOST_TEST(report.summary().find("\n  gradient: WRONG at layer0.weight[2, 1]: it is ") != std::string::npos,
                   report.summary());
    }
}

BOOST_AUTO_TEST_CASE(the_report_names_the_usual_mistakes) {
    // Of 1/2 w_0^2 + 3 w_1 at (2, 1): the gradient is (2, 3).
    const auto summary = [](const Vector& gradient) {
        const FunctionObjective loss(
            2, [](VectorView w) { return 0.5 * w(0) * w(0) + 3.0 * w(1); },
            [gradient](VectorView w) -> Vector { return Eigen::Vector2d(gradient(0) * w(0) / 2.0, gradient(1)); },
            [](VectorView, MatrixView v) -> Matrix { return Eigen::Vector2d(1.0, 0.0).asDiagonal() * v; });
        return check_derivatives(loss, Eigen::Vector2d(2.0, 1.0)).summary();
    };
    const auto has = [](const std::string& text, const std::string& part) {
        BOOST_TEST(text.find(part) != std::string::npos, text);
    };
    has(summary(Eigen::Vector2d(2.0, -3.0)), "gradient: WRONG at w[1]: it is -3, differences of the value say 3: the "
                                             "sign is the other way round; off by 6 ");
    has(summary(Eigen::Vector2d(2.0, 6.0)), "say 3: twice what it should be; ");
    has(summary(Eigen::Vector2d(2.0, 1.5)), "say 3: half of what it should be; ");
    has(summary(Eigen::Vector2d(2.0, 0.0)), "say 3: this entry is missing; ");
    has(summary(Eigen::Vector2d(2.0, 3.3)), "say 3: 1.1 times what it should be; ");
    BOOST_TEST(summary(Eigen::Vector2d(2.0, 3.0)).find("WRONG") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(products_by_differences_need_no_word_about_their_accuracy) {
    const FunctionObjective loss(
        3, [](VectorView w) { return w.array().exp().sum() + std::sin(w(0) * w(1)); },
        [](VectorView w) -> Vector {
            const double c = std::cos(w(0) * w(1));
            return w.array().exp().matrix() + Vector(Eigen::Vector3d(w(1) * c, w(0) * c, 0.0));
        });
    for (std::uint64_t k = 0; k < 50; ++k) {
        const DerivativeReport report = check_derivatives(loss, normal_vector(RandomStream(4, k), 3), {.seed = k});
        BOOST_TEST(report.passed(), report.summary());
    }
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_not_a_number_fails) {
    Spoiled wrong;
    wrong.spoil_gradient = [](Vector& g) { g(13) = std::numeric_limits<double>::quiet_NaN(); };
    BOOST_TEST(!named(check_derivatives(wrong, somewhere(wrong)), "gradient").passed);
}

BOOST_AUTO_TEST_CASE(a_wrong_row_of_the_hessian_is_caught_and_named) {
    Spoiled wrong;
    wrong.spoil_product = [](MatrixView, Matrix& product) { product.row(13) *= 1.0 + 1e-5; };
    const DerivativeCheck check = named(check_derivatives(wrong, somewhere(wrong)), "Hessian product");
    BOOST_TEST(!check.passed);
    BOOST_TEST(check.parameter == 13);
    BOOST_TEST(check.where.find("layer1.weight[0, 1] along direction ") == 0u);
    BOOST_TEST(check.relative == 1e-5, boost::test_tools::tolerance(1e-2));
}

BOOST_AUTO_TEST_CASE(asymmetry_and_nonlinearity_are_caught_below_the_accuracy_of_differences) {
    Spoiled skew;
    skew.spoil_product = [](MatrixView v, Matrix& product) { product.row(0) += 1e-9 * v.row(5); };
    const DerivativeReport asymmetric = check_derivatives(skew, somewhere(skew));
    BOOST_TEST(named(asymmetric, "Hessian product").passed);
    BOOST_TEST(!named(asymmetric, "symmetry").passed);
    BOOST_TEST(named(asymmetric, "symmetry").parameter == -1);
    BOOST_TEST(named(asymmetric, "linearity").passed);
    Spoiled bent;
    bent.spoil_product = [](MatrixView v, Matrix& product) { product += 1e-9 * v.cwiseAbs(); };
    BOOST_TEST(!named(check_derivatives(bent, somewhere(bent)), "linearity").passed);
    // Someone who says that the products are only that accurate is believed.
    BOOST_TEST(check_derivatives(bent, somewhere(bent), {.product_accuracy = 1e-8}).passed());
}

BOOST_AUTO_TEST_CASE(per_sample_gradients_divided_by_the_batch_size_are_caught) {
    Spoiled wrong;
    wrong.spoil_samples = [](Matrix& all) { all /= 3.0; };
    const DerivativeCheck check = named(check_derivatives(wrong, somewhere(wrong)), "per-sample mean");
    BOOST_TEST(!check.passed);
    BOOST_TEST(check.found == check.expected / 3.0, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(coordinates_limit_how_many_values_are_paid) {
    auto calls = std::make_shared<int>(0);
    const FunctionObjective counted(
        100,
        [calls](VectorView w) {
            ++*calls;
            return 0.5 * w.squaredNorm();
        },
        [](VectorView w) -> Vector { return w; }, [](VectorView, MatrixView v) -> Matrix { return v; });
    const DerivativeReport report = check_derivatives(counted, Vector::Ones(100), {.coordinates = 10});
    BOOST_TEST(report.passed(), report.summary());
    BOOST_TEST(*calls == 1 + 4 * 10);
}

BOOST_AUTO_TEST_CASE(parameters_are_named_by_group_row_and_column) {
    ParameterLayout layout;
    layout.append("layer0.weight", 4, 3);
    layout.append("layer0.bias", 4);
    BOOST_TEST(parameter_name(layout, 0) == "layer0.weight[0, 0]");
    BOOST_TEST(parameter_name(layout, 11) == "layer0.weight[3, 2]");
    BOOST_TEST(parameter_name(layout, 12) == "layer0.bias[0]");
    BOOST_TEST(parameter_name(layout, 15) == "layer0.bias[3]");
    BOOST_CHECK_EXCEPTION(parameter_name(layout, 16), std::invalid_argument,
                          says("parameter_name: the parameter must lie in 0, ..., 15; got 16"));
}

BOOST_AUTO_TEST_CASE(refuses_options_out_of_range) {
    const Beale f;
    const Vector w = Vector::Zero(2);
    BOOST_CHECK_EXCEPTION((void)check_derivatives(f, Vector::Zero(3)), std::invalid_argument,
                          says("check_derivatives: w must have 2 entries; got 3"));
    BOOST_CHECK_EXCEPTION((void)check_derivatives(f, w, {.coordinates = -1}), std::invalid_argument,
                          says("check_derivatives: coordinates must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION((void)check_derivatives(f, w, {.directions = 1}), std::invalid_argument,
                          says("check_derivatives: directions must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION((void)check_derivatives(f, w, {.product_accuracy = -1.0}), std::invalid_argument,
                          says("check_derivatives: product_accuracy must be at least 0; got -1"));
}

BOOST_AUTO_TEST_SUITE_END()
