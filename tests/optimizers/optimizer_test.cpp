#include "hessq/optimizers/optimizer.hpp"

#include "hessq/preconditioners/adaptive.hpp"
#include "support/matrices.hpp"

#include "support/json.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace hessq;
using hessq::test::says;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(optimizer_suite)

namespace {

Vector to_vector(const json& numbers) {
    const auto values = numbers.get<std::vector<double>>();
    return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

/// Overwrites the defaults with what the case gives.
struct Given {
    const json& options;
    std::size_t used = 0;
    void operator()(const char* name, double& value) {
        if (!options.contains(name)) return;
        value = options[name];
        ++used;
    }
};

template <class Options>
void read_adam(Given& given, Options& o) {
    given("lr", o.lr);
    given("beta1", o.beta1);
    given("beta2", o.beta2);
    given("eps", o.eps);
    given("weight_decay", o.weight_decay);
}

std::unique_ptr<Optimizer> optimizer_of(const json& entry) {
    const std::string name = entry["optimizer"];
    Given given{entry["options"]};
    std::unique_ptr<Optimizer> result;
    if (name == "sgd") {
        SgdOptions o;
        given("lr", o.lr);
        given("weight_decay", o.weight_decay);
        result = sgd_optimizer(o);
    } else if (name == "momentum" || name == "nesterov") {
        MomentumOptions o;
        given("lr", o.lr);
        given("momentum", o.momentum);
        given("weight_decay", o.weight_decay);
        result = name == "momentum" ? momentum_optimizer(o) : nesterov_optimizer(o);
    } else if (name == "rmsprop") {
        RmspropOptions o;
        given("lr", o.lr);
        given("alpha", o.alpha);
        given("eps", o.eps);
        given("weight_decay", o.weight_decay);
        result = rmsprop_optimizer(o);
    } else if (name == "adam") {
        AdamOptions o;
        read_adam(given, o);
        result = adam_optimizer(o);
    } else if (name == "adamw") {
        AdamwOptions o;
        read_adam(given, o);
        result = adamw_optimizer(o);
    } else if (name == "adagrad") {
        AdagradOptions o;
        given("lr", o.lr);
        given("eps", o.eps);
        given("weight_decay", o.weight_decay);
        result = adagrad_optimizer(o);
    } else if (name == "adabelief") {
        AdabeliefOptions o;
        read_adam(given, o);
        result = adabelief_optimizer(o);
    } else if (name == "adadelta") {
        AdadeltaOptions o;
        given("lr", o.lr);
        given("rho", o.rho);
        given("eps", o.eps);
        given("weight_decay", o.weight_decay);
        result = adadelta_optimizer(o);
    } else if (name == "lion") {
        LionOptions o;
        given("lr", o.lr);
        given("beta1", o.beta1);
        given("beta2", o.beta2);
        given("weight_decay", o.weight_decay);
        result = lion_optimizer(o);
    } else if (name == "lars") {
        LarsOptions o;
        given("lr", o.lr);
        given("momentum", o.momentum);
        given("trust", o.trust);
        given("weight_decay", o.weight_decay);
        result = lars_optimizer(o);
    } else if (name == "lamb") {
        LambOptions o;
        read_adam(given, o);
        result = lamb_optimizer(o);
    }
    BOOST_REQUIRE(result);
    BOOST_REQUIRE_EQUAL(given.used, entry["options"].size());
    BOOST_REQUIRE_EQUAL(result->name(), name);
    return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(trajectories_are_those_of_the_reference) {
    const json reference = test::json_in(HESSQ_TEST_DATA "/reference/optimizers.json");
    const double tolerance = reference["tolerance"];
    BOOST_REQUIRE_EQUAL(reference["cases"].size(), 24);
    for (const json& entry : reference["cases"]) {
        BOOST_TEST_CONTEXT(entry["case"].get<std::string>()) {
            BOOST_REQUIRE_EQUAL(entry["trajectory"].size(), reference["gradients"].size());
            const auto optimizer = optimizer_of(entry);
            Vector w = to_vector(reference["start"]);
            for (std::size_t t = 0; t < reference["gradients"].size(); ++t) {
                optimizer->step(w, to_vector(reference["gradients"][t]));
                const Vector expected = to_vector(entry["trajectory"][t]);
                BOOST_TEST(((w - expected).array().abs() <= tolerance * (1.0 + expected.array().abs())).all());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_first_adam_step_has_the_length_lr_in_every_coordinate) {
    const auto adam = adam_optimizer({.lr = 0.5, .eps = 0.0});
    Vector w = Vector::Zero(2);
    adam->step(w, Eigen::Vector2d(1e-4, -30));
    BOOST_TEST((w - Eigen::Vector2d(-0.5, 0.5)).norm() <= 1e-12); // 1 - beta2 is known to 1e-13
}

BOOST_AUTO_TEST_CASE(the_preconditioner_is_the_one_that_saw_the_same_gradients) {
    const auto adam = adam_optimizer({.beta2 = 0.9});
    const auto alone = adam_preconditioner(2, {.beta2 = 0.9});
    Vector w = Vector::Zero(2);
    for (const double scale : {1.0, -2.0, 0.5}) {
        const Vector g = scale * Eigen::Vector2d(1, 3);
        adam->step(w, g);
        alone->observe(g);
    }
    BOOST_TEST(adam->preconditioner().name() == "adam");
    BOOST_CHECK(adam->preconditioner().diagonal().value() == alone->diagonal().value());
}

BOOST_AUTO_TEST_CASE(decoupled_decay_does_not_pass_through_v) {
    const auto adamw = adamw_optimizer({.lr = 0.1, .weight_decay = 0.5});
    const auto adam = adam_optimizer({.lr = 0.1, .weight_decay = 0.5});
    Vector shrunk = Vector::Ones(1), coupled = Vector::Ones(1);
    adamw->step(shrunk, Vector::Zero(1));
    adam->step(coupled, Vector::Zero(1));
    BOOST_TEST(shrunk(0) == 0.95);
    // The decay alone is a gradient of .5, which Adam normalises to a step of lr.
    BOOST_TEST(std::abs(coupled(0) - 0.9) <= 1e-8);
}

BOOST_AUTO_TEST_CASE(sign_descent_has_the_length_lr_where_there_is_a_gradient) {
    const auto sign = sign_optimizer({.lr = 0.5});
    Vector w = Vector::Zero(3);
    sign->step(w, Eigen::Vector3d(1e-300, -30, 0));
    BOOST_CHECK(w == Eigen::Vector3d(-0.5, 0.5, 0));
}

BOOST_AUTO_TEST_CASE(trust_ratios_make_each_layer_move_by_its_own_length) {
    ParameterLayout layout;
    layout.append("a", 2);
    layout.append("b", 1);
    layout.append("zero", 1);
    const Vector start = (Vector(4) << 3, 4, -10, 0).finished();
    const Vector g = (Vector(4) << 0, 2, 100, 5).finished();
    Vector w = start;
    lars_optimizer({.lr = 0.5, .trust = 0.1, .layout = layout})->step(w, g);
    // .05 |w| g / |g|; a layer at 0 has no length and moves as momentum does.
    BOOST_TEST((w - (Vector(4) << 3, 3.75, -10.5, -2.5).finished()).norm() <= 1e-14);
    w = start;
    lamb_optimizer({.lr = 0.1, .eps = 0.1, .layout = layout})->step(w, g);
    BOOST_TEST((w - (Vector(4) << 3, 3.5, -11, -0.1 * 5 / 5.1).finished()).norm() <= 1e-12);
}

BOOST_AUTO_TEST_CASE(adadelta_without_eps_stands_still_unless_it_starts_with_an_update) {
    const auto still = adadelta_optimizer({.eps = 0.0});
    const auto moving = adadelta_optimizer({.eps = 0.0, .initial_squared_update = 0.25});
    Vector w = Vector::Zero(1), v = Vector::Zero(1);
    still->step(w, Vector::Constant(1, 4.0));
    moving->step(v, Vector::Constant(1, 4.0));
    BOOST_TEST(w(0) == 0.0);
    BOOST_TEST(std::abs(v(0) + 0.5 / std::sqrt(0.1)) <= 1e-14); // 4 * .5 / sqrt(.1 * 16)
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { sgd_optimizer({.lr = 0.0}); }, "sgd_optimizer: lr must be greater than 0; got 0");
    refuses([] { sgd_optimizer({.weight_decay = -1.0}); }, "sgd_optimizer: weight_decay must be at least 0; got -1");
    refuses([] { momentum_optimizer({.momentum = 1.0}); }, "momentum_optimizer: momentum must lie in [0, 1); got 1");
    refuses([] { rmsprop_optimizer({.alpha = 1.5}); }, "rmsprop_optimizer: alpha must lie in [0, 1); got 1.5");
    refuses([] { adam_optimizer({.lr = -0.1}); }, "adam_optimizer: lr must be greater than 0; got -0.1");
    refuses([] { adam_optimizer({.beta1 = -0.1}); }, "adam_optimizer: beta1 must lie in [0, 1); got -0.1");
    refuses([] { adamw_optimizer({.beta2 = 1.0}); }, "adamw_optimizer: beta2 must lie in [0, 1); got 1");
    refuses([] { adagrad_optimizer({.eps = -1.0}); }, "adagrad_optimizer: eps must be at least 0; got -1");
    refuses([] { adabelief_optimizer({.eps = -1.0}); }, "adabelief_optimizer: eps must be at least 0; got -1");
    refuses([] { nesterov_optimizer({.momentum = 1.0}); }, "nesterov_optimizer: momentum must lie in [0, 1); got 1");
    refuses([] { adadelta_optimizer({.rho = 1.0}); }, "adadelta_optimizer: rho must lie in [0, 1); got 1");
    refuses([] { adadelta_optimizer({.eps = -1.0}); }, "adadelta_optimizer: eps must be at least 0; got -1");
    refuses([] { adadelta_optimizer({.initial_squared_update = -1.0}); },
            "adadelta_optimizer: initial_squared_update must be at least 0; got -1");
    refuses([] { sign_optimizer({.lr = 0.0}); }, "sign_optimizer: lr must be greater than 0; got 0");
    refuses([] { lion_optimizer({.beta2 = 1.0}); }, "lion_optimizer: beta2 must lie in [0, 1); got 1");
    refuses([] { lars_optimizer({.trust = 0.0}); }, "lars_optimizer: trust must be greater than 0; got 0");
    refuses([] { lamb_optimizer({.eps = -1.0}); }, "lamb_optimizer: eps must be at least 0; got -1");
    refuses([] { (void)adam_optimizer()->preconditioner(); },
            "adam optimizer: at least one step must have been made; got 0");
}

BOOST_AUTO_TEST_CASE(sizes_that_do_not_fit_are_refused) {
    const auto sgd = sgd_optimizer();
    Vector w = Vector::Zero(2), longer = Vector::Zero(3);
    BOOST_CHECK_EXCEPTION(sgd->step(w, Vector::Zero(3)), std::invalid_argument,
                          says("sgd step: the gradient must have 2 entries; got 3"));
    sgd->step(w, Vector::Zero(2));
    BOOST_CHECK_EXCEPTION(sgd->step(longer, Vector::Zero(3)), std::invalid_argument,
                          says("sgd step: w must have 2 entries; got 3"));
}

BOOST_AUTO_TEST_SUITE_END()
