#include "hessq/core/require.hpp"
#include "hessq/objectives/mlp.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(mlp)

namespace {

Dataset numbers() {
    Dataset data;
    data.name = "numbers";
    data.inputs = Matrix{{0.0, 1.0, 2.0}, {1.0, -1.0, 0.5}};
    data.targets = Matrix{{1.0, 2.0, 3.0}};
    return data;
}

Dataset three_classes() {
    Dataset data = numbers();
    data.targets = Matrix{{0.0, 2.0, 1.0}};
    data.class_names = {"a", "b", "c"};
    return data;
}

} // namespace

BOOST_AUTO_TEST_CASE(parameters_lie_layer_by_layer_weight_before_bias) {
    const Mlp net(three_classes(), {.hidden = {4, 5}});
    const ParameterLayout layout = net.layout();
    const struct {
        std::string name;
        Index offset, rows, cols;
    } expected[] = {{"layer0.weight", 0, 4, 2}, {"layer0.bias", 8, 4, 1},    {"layer1.weight", 12, 5, 4},
                    {"layer1.bias", 32, 5, 1},  {"layer2.weight", 37, 3, 5}, {"layer2.bias", 52, 3, 1}};
    BOOST_REQUIRE_EQUAL(layout.groups.size(), 6u);
    for (std::size_t g = 0; g < 6; ++g) {
        BOOST_TEST(layout.groups[g].name == expected[g].name);
        BOOST_TEST(layout.groups[g].offset == expected[g].offset);
        BOOST_TEST(layout.groups[g].rows == expected[g].rows);
        BOOST_TEST(layout.groups[g].cols == expected[g].cols);
    }
    BOOST_TEST(layout.dimension() == 55);
    BOOST_TEST(net.dimension() == 55);
    BOOST_TEST(net.samples() == 3);
    BOOST_TEST(net.outputs() == 3);
}

BOOST_AUTO_TEST_CASE(weights_are_stored_row_by_row) {
    // f(x) = [1 2; 3 4] x + [5; 6] at x = (10, 100).
    Dataset data = numbers();
    data.inputs = Matrix{{10.0}, {100.0}};
    data.targets = Matrix::Zero(2, 1);
    const Mlp net(data, {.loss = Loss::squared});
    const Matrix f = net.predict(Vector{{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}}, Batch::all(1));
    BOOST_TEST(f(0, 0) == 215.0);
    BOOST_TEST(f(1, 0) == 436.0);
}

BOOST_AUTO_TEST_CASE(initial_parameters_stay_within_one_over_the_root_of_the_layers_inputs) {
    const Mlp net(three_classes(), {.hidden = {4, 9}});
    const Vector w = net.initial_parameters(3);
    for (const ParameterGroup& group : net.layout().groups) {
        const double inputs = group.name.starts_with("layer0") ? 2.0 : group.name.starts_with("layer1") ? 4.0 : 9.0;
        const Vector part = w.segment(group.offset, group.size());
        BOOST_TEST(part.cwiseAbs().maxCoeff() < 1.0 / std::sqrt(inputs));
        BOOST_TEST(part.cwiseAbs().maxCoeff() > 0.25 / std::sqrt(inputs)); // they fill the interval
    }
    BOOST_TEST((w.array() == net.initial_parameters(3).array()).all());
    BOOST_TEST((w.array() != net.initial_parameters(4).array()).all());
}

BOOST_AUTO_TEST_CASE(options_that_make_no_network_are_refused) {
    using Error = std::invalid_argument;
    BOOST_CHECK_EXCEPTION(Mlp(three_classes(), {.hidden = {3, 0}}), Error,
                          says("Mlp: hidden widths must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(Mlp(three_classes(), {.l2 = -0.5}), Error,
                          says("Mlp: l2 must be finite and not negative; got -0.5"));
    BOOST_CHECK_EXCEPTION(Mlp(three_classes(), {.l2 = std::numeric_limits<double>::quiet_NaN()}), Error,
                          says("Mlp: l2 must be finite and not negative; got nan"));
    BOOST_CHECK_EXCEPTION(Mlp(three_classes(), {.l2 = std::numeric_limits<double>::infinity()}), Error,
                          says("Mlp: l2 must be finite and not negative; got inf"));
    BOOST_CHECK_EXCEPTION(Mlp(numbers(), {.loss = Loss::cross_entropy}), Error,
                          says("Mlp: cross-entropy needs class labels, squared loss real-valued targets; "
                               "got cross-entropy with real-valued targets"));
    BOOST_CHECK_EXCEPTION(Mlp(three_classes(), {.loss = Loss::squared}), Error,
                          says("Mlp: cross-entropy needs class labels, squared loss real-valued targets; "
                               "got squared loss with class labels"));
    BOOST_CHECK_EXCEPTION(
        Mlp(three_classes(), {}, true), Error,
        says("Mlp: a single logit needs cross-entropy and exactly two classes; number of classes; got 3"));
}

BOOST_AUTO_TEST_CASE(data_that_are_not_valid_are_refused) {
    Dataset data = three_classes();
    data.inputs(0, 1) = std::numeric_limits<double>::quiet_NaN();
    BOOST_CHECK_EXCEPTION(Mlp(data, {}), InputError, says("numbers: expected finite inputs; got NaN or infinity"));
}

BOOST_AUTO_TEST_CASE(a_point_of_the_wrong_length_is_refused_by_every_function) {
    const Mlp net(three_classes(), {}); // 3 x 2 weights and 3 biases
    const Vector w = Vector::Zero(8);
    const Batch all = Batch::all(3);
    const auto refuses = [](const std::string& function, const auto& call) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument,
                              says("Mlp::" + function + ": w must have 9 entries; got 8"));
    };
    refuses("value", [&] { return net.value(w); });
    refuses("value_and_gradient", [&] { return net.value_and_gradient(w); });
    refuses("value_and_gradient", [&] { return net.gradient(w); });
    refuses("hessian", [&] { return net.hessian(w); });
    refuses("dense_hessian", [&] { return net.dense_hessian(w); });
    refuses("gauss_newton", [&] { return net.gauss_newton(w); });
    refuses("gauss_newton_diagonal", [&] { return net.gauss_newton_diagonal(w); });
    refuses("per_sample_gradients", [&] { return net.per_sample_gradients(w, all); });
    refuses("sampled_label_gradients", [&] { return net.sampled_label_gradients(w, all, 1); });
    refuses("predict", [&] { return net.predict(w, all); });
}

BOOST_AUTO_TEST_CASE(batches_that_are_empty_or_leave_the_data_are_refused) {
    const Mlp net(three_classes(), {});
    const Vector w = Vector::Zero(9);
    BOOST_CHECK_EXCEPTION((void)net.value(w, Batch(std::vector<Index>{})), std::invalid_argument,
                          says("Mlp::value: a batch must hold at least one sample; got 0"));
    BOOST_CHECK_EXCEPTION((void)net.predict(w, Batch(std::vector<Index>{0, 3})), std::invalid_argument,
                          says("Mlp::predict: batch indices must lie in 0, ..., 2; got 3"));
    BOOST_CHECK_EXCEPTION((void)net.hessian(w, Batch(std::vector<Index>{-1, 1})), std::invalid_argument,
                          says("Mlp::hessian: batch indices must lie in 0, ..., 2; got -1"));
    BOOST_CHECK_EXCEPTION((void)net.per_sample_gradients(w, Batch::range(1, 3)), std::invalid_argument,
                          says("Mlp::per_sample_gradients: batch indices must lie in 0, ..., 2; got 1 and the next 2"));
}

BOOST_AUTO_TEST_SUITE_END()
