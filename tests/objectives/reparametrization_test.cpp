#include "hessq/objectives/reparametrization.hpp"

#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/objective_laws.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;
using hessq::test::LinearModel;
using hessq::test::random_matrix;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(reparametrization)

namespace {

std::shared_ptr<const FiniteSumObjective> shared_model(Index n) {
    return std::make_shared<const LinearModel>(LinearModel::random(n, 9, 3));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_network_in_other_coordinates_obeys_the_laws, *boost::unit_test::label("slow")) {
    const Problem iris = bundled_problem("iris-mlp");
    const Vector start = iris.start(0);
    const Index n = start.size();
    const Vector d =
        (0.3 * normal_vector(RandomStream(1, 1), n)).array().exp() * sign_vector(RandomStream(1, 2), n).array();
    const auto scaled = std::dynamic_pointer_cast<const ModelObjective>(reparametrize(iris.objective, d));
    BOOST_REQUIRE(scaled);
    laws::check_laws(*scaled, Vector(start.cwiseQuotient(d)), 0.0);
    const Matrix a = Matrix::Identity(n, n) + 0.05 * random_matrix(n, n, 4);
    const auto mixed = std::dynamic_pointer_cast<const ModelObjective>(reparametrize_linear(iris.objective, a));
    BOOST_REQUIRE(mixed);
    laws::check_laws(*mixed, Vector(a.partialPivLu().solve(start)), 0.0);
}

BOOST_AUTO_TEST_CASE(a_quadratic_in_other_coordinates_obeys_the_laws_and_is_no_model) {
    const auto quadratic = std::make_shared<const Quadratic>(test::random_symmetric(4, 2));
    const Vector d = (Vector(4) << 2, -0.5, 3, 0.1).finished();
    const auto scaled = reparametrize(quadratic, d);
    BOOST_TEST(std::dynamic_pointer_cast<const ModelObjective>(scaled) == nullptr);
    laws::check_laws(*scaled, Vector::LinSpaced(4, -1.0, 2.0));
    laws::check_laws(*reparametrize_linear(quadratic, random_matrix(4, 4, 5)), Vector::LinSpaced(4, -1.0, 2.0));
}

BOOST_AUTO_TEST_CASE(the_loss_is_the_same_at_theta_and_derivatives_are_multiplied) {
    // L = 1/2 (3 a^2 + b^2) with theta = (2 phi_1, -phi_2).
    const Vector h = Eigen::Vector2d(3, 1);
    const auto quadratic = std::make_shared<const Quadratic>(Matrix(h.asDiagonal()));
    const auto seen = reparametrize(quadratic, Eigen::Vector2d(2, -1));
    const Vector phi = Eigen::Vector2d(1, 1);
    BOOST_TEST(seen->value(phi) == 6.5);
    BOOST_CHECK(seen->gradient(phi) == Eigen::Vector2d(12, 1));
    BOOST_CHECK(seen->dense_hessian(phi) == (Matrix(2, 2) << 12, 0, 0, 1).finished());
    const auto mixed = reparametrize_linear(quadratic, (Matrix(2, 2) << 1, 1, 0, 1).finished());
    BOOST_TEST(mixed->value(phi) == 6.5);
    BOOST_CHECK(mixed->gradient(phi) == Eigen::Vector2d(6, 7));
    BOOST_CHECK(mixed->dense_hessian(phi) == (Matrix(2, 2) << 3, 3, 3, 4).finished());
}

BOOST_AUTO_TEST_CASE(layers_stay_layers_under_factors_only) {
    const Problem iris = bundled_problem("iris-mlp");
    const Index n = iris.objective->dimension();
    BOOST_TEST(reparametrize(iris.objective, Vector::Ones(n))->layout().groups.size() == 4);
    const ParameterLayout layout = reparametrize_linear(iris.objective, Matrix::Identity(n, n))->layout();
    BOOST_TEST(layout.groups.size() == 1);
    BOOST_TEST(layout.groups[0].name == "phi");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_inverted_is_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { (void)reparametrize(nullptr, Vector::Ones(2)); },
            "reparametrize: an objective must be given; got none");
    refuses([] { (void)reparametrize(shared_model(2), Vector::Ones(3)); },
            "reparametrize: d must have 2 entries; got 3");
    refuses([] { (void)reparametrize(shared_model(2), Eigen::Vector2d(1, 0)); },
            "reparametrize: factors must be finite and not 0; got 0");
    refuses([] { (void)reparametrize_linear(shared_model(2), Matrix::Ones(2, 3)); },
            "reparametrize_linear: the matrix must be 2 x 2; got 2 x 3");
    BOOST_CHECK_EXCEPTION((void)reparametrize_linear(shared_model(2), Matrix::Ones(2, 2)), NumericalError,
                          says("reparametrize_linear: expected a matrix that can be inverted; got one that is singular "
                               "to rounding"));
    BOOST_CHECK_EXCEPTION((void)reparametrize(shared_model(2), Vector::Ones(2))->value(Vector::Zero(3)),
                          std::invalid_argument, says("reparametrized loss: phi must have 2 entries; got 3"));
}

BOOST_AUTO_TEST_SUITE_END()
