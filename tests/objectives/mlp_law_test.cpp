#include "hessq/objectives/mlp.hpp"

#include "hessq/core/random.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "support/draws.hpp"
#include "support/objective_laws.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(mlp_laws)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

Dataset classes(Index samples, Index features, Index count) {
    Dataset data;
    data.name = "classes";
    data.inputs = normal_vector(RandomStream(21, 0), samples * features).reshaped(features, samples);
    data.targets.resize(1, samples);
    for (Index s = 0; s < samples; ++s) data.targets(0, s) = static_cast<double>((s * s + s / 3) % count);
    for (Index c = 0; c < count; ++c) data.class_names.push_back(std::to_string(c));
    return data;
}

Dataset numbers(Index samples, Index features, Index outputs) {
    Dataset data;
    data.name = "numbers";
    data.inputs = normal_vector(RandomStream(22, 0), samples * features).reshaped(features, samples);
    data.targets = normal_vector(RandomStream(22, 1), samples * outputs).reshaped(outputs, samples);
    return data;
}

// Every activation, both losses and two penalties at one depth.
void check_depth(const std::vector<Index>& hidden) {
    for (const Activation activation : {Activation::tanh, Activation::sigmoid, Activation::softplus, Activation::gelu,
                                        Activation::relu, Activation::identity})
        for (const Loss loss : {Loss::squared, Loss::cross_entropy})
            for (const double l2 : {0.0, 0.3}) {
                const Dataset data = loss == Loss::squared ? numbers(12, 4, 2) : classes(12, 4, 3);
                const Mlp net(data, {.hidden = hidden, .activation = activation, .loss = loss, .l2 = l2});
                BOOST_TEST_CONTEXT("activation " << static_cast<int>(activation) << ", loss " << static_cast<int>(loss)
                                                 << ", l2 " << l2) {
                    laws::check_laws(net, net.initial_parameters(23), l2);
                }
            }
}

// (x, 1) for every sample: (features + 1) x samples.
Matrix with_one(const Dataset& data) {
    Matrix x(data.features() + 1, data.samples());
    x << data.inputs, Matrix::Ones(1, data.samples());
    return x;
}

void check_hessian(const ModelObjective& model, VectorView w, const Matrix& expected) {
    const double size = 100.0 * eps * expected.cwiseAbs().maxCoeff();
    BOOST_TEST((model.dense_hessian(w) - expected).cwiseAbs().maxCoeff() <= size);
    BOOST_TEST((to_dense(model.hessian(w)) - expected).cwiseAbs().maxCoeff() <= size);
    // These models are linear in w, so the Gauss-Newton matrix is the Hessian.
    BOOST_TEST((to_dense(model.gauss_newton(w)) - expected).cwiseAbs().maxCoeff() <= size);
}

} // namespace

BOOST_AUTO_TEST_CASE(linear_models_obey_the_laws) {
    for (const double l2 : {0.0, 0.3}) {
        for (const Index outputs : {1, 3}) {
            const Mlp linear = linear_regression(numbers(12, 4, outputs), l2);
            laws::check_laws(linear, linear.initial_parameters(0), l2);
        }
        const Mlp logistic = logistic_regression(classes(12, 4, 2), l2);
        laws::check_laws(logistic, logistic.initial_parameters(1), l2);
        const Mlp softmax = softmax_regression(classes(12, 4, 3), l2);
        laws::check_laws(softmax, softmax.initial_parameters(2), l2);
    }
}

BOOST_AUTO_TEST_CASE(one_hidden_layer_obeys_the_laws) { check_depth({3}); }
BOOST_AUTO_TEST_CASE(two_hidden_layers_obey_the_laws, *boost::unit_test::label("slow")) { check_depth({3, 2}); }
BOOST_AUTO_TEST_CASE(three_hidden_layers_obey_the_laws, *boost::unit_test::label("slow")) { check_depth({3, 4, 2}); }

BOOST_AUTO_TEST_CASE(several_chunks_of_samples_and_a_single_logit_obey_the_laws) {
    const Index samples = 2 * sample_chunk + 5;
    const Mlp wide(numbers(samples, 3, 2), {.hidden = {4}, .loss = Loss::squared, .l2 = 0.01});
    laws::check_laws(wide, wide.initial_parameters(1), 0.01);
    const Mlp single(classes(samples, 3, 2), {.hidden = {4}, .activation = Activation::gelu}, true);
    laws::check_laws(single, single.initial_parameters(2), 0.0);
}

BOOST_AUTO_TEST_CASE(linear_regression_has_the_covariance_of_its_inputs_as_hessian) {
    const Dataset data = numbers(16, 5, 1);
    const Matrix x = with_one(data);
    const Mlp model = linear_regression(data);
    check_hessian(model, normal_vector(RandomStream(25, 0), model.dimension()), x * x.transpose() / 16.0);
}

BOOST_AUTO_TEST_CASE(logistic_regression_weights_the_covariance_with_the_variance_of_the_label) {
    const Dataset data = classes(16, 5, 2);
    const Matrix x = with_one(data);
    const Mlp model = logistic_regression(data);
    const Vector w = normal_vector(RandomStream(26, 0), model.dimension());
    Matrix expected = Matrix::Zero(6, 6);
    for (Index s = 0; s < 16; ++s) {
        const double p = 1.0 / (1.0 + std::exp(-w.dot(x.col(s))));
        expected += p * (1.0 - p) * x.col(s) * x.col(s).transpose() / 16.0;
    }
    check_hessian(model, w, expected);
}

BOOST_AUTO_TEST_CASE(softmax_regression_has_the_kronecker_hessian_and_features_plus_one_flat_directions) {
    const Index d = 4, classes_count = 3, n = classes_count * (d + 1);
    const Dataset data = classes(12, d, classes_count);
    const Matrix x = with_one(data);
    const Mlp model = softmax_regression(data);
    const Vector w = normal_vector(RandomStream(27, 0), n);
    // Parameter of class c and input i: weights row by row, then the biases.
    const auto place = [&](Index c, Index i) { return i < d ? c * d + i : classes_count * d + c; };
    Matrix expected = Matrix::Zero(n, n);
    for (Index s = 0; s < 12; ++s) {
        Vector p = Vector::Zero(classes_count);
        for (Index c = 0; c < classes_count; ++c) {
            double logit = 0.0;
            for (Index i = 0; i <= d; ++i) logit += w(place(c, i)) * x(i, s);
            p(c) = std::exp(logit);
        }
        p /= p.sum();
        for (Index a = 0; a < classes_count; ++a)
            for (Index b = 0; b < classes_count; ++b)
                for (Index i = 0; i <= d; ++i)
                    for (Index j = 0; j <= d; ++j)
                        expected(place(a, i), place(b, j)) +=
                            ((a == b ? p(a) : 0.0) - p(a) * p(b)) * x(i, s) * x(j, s) / 12.0;
    }
    check_hessian(model, w, expected);
    // Adding the same number to input i's weights of every class changes no probability.
    Matrix shift = Matrix::Zero(n, d + 1);
    for (Index c = 0; c < classes_count; ++c)
        for (Index i = 0; i <= d; ++i) shift(place(c, i), i) = 1.0;
    BOOST_TEST((model.hessian(w) * shift).cwiseAbs().maxCoeff() <= 100.0 * eps);
}

// 4.5 standard errors are exceeded by one mean in 150000.
BOOST_AUTO_TEST_CASE(well_specified_softmax_labels_make_the_gradient_covariance_the_hessian) {
    // E gg' = H at the truth: along u, the per-sample (u'g)^2 - u'H_s u have mean 0.
    const auto worst = [](double misspecification) {
        const Index samples = 4000;
        const SyntheticData made = softmax_data(samples, 4, 3, {.scale = 1.5, .misspecification = misspecification});
        const Mlp model = softmax_regression(made.data);
        const Matrix g = model.per_sample_gradients(made.parameters, Batch::all(samples));
        const Matrix f = model.sampled_label_gradients(made.parameters, Batch::all(samples), 9);
        double largest = 0.0;
        for (Index k = 0; k < model.dimension(); ++k) {
            // The gradient itself has mean 0 too, and its square that of labels drawn from the model.
            largest = std::max(largest, test::z_score(g.row(k).transpose(), 0.0));
            largest = std::max(largest, test::z_score((g.row(k).cwiseAbs2() - f.row(k).cwiseAbs2()).transpose(), 0.0));
        }
        return largest;
    };
    BOOST_TEST(worst(0.0) < 4.5); // the largest of 30
    BOOST_TEST(worst(2.0) > 6.0); // and the test has the power to see a wrong model
}

BOOST_AUTO_TEST_SUITE_END()
