#include "hessq/theory/batch_size_measurement.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/datasets/batch.hpp"
#include "hessq/operators/gradient_moments.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/spectrum/matrix_sign.hpp"
#include "step_problem.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

namespace hessq {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

bool is_matrix(const ParameterGroup& group) { return group.rows > 1 && group.cols > 1; }

Matrix matrix_of(VectorView w, const ParameterGroup& group) {
    return Eigen::Map<const RowMajor>(w.data() + group.offset, group.rows, group.cols);
}

/// Runs have batches of their own.
std::uint64_t run_seed(std::uint64_t seed, std::uint64_t run) {
    constexpr std::uint64_t run_stream = 0x62732d72756e; // "bs-run"
    return static_cast<std::uint64_t>(RandomStream(seed, run_stream).integer(run, std::numeric_limits<Index>::max()));
}

/// Steps after which the variance of an average with weight beta1 is complete to 1 part in 1000.
std::uint64_t averaged_steps(double beta1) {
    if (beta1 == 0.0) return 1;
    return 1 + static_cast<std::uint64_t>(std::ceil(std::log(1000.0) / (-2.0 * std::log(beta1))));
}

/// What an elementwise or matrix-wise direction makes of one gradient.
Vector shaped(const DirectionOptions& options, VectorView g) {
    switch (options.kind) {
    case DirectionKind::sgd:
    case DirectionKind::momentum:
        return g;
    case DirectionKind::sign:
    case DirectionKind::adam: // without noise m / sqrt(v) = g / |g|
        return g.unaryExpr([](double x) { return sign_of(x); });
    case DirectionKind::softsign:
        return g.unaryExpr([&](double x) { return x == 0.0 ? 0.0 : x / std::hypot(x, options.eps); });
    case DirectionKind::muon:
        break;
    }
    Vector u = Vector::Zero(g.size());
    for (const ParameterGroup& group : matrix_groups(options.layout))
        Eigen::Map<RowMajor>(u.data() + group.offset, group.rows, group.cols) = matrix_sign(matrix_of(g, group));
    return u;
}

} // namespace

LocalModel local_model(const FiniteSumObjective& objective, VectorView w) {
    ValueAndGradient at = objective.value_and_gradient(w);
    require_finite(at.value, "local_model: the loss");
    require_finite(at.gradient, "local_model: the gradient");
    LocalModel model{.loss = at.value,
                     .gradient = std::move(at.gradient),
                     .hessian = objective.dense_hessian(w),
                     .noise = noise_covariance(objective, w),
                     .live = {}};
    require_finite(model.hessian, "local_model: the Hessian");
    for (Index i = 0; i < model.gradient.size(); ++i)
        if (model.gradient(i) != 0.0 || model.noise(i, i) > 0.0) model.live.push_back(i);
    return model;
}

LiveProblem live_problem(const LocalModel& model) {
    require(!model.live.empty(), "live_problem", "some coordinate must have a gradient; number of coordinates that do",
            Index{0});
    return {.step = {.gradient = model.gradient(model.live),
                     .hessian = model.hessian(model.live, model.live),
                     .noise_sd = model.noise.diagonal()(model.live).cwiseSqrt()},
            .noise = model.noise(model.live, model.live)};
}

std::vector<ParameterGroup> matrix_groups(const ParameterLayout& layout) {
    std::vector<ParameterGroup> groups;
    std::copy_if(layout.groups.begin(), layout.groups.end(), std::back_inserter(groups), is_matrix);
    return groups;
}

double group_noise_batch(const LocalModel& model, const std::vector<ParameterGroup>& groups) {
    double noise = 0.0, signal = 0.0;
    for (const ParameterGroup& group : groups) {
        require(group.offset + group.size() <= model.gradient.size(), "group_noise_batch",
                "a group must lie inside the vector; its end", group.offset + group.size());
        noise += model.noise.diagonal().segment(group.offset, group.size()).sum();
        signal += model.gradient.segment(group.offset, group.size()).squaredNorm();
    }
    require(signal > 0.0, "group_noise_batch", "the groups must have a gradient; its square", signal);
    return noise / signal;
}

Estimate matrix_sign_alignment(MatrixView directions, VectorView noiseless, const ParameterGroup& group) {
    const char* function = "matrix_sign_alignment";
    require(group.offset + group.size() <= noiseless.size(), function, "the group must lie inside the vector; its end",
            group.offset + group.size());
    require(directions.rows() == noiseless.size(), function, "directions must have as many rows as noiseless",
            directions.rows());
    const auto target = noiseless.segment(group.offset, group.size());
    // |U V'|_F^2 is the rank.
    const double rank = target.squaredNorm();
    require(rank > 0.0, function, "the group must have a gradient; its norm", rank);
    return mean_estimate((directions.middleRows(group.offset, group.size()).transpose() * target) / rank);
}

Vector noiseless_direction(const DirectionOptions& options, VectorView gradient) { return shaped(options, gradient); }

DirectionSource::DirectionSource(const FiniteSumObjective& objective, VectorView w)
    : gradients_(objective.per_sample_gradients(w, Batch::all(objective.samples()))) {
    require_finite(gradients_, "DirectionSource: the gradients of samples");
    mean_ = gradients_.rowwise().mean();
    variance_ = (gradients_.colwise() - mean_).rowwise().squaredNorm() / static_cast<double>(gradients_.cols());
}

Vector DirectionSource::batch_gradient(Index batch, std::uint64_t seed, std::uint64_t stream,
                                       std::uint64_t draw) const {
    const RandomStream random(seed, stream);
    const auto first = draw * static_cast<std::uint64_t>(batch);
    Vector sum = Vector::Zero(gradients_.rows());
    for (Index i = 0; i < batch; ++i)
        sum += gradients_.col(random.integer(first + static_cast<std::uint64_t>(i), gradients_.cols()));
    return sum / static_cast<double>(batch);
}

Matrix DirectionSource::directions(const DirectionOptions& options, Index batch, Index count, std::uint64_t seed,
                                   std::uint64_t stream) const {
    const char* function = "DirectionSource::directions";
    require(batch >= 1, function, "batch must be at least 1", batch);
    require(count >= 1, function, "count must be at least 1", count);
    require_share(options.beta1, function, "beta1");
    require_share(options.beta2, function, "beta2");
    require_not_negative(options.eps, function, "eps");
    const bool averaged = options.kind == DirectionKind::momentum || options.kind == DirectionKind::adam;
    const std::uint64_t steps = averaged ? averaged_steps(options.beta1) : 1;
    Matrix u(gradients_.rows(), count);
    parallel_for(count, [&](Index k) {
        const auto first = static_cast<std::uint64_t>(k) * steps;
        if (!averaged) {
            u.col(k) = shaped(options, batch_gradient(batch, seed, stream, first));
            return;
        }
        Vector m = mean_, v = mean_.cwiseAbs2() + variance_ / static_cast<double>(batch);
        for (std::uint64_t t = 0; t < steps; ++t) {
            const Vector g = batch_gradient(batch, seed, stream, first + t);
            m = options.beta1 * m + (1.0 - options.beta1) * g;
            v = options.beta2 * v + (1.0 - options.beta2) * g.cwiseAbs2();
        }
        u.col(k) = m;
        if (options.kind == DirectionKind::adam)
            u.col(k) = m.binaryExpr(v, [](double a, double b) { return b > 0.0 ? a / std::sqrt(b) : 0.0; });
    });
    return u;
}

Vector DirectionSource::squared_norms(Index batch, Index count, std::uint64_t seed, std::uint64_t stream) const {
    require(batch >= 1, "DirectionSource::squared_norms", "batch must be at least 1", batch);
    require(count >= 1, "DirectionSource::squared_norms", "count must be at least 1", count);
    Vector squares(count);
    parallel_for(count, [&](Index k) {
        squares(k) = batch_gradient(batch, seed, stream, static_cast<std::uint64_t>(k)).squaredNorm();
    });
    return squares;
}

MeasuredStep model_best_step(const LocalModel& model, MatrixView directions) {
    const Index count = directions.cols();
    require(count >= 2, "model_best_step", "an error needs at least 2 directions", count);
    require(directions.rows() == model.gradient.size(), "model_best_step",
            "directions must have as many rows as there are parameters", directions.rows());
    Matrix parts(2, count);
    parts.row(0) = model.gradient.transpose() * directions;
    parts.row(1) = directions.cwiseProduct(model.hessian * directions).colwise().sum();
    const double curvature = parts.row(1).mean();
    if (!(curvature > 0.0))
        return {.rate = {.value = infinity, .samples = count},
                .decrease = {.value = infinity, .samples = count},
                .status = StepStatus::unbounded};
    const auto corrected = [&](const std::function<double(VectorView)>& f) {
        JackknifeEstimate estimate = jackknife(parts, f);
        estimate.value -= estimate.bias;
        return estimate;
    };
    MeasuredStep step;
    step.rate = corrected([](VectorView mean) { return mean(0) / mean(1); });
    step.decrease = corrected([](VectorView mean) { return 0.5 * mean(0) * mean(0) / mean(1); });
    return step;
}

MeasuredStep loss_best_step(const FiniteSumObjective& objective, VectorView w, MatrixView directions,
                            const RateSearch& search) {
    const char* function = "loss_best_step";
    const Index count = directions.cols();
    require(count >= 2, function, "an error needs at least 2 directions", count);
    require_positive(search.start, function, "start");
    require(search.doublings >= 1, function, "doublings must be at least 1", search.doublings);
    const double at_w = objective.value(w);
    require_finite(at_w, "loss_best_step: the loss");
    const auto changes = [&](double rate) {
        Vector f(count);
        parallel_for(count, [&](Index k) {
            const double value = objective.value(w - rate * directions.col(k));
            f(k) = std::isfinite(value) ? value - at_w : infinity;
        });
        return f;
    };
    const auto mean_change = [&](double rate) { return changes(rate).mean(); };

    double middle = search.start, f_middle = mean_change(middle);
    double below = 0.5 * middle, f_below = mean_change(below), above = 2.0 * middle, f_above = mean_change(above);
    const auto unbounded = [&] {
        return MeasuredStep{.rate = {.value = infinity, .samples = count},
                            .decrease = {.value = -f_middle, .samples = count},
                            .status = StepStatus::unbounded};
    };
    for (Index k = 0; f_above < f_middle; ++k) {
        if (k == search.doublings) return unbounded();
        below = middle, f_below = f_middle;
        middle = above, f_middle = f_above;
        above *= 2.0, f_above = mean_change(above);
    }
    for (Index k = 0; f_below < f_middle || !std::isfinite(f_middle); ++k) {
        if (k == search.doublings) return {.rate = {.samples = count}, .decrease = {.samples = count}};
        above = middle;
        middle = below, f_middle = f_below;
        below *= 0.5, f_below = mean_change(below);
    }
    std::uintmax_t evaluations = 12;
    const auto least = boost::math::tools::brent_find_minima([&](double x) { return mean_change(std::exp(x)); },
                                                             std::log(below), std::log(above), 10, evaluations);
    // Near the minimum the loss is a parabola in the rate: its slopes along the directions are what scatters.
    double rate = std::exp(least.first);
    const double step = 0.05 * rate;
    const Vector lower = changes(rate - step), at = changes(rate), upper = changes(rate + step);
    const Vector slopes = (upper - lower) / (2.0 * step);
    const double curvature = (upper.mean() - 2.0 * at.mean() + lower.mean()) / (step * step);
    MeasuredStep result;
    if (!(curvature > 0.0) || !std::isfinite(curvature)) {
        result.rate = {.value = rate, .std_error = infinity, .samples = count};
        result.decrease = mean_estimate(Vector(-at));
        return result;
    }
    const Estimate slope = mean_estimate(slopes);
    const double shift = std::clamp(slope.value / curvature, -step, step);
    result.rate = {.value = rate - shift, .std_error = slope.std_error / curvature, .samples = count};
    result.decrease = mean_estimate(Vector(-at));
    result.decrease.value += 0.5 * curvature * shift * shift;
    return result;
}

namespace {

/// The full-batch losses of runs of SGD, looked at from time to time.
class TargetSearch {
public:
    TargetSearch(const FiniteSumObjective& objective, VectorView start, const TargetOptions& options)
        : objective_(objective), start_(start), options_(options), at_start_(objective.value(start)) {}

    /// None: not reached within max_steps, or a run diverged.
    std::optional<Estimate> steps(double rate, double most) const {
        const Index runs = options_.runs;
        Matrix w = start_.replicate(1, runs);
        Vector loss = Vector::Constant(runs, at_start_), next(runs);
        Index t = 0;
        while (static_cast<double>(t) < most) {
            const Index until = t + std::max<Index>(1, t / 20);
            parallel_for(runs, [&](Index run) {
                const BatchSampler sampler(objective_.samples(), options_.batch, Sampling::iid,
                                           run_seed(options_.seed, options_.stream + static_cast<std::uint64_t>(run)));
                Vector at = w.col(run);
                for (Index s = t; s < until; ++s) at -= rate * objective_.gradient(at, sampler(s));
                next(run) = objective_.value(at);
                w.col(run) = at;
            });
            if (!next.allFinite() || next.mean() > 4.0 * std::abs(at_start_) + at_start_) return std::nullopt;
            if (next.mean() <= options_.target) {
                const double drop = loss.mean() - next.mean(), width = static_cast<double>(until - t);
                const Estimate at_crossing = mean_estimate(next);
                return Estimate{.value = static_cast<double>(t) + width * (loss.mean() - options_.target) / drop,
                                .std_error = at_crossing.std_error * width / drop,
                                .samples = runs};
            }
            loss = next;
            t = until;
        }
        return std::nullopt;
    }

private:
    const FiniteSumObjective& objective_;
    Vector start_;
    const TargetOptions& options_;
    double at_start_;
};

} // namespace

TargetRun steps_to_target(const FiniteSumObjective& objective, VectorView start, const TargetOptions& options) {
    const char* function = "steps_to_target";
    require_size(start.size(), objective.dimension(), function, "start");
    require(options.batch >= 1 && options.batch <= objective.samples(), function,
            "batch must be from 1 to the number of samples", options.batch);
    require_positive(options.rate, function, "rate");
    require(options.max_steps >= 1, function, "max_steps must be at least 1", options.max_steps);
    require(options.runs >= 2, function, "runs must be at least 2", options.runs);
    require(objective.value(start) > options.target, function, "the loss at the start must be above the target",
            options.target);
    const TargetSearch search(objective, start, options);
    TargetRun best{.batch = options.batch, .rate = options.rate, .steps = {}};
    const auto attempt = [&](double rate) {
        const double most = best.reached ? 1.1 * best.steps.value + 1.0 : static_cast<double>(options.max_steps);
        const std::optional<Estimate> steps = search.steps(rate, most);
        if (!steps || (best.reached && steps->value >= best.steps.value)) return false;
        best.rate = rate;
        best.steps = *steps;
        best.reached = true;
        return true;
    };
    constexpr int most_halvings = 6;
    double first = options.rate;
    for (int k = 0; k < most_halvings && !attempt(first); ++k) first *= 0.5;
    if (!best.reached) return best;
    while (attempt(2.0 * best.rate)) {
    }
    if (best.rate == first)
        while (attempt(0.5 * best.rate)) {
        }
    return best;
}

double descent_target(const FiniteSumObjective& objective, VectorView start, double rate, Index steps) {
    require_size(start.size(), objective.dimension(), "descent_target", "start");
    require_positive(rate, "descent_target", "rate");
    require(steps >= 1, "descent_target", "steps must be at least 1", steps);
    double least = objective.value(start);
    for (int halvings = 0; halvings <= 6; ++halvings, rate *= 0.5) {
        Vector w = start;
        for (Index t = 0; t < steps && w.allFinite(); ++t) w -= rate * objective.gradient(w);
        const double loss = w.allFinite() ? objective.value(w) : infinity;
        if (loss < least) least = loss;
    }
    return least;
}

std::vector<RuleTest> test_scaling_rules(const FiniteSumObjective& objective, VectorView start,
                                         const RuleOptions& options) {
    const char* function = "test_scaling_rules";
    require_size(start.size(), objective.dimension(), function, "start");
    require_positive(options.sgd_rate, function, "sgd_rate");
    require(options.runs >= 2, function, "runs must be at least 2", options.runs);
    require(options.batch >= 1 && options.steps >= 1, function, "batch and steps must be at least 1", options.batch);
    for (const Index factor : options.factors)
        require(factor >= 2 && options.steps % factor == 0 && options.batch * factor <= objective.samples(), function,
                "a factor must be at least 2, divide the steps, and batch times factor be at most the samples", factor);

    const double at_start = objective.value(start);
    using Make = std::function<std::unique_ptr<Optimizer>()>;
    const auto losses = [&](const Make& make, Index factor, std::uint64_t stream) {
        Vector loss(options.runs);
        parallel_for(options.runs, [&](Index run) {
            const std::unique_ptr<Optimizer> optimizer = make();
            const TrainOptions training{.steps = options.steps / factor,
                                        .batch = options.batch * factor,
                                        .sampling = Sampling::iid,
                                        .seed = run_seed(options.seed, stream + static_cast<std::uint64_t>(run))};
            try {
                loss(run) = objective.value(train(objective, start, *optimizer, training).parameters);
            } catch (const NumericalError&) {
                loss(run) = infinity; // this rate is too large for this batch: an outcome, not a mistake
            }
        });
        return loss;
    };
    const auto estimate = [](const Vector& values) {
        return values.allFinite() ? mean_estimate(values)
                                  : Estimate{.value = infinity, .std_error = 0.0, .samples = values.size()};
    };
    std::vector<RuleTest> tests;
    std::uint64_t stream = 1;
    const auto add = [&](const std::string& rule, double factor, double rate, const Vector& loss, const Vector& base) {
        const double drop = base.mean() < at_start ? at_start - base.mean() : std::numeric_limits<double>::quiet_NaN();
        Estimate change = estimate(loss);
        change.value = (change.value - base.mean()) / drop;
        change.std_error = std::hypot(change.std_error, factor == 1.0 ? 0.0 : estimate(base).std_error) / drop;
        if (factor == 1.0) change = {.value = 0.0, .std_error = 0.0, .samples = options.runs};
        tests.push_back({rule, factor, rate, estimate(loss), change});
    };
    const auto block = static_cast<std::uint64_t>(options.runs);

    const auto sgd = [](double rate) { return [rate] { return sgd_optimizer({.lr = rate}); }; };
    const Vector base = losses(sgd(options.sgd_rate), 1, stream);
    for (const auto& [rule, name] :
         {std::pair(ScalingRule::linear, "sgd, linear"), std::pair(ScalingRule::square_root, "sgd, square root")}) {
        add(name, 1.0, options.sgd_rate, base, base);
        for (const Index factor : options.factors) {
            const double rate = scaled_rate(rule, options.sgd_rate, static_cast<double>(factor));
            add(name, static_cast<double>(factor), rate, losses(sgd(rate), factor, stream += block), base);
        }
    }
    const auto adam = [](const AdamSettings& s) {
        return [s] { return adam_optimizer({.lr = s.rate, .beta1 = s.beta1, .beta2 = s.beta2, .eps = s.eps}); };
    };
    const Vector adam_base = losses(adam(options.adam), 1, stream += block);
    for (const char* name : {"adam, linear", "adam, square root", "adam, Malladi"}) {
        add(name, 1.0, options.adam.rate, adam_base, adam_base);
        for (const Index factor : options.factors) {
            const auto k = static_cast<double>(factor);
            AdamSettings settings = options.adam;
            if (std::string(name) == "adam, Malladi") {
                if (k * std::max(1.0 - settings.beta1, 1.0 - settings.beta2) > 1.0) continue;
                settings = malladi_rule(settings, k);
            } else {
                settings.rate =
                    scaled_rate(std::string(name) == "adam, linear" ? ScalingRule::linear : ScalingRule::square_root,
                                settings.rate, k);
            }
            add(name, k, settings.rate, losses(adam(settings), factor, stream += block), adam_base);
        }
    }
    return tests;
}

} // namespace hessq
