#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(mlp_dense)

namespace {

Mlp random_network(Index samples, Index features, std::vector<Index> hidden, Activation activation, double l2 = 0.0) {
    return Mlp(softmax_data(samples, features, 5).data,
               {.hidden = std::move(hidden), .activation = activation, .l2 = l2});
}

void check_close(const Matrix& found, const Matrix& expected) {
    BOOST_TEST((found - expected).cwiseAbs().maxCoeff() <= 1e-12 * expected.cwiseAbs().maxCoeff());
}

/// Everything that is contracted, against n products or the gradients one by one.
void check_contractions(const Mlp& net) {
    const Vector w = 2.0 * net.initial_parameters(3);
    const Batch all = Batch::all(net.samples());
    const Matrix hessian = to_dense(net.hessian(w));
    check_close(net.dense_hessian(w), hessian);
    check_close(net.hessian_diagonal(w), hessian.diagonal());
    check_close(net.dense_gauss_newton(w), to_dense(net.gauss_newton(w)));
    const Matrix g = net.per_sample_gradients(w, all);
    check_close(net.gradient_second_moment(w, all), g * g.transpose() / static_cast<double>(net.samples()));
}

} // namespace

BOOST_AUTO_TEST_CASE(layers_wider_than_a_group_of_units_and_a_tile_of_pairs_are_those_of_n_products) {
    check_contractions(random_network(60, 7, {30}, Activation::tanh));          // 465 pairs of units
    check_contractions(random_network(40, 25, {9, 17}, Activation::gelu, 0.1)); // 351 pairs of inputs
    check_contractions(random_network(40, 3, {11, 2, 10}, Activation::softplus));
    check_contractions(random_network(30, 4, {5, 3, 4, 6}, Activation::sigmoid, 0.01));
}

BOOST_AUTO_TEST_CASE(a_layer_with_more_inputs_than_a_tile_has_rows_is_that_of_n_products) {
    check_contractions(random_network(6, 300, {2}, Activation::tanh));
}

BOOST_AUTO_TEST_CASE(a_last_layer_with_more_inputs_than_a_tile_has_rows_is_that_of_n_products,
                     *boost::unit_test::label("slow")) {
    check_contractions(random_network(6, 2, {270}, Activation::tanh));
}

BOOST_AUTO_TEST_CASE(more_samples_than_are_kept_at_a_time_give_one_mean) {
    check_contractions(random_network(2300, 3, {4, 3}, Activation::tanh));
}

BOOST_AUTO_TEST_CASE(every_block_of_two_layers_is_that_part_of_the_hessian) {
    const Mlp net = random_network(50, 6, {9, 4}, Activation::tanh, 0.2);
    const Vector w = net.initial_parameters(1);
    const Matrix hessian = to_dense(net.hessian(w));
    for (const ParameterGroup& rows : net.layout().groups)
        for (const ParameterGroup& columns : net.layout().groups)
            check_close(net.dense_hessian_block(w, rows.range(), columns.range()),
                        hessian.block(rows.offset, columns.offset, rows.size(), columns.size()));
}

BOOST_AUTO_TEST_CASE(blocks_of_any_two_ranges_are_that_part_of_the_hessian) {
    const Mlp net = random_network(20, 4, {5, 3}, Activation::tanh);
    const Vector w = net.initial_parameters(2);
    const Index n = net.dimension();
    const Matrix hessian = to_dense(net.hessian(w));
    const RandomStream stream(5, 0);
    for (std::uint64_t k = 0; k < 60; ++k) {
        const auto range = [&](std::uint64_t index) {
            const Index offset = stream.integer(2 * index, n + 1);
            return ParameterRange{offset, stream.integer(2 * index + 1, n - offset + 1)};
        };
        const ParameterRange rows = range(2 * k), columns = range(2 * k + 1);
        const Matrix part = net.dense_hessian_block(w, rows, columns);
        const Matrix expected = hessian.block(rows.offset, columns.offset, rows.size, columns.size);
        BOOST_TEST_REQUIRE(part.rows() == rows.size);
        BOOST_TEST_REQUIRE(part.cols() == columns.size);
        if (part.size() > 0)
            BOOST_TEST((part - expected).cwiseAbs().maxCoeff() <= 1e-12 * hessian.cwiseAbs().maxCoeff());
    }
}

BOOST_AUTO_TEST_CASE(ranges_beyond_the_parameters_are_refused) {
    const Mlp net = random_network(20, 4, {5}, Activation::tanh);
    const Vector w = net.initial_parameters(2);
    const std::string expected =
        "Mlp::dense_hessian_block: rows and columns must lie within the 55 parameters; got 10 from 50";
    BOOST_CHECK_EXCEPTION((void)net.dense_hessian_block(w, {50, 10}, {0, 1}), std::invalid_argument,
                          test::says(expected));
    BOOST_CHECK_EXCEPTION((void)net.dense_hessian_block(w, {0, 1}, {50, 10}), std::invalid_argument,
                          test::says(expected));
}

BOOST_AUTO_TEST_CASE(a_hessian_that_overflows_is_refused) {
    Dataset data = softmax_data(20, 4, 3).data;
    data.inputs *= 1e200;
    const Mlp net(data, {});
    BOOST_CHECK_THROW((void)net.dense_hessian(Vector::Zero(net.dimension())), NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
