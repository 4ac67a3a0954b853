#include "../measure.hpp"
#include "entries.hpp"
#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hessq::e1 {
namespace {

/// Which claim speaks of the optimizer.
std::string claim_of(const std::string& name) {
    if (name == "sgd") return "e1";
    return name == "rmsprop" || name == "adam" ? "e2" : "e6";
}

/// Parameters of two runs that differ in any digit.
double different_entries(const SmallNetwork& network, const std::string& name, const OptimizerSettings& settings,
                         const std::vector<double>& lambda) {
    const std::vector<double> ones(network.layout.groups.size(), 1.0);
    const Matrix phi =
        reparametrized_path(network.objective, network.start, coordinate_factors(network.layout, lambda),
                            *equivalent_optimizer(name, settings, network.layout, ones), network.training);
    const Matrix theta =
        parameter_path(*network.objective, network.start, *equivalent_optimizer(name, settings, network.layout, lambda),
                       network.training);
    return static_cast<double>((phi.array() != theta.array()).count());
}

ExperimentResult run(const ExperimentOptions& options) {
    const SmallNetwork network(options);
    const std::vector<double> unequal = {0.3, 2.0, 5.0, 0.7}, powers_of_two = {0.25, 2.0, 4.0, 0.5};
    const std::vector<double> ones(network.layout.groups.size(), 1.0);
    const Vector lambda = (Vector(5) << 0.1, 0.3, 2.0, 5.0, 10.0).finished();
    const std::vector<Index> first_layer = {0, 1};
    ExperimentResult result;
    result.figure = {.title = "The learning rate of a layer that is stored divided by lambda",
                     .x_label = "lambda",
                     .y_label = "step of theta / step for lambda = 1",
                     .log_x = true,
                     .log_y = true};
    const auto draw = [&](const std::string& label, const RateMeasurement& measured) {
        result.figure.series.push_back(
            {label, to_list(measured.lambda), to_list(measured.rate), Series::Style::linepoints});
    };

    double worst = 0.0, digits = 0.0;
    int to_the_digit = 0;
    for (const OptimizerInfo& info : optimizers()) {
        const std::string& name = info.name;
        const std::string claim = claim_of(name);
        // A Hutchinson draw mixes the layers; the exact diagonal does not.
        const bool draws = info.curvature == CurvatureNeed::products;
        OptimizerSettings settings{.weight_decay = 0.01, .seed = options.seed};
        if (draws) {
            for (const double factor : {3.0, 0.0}) {
                const std::vector<double> each = factor > 0.0 ? std::vector<double>(ones.size(), factor) : unequal;
                result.cases.push_back({claim,
                                        name + " with Hutchinson draws, " +
                                            (factor > 0.0 ? "one lambda for all layers" : "a lambda for each group"),
                                        "runs on phi and theta apart", 0.0, exact(network.apart(name, settings, each)),
                                        same_run});
            }
            settings.estimate = DiagonalEstimate::exact;
        }
        // Newton's matrix couples the layers: with damping it is equivariant under one lambda for all.
        const bool whole = info.curvature == CurvatureNeed::matrix;
        const std::vector<Index> scaled = whole ? std::vector<Index>{0, 1, 2, 3} : first_layer;
        const Matrix path =
            parameter_path(*network.objective, network.start,
                           *equivalent_optimizer(name, settings, network.layout, ones), network.training)
                .leftCols(network.training.steps);
        const RateMeasurement rate =
            measure_rate(network.objective, path, name, settings, scaled, lambda, network.training, true);
        const double exponent = update_degrees(name, settings).rate_exponent();
        const std::string where = whole ? name + ", all layers" : name + ", first layer";
        result.cases.push_back(
            {claim, where, "exponent of lambda in the rate", exponent, exact(rate.line.slope, lambda.size()), 1e-9});
        const double apart = network.apart(name, settings, whole ? std::vector<double>(ones.size(), 3.0) : unequal);
        result.cases.push_back({claim, name + (whole ? ", one lambda for all layers" : ", a lambda for each group"),
                                "runs on phi and theta apart", 0.0, exact(apart), same_run});
        worst = std::max(worst, apart);
        if (name == "sgd" || name == "adam" || name == "lamb") draw(name, rate);
        // Eigenvectors and quarter powers do not scale digit by digit.
        if (name != "shampoo" && name != "muon" && !whole) {
            digits += different_entries(network, name, settings, powers_of_two);
            ++to_the_digit;
        }
    }
    result.cases.push_back({"e6", fmt::format("{} optimizers, lambda powers of two", to_the_digit),
                            "entries that differ in any digit", 0.0, exact(digits), 0.0});

    // Sophia has two laws; here its constants are the same numbers on phi.
    const OptimizerSettings never{.eps = 0.0, .clip = 1e12, .estimate = DiagonalEstimate::gauss_newton},
        always{.eps = 0.0, .clip = 1e-12, .estimate = DiagonalEstimate::gauss_newton},
        between{.eps = 0.0, .clip = 3000.0, .estimate = DiagonalEstimate::gauss_newton};
    const Matrix sophia_path =
        parameter_path(*network.objective, network.start,
                       *equivalent_optimizer("sophia", between, network.layout, ones), network.training)
            .leftCols(network.training.steps);
    const auto sophia = [&](const OptimizerSettings& settings) {
        return measure_rate(network.objective, sophia_path, "sophia", settings, first_layer, lambda, network.training,
                            false);
    };
    result.cases.push_back({"e6", "sophia that never clips, its constants kept", "exponent of lambda in the rate",
                            update_degrees("sophia").rate_exponent(), exact(sophia(never).line.slope), 1e-9});
    result.cases.push_back({"e6", "sophia that always clips, its constants kept", "exponent of lambda in the rate",
                            update_degrees("sign").rate_exponent(), exact(sophia(always).line.slope), 1e-9});
    const RateMeasurement mixed = sophia(between);
    draw("sophia, clip 3000 kept", mixed);

    // The rate alone, as the essay has it: eps is as large as in careful use, and gradients are clipped.
    for (const double eps : {1e-8, 1e-3})
        result.cases.push_back(
            {"e2", fmt::format("adam, eps = {:g} on both sides", eps), "runs on phi and theta apart", 0.0,
             exact(network.apart("adam", {.eps = eps}, unequal, {.rate = true, .constants = false})), same_run});
    result.cases.push_back(
        {"e2", "adam, L2 penalty 0.01 on both sides", "runs on phi and theta apart", 0.0,
         exact(network.apart("adam", {.weight_decay = 0.01}, unequal, {.rate = true, .constants = false})), same_run});
    result.cases.push_back(
        {"e1", "sgd, L2 penalty 0.01 on both sides", "runs on phi and theta apart", 0.0,
         exact(network.apart("sgd", {.weight_decay = 0.01}, unequal, {.rate = true, .constants = false})), same_run});
    result.caption =
        "Steps along one path of a 4-8-3 network, its first layer stored divided by lambda. Slopes 2 (sgd), "
        "1 (adam) and 0 (lamb); sophia bends where it begins to clip.";
    result.paragraph = fmt::format(
        "A network is trained twice by each of {} optimizers: on phi = theta / lambda, and on theta with the settings "
        "that the law translates. With four unequal lambda the runs are at most {:.1e} of the way apart, and with "
        "powers of "
        "two equal to the last digit wherever no eigenvectors are involved. The exponent of the rate is 2 for sgd and "
        "its "
        "momenta, 1 for all that divide by their own size, 0 for those that measure steps by the parameters or divide "
        "by a curvature. sophia has no exponent: {:.2f} over this range with a clip of 3000 that is kept, between 0 "
        "where it "
        "does not clip and 1 where it does. A Hutchinson draw z o (H z) has parts of all layers in every entry, so "
        "with a "
        "lambda for each layer AdaHessian and Sophia follow the law with exact diagonals only. The essay's rates alone "
        "are exact for eps = 0 and without decay; otherwise the runs "
        "part.",
        optimizers().size(), worst, mixed.line.slope);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-e1",
        .title = "Which learning rate does a layer have that is stored divided by lambda?",
        .claims = {{"e1", "theta = lambda phi under SGD: theta moves with the learning rate lambda^2 lr", essay_e},
                   {"e2", "Under RMSprop and Adam: with lambda lr", essay_e},
                   {"e6",
                    "An update of degree k in the gradient and j in the parameters: with lambda^(1 + k - j) lr, for "
                    "every optimizer",
                    "hessq"}},
        .run = run};
}

} // namespace hessq::e1
