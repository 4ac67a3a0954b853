#include "hessq/theory/clipping_runs.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/optimizers/transforms.hpp"
#include "step_problem.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <utility>

namespace hessq {
namespace {

constexpr std::uint64_t pair_stream = 0x7061697273; // "pairs"

/// Shows every update to an observer on its way.
class Watched final : public Optimizer {
public:
    using Observer = std::function<void(VectorView w, VectorView update)>;
    Watched(Optimizer& optimizer, Observer observer) : optimizer_(optimizer), observer_(std::move(observer)) {}

    std::string name() const override { return optimizer_.name(); }
    const Preconditioner& preconditioner() const override { return optimizer_.preconditioner(); }
    Vector update(VectorView w, VectorView g) override {
        Vector u = optimizer_.update(w, g);
        observer_(w, u);
        return u;
    }

private:
    Optimizer& optimizer_;
    Observer observer_;
};

class Rescaled final : public FiniteSumObjective {
public:
    Rescaled(std::shared_ptr<const FiniteSumObjective> objective, double factor)
        : objective_(std::move(objective)), factor_(factor) {}

    Index dimension() const override { return objective_->dimension(); }
    Index samples() const override { return objective_->samples(); }
    ParameterLayout layout() const override { return objective_->layout(); }

    using FiniteSumObjective::gradient;
    using FiniteSumObjective::hessian;
    using FiniteSumObjective::value;
    using FiniteSumObjective::value_and_gradient;
    double value(VectorView w, const Batch& batch) const override { return factor_ * objective_->value(w, batch); }
    ValueAndGradient value_and_gradient(VectorView w, const Batch& batch) const override {
        ValueAndGradient at = objective_->value_and_gradient(w, batch);
        at.value *= factor_;
        at.gradient *= factor_;
        return at;
    }
    SymmetricOperator hessian(VectorView w, const Batch& batch) const override {
        return {
            dimension(),
            [h = objective_->hessian(w, batch), factor = factor_](MatrixView v) -> Matrix { return factor * (h * v); },
            "Hessian"};
    }
    Matrix per_sample_gradients(VectorView w, const Batch& batch) const override {
        return factor_ * objective_->per_sample_gradients(w, batch);
    }

private:
    std::shared_ptr<const FiniteSumObjective> objective_;
    double factor_;
};

/// u'A u.
double quadratic_form(const SymmetricOperator& a, const Vector& u) { return u.dot(Vector((a * u).col(0))); }

/// Every `looks`-th of the steps: 0 is one, and their number is about right.
Index spacing(Index steps, Index looks) { return std::max<Index>(1, steps / looks); }

TrainOptions train_options(Index steps, Index batch, std::uint64_t seed) {
    return {.steps = steps, .batch = batch, .sampling = Sampling::iid, .seed = seed};
}

} // namespace

NoiseMoments noise_moments(const FiniteSumObjective& objective, VectorView w, Index pairs) {
    require_size(w.size(), objective.dimension(), "noise_moments", "w");
    require(pairs >= 2, "noise_moments", "pairs must be at least 2", pairs);
    const Batch all = Batch::all(objective.samples());
    const auto m = static_cast<double>(all.size());
    const Vector g = objective.gradient(w);
    require_finite(g, "gradient");
    // Of x = g_s - g: |x|^2, |x|^4, (g'x)^2, (g'x) |x|^2.
    const Matrix sums = parallel_sum(chunk_count(all), 4, 1, [&](Index c, Eigen::Ref<Matrix> total) {
        Matrix x = objective.per_sample_gradients(w, chunk(all, c));
        require_finite(x, "per-sample gradient");
        x.colwise() -= g;
        const Vector squares = x.colwise().squaredNorm(), along = x.transpose() * g;
        total(0, 0) += squares.sum();
        total(1, 0) += squares.squaredNorm();
        total(2, 0) += along.squaredNorm();
        total(3, 0) += along.dot(squares);
    });
    NoiseMoments result{.squared_norm = g.squaredNorm(),
                        .trace = sums(0) / m,
                        .gradient_form = sums(2) / m,
                        .fourth_moment = sums(1) / m,
                        .gradient_third = sums(3) / m};

    // tr Sigma^2 = E (x'y)^2 over ordered pairs of samples; those of a sample with itself are known.
    std::vector<Index> chosen;
    if (all.size() > pairs) {
        chosen = random_permutation(RandomStream(0, pair_stream), all.size());
        chosen.resize(static_cast<std::size_t>(pairs));
    }
    Matrix x = objective.per_sample_gradients(w, chosen.empty() ? all : Batch(chosen));
    x.colwise() -= g;
    const Matrix gram = x.transpose() * x;
    const auto k = static_cast<double>(gram.rows());
    if (k < 2.0) return result; // one sample has no noise
    const double distinct = (gram.squaredNorm() - gram.diagonal().squaredNorm()) / (k * (k - 1.0));
    result.squared_trace = ((m - 1.0) * distinct + result.fourth_moment) / m;
    return result;
}

double GradientTrace::measured_share(double threshold, Index from) const {
    const auto late = batch_norms.tail(batch_norms.size() - std::min(from, batch_norms.size() - 1));
    return static_cast<double>((late.array() > threshold).count()) / static_cast<double>(late.size());
}

double GradientTrace::predicted_share(double threshold, Index from) const {
    double sum = 0.0, count = 0.0;
    for (const TraceLook& look : looks) {
        if (look.step < from) continue;
        sum += clipped_share(squared_norm_moments(look.noise, batch), threshold);
        count += 1.0;
    }
    return sum / count;
}

GradientTrace trace_gradients(const FiniteSumObjective& objective, VectorView start, Optimizer& optimizer,
                              const GradientTraceOptions& options) {
    require(options.steps >= 1, "trace_gradients", "steps must be at least 1", options.steps);
    require(options.batch >= 1, "trace_gradients", "batch must be at least 1", options.batch);
    require(options.looks >= 1, "trace_gradients", "looks must be at least 1", options.looks);
    const Index every = spacing(options.steps, options.looks);
    GradientTrace trace{.looks = {}, .batch_norms = Vector(options.steps), .parameters = {}, .batch = options.batch};
    Index now = 0;
    Watched watched(optimizer, [&](VectorView w, VectorView u) {
        if (now % every != 0) return;
        const Vector g = objective.gradient(w), step = u;
        TraceLook look{.step = now,
                       .loss = objective.value(w),
                       .noise = noise_moments(objective, w, options.pairs),
                       .sign_cosine = g.isZero(0.0) ? std::numeric_limits<double>::quiet_NaN() : sign_cosine(g),
                       .promised = g.dot(step),
                       .curvature_cost = 0.5 * quadratic_form(objective.hessian(w), step)};
        look.actual = look.loss - objective.value(w - step);
        require_finite(look.actual, "the decrease of the loss");
        trace.looks.push_back(look);
    });
    trace.parameters = train(objective, start, watched, train_options(options.steps, options.batch, options.seed),
                             [&](Index t, VectorView, VectorView g) {
                                 now = t;
                                 trace.batch_norms(t) = g.stableNorm();
                             })
                           .parameters;
    return trace;
}

FirstOrderError first_order_error(const std::vector<TraceLook>& looks) {
    double promised = 0.0, cost = 0.0, actual = 0.0;
    for (const TraceLook& look : looks) {
        promised += look.promised;
        cost += look.curvature_cost;
        actual += look.actual;
    }
    return {.measured = 1.0 - actual / promised, .predicted = cost / promised};
}

Stationarity measure_stationarity(const FiniteSumObjective& objective, VectorView start, VectorView origin,
                                  double least_loss, const StationarityOptions& options) {
    require_size(origin.size(), objective.dimension(), "measure_stationarity", "the origin");
    require(options.batch >= 1, "measure_stationarity", "batch must be at least 1", options.batch);
    require(options.burn_in >= 0, "measure_stationarity", "burn_in must be at least 0", options.burn_in);
    require(options.blocks >= 2, "measure_stationarity", "blocks must be at least 2", options.blocks);
    require(options.steps >= options.blocks, "measure_stationarity", "there must be at least as many steps as blocks",
            options.steps);
    const auto optimizer = sgd_optimizer({.lr = options.lr});
    const Index block_steps = options.steps / options.blocks, observed = block_steps * options.blocks;
    const Index every = spacing(block_steps, 200);
    // Per block: sums of |ghat|^2, ghat.(w - w0), and of the excess loss where it was looked at.
    Matrix sums = Matrix::Zero(3, options.blocks);
    Vector at_begin;
    const auto observer = [&](Index t, VectorView w, VectorView g) {
        t -= options.burn_in;
        if (t < 0) return;
        if (t == 0) at_begin = w;
        const Index block = t / block_steps, within = t % block_steps;
        sums(0, block) += g.squaredNorm();
        sums(1, block) += g.dot(w - origin);
        if (within % every == 0) sums(2, block) += objective.value(w) - least_loss;
    };
    Stationarity result;
    result.parameters = train(objective, start, *optimizer,
                              train_options(options.burn_in + observed, options.batch, options.seed), observer)
                            .parameters;
    const double total = sums.row(0).sum();
    result.drift = ((result.parameters - origin).squaredNorm() - (at_begin - origin).squaredNorm()) /
                   (options.lr * options.lr * total);
    sums.topRows(2) /= static_cast<double>(block_steps);
    sums.row(2) /= static_cast<double>((block_steps + every - 1) / every);
    require_finite(sums, "a mean along the run");
    result.squared_norm = mean_estimate(sums.row(0).transpose());
    result.excess_loss = mean_estimate(sums.row(2).transpose());
    result.loss_ratio = jackknife(sums, [&](VectorView s) { return options.lr * s(0) / (4.0 * s(2)); });
    result.displacement_ratio = jackknife(sums, [&](VectorView s) { return options.lr * s(0) / (2.0 * s(1)); });
    return result;
}

std::shared_ptr<const FiniteSumObjective> rescaled(std::shared_ptr<const FiniteSumObjective> objective, double factor) {
    require(objective != nullptr, "rescaled", "an objective must be given", "none");
    require(factor > 0.0 && std::isfinite(factor), "rescaled", "the factor must be positive and finite", factor);
    return std::make_shared<const Rescaled>(std::move(objective), factor);
}

double best_full_batch_rate(const FiniteSumObjective& objective, VectorView w) {
    const Vector g = objective.gradient(w);
    const double curvature = quadratic_form(objective.hessian(w), g);
    return curvature > 0.0 ? g.squaredNorm() / curvature : infinity;
}

Mlp with_width(const Mlp& network, Index width) {
    require(!network.options().hidden.empty(), "with_width", "the network must have a hidden layer", "none");
    require(width >= 1, "with_width", "width must be at least 1", width);
    MlpOptions options = network.options();
    std::fill(options.hidden.begin(), options.hidden.end(), width);
    const bool single_logit = options.loss == Loss::cross_entropy && network.outputs() == 1;
    return Mlp(network.data(), options, single_logit);
}

SignRate best_sign_rate(const FiniteSumObjective& objective, VectorView w) {
    const Vector g = objective.gradient(w);
    require(!g.isZero(0.0), "best_sign_rate", "the gradient must not be 0", "0");
    const Vector s = g.cwiseSign(), at = w;
    const double curvature = quadratic_form(objective.hessian(w), s);
    SignRate result{.quadratic = curvature > 0.0 ? g.lpNorm<1>() / curvature : infinity,
                    .row_sum = curvature / static_cast<double>(w.size())};
    const auto loss = [&](double log_rate) { return objective.value(at - std::exp(log_rate) * s); };
    // Doubles a rate that is too short for certain until the loss rises: the first minimum is between the neighbors.
    double middle = std::log(std::isfinite(result.quadratic) ? 1e-3 * result.quadratic
                                                             : 1e-6 * std::max(1.0, at.lpNorm<Eigen::Infinity>()));
    double value = loss(middle);
    const double ratio = std::log(2.0);
    for (double next = loss(middle + ratio); next < value && middle < 50.0; next = loss(middle + ratio)) {
        middle += ratio;
        value = next;
    }
    const auto [best, least] = boost::math::tools::brent_find_minima(loss, middle - ratio, middle + ratio, 26);
    require_finite(least, "the loss along sign(g)");
    result.searched = std::exp(best);
    return result;
}

std::string to_string(Rescue rescue) {
    switch (rescue) {
    case Rescue::none:
        return "none";
    case Rescue::warm_up:
        return "warm_up";
    case Rescue::norm_clip:
        return "norm_clip";
    case Rescue::decrease_clip:
        return "decrease_clip";
    case Rescue::value_clip:
        return "value_clip";
    case Rescue::group_clip:
        break;
    }
    return "group_clip";
}

const std::vector<Rescue>& all_rescues() {
    static const std::vector<Rescue> all = {Rescue::none,          Rescue::warm_up,    Rescue::norm_clip,
                                            Rescue::decrease_clip, Rescue::value_clip, Rescue::group_clip};
    return all;
}

RescueRun rescue_run(const FiniteSumObjective& objective, VectorView start, Rescue rescue,
                     const std::function<std::unique_ptr<Optimizer>()>& make_optimizer, const RescueOptions& options) {
    require(options.steps >= 1, "rescue_run", "steps must be at least 1", options.steps);
    require(options.looks >= 1, "rescue_run", "looks must be at least 1", options.looks);
    const double t = options.threshold;
    require(t > 0.0, "rescue_run", "the threshold must be greater than 0", t);
    std::unique_ptr<Optimizer> optimizer = make_optimizer();
    const auto n = static_cast<double>(objective.dimension());
    switch (rescue) {
    case Rescue::none:
        break;
    case Rescue::warm_up:
        optimizer = warmed_up(std::move(optimizer), options.warm_up_steps);
        break;
    case Rescue::norm_clip:
        optimizer = transformed(std::move(optimizer), clip_by_norm(t));
        break;
    case Rescue::decrease_clip:
        optimizer = limited_decrease(std::move(optimizer), options.lr * t * t);
        break;
    case Rescue::value_clip:
        optimizer = transformed(std::move(optimizer), clip_by_value(t / std::sqrt(n)));
        break;
    case Rescue::group_clip: {
        const ParameterLayout layout = objective.layout();
        const double part = t / std::sqrt(static_cast<double>(layout.groups.size()));
        optimizer = transformed(std::move(optimizer), clip_groups_by_norm(layout, "*", part));
        break;
    }
    }

    RescueRun run;
    const Index every = spacing(options.steps, options.looks);
    Index now = 0;
    const auto look = [&](Index step, VectorView w) {
        now = step;
        if (step % every != 0 && step != options.steps) return;
        const double loss = objective.value(w);
        require_finite(loss, "the loss");
        run.steps.push_back(static_cast<double>(step));
        run.loss.push_back(loss);
        run.largest_loss = std::max(run.largest_loss, loss);
        if (!run.reached && loss <= options.target) run.reached = step;
    };
    try {
        const Vector end =
            train(objective, start, *optimizer, train_options(options.steps, options.batch, options.seed),
                  [&](Index step, VectorView w, VectorView) { look(step, w); })
                .parameters;
        look(options.steps, end);
        run.last_loss = run.loss.back();
    } catch (const NumericalError&) {
        run.diverged = now;
        run.largest_loss = run.last_loss = infinity;
    }
    return run;
}

} // namespace hessq
