#include "hessq/objectives/activation.hpp"

#include "support/json.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace hessq;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(activation)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
// What is left where a result underflows: a few times the smallest normal number, at which Eigen's exp stops.
constexpr double underflow = 4.0 * std::numeric_limits<double>::min();

const std::vector<std::pair<std::string, Activation>> activations = {
    {"tanh", Activation::tanh}, {"sigmoid", Activation::sigmoid}, {"softplus", Activation::softplus},
    {"gelu", Activation::gelu}, {"relu", Activation::relu},       {"identity", Activation::identity}};

const json& reference() {
    static const json numbers = test::json_in(HESSQ_TEST_DATA "/reference/activations.json");
    return numbers;
}

Vector points() {
    const auto z = reference().at("points").get<std::vector<double>>();
    return Eigen::Map<const Vector>(z.data(), static_cast<Index>(z.size()));
}

} // namespace

// Each entry may be the exact result, off by c eps, at a point off by c eps: |error| <= c eps (|f| + |z f'|).
// c = 4 leaves room for one exponential (1 ulp), whose error the difference 1 - e^-2|z| in tanh enlarges 3.5 times at
// worst, and a handful of roundings of 1/2 ulp = eps / 2 each.
BOOST_AUTO_TEST_CASE(values_and_two_derivatives_are_those_of_mpmath_to_four_eps) {
    const Vector z = points();
    for (const auto& [name, activation] : activations) {
        const ActivationDerivatives ours = activation_derivatives(activation, z);
        const Matrix* const derivatives[] = {&ours.value, &ours.first, &ours.second};
        for (Index i = 0; i < z.size(); ++i) {
            const auto exact = reference().at(name).at(static_cast<std::size_t>(i)).get<std::vector<double>>();
            for (std::size_t order = 0; order < 3; ++order) {
                const double error = std::abs((*derivatives[order])(i)-exact[order]);
                const double bound = 4.0 * eps * (std::abs(exact[order]) + std::abs(z(i) * exact[order + 1]));
                BOOST_TEST(error <= bound + underflow, name << ", derivative " << order << " at z = " << z(i) << ": "
                                                            << (*derivatives[order])(i) << " is " << error / bound
                                                            << " bounds away from " << exact[order]);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_value_alone_is_the_value_that_comes_with_derivatives) {
    const Vector z = points();
    for (const auto& [name, activation] : activations)
        BOOST_TEST((activate(activation, z).array() == activation_derivatives(activation, z).value.array()).all(),
                   name);
}

BOOST_AUTO_TEST_CASE(nothing_overflows_far_from_zero) {
    Matrix z(2, 4);
    z << -800.0, -1e5, -1e100, -1e150, 800.0, 1e5, 1e100, 1e150;
    const auto limits = [&](Activation activation, double below, double above) {
        const ActivationDerivatives a = activation_derivatives(activation, z);
        BOOST_TEST((a.value.row(0).array() - below).abs().maxCoeff() <= underflow);
        BOOST_TEST((a.value.row(1).array() - above).abs().maxCoeff() <= underflow);
        BOOST_TEST(a.first.cwiseAbs().maxCoeff() <= underflow);
        BOOST_TEST(a.second.cwiseAbs().maxCoeff() <= underflow);
    };
    limits(Activation::tanh, -1.0, 1.0);
    limits(Activation::sigmoid, 0.0, 1.0);
    for (const Activation activation : {Activation::softplus, Activation::gelu, Activation::relu}) {
        const ActivationDerivatives a = activation_derivatives(activation, z);
        BOOST_TEST(a.value.row(0).cwiseAbs().maxCoeff() <= underflow);
        BOOST_TEST((a.value.row(1).array() == z.row(1).array()).all());
        BOOST_TEST(a.first.row(0).cwiseAbs().maxCoeff() <= underflow);
        BOOST_TEST((a.first.row(1).array() == 1.0).all());
        BOOST_TEST(a.second.cwiseAbs().maxCoeff() <= underflow);
    }
}

BOOST_AUTO_TEST_CASE(relu_has_slope_zero_at_its_kink_as_in_pytorch) {
    const ActivationDerivatives a = activation_derivatives(Activation::relu, Vector::Zero(9));
    BOOST_TEST(a.first.cwiseAbs().maxCoeff() == 0.0);
    BOOST_TEST(a.second.cwiseAbs().maxCoeff() == 0.0);
}

BOOST_AUTO_TEST_CASE(a_number_that_is_not_finite_stays_visible) {
    const Vector nan = Vector::Constant(9, std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, activation] : activations)
        BOOST_TEST(activate(activation, nan).array().isNaN().all(), name);
}

BOOST_AUTO_TEST_SUITE_END()
