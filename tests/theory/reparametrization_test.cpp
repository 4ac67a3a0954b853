#include "hessq/theory/reparametrization.hpp"

#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/reparametrization.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(reparametrization_suite)

namespace {

struct Iris {
    Problem problem = bundled_problem("iris-mlp");
    std::shared_ptr<const FiniteSumObjective> objective = problem.objective;
    ParameterLayout layout = objective->layout();
    Vector start = problem.start(1);
    TrainOptions training{.steps = 25, .batch = 32, .seed = 3};
    std::vector<double> ones = {1.0, 1.0, 1.0, 1.0};

    double apart(const std::string& name, const OptimizerSettings& settings, const std::vector<double>& lambda,
                 const Translation& translation = {}) const {
        const Matrix phi = reparametrized_path(objective, start, coordinate_factors(layout, lambda),
                                               *equivalent_optimizer(name, settings, layout, ones), training);
        return path_deviation(phi, parameter_path(*objective, start,
                                                  *equivalent_optimizer(name, settings, layout, lambda, translation),
                                                  training));
    }
};

/// Eps and decays large enough to matter.
const OptimizerSettings strong{.eps = 1e-3, .weight_decay = 0.1, .estimate = DiagonalEstimate::exact};

} // namespace

BOOST_AUTO_TEST_CASE(exponents_are_those_of_the_table) {
    const std::map<std::string, double> expected = {
        {"sgd", 2},  {"momentum", 2}, {"nesterov", 2},  {"adagrad", 1},    {"rmsprop", 1}, {"adadelta", 0},
        {"adam", 1}, {"adamw", 1},    {"adabelief", 1}, {"lars", 0},       {"lamb", 0},    {"sign", 1},
        {"lion", 1}, {"shampoo", 1},  {"muon", 1},      {"adahessian", 0}, {"sophia", 0},  {"newton", 0}};
    BOOST_TEST(expected.size() == optimizer_names().size());
    for (const std::string& name : optimizer_names())
        BOOST_TEST(update_degrees(name).rate_exponent() == expected.at(name), name);
    BOOST_TEST(update_degrees("shampoo", {.power = 0.5}).rate_exponent() == 0.0);
    BOOST_TEST(update_degrees("adahessian", {.power = 0.25}).rate_exponent() == 1.5);
    BOOST_TEST(update_degrees("newton").k() == -1.0);
    BOOST_TEST(update_degrees("lamb").j() == 1.0);
}

BOOST_AUTO_TEST_CASE(with_translated_settings_every_optimizer_runs_as_on_phi) {
    const Iris iris;
    for (const OptimizerInfo& info : optimizers()) {
        const bool whole = info.curvature == CurvatureNeed::matrix;
        BOOST_TEST(iris.apart(info.name, strong, {3.0, 3.0, 3.0, 3.0}) <= 1e-12, info.name);
        if (!whole) BOOST_TEST(iris.apart(info.name, strong, {0.3, 2.0, 5.0, 0.7}) <= 1e-12, info.name);
    }
    BOOST_TEST(iris.apart("adahessian", {.power = 0.5, .estimate = DiagonalEstimate::exact}, {0.3, 2.0, 5.0, 0.7}) <=
               1e-12);
    // Better conditioned matrices: their roots amplify rounding.
    BOOST_TEST(iris.apart("shampoo", {.eps = 1e-2, .power = 0.5}, {0.3, 2.0, 5.0, 0.7}) <= 1e-12);
    BOOST_TEST(iris.apart("adadelta", {.eps = 1e-4, .initial_squared_update = 1e-3}, {0.3, 2.0, 5.0, 0.7}) <= 1e-12);
    BOOST_TEST(iris.apart("sophia", {.estimate = DiagonalEstimate::gauss_newton}, {0.3, 2.0, 5.0, 0.7}) <= 1e-12);
}

BOOST_AUTO_TEST_CASE(powers_of_two_change_no_digit) {
    const Iris iris;
    for (const OptimizerInfo& info : optimizers())
        if (info.name != "shampoo" && info.name != "muon" && info.curvature != CurvatureNeed::matrix)
            BOOST_TEST(iris.apart(info.name, strong, {0.25, 2.0, 4.0, 0.5}) == 0.0, info.name);
}

BOOST_AUTO_TEST_CASE(what_is_not_translated_parts_the_runs) {
    const Iris iris;
    const Translation rate_only{.rate = true, .constants = false};
    const std::vector<double> lambda = {0.3, 2.0, 5.0, 0.7};
    for (const char* name : {"adam", "adagrad", "rmsprop", "adamw", "lion", "lamb", "shampoo", "sophia", "sgd", "lars"})
        BOOST_TEST(iris.apart(name, strong, lambda, rate_only) > 1e-6, name);
    // Nothing but the rate to translate.
    for (const char* name : {"sgd", "momentum", "nesterov", "sign", "lion", "muon", "lars"})
        BOOST_TEST(iris.apart(name, {.weight_decay = 0.0}, lambda, rate_only) <= 1e-12, name);
    BOOST_TEST(iris.apart("sgd", {}, lambda, {.rate = false, .constants = true}) > 0.1);
}

BOOST_AUTO_TEST_CASE(a_hutchinson_draw_mixes_layers_so_only_one_factor_for_all_is_exact) {
    const Iris iris;
    for (const char* name : {"sophia", "adahessian"}) {
        // Where sophia clips its draws do not show.
        BOOST_TEST(iris.apart(name, {.clip = 1e3}, {3.0, 3.0, 3.0, 3.0}) <= 1e-12, name);
        BOOST_TEST(iris.apart(name, {.clip = 1e3}, {0.3, 2.0, 5.0, 0.7}) > 1e-4, name);
    }
}

BOOST_AUTO_TEST_CASE(measured_exponents_are_the_predicted_ones_for_a_layer) {
    const Iris iris;
    const Vector lambda = Eigen::Vector4d(0.1, 0.5, 3.0, 7.0);
    for (const OptimizerInfo& info : optimizers()) {
        const std::vector<Index> scaled =
            info.curvature == CurvatureNeed::matrix ? std::vector<Index>{0, 1, 2, 3} : std::vector<Index>{2};
        const Matrix path =
            parameter_path(*iris.objective, iris.start,
                           *equivalent_optimizer(info.name, strong, iris.layout, iris.ones), iris.training)
                .leftCols(iris.training.steps);
        const RateMeasurement measured =
            measure_rate(iris.objective, path, info.name, strong, scaled, lambda, iris.training, true);
        BOOST_TEST(std::abs(measured.line.slope - update_degrees(info.name, strong).rate_exponent()) <= 1e-11,
                   info.name);
        for (Index i = 0; i < lambda.size(); ++i)
            BOOST_TEST(std::abs(measured.rate(i) / std::pow(lambda(i), measured.line.slope) - 1.0) <= 1e-10, info.name);
    }
}

BOOST_AUTO_TEST_CASE(the_translation_of_adam_by_hand) {
    const OptimizerSettings s = reparametrized_settings("adam", {.lr = 0.1, .eps = 0.4, .weight_decay = 0.8}, 2.0);
    BOOST_TEST(*s.lr == 0.2);
    BOOST_TEST(*s.eps == 0.2);
    BOOST_TEST(*s.weight_decay == 0.2);
    BOOST_TEST(*reparametrized_settings("adamw", {.weight_decay = 0.8}, 2.0).weight_decay == 0.4);
    BOOST_TEST(*reparametrized_settings("sophia", {.eps = 0.4}, 2.0).eps == 0.1);
    BOOST_TEST(*reparametrized_settings("sophia", {}, 2.0).clip == 2.0);
    const OptimizerSettings delta = reparametrized_settings("adadelta", {.eps = 0.4}, 2.0);
    BOOST_TEST(*delta.eps == 0.1);
    BOOST_TEST(*delta.second_eps == 1.6);
}

BOOST_AUTO_TEST_CASE(clipping_sees_the_weighted_norm) {
    const Iris iris;
    const std::vector<double> lambda = {0.3, 2.0, 5.0, 0.7};
    const Vector factors = coordinate_factors(iris.layout, lambda);
    const Vector seen = reparametrize(iris.objective, factors)->gradient(Vector(iris.start.cwiseQuotient(factors)));
    const double norm = reparametrized_norm(iris.objective->gradient(iris.start), iris.layout, lambda);
    BOOST_TEST(std::abs(norm - seen.norm()) <= 1e-14 * norm);
    ParameterLayout two;
    two.append("a", 1);
    two.append("b", 1);
    BOOST_TEST(reparametrized_norm(Eigen::Vector2d(3, 2), two, {1.0, 2.0}) == 5.0);
}

BOOST_AUTO_TEST_CASE(the_deviation_is_a_share_of_the_way) {
    const Matrix b = (Matrix(1, 3) << 1, 2, 5).finished(), a = (Matrix(1, 3) << 1, 2.5, 4).finished();
    BOOST_TEST(path_deviation(a, b) == 0.25);
    BOOST_TEST(path_deviation(b, b) == 0.0);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const Iris iris;
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { (void)reparametrized_settings("adam", {}, 0.0); },
            "reparametrized_settings: lambda must be positive and finite; got 0");
    refuses([&] { equivalent_optimizer("adam", {}, iris.layout, {1.0}); },
            "equivalent_optimizer: lambda must have 4 entries; got 1");
    refuses(
        [&] {
            (void)coordinate_factors(iris.layout, {1.0, 1.0, -2.0, 1.0});
        },
        "coordinate_factors: lambda must be positive and finite; got -2");
    refuses(
        [&] {
            (void)measure_rate(iris.objective, Matrix(67, 1), "adam", {}, {}, Eigen::Vector3d(1, 2, 3), iris.training,
                               true);
        },
        "measure_rate: at least one group must be scaled; got none");
    refuses([] { (void)path_deviation(Matrix(2, 3), Matrix(2, 4)); },
            "path_deviation: both paths must have the same shape; got 2 x 3");
}

BOOST_AUTO_TEST_SUITE_END()
