#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/reparametrization.hpp"
#include "hessq/optimizers/transforms.hpp"
#include "network.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::e4 {
namespace {

constexpr double lr = 0.01;

/// One parameter that has seen the gradient 1 for `seen` steps and then 0 for ever: how far the 0 moves it, over lr.
/// From the powers of beta alone: m = beta1^k (1 - beta1^s) and v = beta2^k (1 - beta2^s) after k steps more.
double afterglow(double seen, double steps, double beta1, double beta2) {
    double sum = 0.0;
    for (double k = 1.0; k <= steps; k += 1.0) {
        const double m = std::pow(beta1, k) * (1.0 - std::pow(beta1, seen)) / (1.0 - std::pow(beta1, seen + k));
        const double v = std::pow(beta2, k) * (1.0 - std::pow(beta2, seen)) / (1.0 - std::pow(beta2, seen + k));
        sum += m / std::sqrt(v);
    }
    return sum;
}

/// Where the optimizer ends that sees these gradients.
Vector ends(Optimizer& optimizer, Vector w, const std::vector<Vector>& gradients) {
    for (const Vector& g : gradients) optimizer.step(w, g);
    return w;
}

void free_operations(ExperimentResult& result) {
    const Vector g = (Vector(2) << 3.0, 4.0).finished(), zero = Vector::Zero(2), one = Vector::Ones(2);
    const auto step = [&](std::vector<GradientTransform> transforms) {
        return Vector(-ends(*transformed(sgd_optimizer({.lr = 1.0}), chain(std::move(transforms))), zero, {g}));
    };
    result.cases.push_back({"e4", "clipped to norm 1, then to values in [-0.7, 0.7], as Keras does", "entries' product",
                            0.6 * 0.7, exact(step({clip_by_norm(1.0), clip_by_value(0.7)}).prod()), 1e-15});
    result.cases.push_back({"e4", "the other way round", "entries' product", 0.7 * 0.7,
                            exact(step({clip_by_value(0.7), clip_by_norm(1.0)}).prod()), 1e-15});
    result.cases.push_back({"e4", "clipped to an L1 norm of 1", "sum of absolute entries", 1.0,
                            exact(step({clip_by_l1_norm(1.0)}).lpNorm<1>()), 1e-15});

    ParameterLayout layout;
    layout.append("frozen", 1);
    layout.append("free", 1);
    const auto frozen = [&](std::unique_ptr<Optimizer> optimizer) {
        return transformed(std::move(optimizer), zero_groups(layout, "frozen"));
    };
    const std::vector<Vector> many(50, g);
    std::vector<Vector> late(5, Vector::Ones(1));
    late.insert(late.end(), 200, Vector::Zero(1));
    const double careful = ends(*frozen(adam_optimizer({.lr = lr})), one, many)(0);
    const double divided = ends(*frozen(adam_optimizer({.lr = lr, .eps = 0.0})), one, many)(0);
    const double decayed = ends(*frozen(adamw_optimizer({.lr = lr, .weight_decay = 0.5})), one, many)(0);
    const double before =
        ends(*adam_optimizer({.lr = lr, .eps = 0.0}), Vector::Zero(1), {late.begin(), late.begin() + 5})(0);
    const double after = (before - ends(*adam_optimizer({.lr = lr, .eps = 0.0}), Vector::Zero(1), late)(0)) / lr;
    const auto is_nan = [](double x) { return exact(std::isnan(x) ? 1.0 : 0.0); };

    // That the parameters stay where they are ...
    result.cases.push_back({"e4", "adam with eps > 0, zeroed from the start", "how far the parameter moved", 0.0,
                            exact(std::abs(careful - 1.0)), 0.0});
    result.cases.push_back(
        {"e4", "adam with eps = 0, zeroed from the start", "not a number (1) or one (0)", 0.0, is_nan(divided), 0.0});
    result.cases.push_back({"e4", "adamw with decay 0.5, zeroed from the start", "what is left of 1 after 50 steps",
                            1.0, exact(decayed), 1e-13});
    result.cases.push_back({"e4", "adam, zeroed from step 5 on", "way after that, over lr", 0.0, exact(after), 1e-9});
    // ... and what they do.
    result.cases.push_back(
        {"e10", "adam with eps = 0, zeroed from the start", "not a number (1) or one (0)", 1.0, is_nan(divided), 0.0});
    result.cases.push_back({"e10", "adamw with decay 0.5, zeroed from the start", "what is left of 1 after 50 steps",
                            std::pow(1.0 - lr * 0.5, 50.0), exact(decayed), 1e-13});
    result.cases.push_back({"e10", "adam, zeroed from step 5 on", "way after that, over lr",
                            afterglow(5.0, 200.0, 0.9, 0.999), exact(after), 1e-9});
}

ExperimentResult run(const ExperimentOptions& options) {
    const SmallNetwork network(options);
    ExperimentResult result;
    free_operations(result);

    const std::vector<double> ones(network.layout.groups.size(), 1.0), same(ones.size(), 3.0),
        unequal = {0.3, 2.0, 5.0, 0.7};
    const auto on = [&](const std::string& name, const std::vector<double>& lambda, GradientTransform transform) {
        return transformed(equivalent_optimizer(name, {}, network.layout, lambda), std::move(transform));
    };
    const auto apart = [&](const std::string& name, const std::vector<double>& lambda, GradientTransform on_phi,
                           GradientTransform on_theta) {
        return exact(network.apart(*on(name, ones, std::move(on_phi)), *on(name, lambda, std::move(on_theta)), lambda));
    };
    const std::string quantity = "runs on phi and theta apart";
    // Low enough to clip most of the gradients of these runs.
    const double tau = 0.05;
    std::vector<GradientTransform> by_value, by_norm;
    for (std::size_t k = 0; k < unequal.size(); ++k) {
        const std::string& name = network.layout.groups[k].name;
        const auto only = [&](GradientTransform clip) {
            const ParameterGroup group = network.layout.groups[k];
            return [group, clip = std::move(clip)](VectorView g) {
                Vector changed = g;
                changed.segment(group.offset, group.size()) = clip(Vector(g.segment(group.offset, group.size())));
                return changed;
            };
        };
        by_value.push_back(only(clip_by_value(tau / unequal[k])));
        by_norm.push_back(clip_groups_by_norm(network.layout, name, tau / unequal[k]));
    }
    for (const std::string name : {"sgd", "adam"}) {
        result.cases.push_back({"e7", name + ", values at tau / lambda of each group", quantity, 0.0,
                                apart(name, unequal, clip_by_value(tau), chain(by_value)), same_run});
        result.cases.push_back({"e7", name + ", norm of each group at tau / lambda", quantity, 0.0,
                                apart(name, unequal, clip_groups_by_norm(network.layout, "*", tau), chain(by_norm)),
                                same_run});
        result.cases.push_back({"e7", name + ", norm of all at tau / lambda, one lambda", quantity, 0.0,
                                apart(name, same, clip_by_norm(tau), clip_by_norm(tau / 3.0)), same_run});
    }
    result.cases.push_back({"e1", "sgd, values clipped at the same tau on both sides", quantity, 0.0,
                            apart("sgd", unequal, clip_by_value(tau), clip_by_value(tau)), same_run});
    result.cases.push_back({"e1", "sgd, norm of all clipped at the same tau on both sides", quantity, 0.0,
                            apart("sgd", unequal, clip_by_norm(tau), clip_by_norm(tau)), same_run});
    result.cases.push_back({"e2", "adam, values clipped at the same tau on both sides", quantity, 0.0,
                            apart("adam", unequal, clip_by_value(tau), clip_by_value(tau)), same_run});
    // A limit on the promised decrease g'u needs no translation: it is a number of the loss.
    const auto limited = [&](const std::vector<double>& lambda) {
        return limited_decrease(equivalent_optimizer("sgd", {}, network.layout, lambda), 1e-3);
    };
    result.cases.push_back({"e7", "sgd, the promised decrease g'u limited at the same number on both sides", quantity,
                            0.0, exact(network.apart(*limited(ones), *limited(unequal), unequal)), same_run});

    const Vector factors = coordinate_factors(network.layout, unequal);
    const Vector g = network.objective->gradient(network.start);
    const Vector seen =
        reparametrize(network.objective, factors)->gradient(Vector(network.start.cwiseQuotient(factors)));
    result.cases.push_back({"e7", "the norm that clipping on phi sees", "sqrt(sum lambda^2 |g_l|^2)",
                            reparametrized_norm(g, network.layout, unequal), exact(seen.norm()), 1e-14});

    result.figure = {
        .title = "Share of each group in the norm that clips",
        .x_label = "group",
        .y_label = "share of the squared norm",
        .series = {{"theta", {}, {}, Series::Style::linepoints}, {"phi", {}, {}, Series::Style::linepoints}}};
    for (std::size_t k = 0; k < network.layout.groups.size(); ++k) {
        const ParameterGroup& group = network.layout.groups[k];
        for (const bool phi : {false, true}) {
            Series& series = result.figure.series[phi ? 1 : 0];
            const Vector& gradient = phi ? seen : g;
            series.x.push_back(static_cast<double>(k));
            series.y.push_back(gradient.segment(group.offset, group.size()).squaredNorm() / gradient.squaredNorm());
        }
    }
    result.caption = "Groups 0 to 3: weights and biases of the two layers, lambda = 0.3, 2, 5, 0.7.";
    result.paragraph = fmt::format(
        "Operations on the gradient compose with any optimizer, and their order matters: (3, 4) becomes (0.6, 0.7) by "
        "Keras's order and (0.7, 0.7) by the other. Zeroing a gradient holds a parameter only if it is done from the "
        "start, with eps > 0 and without decoupled decay: with eps = 0 Adam divides 0 by 0, AdamW goes on shrinking, "
        "and zeroed from step 5 on, Adam still goes {:.2f} learning rates. Under the reparametrization thresholds for "
        "values, "
        "for the norm of a group, and for a common norm with one lambda become tau / lambda; with unequal lambda no "
        "threshold for the common norm on theta does what clipping on phi does, which weighs the groups by lambda^2. A "
        "limit on the decrease that a step promises stays as it is.",
        afterglow(5.0, 200.0, 0.9, 0.999));
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-e4",
        .title = "What may be done to gradients on their way to the update, and what becomes of it?",
        .claims =
            {{"e4",
              "Any transformation fits between gradient and update: clipping by norm before by value, by L1 norm, "
              "zeroing, which holds the parameters",
              essay_e},
             {"e10",
              "A zeroed gradient is no frozen parameter: memory moves it on by a closed form, decoupled decay shrinks "
              "it "
              "by (1 - lr w)^T, eps = 0 makes it 0/0",
              "hessq"},
             {"e7",
              "Under theta = lambda phi a value's or a group norm's threshold becomes tau / lambda; the common norm "
              "becomes sqrt(sum lambda_l^2 |g_l|^2)",
              "hessq"}},
        .revisited = {"e1", "e2"},
        .run = run};
}

} // namespace hessq::e4
