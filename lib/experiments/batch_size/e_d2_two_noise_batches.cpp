#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/batch_size_measurement.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace hessq::d2 {
namespace {

double ratio(const NoiseScales& scales) { return scales.simple_batch / scales.noise_batch; }

ExperimentResult run(const ExperimentOptions&) {
    ExperimentResult result;
    const auto add = [&](const std::string& claim, const std::string& where, double value, double tolerance) {
        result.cases.push_back({claim, where, "B_simple / B_noise", 1.0, exact(value), tolerance});
    };
    const Eigen::Vector2d ones(1.0, 1.0);
    const double isotropic =
        ratio(noise_scales(ones, Matrix::Identity(2, 2), Matrix(Eigen::Vector2d(3, 1).asDiagonal())));
    const double stretched =
        ratio(noise_scales(ones, Matrix(Eigen::Vector2d(1, 3).asDiagonal()), Matrix::Identity(2, 2)));
    add("d5", "H a multiple of I", isotropic, 0.5);
    add("d5", "H = diag(1, 3), Sigma = I, g = (1, 1)", stretched, 0.5);
    add("y5", "H = diag(1, 3), Sigma = I, g = (1, 1)", stretched, 1e-12);

    // The same points whatever the seed: a ratio at one point has no error bar.
    result.figure = {.title = "The simple noise batch against the exact one",
                     .x_label = "steps of Adam",
                     .y_label = "B_simple / B_noise",
                     .log_x = true,
                     .log_y = true,
                     .guides = {{0.0, 1.0, 1.0, "equal"}}};
    double least = 1e300, most = 0.0;
    for (const char* name : {"P2", "iris-mlp", "digits-softmax"}) {
        const Problem problem = bundled_problem(name);
        Series series{.label = name, .style = Series::Style::linepoints};
        Vector w = problem.start(0);
        const auto adam = adam_optimizer({.lr = 1e-2});
        Index done = 0;
        for (const Index step : {1, 10, 100}) {
            w = train(*problem.objective, w, *adam,
                      {.steps = step - done,
                       .batch = 32,
                       .sampling = Sampling::iid,
                       .seed = static_cast<std::uint64_t>(step)})
                    .parameters;
            done = step;
            const LocalModel model = local_model(*problem.objective, w);
            const NoiseScales scales = noise_scales(model.gradient, model.hessian, model.noise);
            if (scales.status == StepStatus::unbounded || !(scales.noise_batch > 0.0)) continue;
            const double value = ratio(scales);
            least = std::min(least, value);
            most = std::max(most, value);
            series.x.push_back(static_cast<double>(step));
            series.y.push_back(value);
            if (step == 100) add("d5", fmt::format("{} after 100 steps of Adam", name), value, 0.5);
        }
        result.figure.series.push_back(series);
    }
    result.caption = "Exact g, H and Sigma at each point.";
    result.paragraph = fmt::format(
        "B_simple = tr Sigma / g'g would be B_noise = tr(Sigma H) / g'Hg if H were a multiple of I; H = diag(1, 3) "
        "shows "
        "that it need not be. On three problems along short runs of Adam their ratio is between {:.2g} and {:.2g}: the "
        "simple noise batch is an order of magnitude, not a measurement of the other.",
        least, most);
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-d2",
            .title = "May tr Sigma / g'g stand for the noise batch?",
            .claims = {{"d5", "B_simple = tr Sigma / g'g, measured at two batch sizes, may stand for B_noise",
                        batch_size_essay},
                       {"y5", "They are equal iff tr(Sigma H) / tr Sigma = g'Hg / g'g: for other H than c I, too",
                        batch_size_page}},
            .run = run};
}

} // namespace hessq::d2
