#include "../measure.hpp"
#include "../networks.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/theory/clipping_runs.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <memory>

namespace hessq::a3 {
namespace {

constexpr std::uint64_t streams = 83'000'000;

struct Setting {
    std::string name;
    std::shared_ptr<const FiniteSumObjective> loss;
    std::function<Vector(std::uint64_t)> start;
    double lr;
};

std::vector<Setting> settings_of() {
    const Problem iris = bundled_problem("iris-mlp");
    const auto shallow = std::make_shared<const Mlp>(teacher_network({0, streams}, 0.1));
    const auto deep = std::make_shared<const Mlp>(
        shallow->data(), MlpOptions{.hidden = {8, 8}, .activation = Activation::relu, .loss = Loss::squared});
    const auto start_of = [](std::shared_ptr<const Mlp> network) {
        return [network](std::uint64_t which) { return network->initial_parameters(which); };
    };
    return {{"softmax network 4-8-3, lr 0.1", iris.objective, iris.start, 0.1},
            {"squared loss, tanh network 6-8-1, lr 0.1", shallow, start_of(shallow), 0.1},
            {"squared loss, relu network 6-8-8-1, lr 0.1", deep, start_of(deep), 0.1}};
}

/// How each remedy fared: a row each, a column for each start.
struct Fates {
    Matrix reached, log2_steps, diverged;
    std::vector<RescueRun> first;
};

Fates fates(const Setting& setting, double scale, Index runs, Index steps, std::uint64_t seed) {
    const std::vector<Rescue>& remedies = all_rescues();
    const auto count = static_cast<Index>(remedies.size());
    Fates result{Matrix(count, runs), Matrix(count, runs), Matrix(count, runs),
                 std::vector<RescueRun>(remedies.size())};
    parallel_for(runs, [&](Index r) {
        const auto which = streams + 100 * seed + static_cast<std::uint64_t>(r);
        const Vector start = setting.start(which);
        const auto sgd = [&] { return sgd_optimizer({.lr = setting.lr}); };
        const RescueOptions options{.lr = setting.lr,
                                    .steps = steps,
                                    .batch = 32,
                                    .threshold = 1.0,
                                    .warm_up_steps = steps / 10,
                                    .target = 0.5 * setting.loss->value(start),
                                    .looks = 100,
                                    .seed = which};
        for (Index k = 0; k < count; ++k) {
            RescueRun run =
                rescue_run(*setting.loss, scale * start, remedies[static_cast<std::size_t>(k)], sgd, options);
            result.reached(k, r) = run.reached ? 1.0 : 0.0;
            result.diverged(k, r) = run.diverged ? 1.0 : 0.0;
            // A run that does not get there counts as one that takes twice the steps there are.
            const double taken = run.reached ? static_cast<double>(*run.reached) : 2.0 * static_cast<double>(steps);
            result.log2_steps(k, r) = std::log2(std::max(1.0, taken));
            if (r == 0) result.first[static_cast<std::size_t>(k)] = std::move(run);
        }
    });
    return result;
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    const std::vector<Rescue>& remedies = all_rescues();
    const auto row = [&](Rescue remedy) {
        return static_cast<Index>(std::find(remedies.begin(), remedies.end(), remedy) - remedies.begin());
    };
    const Index warm = row(Rescue::warm_up), decrease = row(Rescue::decrease_clip);
    std::string story;
    for (const Setting& setting : settings_of()) {
        const Fates found = fates(setting, 10.0, options.draws(100, 20), 1000, options.seed);
        const std::string where = setting.name + ", weights x 10";
        const auto estimate = [](const auto& values) { return mean_estimate(Vector(values.transpose())); };
        result.cases.push_back({"a3", where, "share of runs that reach half an ordinary start's loss", 1.0,
                                estimate(found.reached.row(decrease)), 0.05});
        result.cases.push_back({"a3", where, "log2(steps / steps with warm-up)", 0.0,
                                estimate(found.log2_steps.row(decrease) - found.log2_steps.row(warm)), 1.0});
        story += fmt::format("{}: ", setting.name);
        for (std::size_t k = 0; k < remedies.size(); ++k) {
            const auto at = static_cast<Index>(k);
            story += fmt::format("{} {:.0f} % ({:.0f} steps){}", to_string(remedies[k]),
                                 100.0 * found.reached.row(at).mean(), std::exp2(found.log2_steps.row(at).mean()),
                                 k + 1 < remedies.size() ? ", " : ". ");
        }
        result.figure.series.clear();
        for (std::size_t k = 0; k < remedies.size(); ++k)
            result.figure.series.push_back(
                {to_string(remedies[k]), found.first[k].steps, found.first[k].loss, Series::Style::line});
    }
    result.figure.title = "From weights that are ten times too large";
    result.figure.x_label = "updates";
    result.figure.y_label = "full-batch loss";
    result.figure.log_y = true;
    result.caption = "The relu network, the first of the starts; a line that ends has diverged.";
    result.paragraph = "Every start is an ordinary one times ten; the target is half an ordinary start's loss, the "
                       "threshold 1, the warm-up a "
                       "tenth of the steps. Share of runs that get there, and the geometric mean of their steps (twice "
                       "all steps where "
                       "they do not): " +
                       story;
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-a3",
            .title = "Does clipping rescue a bad start, and does it replace a warm-up?",
            .claims = {{"a3", "Clipping the promised decrease of the loss replaces the warm-up", clipping_essay}},
            .run = run};
}

} // namespace hessq::a3
