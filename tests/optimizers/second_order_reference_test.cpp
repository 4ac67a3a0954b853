#include "hessq/objectives/mlp.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "support/json.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace hessq;
using hessq::test::says;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(second_order_reference)

namespace {

Vector to_vector(const json& numbers) {
    const auto values = numbers.get<std::vector<double>>();
    return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

json reference() { return test::json_in(HESSQ_TEST_DATA "/reference/second_order.json"); }

void check_path(const std::vector<Vector>& path, const json& expected, double tolerance) {
    BOOST_REQUIRE_EQUAL(path.size(), expected.size());
    for (std::size_t t = 0; t < path.size(); ++t) {
        const Vector there = to_vector(expected[t]);
        BOOST_TEST(((path[t] - there).array().abs() <= tolerance * (1.0 + there.array().abs())).all(), "step " << t);
    }
}

Mlp logistic_of(const json& given) {
    Dataset data;
    data.name = "reference";
    const std::size_t samples = given["inputs"].size();
    data.inputs.resize(3, static_cast<Index>(samples));
    data.targets.resize(1, static_cast<Index>(samples));
    for (std::size_t s = 0; s < samples; ++s) {
        data.inputs.col(static_cast<Index>(s)) = to_vector(given["inputs"][s]);
        data.targets(0, static_cast<Index>(s)) = given["labels"][s].get<double>();
    }
    data.class_names = {"0", "1"};
    return logistic_regression(std::move(data));
}

} // namespace

BOOST_AUTO_TEST_CASE(shampoo_and_muon_follow_the_reference) {
    const json file = reference();
    ParameterLayout layout;
    layout.append("weight", 3, 2);
    layout.append("bias", 2);
    const auto check = [&](const char* name, std::unique_ptr<Optimizer> optimizer) {
        BOOST_TEST_CONTEXT(name) {
            Vector w = to_vector(file["layers"]["start"]);
            std::vector<Vector> path;
            for (const json& g : file["layers"]["gradients"]) {
                optimizer->step(w, to_vector(g));
                path.push_back(w);
            }
            check_path(path, file["trajectories"][name], file["tolerance"]);
        }
    };
    check("shampoo", shampoo_optimizer({.lr = 0.1, .eps = 1e-2, .layout = layout}));
    check("shampoo half power",
          shampoo_optimizer(
              {.lr = 0.3, .momentum = 0.5, .eps = 1e-1, .power = 0.5, .weight_decay = 0.2, .layout = layout}));
    check("muon", muon_optimizer({.lr = 0.1, .momentum = 0.9, .layout = layout}));
    check("muon plain",
          muon_optimizer({.lr = 0.1, .momentum = 0.5, .nesterov = false, .weight_decay = 0.3, .layout = layout}));
    check("muon newton schulz",
          muon_optimizer({.lr = 0.1, .momentum = 0.9, .sign = MatrixSign::newton_schulz, .layout = layout}));
}

BOOST_AUTO_TEST_CASE(methods_that_use_curvature_follow_the_reference) {
    const json file = reference();
    const Mlp loss = logistic_of(file["logistic"]);
    const auto check = [&](const char* name, std::unique_ptr<Optimizer> optimizer) {
        BOOST_TEST_CONTEXT(name) {
            std::vector<Vector> path;
            const TrainResult result = train(loss, to_vector(file["logistic"]["start"]), *optimizer,
                                             {.steps = static_cast<Index>(file["trajectories"][name].size())},
                                             [&](Index t, VectorView w, VectorView) {
                                                 if (t > 0) path.emplace_back(w);
                                             });
            path.push_back(result.parameters);
            check_path(path, file["trajectories"][name], file["tolerance"]);
        }
    };
    constexpr DiagonalEstimate exact = DiagonalEstimate::exact;
    check("sophia",
          sophia_optimizer({.lr = 0.1,
                            .beta1 = 0.9,
                            .weight_decay = 0.1,
                            .curvature = {.beta2 = 0.8, .gamma = 2.0, .eps = 1e-3, .interval = 3, .estimate = exact}}));
    check("sophia never clipped",
          sophia_optimizer({.lr = 0.1,
                            .beta1 = 0.9,
                            .clip = 100.0,
                            .curvature = {.beta2 = 0.8, .gamma = 2.0, .eps = 1e-1, .interval = 1, .estimate = exact}}));
    check("adahessian",
          adahessian_optimizer(
              {.lr = 0.1, .beta1 = 0.9, .weight_decay = 0.1, .curvature = {.beta2 = 0.99, .estimate = exact}}));
    check("adahessian half power",
          adahessian_optimizer(
              {.lr = 0.1, .beta1 = 0.8, .curvature = {.beta2 = 0.9, .eps = 1e-2, .power = 0.5, .estimate = exact}}));
    for (const NewtonMethod method : {NewtonMethod::damped, NewtonMethod::saddle_free})
        check("newton", newton_optimizer({.curvature = {.method = method, .relative_damping = 0.01}}));
}

BOOST_AUTO_TEST_CASE(memory_is_open_to_inspection) {
    ParameterLayout layout;
    layout.append("w", 1, 2);
    const auto muon = muon_optimizer({.momentum = 0.5, .layout = layout});
    BOOST_TEST(muon->memory().size() == 0);
    Vector w = Vector::Zero(2);
    muon->step(w, Eigen::Vector2d(1, 2));
    muon->step(w, Eigen::Vector2d(0, 4));
    BOOST_CHECK(muon->memory() == Eigen::Vector2d(0.5, 5)); // a sum
    const auto adam = adam_optimizer({.beta1 = 0.5});
    adam->step(w, Eigen::Vector2d(1, 2));
    BOOST_CHECK(adam->memory() == Eigen::Vector2d(0.5, 1)); // not corrected
    BOOST_TEST(muon->preconditioner().name() == "sgd");
}

BOOST_AUTO_TEST_CASE(a_method_that_needs_curvature_refuses_to_step_without) {
    for (const auto& make : {+[] { return sophia_optimizer(); }, +[] { return adahessian_optimizer(); },
                             +[] { return newton_optimizer(); }}) {
        const auto optimizer = make();
        Vector w = Vector::Zero(2);
        BOOST_CHECK_EXCEPTION(
            optimizer->step(w, Vector::Ones(2)), std::invalid_argument,
            says(optimizer->name() + " step: observe_curvature must have been called for it; got no call"));
    }
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { sophia_optimizer({.clip = 0.0}); }, "sophia_optimizer: clip must be greater than 0; got 0");
    refuses([] { sophia_optimizer({.curvature = {.gamma = -1.0}}); },
            "sophia_preconditioner: gamma must be greater than 0; got -1");
    refuses([] { adahessian_optimizer({.beta1 = 1.0}); }, "adahessian_optimizer: beta1 must lie in [0, 1); got 1");
    refuses([] { shampoo_optimizer({.eps = 0.0}); }, "shampoo_preconditioner: eps must be greater than 0; got 0");
    refuses([] { muon_optimizer({.momentum = 1.0}); }, "muon_optimizer: momentum must lie in [0, 1); got 1");
    refuses([] { newton_optimizer({.curvature = {.relative_damping = -1.0}}); },
            "newton_preconditioner: relative_damping must lie in [0, 1]; got -1");
}

BOOST_AUTO_TEST_SUITE_END()
