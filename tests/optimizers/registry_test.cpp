#include "hessq/optimizers/registry.hpp"

#include "hessq/objectives/problems.hpp"
#include "hessq/optimizers/train.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(registry)

BOOST_AUTO_TEST_CASE(every_optimizer_is_made_under_its_name_and_lowers_a_loss) {
    const Problem iris = bundled_problem("iris-mlp");
    std::set<std::string> names;
    for (const OptimizerInfo& info : optimizers()) {
        BOOST_TEST_CONTEXT(info.name) {
            BOOST_TEST(names.insert(info.name).second);
            const auto optimizer = make_optimizer(info.name, {.layout = iris.objective->layout()});
            BOOST_TEST(optimizer->name() == info.name);
            const Vector start = iris.start(0);
            const Vector end = train(*iris.objective, start, *optimizer, {.steps = 30}).parameters;
            BOOST_TEST(iris.objective->value(end) < iris.objective->value(start));
            BOOST_TEST(optimizer->memory().size() == start.size());
            BOOST_TEST(optimizer->preconditioner().matrix().dimension() == start.size());
        }
    }
    BOOST_TEST(names.size() == 18);
    BOOST_TEST(optimizer_names().size() == 18);
}

BOOST_AUTO_TEST_CASE(what_a_method_does_not_have_is_ignored_and_what_is_not_given_is_its_own) {
    const OptimizerSettings all{.lr = 0.5,
                                .beta1 = 0.25,
                                .beta2 = 0.75,
                                .eps = 0.125,
                                .weight_decay = 0.0625,
                                .power = 0.5,
                                .clip = 2.0,
                                .damping = 0.01};
    const OptimizerSettings sgd = complete_settings("sgd", all);
    BOOST_TEST(*sgd.lr == 0.5);
    BOOST_TEST(*sgd.weight_decay == 0.0625);
    for (const auto& setting : {sgd.beta1, sgd.beta2, sgd.eps, sgd.second_eps, sgd.power, sgd.clip, sgd.damping})
        BOOST_TEST(!setting.has_value());
    const OptimizerSettings adam = complete_settings("adam");
    BOOST_TEST(*adam.lr == 1e-3);
    BOOST_TEST(*adam.beta1 == 0.9);
    BOOST_TEST(*adam.beta2 == 0.999);
    BOOST_TEST(*adam.eps == 1e-8);
    BOOST_TEST(*complete_settings("adabelief", {.eps = 0.5}).second_eps == 0.5);
    BOOST_TEST(*complete_settings("adabelief", {.eps = 0.5, .second_eps = 0.25}).second_eps == 0.25);
    for (const std::string& name : optimizer_names()) BOOST_CHECK_NO_THROW(make_optimizer(name, all));
}

BOOST_AUTO_TEST_CASE(a_made_optimizer_is_the_one_with_these_options) {
    const auto same = [](Optimizer& a, Optimizer& b) {
        Vector w = Eigen::Vector3d(1, -2, 3), z = w;
        for (const double scale : {1.0, -0.5, 2.0}) {
            a.step(w, scale * Eigen::Vector3d(0.1, 2, -30));
            b.step(z, scale * Eigen::Vector3d(0.1, 2, -30));
        }
        BOOST_CHECK(w == z);
    };
    same(*make_optimizer("adamw", {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .eps = 0.01, .weight_decay = 0.25}),
         *adamw_optimizer({.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .eps = 0.01, .weight_decay = 0.25}));
    same(*make_optimizer("rmsprop", {.lr = 0.1, .beta2 = 0.5, .eps = 0.01, .weight_decay = 0.25}),
         *rmsprop_optimizer({.lr = 0.1, .alpha = 0.5, .eps = 0.01, .weight_decay = 0.25}));
    same(*make_optimizer("adadelta", {.lr = 0.1,
                                      .beta2 = 0.5,
                                      .eps = 0.01,
                                      .second_eps = 0.5,
                                      .weight_decay = 0.25,
                                      .initial_squared_update = 0.125}),
         *adadelta_optimizer({.lr = 0.1,
                              .rho = 0.5,
                              .eps = 0.01,
                              .weight_decay = 0.25,
                              .initial_squared_update = 0.125,
                              .update_eps = 0.5}));
    same(*make_optimizer("adabelief", {.eps = 0.01, .second_eps = 0.5}),
         *adabelief_optimizer({.eps = 0.01, .recursion_eps = 0.5}));
    same(*make_optimizer("lion", {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .weight_decay = 0.25}),
         *lion_optimizer({.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .weight_decay = 0.25}));
    same(*make_optimizer("shampoo", {.beta1 = 0.5, .eps = 0.01, .weight_decay = 0.25, .power = 0.5}),
         *shampoo_optimizer({.momentum = 0.5, .eps = 0.01, .power = 0.5, .weight_decay = 0.25}));
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_answered_with_the_nearest) {
    BOOST_CHECK_EXCEPTION(make_optimizer("adm"), std::invalid_argument,
                          says("make_optimizer: the name must be that of an optimizer; got adm (did you mean adam?)"));
    BOOST_CHECK_EXCEPTION(make_optimizer("adam", {.lr = -1.0}), std::invalid_argument,
                          says("adam_optimizer: lr must be greater than 0; got -1"));
}

BOOST_AUTO_TEST_SUITE_END()
