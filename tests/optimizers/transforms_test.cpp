#include "hessq/optimizers/transforms.hpp"

#include "support/matrices.hpp"

#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(transforms)

namespace {

/// Two weights, one bias, one weight: 0-1, 2, 3.
ParameterLayout two_layers() {
    ParameterLayout layout;
    layout.append("layer0.weight", 1, 2);
    layout.append("layer0.bias", 1);
    layout.append("layer1.weight", 1);
    return layout;
}

Vector vector(std::initializer_list<double> entries) {
    Vector v(static_cast<Index>(entries.size()));
    Index i = 0;
    for (const double entry : entries) v(i++) = entry;
    return v;
}

/// Where the optimizer gets to on L = 1/2 |w|^2 + w_0 w_3 from (1, 2, -1, 3).
Vector after(Optimizer& optimizer, int steps, const std::function<Vector(VectorView)>& changed = {}) {
    Vector w = vector({1, 2, -1, 3});
    for (int t = 0; t < steps; ++t) {
        Vector g = w;
        g(0) += w(3);
        g(3) += w(0);
        optimizer.step(w, changed ? changed(g) : g);
    }
    return w;
}

} // namespace

BOOST_AUTO_TEST_CASE(clipping_by_norm_shortens_to_the_threshold_and_no_less) {
    const Vector g = vector({3, 0, -4, 12}); // norm 13, L1 norm 19
    BOOST_TEST((clip_by_norm(6.5)(g) - 0.5 * g).norm() <= 1e-15);
    BOOST_TEST((clip_by_l1_norm(9.5)(g) - 0.5 * g).norm() <= 1e-15);
    BOOST_CHECK(clip_by_norm(13.0)(g) == g);
    BOOST_CHECK(clip_by_l1_norm(19.0)(g) == g);
    BOOST_CHECK(clip_by_norm(1.0)(Vector::Zero(4)) == Vector::Zero(4));
    BOOST_TEST(std::abs(clip_by_norm(1.0)(1e200 * g).norm() - 1.0) <= 1e-14); // the squares overflow
}

BOOST_AUTO_TEST_CASE(clipping_by_value_is_entry_by_entry) {
    BOOST_CHECK(clip_by_value(3.5)(vector({3, 0, -4, 12})) == vector({3, 0, -3.5, 3.5}));
}

BOOST_AUTO_TEST_CASE(groups_are_clipped_by_their_own_norms) {
    const Vector g = vector({3, 4, 7, 12});
    const ParameterLayout layout = two_layers();
    BOOST_CHECK(clip_groups_by_norm(layout, "layer0.weight", 2.5)(g) == vector({1.5, 2, 7, 12}));
    BOOST_CHECK(clip_groups_by_norm(layout, "*.weight", 2.5)(g) == vector({1.5, 2, 7, 2.5}));
    BOOST_CHECK(clip_groups_by_norm(layout, "*", 100.0)(g) == g);
}

BOOST_AUTO_TEST_CASE(groups_are_scaled_and_zeroed_by_pattern) {
    const Vector g = vector({3, 4, 7, std::numeric_limits<double>::quiet_NaN()});
    const ParameterLayout layout = two_layers();
    BOOST_CHECK(scale_groups(layout, "layer0.*", -2.0)(g).head(3) == vector({-6, -8, -14}));
    BOOST_CHECK(zero_groups(layout, "layer?.weight")(g) == vector({0, 0, 7, 0}));
}

BOOST_AUTO_TEST_CASE(a_chain_runs_from_the_first_to_the_last) {
    const Vector g = vector({3, 4, 0, 0});
    // By norm to (.6, .8), then by value; the other way round (.7, .7) has the norm .99.
    const auto keras = chain({clip_by_norm(1.0), clip_by_value(0.7)});
    BOOST_TEST((keras(g) - vector({0.6, 0.7, 0, 0})).norm() <= 1e-15);
    const auto other = chain({clip_by_value(0.7), clip_by_norm(1.0)});
    BOOST_CHECK(other(g) == vector({0.7, 0.7, 0, 0}));
    BOOST_CHECK(chain({})(g) == g);
}

BOOST_AUTO_TEST_CASE(a_transformed_optimizer_is_the_optimizer_on_transformed_gradients) {
    const auto halve = [](VectorView g) -> Vector { return 0.5 * g; };
    const auto wrapped = transformed(momentum_optimizer({.lr = 0.1}), halve);
    const auto alone = momentum_optimizer({.lr = 0.1});
    BOOST_CHECK(after(*wrapped, 5) == after(*alone, 5, halve));
    BOOST_TEST(wrapped->name() == "momentum");
    BOOST_CHECK(wrapped->preconditioner().diagonal().value() == Vector::Ones(4));
}

BOOST_AUTO_TEST_CASE(a_constant_factor_changes_sgd_and_not_adam) {
    const auto tenfold = [](VectorView g) -> Vector { return 10.0 * g; };
    const auto adam = [] { return adam_optimizer({.lr = 0.1, .eps = 0.0}); };
    // Relative rounding of some 10 eps a step, 5 steps of .1 beside parameters below 4.
    BOOST_TEST((after(*transformed(adam(), tenfold), 5) - after(*adam(), 5)).norm() <= 1e-13);
    BOOST_TEST(
        (after(*transformed(sgd_optimizer({.lr = 0.01}), tenfold), 5) - after(*sgd_optimizer({.lr = 0.1}), 5)).norm() <=
        1e-13);
}

BOOST_AUTO_TEST_CASE(only_the_variation_of_the_clipping_factor_reaches_adam) {
    // Always clipped, Adam without eps sees the directions g/|g| whatever the threshold.
    const auto run = [](double threshold) {
        return after(*transformed(adam_optimizer({.lr = 0.1, .beta2 = 0.9, .eps = 0.0}), clip_by_norm(threshold)), 8);
    };
    BOOST_TEST((run(1e-3) - run(1e-6)).norm() <= 1e-13);
    BOOST_TEST((run(1e-3) - run(1e3)).norm() >= 1e-3); // never clipped: the shrinking norm is seen
}

BOOST_AUTO_TEST_CASE(group_learning_rates_are_those_of_separate_optimizers) {
    // The update is scaled: the same for every optimizer, weight decay and eps included.
    using Make = std::function<std::unique_ptr<Optimizer>(double lr)>;
    const std::vector<Make> makes = {[](double lr) { return sgd_optimizer({.lr = lr, .weight_decay = 0.1}); },
                                     [](double lr) { return momentum_optimizer({.lr = lr}); },
                                     [](double lr) { return rmsprop_optimizer({.lr = lr}); },
                                     [](double lr) { return adam_optimizer({.lr = lr, .eps = 0.1}); },
                                     [](double lr) { return adamw_optimizer({.lr = lr, .weight_decay = 0.5}); },
                                     [](double lr) { return adagrad_optimizer({.lr = lr}); }};
    for (const Make& make : makes) {
        const auto both = group_learning_rates(make(0.125), two_layers(), {{"layer0.*", 0.25}});
        const auto slow = make(0.03125), fast = make(0.125);
        Vector w = vector({1, 2, -1, 3});
        for (int t = 0; t < 5; ++t) {
            const Vector g = w.array() + 0.5 * w(0) * w(3);
            Vector w_slow = w, w_fast = w;
            slow->step(w_slow, g);
            fast->step(w_fast, g);
            both->step(w, g);
            BOOST_CHECK(w == vector({w_slow(0), w_slow(1), w_slow(2), w_fast(3)})); // powers of 2: no rounding
        }
    }
}

BOOST_AUTO_TEST_CASE(later_patterns_override_earlier_ones) {
    BOOST_CHECK(group_factors(two_layers(), {{"*", 0.5}, {"*.bias", 2.0}}) == vector({0.5, 0.5, 2, 0.5}));
    BOOST_CHECK(group_factors(two_layers(), {{"*.bias", 2.0}, {"*", 0.5}}) == Vector::Constant(4, 0.5));
    BOOST_CHECK(group_factors(two_layers(), {}) == Vector::Ones(4));
    BOOST_TEST(matching_groups(two_layers(), "*.weight") == std::vector<Index>({0, 2}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(zeroed_gradients_hold_parameters_only_where_nothing_else_moves_them) {
    const Vector start = vector({1, 2, -1, 3});
    const auto zeroed = [](std::unique_ptr<Optimizer> optimizer) {
        return transformed(std::move(optimizer), zero_groups(two_layers(), "layer0.*"));
    };
    BOOST_CHECK(after(*zeroed(adam_optimizer()), 20).head(3) == start.head(3));
    BOOST_CHECK(after(*zeroed(adam_optimizer({.eps = 0.0})), 1).head(3).array().isNaN().all()); // 0 / 0
    // Decoupled decay: (1 - lr decay)^20.
    const auto adamw = zeroed(adamw_optimizer({.lr = 0.1, .weight_decay = 0.5}));
    BOOST_TEST((after(*adamw, 20).head(3) - std::pow(0.95, 20) * start.head(3)).norm() <= 1e-14);
    // From step 5 on: m still remembers the first five.
    const auto late = adam_optimizer({.lr = 0.01});
    Vector w = start, frozen;
    for (int t = 0; t < 20; ++t) {
        if (t == 5) frozen = w;
        const Vector g = t < 5 ? w : zero_groups(two_layers(), "layer0.*")(w);
        late->step(w, g);
    }
    BOOST_TEST(((w - frozen).head(3).array().abs() >= 0.01).all());
}

BOOST_AUTO_TEST_CASE(a_learning_rate_of_0_holds_parameters_in_every_case) {
    const Vector start = vector({1, 2, -1, 3});
    const auto frozen = [](std::unique_ptr<Optimizer> optimizer) {
        return group_learning_rates(std::move(optimizer), two_layers(), {{"layer0.*", 0.0}});
    };
    BOOST_CHECK(after(*frozen(adamw_optimizer({.lr = 0.1, .weight_decay = 0.5})), 20).head(3) == start.head(3));
    const auto not_a_number = frozen(transformed(adam_optimizer({.eps = 0.0}), zero_groups(two_layers(), "layer0.*")));
    const Vector w = after(*not_a_number, 3);
    BOOST_CHECK(w.head(3) == start.head(3));
    BOOST_TEST(w(3) < 3.0);
}

BOOST_AUTO_TEST_CASE(a_limited_decrease_is_clipping_of_the_squared_norm_for_sgd) {
    const Vector g = vector({3, 4, 0, 0}); // lr |g|^2 = 2.5
    const auto length = [&](double most) {
        Vector w = Vector::Zero(4);
        limited_decrease(sgd_optimizer({.lr = 0.1}), most)->step(w, g);
        return w.norm();
    };
    BOOST_TEST(std::abs(length(1.0) - 1.0 / g.norm()) <= 1e-15); // lr T / |g| with lr T = 1
    BOOST_TEST(std::abs(length(2.6) - 0.5) <= 1e-15);
}

BOOST_AUTO_TEST_CASE(steps_uphill_are_not_limited) {
    Vector w = Vector::Zero(1), free = Vector::Zero(1);
    const auto limited = limited_decrease(momentum_optimizer({.lr = 1.0}), 1e-3);
    const auto momentum = momentum_optimizer({.lr = 1.0});
    for (const double g : {5.0, -1.0}) { // the buffer is 5, then 3.5
        w.setZero();
        free.setZero();
        limited->step(w, Vector::Constant(1, g));
        momentum->step(free, Vector::Constant(1, g));
        BOOST_TEST(std::abs(w(0) - (g > 0 ? -1e-3 / g : free(0))) <= 1e-15);
    }
    BOOST_TEST(free(0) == -3.5);
}

BOOST_AUTO_TEST_CASE(a_warm_up_raises_the_rate_linearly_and_leaves_the_memory_alone) {
    const auto warmed = warmed_up(adam_optimizer({.lr = 0.1}), 4), plain = adam_optimizer({.lr = 0.1});
    for (int t = 0; t < 8; ++t) {
        const Vector w = vector({1, 2, -1, 3}), g = vector({0.3 * t - 1.0, 2, -1, 0.1});
        const Vector expected = std::min(1.0, 0.25 * (t + 1)) * plain->update(w, g);
        BOOST_TEST((warmed->update(w, g) - expected).norm() <= 1e-16);
    }
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    const ParameterLayout layout = two_layers();
    refuses([] { clip_by_norm(0.0); }, "clip_by_norm: the threshold must be greater than 0; got 0");
    refuses([] { clip_by_l1_norm(-1.0); }, "clip_by_l1_norm: the threshold must be greater than 0; got -1");
    refuses([] { clip_by_value(NAN); }, "clip_by_value: the threshold must be greater than 0; got nan");
    refuses([&] { clip_groups_by_norm(layout, "*", 0.0); },
            "clip_groups_by_norm: the threshold must be greater than 0; got 0");
    refuses([&] { scale_groups(layout, "*", INFINITY); }, "scale_groups: the factor must be finite; got inf");
    refuses([&] { zero_groups(layout, "layer2.*"); },
            "matching_groups: the pattern must fit one of the groups layer0.weight, layer0.bias, layer1.weight; "
            "got layer2.*");
    refuses([&] { zero_groups(layout, "*")(Vector::Zero(3)); }, "zero_groups: the gradient must have 4 entries; got 3");
    refuses([] { chain({clip_by_norm(1.0), {}}); }, "chain: every transform must be given; got an empty one");
    refuses([] { transformed(nullptr, chain({})); }, "transformed: an optimizer must be given; got none");
    refuses([] { transformed(sgd_optimizer(), {}); }, "transformed: a transform must be given; got none");
    refuses(
        [&] {
            group_learning_rates(sgd_optimizer(), layout, {{"*", -1.0}});
        },
        "group_learning_rates: a factor must be finite and at least 0; got -1");
    refuses([] { limited_decrease(sgd_optimizer(), 0.0); }, "limited_decrease: most must be greater than 0; got 0");
    refuses([] { warmed_up(sgd_optimizer(), 0); }, "warmed_up: steps must be at least 1; got 0");
    refuses([] { warmed_up(nullptr, 1); }, "warmed_up: an optimizer must be given; got none");
    Vector w = Vector::Zero(3);
    const auto grouped = group_learning_rates(sgd_optimizer(), layout, {});
    refuses([&] { grouped->step(w, Vector::Zero(3)); }, "sgd step: w must have 4 entries; got 3");
    const auto shorter = transformed(sgd_optimizer(), [](VectorView g) -> Vector { return g.head(2); });
    refuses([&] { shorter->step(w, Vector::Zero(3)); },
            "sgd step: the transformed gradient must have 3 entries; got 2");
}

BOOST_AUTO_TEST_SUITE_END()
