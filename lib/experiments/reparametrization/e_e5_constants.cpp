#include "../measure.hpp"
#include "entries.hpp"
#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hessq::e5 {
namespace {

ExperimentResult run(const ExperimentOptions& options) {
    const SmallNetwork network(options);
    const std::vector<double> unequal = {0.3, 2.0, 5.0, 0.7};
    const std::string quantity = "runs on phi and theta apart";
    ExperimentResult result;
    struct Setting {
        std::string name, what;
        OptimizerSettings settings;
    };
    // Constants so large that they matter.
    const std::vector<Setting> settings = {
        {"rmsprop", "eps 0.01", {.eps = 1e-2}},
        {"adam", "eps 0.01", {.eps = 1e-2}},
        {"adamw", "eps 0.01, decoupled decay 5", {.eps = 1e-2, .weight_decay = 5.0}},
        {"adam", "eps 0.01, L2 penalty 0.1", {.eps = 1e-2, .weight_decay = 0.1}},
        {"sgd", "L2 penalty 0.1", {.weight_decay = 0.1}},
        {"momentum", "L2 penalty 0.1", {.weight_decay = 0.1}},
        {"adadelta", "eps 1e-4 inside the roots", {.eps = 1e-4}},
        {"adabelief", "eps 1e-4 inside and outside the root", {.eps = 1e-4}},
        {"lamb", "eps 0.01, decay 0.1", {.eps = 1e-2, .weight_decay = 0.1}},
        {"lion", "decoupled decay 5", {.weight_decay = 5.0}},
    };
    double worst = 0.0;
    Series translated{"translated", {}, {}, Series::Style::points}, alone{"rate only", {}, {}, Series::Style::points};
    for (const Setting& setting : settings) {
        const double apart = network.apart(setting.name, setting.settings, unequal);
        worst = std::max(worst, apart);
        result.cases.push_back(
            {"e5", setting.name + ", " + setting.what + ", translated", quantity, 0.0, exact(apart), same_run});
        const double left = network.apart(setting.name, setting.settings, unequal, {.rate = true, .constants = false});
        const auto x = static_cast<double>(translated.x.size() + 1);
        translated.x.push_back(x);
        translated.y.push_back(std::max(apart, 1e-17));
        alone.x.push_back(x);
        alone.y.push_back(left);
    }

    // A constant that stays: what is lost by not translating Adam's eps is of the order eps / sqrt(v).
    const std::vector<double> twice(network.layout.groups.size(), 2.0);
    Vector eps(4), lost(4);
    for (Index i = 0; i < eps.size(); ++i) {
        eps(i) = std::pow(10.0, -9.0 + static_cast<double>(i));
        lost(i) = network.apart("adam", {.eps = eps(i)}, twice, {.rate = true, .constants = false});
    }
    const LineFit line = fit_line(Vector(eps.array().log()), Vector(lost.array().log()));
    result.cases.push_back({"e5", "adam, eps not translated, 1e-9 to 1e-6", "power of eps in the distance", 1.0,
                            exact(line.slope, eps.size()), 0.05});

    // Decoupled decay per step is lr w on both sides.
    const OptimizerSettings phi = complete_settings("adamw", {.weight_decay = 0.1});
    const OptimizerSettings theta = reparametrized_settings("adamw", phi, 5.0);
    result.cases.push_back({"e5", "adamw, lambda = 5", "decay of one step on theta, lr w", *phi.lr * *phi.weight_decay,
                            exact(*theta.lr * *theta.weight_decay), 1e-18});
    result.figure = {.title = "Runs on phi and on theta, with and without translated constants",
                     .x_label = "setting, in the order of the cases",
                     .y_label = "apart, as a share of the way",
                     .log_y = true,
                     .series = {translated, alone}};
    result.caption = "40 steps of a 4-8-3 network, lambda = 0.3, 2, 5, 0.7 for its groups.";
    result.paragraph = fmt::format(
        "eps is compared with a root of squared gradients and so divided by lambda; inside the root it is divided by "
        "lambda^2, and beside AdaDelta's squared updates multiplied by it. A penalty on phi is lambda^-2 times that on "
        "theta; decoupled decay shrinks by lr w a step on both sides, which is w / lambda for Adam's lambda lr. With "
        "all of it the runs of ten settings are at most {:.1e} of the way apart. Left as it is, eps parts them by an "
        "amount proportional to it: {:.1e} of the way for 1e-8.",
        worst, lost(1));
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-e5",
        .title = "What becomes of eps and weight decay?",
        .claims = {{"e5",
                    "Exact with eps / lambda (inside a root / lambda^2), decoupled decay w / lambda and L2 penalty w / "
                    "lambda^2",
                    "hessq"}},
        .run = run};
}

} // namespace hessq::e5
