#include "hessq/objectives/objective.hpp"

#include "hessq/core/dense.hpp"
#include "support/linear_model.hpp"
#include "support/matrices.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace hessq;
using hessq::test::eps;
using hessq::test::LinearModel;

BOOST_AUTO_TEST_SUITE(objective)

namespace {

/// x^2 y + 3 y^2 with nothing but what must be overridden.
class Bare final : public Objective {
public:
    Index dimension() const override { return 2; }
    double value(VectorView w) const override { return w(0) * w(0) * w(1) + 3.0 * w(1) * w(1); }
    Vector gradient(VectorView w) const override {
        return Eigen::Vector2d(2.0 * w(0) * w(1), w(0) * w(0) + 6.0 * w(1));
    }
    SymmetricOperator hessian(VectorView w) const override {
        return dense_operator((Matrix(2, 2) << 2.0 * w(1), 2.0 * w(0), 2.0 * w(0), 6.0).finished());
    }
};

/// l_s = a_s w in one dimension, a = (1, 2, 6), with nothing but what must be overridden.
class Slopes final : public FiniteSumObjective {
public:
    using FiniteSumObjective::gradient;
    using FiniteSumObjective::hessian;
    using FiniteSumObjective::value;
    using FiniteSumObjective::value_and_gradient;
    Index dimension() const override { return 1; }
    Index samples() const override { return 3; }
    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override {
        const Vector slope = per_sample_gradients(w, batch).rowwise().mean();
        return {slope.dot(w), slope};
    }
    SymmetricOperator hessian(VectorView, const Batch&) const override {
        return diagonal_operator(Vector::Zero(1), "Hessian");
    }
    Matrix per_sample_gradients(VectorView, const Batch& batch) const override {
        const Vector a = Eigen::Vector3d(1, 2, 6);
        return Matrix::NullaryExpr(1, batch.size(), [&](Index, Index s) { return a(batch[s]); });
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(value_and_gradient_are_those_of_the_two_functions) {
    const Bare bare;
    const ValueAndGradient at = bare.value_and_gradient(Eigen::Vector2d(5, 7));
    BOOST_TEST(at.value == 322.0);
    BOOST_CHECK(at.gradient == Eigen::Vector2d(70, 67));
}

BOOST_AUTO_TEST_CASE(the_dense_hessian_is_made_of_products) {
    BOOST_CHECK(Bare().dense_hessian(Eigen::Vector2d(5, 7)) == (Matrix(2, 2) << 14, 10, 10, 6).finished());
}

BOOST_AUTO_TEST_CASE(the_layout_is_one_group_of_all_parameters) {
    const ParameterLayout layout = Bare().layout();
    BOOST_REQUIRE_EQUAL(layout.groups.size(), 1u);
    BOOST_TEST(layout.groups[0].name == "w");
    BOOST_TEST(layout.groups[0].offset == 0);
    BOOST_TEST(layout.groups[0].rows == 2);
    BOOST_TEST(layout.groups[0].cols == 1);
    BOOST_TEST(layout.dimension() == 2);
}

BOOST_AUTO_TEST_CASE(values_and_gradients_of_a_batch_come_from_its_value_and_gradient) {
    const Slopes slopes;
    const Vector w = Vector::Constant(1, 10.0);
    const Batch twice(std::vector<Index>{0, 2, 2}); // slopes 1, 6, 6
    BOOST_TEST(slopes.value(w, twice) == 130.0 / 3.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(slopes.gradient(w, twice)(0) == 13.0 / 3.0, boost::test_tools::tolerance(4 * eps));
}

BOOST_AUTO_TEST_CASE(without_a_batch_the_mean_runs_over_all_samples) {
    const Slopes slopes;
    const Vector w = Vector::Constant(1, 10.0);
    BOOST_TEST(slopes.value(w) == 30.0); // slopes 1, 2, 6
    BOOST_TEST(slopes.gradient(w)(0) == 3.0);
    BOOST_TEST(slopes.value_and_gradient(w).value == 30.0);
    BOOST_TEST(slopes.value_and_gradient(w).gradient(0) == 3.0);
    BOOST_TEST(slopes.dense_hessian(w)(0, 0) == 0.0);

    const LinearModel model = LinearModel::random(4, 9, 1, 0.5);
    const Vector v = normal_vector(RandomStream(2, 0), 4);
    const Batch all = Batch::all(9);
    const Matrix identity = Matrix::Identity(4, 4);
    BOOST_CHECK(model.hessian(v) * identity == model.hessian(v, all) * identity);
    BOOST_CHECK(model.gauss_newton(v) * identity == model.gauss_newton(v, all) * identity);
    BOOST_CHECK(model.gauss_newton_diagonal(v) == model.gauss_newton_diagonal(v, all));
    BOOST_CHECK(model.gradient(v) == model.gradient(v, all));
    BOOST_TEST(model.value(v) == model.value(v, all));
}

BOOST_AUTO_TEST_CASE(a_hessian_outlives_its_objective) {
    const auto hessian = [] { return Bare().hessian(Eigen::Vector2d(5, 7)); };
    BOOST_CHECK(hessian() * Matrix::Identity(2, 2) == (Matrix(2, 2) << 14, 10, 10, 6).finished());
}

BOOST_AUTO_TEST_SUITE_END()
