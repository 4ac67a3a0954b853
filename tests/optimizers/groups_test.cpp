#include "hessq/optimizers/groups.hpp"

#include "hessq/objectives/problems.hpp"
#include "hessq/optimizers/train.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;
using hessq::test::says;

BOOST_AUTO_TEST_SUITE(groups)

namespace {

ParameterLayout two_groups() {
    ParameterLayout layout;
    layout.append("weight", 2, 2);
    layout.append("bias", 2);
    return layout;
}

Vector gradient(int t) { return normal_vector(RandomStream(5, static_cast<std::uint64_t>(t)), 6); }

/// The same seven steps by both.
void check_same_path(Optimizer& a, Optimizer& b) {
    Vector w = Vector::LinSpaced(6, -1.0, 2.0), z = w;
    for (int t = 0; t < 7; ++t) {
        a.step(w, gradient(t));
        b.step(z, gradient(t));
        BOOST_CHECK(w == z);
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(the_same_method_for_each_group_is_the_method_itself_where_it_goes_by_coordinates_or_layers) {
    const ParameterLayout layout = two_groups();
    check_same_path(*grouped_optimizer(layout, [](const ParameterLayout&) { return adamw_optimizer({.lr = 0.1}); }),
                    *adamw_optimizer({.lr = 0.1}));
    check_same_path(
        *grouped_optimizer(layout, [](const ParameterLayout& group) { return muon_optimizer({.layout = group}); }),
        *muon_optimizer({.layout = layout}));
    check_same_path(
        *grouped_optimizer(layout, [](const ParameterLayout& group) { return lamb_optimizer({.layout = group}); }),
        *lamb_optimizer({.layout = layout}));
}

BOOST_AUTO_TEST_CASE(each_group_may_have_its_own_method) {
    const ParameterLayout layout = two_groups();
    const auto both = grouped_optimizer(layout, [](const ParameterLayout& group) {
        return group.groups[0].cols > 1 ? muon_optimizer({.layout = group}) : adam_optimizer();
    });
    BOOST_TEST(both->name() == "muon+adam");
    const auto muon = muon_optimizer({.layout = {{{"weight", 0, 2, 2}}}});
    const auto adam = adam_optimizer();
    const Vector w = Vector::Ones(6), g = gradient(0);
    const Vector update = both->update(w, g);
    BOOST_CHECK(Vector(update.head(4)) == muon->update(w.head(4), g.head(4)));
    BOOST_CHECK(Vector(update.tail(2)) == adam->update(w.tail(2), g.tail(2)));
    BOOST_CHECK(Vector(both->memory().tail(2)) == adam->memory());
    const Vector d = both->preconditioner().diagonal().value();
    BOOST_CHECK(d.head(4) == Vector::Ones(4));
    BOOST_CHECK(Vector(d.tail(2)) == adam->preconditioner().diagonal().value());
}

BOOST_AUTO_TEST_CASE(its_preconditioner_is_the_blocks) {
    const ParameterLayout layout = two_groups();
    const auto grouped = grouped_optimizer(
        layout, [](const ParameterLayout& group) { return shampoo_optimizer({.eps = 0.1, .layout = group}); });
    const auto whole = shampoo_optimizer({.eps = 0.1, .layout = layout});
    check_same_path(*grouped, *whole);
    const Matrix identity = Matrix::Identity(6, 6);
    const Preconditioner& p = grouped->preconditioner();
    BOOST_TEST(!p.diagonal().has_value());
    BOOST_CHECK(p.matrix() * identity == whole->preconditioner().matrix() * identity);
    BOOST_CHECK(p.inverse() * identity == whole->preconditioner().inverse() * identity);
    BOOST_CHECK(p.inverse_sqrt() * identity == whole->preconditioner().inverse_sqrt() * identity);
}

BOOST_AUTO_TEST_CASE(curvature_reaches_every_group_as_its_part_of_the_whole) {
    const Problem iris = bundled_problem("iris-mlp");
    const ParameterLayout layout = iris.objective->layout();
    const auto path = [&](Optimizer& optimizer) {
        return train(*iris.objective, iris.start(0), optimizer, {.steps = 12, .batch = 16}).parameters;
    };
    for (const auto& make : {+[] { return sophia_optimizer(); }, +[] { return adahessian_optimizer(); }})
        BOOST_CHECK(path(*grouped_optimizer(layout, [&](const ParameterLayout&) { return make(); })) == path(*make()));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
    const auto refuses = [](const auto& call, const char* message) {
        BOOST_CHECK_EXCEPTION(call(), std::invalid_argument, says(message));
    };
    refuses([] { grouped_optimizer({}, [](const ParameterLayout&) { return sgd_optimizer(); }); },
            "grouped_optimizer: the layout must have at least one group; got none");
    refuses([] { grouped_optimizer(two_groups(), nullptr); },
            "grouped_optimizer: a function that makes the optimizers must be given; got none");
    refuses(
        [] { grouped_optimizer(two_groups(), [](const ParameterLayout&) { return std::unique_ptr<Optimizer>(); }); },
        "grouped_optimizer: every group must get an optimizer; got none for weight");
    const auto sgd = grouped_optimizer(two_groups(), [](const ParameterLayout&) { return sgd_optimizer(); });
    refuses([&] { sgd->update(Vector::Zero(5), Vector::Zero(5)); }, "sgd step: w must have 6 entries; got 5");
    refuses([&] { (void)sgd->preconditioner(); }, "sgd optimizer: at least one step must have been made; got 0");
}

BOOST_AUTO_TEST_SUITE_END()
