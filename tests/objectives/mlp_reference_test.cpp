#include "hessq/core/dense.hpp"
#include "hessq/datasets/bundled.hpp"
#include "hessq/datasets/npy.hpp"
#include "hessq/objectives/mlp.hpp"
#include "support/json.hpp"

#include <boost/test/unit_test.hpp>
#include <map>
#include <string>

using namespace hessq;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(mlp_reference)

namespace {

const std::string folder = HESSQ_TEST_DATA "/reference/";

const json& reference() {
    static const json numbers = test::json_in(folder + "mlp.json");
    return numbers;
}

Vector vector(const json& numbers) {
    Vector v(static_cast<Index>(numbers.size()));
    for (Index i = 0; i < v.size(); ++i) v(i) = numbers.at(static_cast<std::size_t>(i)).get<double>();
    return v;
}

Matrix columns(const json& lists) {
    Matrix m(static_cast<Index>(lists.at(0).size()), static_cast<Index>(lists.size()));
    for (Index j = 0; j < m.cols(); ++j) m.col(j) = vector(lists.at(static_cast<std::size_t>(j)));
    return m;
}

Matrix from_lower_triangle(const json& rows) {
    const auto n = static_cast<Index>(rows.size());
    Matrix m(n, n);
    for (Index i = 0; i < n; ++i) {
        m.row(i).head(i + 1) = vector(rows.at(static_cast<std::size_t>(i))).transpose();
        m.col(i).head(i) = m.row(i).head(i).transpose();
    }
    return m;
}

Mlp network(const json& entry) {
    static const std::map<std::string, Activation> activations = {
        {"tanh", Activation::tanh}, {"sigmoid", Activation::sigmoid}, {"softplus", Activation::softplus},
        {"gelu", Activation::gelu}, {"relu", Activation::relu},       {"identity", Activation::identity}};
    const json& stored = reference().at("data").at(entry.at("data").get<std::string>());
    const auto loss = entry.at("loss").get<std::string>();
    Dataset data;
    data.name = entry.at("data");
    data.inputs = columns(stored.at("inputs"));
    if (loss == "squared") {
        data.targets = columns(stored.at("targets"));
    } else {
        data.targets = vector(stored.at("targets")).transpose();
        data.class_names =
            loss == "logistic" ? std::vector<std::string>{"no", "yes"} : std::vector<std::string>{"a", "b", "c"};
    }
    return Mlp(std::move(data),
               {.hidden = entry.at("hidden").get<std::vector<Index>>(),
                .activation = activations.at(entry.at("activation")),
                .loss = loss == "squared" ? Loss::squared : Loss::cross_entropy,
                .l2 = entry.at("l2")},
               loss == "logistic");
}

void check_agree(MatrixView ours, MatrixView theirs, const std::string& what) {
    const auto tolerance = reference().at("tolerance").get<double>();
    BOOST_TEST_CONTEXT(what) {
        BOOST_REQUIRE_EQUAL(ours.rows(), theirs.rows());
        BOOST_REQUIRE_EQUAL(ours.cols(), theirs.cols());
        BOOST_TEST((ours - theirs).norm() <= tolerance * theirs.norm());
        BOOST_TEST((ours - theirs).cwiseAbs().maxCoeff() <= tolerance * theirs.cwiseAbs().maxCoeff());
    }
}

void check_agree(double ours, double theirs, const std::string& what) {
    check_agree(Matrix::Constant(1, 1, ours), Matrix::Constant(1, 1, theirs), what);
}

/// Runs check(entry, net, w) on every stored network that has the entry `key`.
template <class Check>
void for_each_case(const char* key, const Check& check) {
    int count = 0;
    for (const json& entry : reference().at("cases")) {
        if (!entry.contains(key)) continue;
        BOOST_TEST_CONTEXT(entry.at("name")) { check(entry, network(entry), vector(entry.at("theta"))); }
        ++count;
    }
    BOOST_TEST(count >= 25); // every activation, depth 0 to 3 and loss occurs among as few as these
}

} // namespace

BOOST_AUTO_TEST_CASE(every_activation_depth_and_loss_is_covered) {
    std::map<std::string, int> seen;
    for (const json& entry : reference().at("cases"))
        ++seen[entry.at("activation").get<std::string>() + std::to_string(entry.at("hidden").size()) +
               entry.at("loss").get<std::string>()];
    BOOST_TEST(seen.size() == 6u * 3u * 3u + 3u); // without hidden layers the activation plays no part
}

BOOST_AUTO_TEST_CASE(values_and_gradients_are_those_of_pytorch) {
    for_each_case("gradient", [](const json& entry, const Mlp& net, const Vector& w) {
        check_agree(net.value(w), entry.at("value").get<double>(), "value");
        check_agree(net.gradient(w), vector(entry.at("gradient")), "gradient");
        check_agree(net.value_and_gradient(w).value, entry.at("value").get<double>(), "value with its gradient");
    });
}

BOOST_AUTO_TEST_CASE(products_with_blocks_are_those_of_pytorch) {
    for_each_case("block", [](const json& entry, const Mlp& net, const Vector& w) {
        const Matrix block = columns(entry.at("block"));
        check_agree(net.hessian(w) * block, columns(entry.at("hessian_block")), "Hessian");
        check_agree(net.gauss_newton(w) * block, columns(entry.at("gauss_newton_block")), "Gauss-Newton");
        check_agree(net.gauss_newton_diagonal(w), vector(entry.at("gauss_newton_diagonal")), "its diagonal");
    });
}

BOOST_AUTO_TEST_CASE(dense_matrices_are_those_of_pytorch) {
    for_each_case("hessian", [](const json& entry, const Mlp& net, const Vector& w) {
        const Matrix hessian = from_lower_triangle(entry.at("hessian"));
        check_agree(net.dense_hessian(w), hessian, "dense_hessian");
        check_agree(to_dense(net.hessian(w)), hessian, "Hessian from products");
        check_agree(to_dense(net.gauss_newton(w)), from_lower_triangle(entry.at("gauss_newton")), "Gauss-Newton");
    });
}

BOOST_AUTO_TEST_CASE(per_sample_gradients_and_predictions_are_those_of_pytorch) {
    for_each_case("per_sample_gradients", [](const json& entry, const Mlp& net, const Vector& w) {
        const Batch all = Batch::all(net.samples());
        check_agree(net.per_sample_gradients(w, all), columns(entry.at("per_sample_gradients")), "gradients");
        check_agree(net.predict(w, all), columns(entry.at("predictions")), "predictions");
    });
}

BOOST_AUTO_TEST_CASE(a_mini_batch_counts_repeated_samples_as_pytorch_does) {
    for_each_case("batch", [](const json& entry, const Mlp& net, const Vector& w) {
        const json& stored = entry.at("batch");
        const Batch batch(stored.at("indices").get<std::vector<Index>>());
        check_agree(net.value(w, batch), stored.at("value").get<double>(), "value");
        check_agree(net.gradient(w, batch), vector(stored.at("gradient")), "gradient");
        check_agree(net.hessian(w, batch) * columns(entry.at("block")), columns(stored.at("hessian_block")), "Hessian");
    });
}

BOOST_AUTO_TEST_CASE(a_parameter_vector_written_by_numpy_gives_the_loss_that_pytorch_found) {
    const Vector w = load_npy_vector(folder + "theta.npy");
    const auto name = reference().at("theta.npy").get<std::string>();
    for (const json& entry : reference().at("cases"))
        if (entry.at("name") == name) {
            BOOST_TEST((w.array() == vector(entry.at("theta")).array()).all());
            check_agree(network(entry).value(w), entry.at("value").get<double>(), "value");
            return;
        }
    BOOST_FAIL("no case is named " + name);
}

BOOST_AUTO_TEST_CASE(the_exact_hessian_on_the_digits_is_that_of_pytorch) {
    const json& digits = reference().at("digits");
    const Mlp net(bundled_dataset("digits"), {.hidden = {32}});
    const Vector index = Vector::LinSpaced(2410, 0.0, 2409.0);
    const Vector w = 0.1 * (1.0 + index.array()).sin();
    const auto number = [&](const char* key) { return digits.at(key).get<double>(); };
    BOOST_REQUIRE_EQUAL(net.dimension(), 2410);

    const ValueAndGradient at = net.value_and_gradient(w);
    check_agree(at.value, number("value"), "value");
    check_agree(at.gradient.norm(), number("gradient_norm"), "gradient norm");
    check_agree(at.gradient.head(5), vector(digits.at("gradient_first")), "first entries");
    check_agree(at.gradient.tail(5), vector(digits.at("gradient_last")), "last entries");

    const Vector v = index.array().cos();
    const Vector product = net.hessian(w) * v;
    check_agree(product.norm(), number("hessian_vector_norm"), "norm of a product");
    check_agree(v.dot(product), number("curvature_along_vector"), "curvature along a vector");

    const Matrix hessian = net.dense_hessian(w);
    check_agree(hessian.trace(), number("hessian_trace"), "trace");
    check_agree(hessian.norm(), number("hessian_norm"), "Frobenius norm");
    check_agree(hessian.diagonal().norm(), number("hessian_diagonal_norm"), "norm of the diagonal");
    check_agree(hessian * v, product, "the matrix against its product");
}

BOOST_AUTO_TEST_SUITE_END()
