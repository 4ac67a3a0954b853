#include "../measure.hpp"
#include "entries.hpp"
#include "network.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq::e3 {
namespace {

ExperimentResult run(const ExperimentOptions& options) {
    const SmallNetwork network(options);
    const std::vector<double> ones(network.layout.groups.size(), 1.0);
    const Vector wanted = (Vector(5) << 0.1, 0.3, 2.0, 5.0, 10.0).finished();
    const Vector stored = wanted.cwiseSqrt();
    ExperimentResult result;
    result.figure = {.title = "Storing the first layer divided by the root of the wanted factor",
                     .x_label = "wanted factor of the learning rate",
                     .y_label = "factor that was measured",
                     .log_x = true,
                     .log_y = true};
    double adam_slope = 0.0;
    for (const std::string name : {"sgd", "momentum", "nesterov", "adam"}) {
        const Matrix path = parameter_path(*network.objective, network.start,
                                           *equivalent_optimizer(name, {}, network.layout, ones), network.training)
                                .leftCols(network.training.steps);
        const RateMeasurement rate =
            measure_rate(network.objective, path, name, {}, {0, 1}, stored, network.training, true);
        const double slope = fit_line(Vector(wanted.array().log()), Vector(rate.rate.array().log())).slope;
        result.figure.series.push_back({name, to_list(wanted), to_list(rate.rate), Series::Style::linepoints});
        if (name == "adam")
            adam_slope = slope;
        else
            result.cases.push_back({"e3", name + ", stored divided by the root of lambda",
                                    "exponent of lambda in the rate", 1.0, exact(slope, wanted.size()), 1e-9});
    }
    result.figure.guides.push_back({1.0, 1.0, 1.0, "as wanted"});

    // The same start of theta, or weights that are loaded as they were and forgotten to be divided.
    const std::vector<double> lambda = {2.0, 2.0, 1.0, 1.0};
    const Vector factors = coordinate_factors(network.layout, lambda);
    const auto loss = [&](const Vector& theta) { return network.objective->value(theta); };
    const Vector divided = network.start.cwiseQuotient(factors);
    result.cases.push_back({"e3", "weights divided by lambda when they are stored", "loss of the network at its start",
                            loss(network.start), exact(loss(factors.cwiseProduct(divided))), 0.0});
    const double undivided = loss(factors.cwiseProduct(network.start));
    result.caption = "A 4-8-3 network. adam needs the factor itself: by its root it gets the root.";
    result.paragraph = fmt::format(
        "For a layer whose learning rate is to be lambda times as large, the essay stores its weights divided by the "
        "root of lambda. That is right for sgd with and without momentum; adam so gets the power {:.3f} of lambda and "
        "needs lambda itself. Weights that come from elsewhere must be divided, too: forgotten, the loss here starts "
        "at "
        "{:.4f} "
        "instead of {:.4f}.",
        adam_slope, undivided, loss(network.start));
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-e3",
            .title = "Does the recipe give a layer the learning rate that was asked for?",
            .claims = {{"e3",
                        "Store phi = theta / sqrt(lambda), loaded weights too, and use sqrt(lambda) phi: SGD with or "
                        "without momentum then has lambda lr",
                        essay_e}},
            .run = run};
}

} // namespace hessq::e3
