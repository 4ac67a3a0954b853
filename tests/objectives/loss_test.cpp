#include "hessq/objectives/loss.hpp"

#include "support/json.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

using namespace hessq;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(loss)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

Vector vector(const json& numbers) {
    Vector v(static_cast<Index>(numbers.size()));
    for (Index i = 0; i < v.size(); ++i) v(i) = numbers.at(static_cast<std::size_t>(i)).get<double>();
    return v;
}

/// Runs check(entry, loss, f, label) on logits from 1e-12 to +-800, one to four of them, with every label.
template <class Check>
void for_each_sample(const Check& check) {
    static const json numbers = test::json_in(HESSQ_TEST_DATA "/reference/losses.json");
    for (const json& entry : numbers.at("cross_entropy"))
        BOOST_TEST_CONTEXT("logits " << entry.at("logits") << ", label " << entry.at("label")) {
            const Vector f = vector(entry.at("logits"));
            check(entry, OutputLoss(Loss::cross_entropy, f.size()), f,
                  Matrix::Constant(1, 1, entry.at("label").get<double>()));
        }
}

} // namespace

// ln(sum e^(f_i - max)) + max - f_y: the first term is at most ln k, each of the three is rounded once, and a class
// less likely than eps disappears in the sum.
BOOST_AUTO_TEST_CASE(cross_entropy_of_logits_up_to_800_is_that_of_mpmath) {
    for_each_sample([](const json& entry, const OutputLoss& loss, const Vector& f, const Matrix& label) {
        const auto exact = entry.at("value").get<double>();
        BOOST_TEST(std::abs(loss.values(f.transpose(), label)(0) - exact) <= 4.0 * eps * std::max(1.0, exact));
    });
}

BOOST_AUTO_TEST_CASE(a_single_logit_keeps_its_relative_accuracy_however_small_the_loss) {
    for_each_sample([](const json& entry, const OutputLoss& loss, const Vector& f, const Matrix& label) {
        if (f.size() > 1) return;
        const auto exact = entry.at("value").get<double>();
        BOOST_TEST(std::abs(loss.values(f.transpose(), label)(0) - exact) <=
                   4.0 * eps * exact + std::numeric_limits<double>::min());
    });
}

// Probabilities p are exact to a few eps relative, so p - y and p (1 - p) are to a few eps absolute.
BOOST_AUTO_TEST_CASE(its_gradient_and_hessian_are_those_of_mpmath) {
    for_each_sample([](const json& entry, const OutputLoss& loss, const Vector& f, const Matrix& label) {
        const Matrix mean = loss.mean(f.transpose());
        BOOST_TEST((loss.gradient(mean, label).transpose() - vector(entry.at("gradient"))).cwiseAbs().maxCoeff() <=
                   4.0 * eps);
        Matrix root(f.size(), f.size());
        for (Index c = 0; c < f.size(); ++c) {
            const Vector exact = vector(entry.at("hessian").at(static_cast<std::size_t>(c)));
            const Vector unit = Vector::Unit(f.size(), c);
            BOOST_TEST((loss.hessian_product(mean, unit.transpose()).transpose() - exact).cwiseAbs().maxCoeff() <=
                       4.0 * eps);
            root.col(c) = loss.hessian_root_column(mean, c).transpose();
        }
        for (Index c = 0; c < f.size(); ++c) {
            const Vector exact = vector(entry.at("hessian").at(static_cast<std::size_t>(c)));
            BOOST_TEST((root * root.transpose().col(c) - exact).cwiseAbs().maxCoeff() <= 4.0 * eps);
        }
    });
}

BOOST_AUTO_TEST_CASE(squared_loss_is_half_the_squared_distance) {
    const OutputLoss loss(Loss::squared, 2);
    Matrix f(2, 2), y(2, 2);
    f << 1.0, 3.0, -2.0, 0.5;
    y << 0.0, 5.0, 1.0, 0.5;
    const Vector values = loss.values(f, y);
    BOOST_TEST(values(0) == 2.5); // (1 + 4) / 2
    BOOST_TEST(values(1) == 4.5); // 9 / 2
    BOOST_TEST((loss.gradient(loss.mean(f), y).array() == (f - y).array()).all());
    BOOST_TEST((loss.hessian_product(f, y).array() == y.array()).all());
    BOOST_TEST((loss.hessian_root_column(f, 1).array() == Matrix{{0.0, 1.0}, {0.0, 1.0}}.array()).all());
}

BOOST_AUTO_TEST_CASE(sampled_labels_follow_the_model_and_depend_on_the_sample_alone) {
    const Index draws = 20000;
    const Vector f{{0.0, 1.0, -1.0}};
    const OutputLoss loss(Loss::cross_entropy, 3);
    const Matrix mean = loss.mean(f.transpose().replicate(draws, 1));
    const RandomStream stream(11, 3);
    const Matrix gradient = loss.sampled_gradient(mean, Batch::all(draws), stream);
    const Vector p = mean.row(0);
    for (Index c = 0; c < 3; ++c) {
        // The average of p - y is 0 with variance p (1 - p) / draws; five sigma.
        const double sigma = std::sqrt(p(c) * (1.0 - p(c)) / static_cast<double>(draws));
        BOOST_TEST(std::abs(gradient.col(c).mean()) <= 5.0 * sigma);
    }
    const Matrix one = loss.sampled_gradient(mean.topRows(2), Batch(std::vector<Index>{137, 5}), stream);
    BOOST_TEST((one.row(0).array() == gradient.row(137).array()).all());
    BOOST_TEST((one.row(1).array() == gradient.row(5).array()).all());
}

BOOST_AUTO_TEST_SUITE_END()
