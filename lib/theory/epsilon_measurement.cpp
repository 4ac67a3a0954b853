#include "hessq/theory/epsilon_measurement.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/operators/second_moment.hpp"
#include "hessq/optimizers/optimizer.hpp"
#include "hessq/optimizers/train.hpp"
#include "hessq/theory/regimes.hpp"
#include "hessq/theory/second_moment_metrics.hpp"
#include "step_problem.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq {
namespace {

constexpr std::uint64_t draw_stream = 0x65707362; // "epsb"

/// The best step for eps = infinity, u = ghat, coordinates independent.
BestStep gradient_step(const StepProblem& problem, double batch) {
    return best_uncorrelated_step(problem.gradient, problem.hessian, problem.gradient,
                                  problem.noise_sd.cwiseAbs2() / batch);
}

double exact_rate(EpsilonForm form, const StepProblem& problem, double eps, double batch) {
    return eps == infinity ? gradient_step(problem, batch).rate : epsilon_best_step(form, problem, eps, batch).rate;
}

/// c5 or c8 at every batch, for eps = infinity their limit c7.
Vector closed_rates(const StepProblem& problem, double eps, VectorView batches, Attenuation attenuation,
                    NoiseRatio convention) {
    if (eps == infinity) {
        const double gg = problem.gradient.squaredNorm(),
                     ghg = problem.gradient.dot(problem.hessian * problem.gradient);
        const double flat =
            attenuation_constant(attenuation) * problem.noise_sd.cwiseAbs2().mean() * problem.hessian.trace();
        return batches.unaryExpr([&](double batch) { return best_step_of(gg, ghg + flat / batch).rate; });
    }
    const AttenuatedCurve curve = softsign_curve(problem, eps, attenuation, convention);
    return batches.unaryExpr([&](double batch) { return attenuated_step(curve, batch).rate; });
}

double quantile(const Vector& sorted, double share) {
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<Index>(place);
    const Index high = std::min(low + 1, sorted.size() - 1);
    return sorted(low) + (place - static_cast<double>(low)) * (sorted(high) - sorted(low));
}

DenominatorReading reading_of(const Vector& v, double eps, Index step, double loss) {
    DenominatorReading reading{.step = step, .loss = loss};
    std::vector<double> roots;
    for (const double x : v)
        if (x > 0.0) roots.push_back(std::sqrt(x));
    reading.dead = v.size() - static_cast<Index>(roots.size());
    if (roots.empty()) return reading;
    std::sort(roots.begin(), roots.end());
    const Vector sorted = Eigen::Map<const Vector>(roots.data(), static_cast<Index>(roots.size()));
    reading.below = static_cast<double>(std::lower_bound(roots.begin(), roots.end(), eps) - roots.begin()) /
                    static_cast<double>(roots.size());
    reading.low = quantile(sorted, 0.05);
    reading.quarter = quantile(sorted, 0.25);
    reading.median = quantile(sorted, 0.5);
    reading.three_quarters = quantile(sorted, 0.75);
    reading.high = quantile(sorted, 0.95);
    return reading;
}

std::unique_ptr<Optimizer> adam_of(const EpsilonRunOptions& options) {
    return adam_optimizer({.lr = options.lr, .beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps});
}

void check(const FiniteSumObjective& objective, VectorView start, const EpsilonRunOptions& options,
           const char* function) {
    require_size(start.size(), objective.dimension(), function, "start");
    require(options.steps >= 1, function, "steps must be at least 1", options.steps);
    require(options.batch >= 1 && options.batch <= objective.samples(), function,
            "batch must be between 1 and the number of samples", options.batch);
    require(options.readings >= 1, function, "readings must be at least 1", options.readings);
}

/// The steps after which Adam is read: about evenly spaced in log time, the last included.
std::vector<Index> reading_steps(Index steps, Index count) {
    std::vector<Index> result;
    for (Index k = 0; k < count; ++k) {
        const double share = count == 1 ? 1.0 : static_cast<double>(k) / static_cast<double>(count - 1);
        const auto step = static_cast<Index>(std::llround(std::pow(static_cast<double>(steps), share)));
        if (result.empty() || step > result.back()) result.push_back(step);
    }
    result.back() = steps;
    return result;
}

std::optional<DenominatorExponent> denominator_exponent(const FiniteSumObjective& objective, VectorView w,
                                                        const GradientHistory& history, double beta2, double eps) {
    const SymmetricEigen h = symmetric_eigen(objective.dense_hessian(w));
    const std::vector<Index> chosen = resolved_directions(h.values);
    if (chosen.size() < 3) return std::nullopt;
    const Vector lambda = entries_at(h.values, chosen);
    const Vector forms = history.quadratic_forms(columns_at(h.vectors, chosen), beta2, history.steps());
    // eigen_exponent knows powers of w; the denominator squared has the exponent 2 p.
    const Vector root = forms.cwiseMax(0.0).cwiseSqrt();
    const Vector damped = (root.array() + eps).square();
    const std::optional<EigenExponent> plain = eigen_exponent(lambda, forms);
    const std::optional<EigenExponent> effective = eigen_exponent(lambda, damped);
    if (!plain || !effective) return std::nullopt;
    const auto halved = [](Estimate q) {
        q.value /= 2.0;
        q.std_error /= 2.0;
        return q;
    };
    DenominatorExponent result{halved(plain->exponent), halved(effective->exponent)};
    result.predicted = result.plain.value * root.cwiseQuotient((root.array() + eps).matrix()).mean();
    return result;
}

/// The loss at the end of a run; infinite if it diverged.
double final_loss(const FiniteSumObjective& objective, VectorView start, const EpsilonRunOptions& options) {
    try {
        const auto adam = adam_of(options);
        const TrainResult run =
            train(objective, start, *adam,
                  {.steps = options.steps, .batch = options.batch, .sampling = options.sampling, .seed = options.seed});
        const double loss = objective.value(run.parameters);
        return std::isfinite(loss) ? loss : infinity;
    } catch (const NumericalError&) {
        return infinity;
    }
}

} // namespace

EpsilonPoint epsilon_point(const FiniteSumObjective& objective, VectorView w) {
    require_size(w.size(), objective.dimension(), "epsilon_point", "w");
    EpsilonPoint point;
    point.loss = objective.value(w);
    require_finite(point.loss, "epsilon_point: the loss");
    const Matrix all = objective.per_sample_gradients(w, Batch::all(objective.samples()));
    require_finite(all, "epsilon_point: a gradient");
    for (Index i = 0; i < all.rows(); ++i)
        if (all.row(i).cwiseAbs().maxCoeff() > 0.0) point.live.push_back(i);
    point.dead = all.rows() - static_cast<Index>(point.live.size());
    if (point.live.empty()) throw NumericalError("epsilon_point: expected a gradient; got none in any sample");
    const auto n = static_cast<Index>(point.live.size());
    point.sample_gradients.resize(n, all.cols());
    for (Index k = 0; k < n; ++k) point.sample_gradients.row(k) = all.row(point.live[static_cast<std::size_t>(k)]);
    const Matrix hessian = objective.dense_hessian(w);
    require_finite(hessian, "epsilon_point: the Hessian");
    point.problem.gradient = point.sample_gradients.rowwise().mean();
    point.problem.hessian = hessian(point.live, point.live);
    const Matrix centered = point.sample_gradients.colwise() - point.problem.gradient;
    const auto m = static_cast<double>(all.cols());
    point.problem.noise_sd = (centered.rowwise().squaredNorm() / m).cwiseSqrt();
    point.noise_curvature = centered.cwiseProduct(point.problem.hessian * centered).sum() / m;
    return point;
}

double gradient_scale(const StepProblem& problem, double batch) {
    require_problem(problem, "gradient_scale");
    require_any_batch(batch, "gradient_scale");
    return std::sqrt((problem.gradient.cwiseAbs2() + problem.noise_sd.cwiseAbs2() / batch).mean());
}

EpsilonCurve epsilon_curve(EpsilonForm form, const StepProblem& problem, double eps, VectorView batches) {
    require_problem(problem, "epsilon_curve");
    require(batches.size() >= 3, "epsilon_curve", "there must be at least 3 batches", batches.size());
    require(eps >= 0.0, "epsilon_curve", "eps must be at least 0", eps);
    EpsilonCurve curve{.form = form, .eps = eps, .batches = batches, .rate = Vector(batches.size())};
    if (problem.gradient.isZero(0.0)) {
        curve.rate.setZero();
        curve.remark = "the gradient is 0: no step lowers the loss";
        return curve;
    }
    for (Index k = 0; k < batches.size(); ++k) curve.rate(k) = exact_rate(form, problem, eps, batches(k));
    curve.limit = exact_rate(form, problem, eps, infinity);

    const auto closed = [&](Attenuation attenuation, NoiseRatio convention) -> std::optional<Vector> {
        if (eps < infinity && !(noise_ratio(problem.gradient, problem.noise_sd, convention, eps) < infinity))
            return std::nullopt;
        return closed_rates(problem, eps, batches, attenuation, convention);
    };
    curve.essay = closed(Attenuation::essay, NoiseRatio::mean_of_ratios);
    curve.mean_field = closed(Attenuation::mean_field, NoiseRatio::ratio_of_sums);
    if (!curve.essay)
        curve.remark = "the essay's kappa^2 is infinite: a coordinate has noise and no gradient";
    else if (eps < infinity) {
        const AttenuatedCurve law = softsign_curve(problem, eps, Attenuation::essay, NoiseRatio::mean_of_ratios);
        curve.essay_peak = law.noise_batch > 0.0 && surge(law).exists;
    }

    Index unbounded = 0;
    for (const double rate : curve.rate) unbounded += !std::isfinite(rate);
    if (unbounded > 0 || !std::isfinite(curve.limit)) {
        curve.remark = "E[u'H u] is not above 0 for some batches: there no rate is too large";
        return curve;
    }
    if (problem.noise_sd.isZero(0.0)) {
        curve.remark = "there is no noise: the batch does not matter";
        return curve;
    }
    // The highest local maximum of the grid, refined between its neighbors.
    Index best = -1;
    for (Index k = 1; k + 1 < batches.size(); ++k) {
        if (curve.rate(k) > curve.rate(k - 1) && curve.rate(k) > curve.rate(k + 1) &&
            (best < 0 || curve.rate(k) > curve.rate(best)))
            best = k;
        const double slope = std::log(curve.rate(k) / curve.rate(k - 1)) / std::log(batches(k) / batches(k - 1));
        curve.steepest = std::max(curve.steepest, slope);
    }
    if (best > 0)
        curve.peak = find_rate_peak([&](double batch) { return exact_rate(form, problem, eps, batch); },
                                    {.least = batches(best - 1), .largest = batches(best + 1), .points = 3});
    if (curve.peak.exists) curve.peak.height = curve.peak.rate / curve.limit - 1.0;
    return curve;
}

std::optional<Estimate> measured_rate(const EpsilonPoint& point, EpsilonForm form, double eps, Index batch, Index draws,
                                      std::uint64_t seed) {
    require(batch >= 1, "measured_rate", "batch must be at least 1", batch);
    require(draws >= 2, "measured_rate", "draws must be at least 2", draws);
    const Index n = point.problem.gradient.size(), m = point.sample_gradients.cols();
    constexpr Index columns = 64;
    Matrix sums(2, draws);
    const Index blocks = (draws + columns - 1) / columns;
    parallel_for(blocks, [&](Index block) {
        const Index begin = block * columns, count = std::min(columns, draws - begin);
        Matrix u(n, count);
        for (Index k = 0; k < count; ++k) {
            const RandomStream random(seed, draw_stream + static_cast<std::uint64_t>(begin + k));
            Vector ghat = Vector::Zero(n);
            if (batch < m) {
                for (Index s = 0; s < batch; ++s)
                    ghat += point.sample_gradients.col(random.integer(static_cast<std::uint64_t>(s), m));
            } else { // fewer additions by counting how often each sample comes
                Vector times = Vector::Zero(m);
                for (Index s = 0; s < batch; ++s) times(random.integer(static_cast<std::uint64_t>(s), m)) += 1.0;
                ghat = point.sample_gradients * times;
            }
            u.col(k) = ghat / static_cast<double>(batch);
        }
        if (eps < infinity) u = u.unaryExpr([&](double x) { return epsilon_update(form, x, eps); }).eval();
        sums.block(0, begin, 1, count) = point.problem.gradient.transpose() * u;
        sums.block(1, begin, 1, count) = u.cwiseProduct(point.problem.hessian * u).colwise().sum();
    });
    if (!(sums.row(1).mean() > 0.0)) return std::nullopt;
    const JackknifeEstimate rate = jackknife(sums, [](VectorView mean) { return mean(0) / mean(1); });
    return Estimate{.value = rate.value, .std_error = rate.std_error, .samples = draws};
}

EpsilonRun epsilon_run(const FiniteSumObjective& objective, VectorView start, const EpsilonRunOptions& options) {
    check(objective, start, options, "epsilon_run");
    EpsilonRun run;
    GradientHistory history(objective.dimension(), options.exponents ? options.steps : 1);
    SecondMomentAverages averages(objective.dimension(), {options.beta2});
    const std::vector<Index> steps = reading_steps(options.steps, options.readings);
    std::size_t next = 0;
    const auto read = [&](Index step, VectorView w) {
        if (next < steps.size() && step == steps[next]) {
            run.readings.push_back(reading_of(averages.corrected(0), options.eps, step, objective.value(w)));
            ++next;
        }
    };
    try {
        const auto adam = adam_of(options);
        const TrainResult result =
            train(objective, start, *adam,
                  {.steps = options.steps, .batch = options.batch, .sampling = options.sampling, .seed = options.seed},
                  [&](Index step, VectorView w, VectorView g) {
                      if (step > 0) read(step, w);
                      averages.observe(g);
                      if (options.exponents) history.observe(g);
                  });
        read(options.steps, result.parameters);
        std::vector<double> roots;
        for (const double v : averages.corrected(0))
            if (v > 0.0) roots.push_back(std::sqrt(v));
        run.root_second_moment = Eigen::Map<const Vector>(roots.data(), static_cast<Index>(roots.size()));
        if (options.exponents) {
            run.exponent = denominator_exponent(objective, result.parameters, history, options.beta2, options.eps);
            if (!run.exponent) run.remark = "fewer than 3 directions of different curvature";
        }
    } catch (const NumericalError& error) {
        run.remark = error.what();
    }
    return run;
}

BestRunRate best_run_rate(const FiniteSumObjective& objective, VectorView start, const EpsilonRunOptions& options,
                          Index seeds) {
    check(objective, start, options, "best_run_rate");
    require(seeds >= 2, "best_run_rate", "seeds must be at least 2", seeds);
    Vector rates(seeds), losses(seeds);
    parallel_for(seeds, [&](Index s) {
        EpsilonRunOptions at = options;
        at.seed = regime_seed(options.seed, s);
        const auto loss_at = [&](double doublings) {
            at.lr = options.lr * std::exp2(doublings);
            return final_loss(objective, start, at);
        };
        constexpr double most = 16.0;
        double middle = 0.0, left = loss_at(-1.0), here = loss_at(0.0), right = loss_at(1.0);
        while (std::abs(middle) < most && (left < here || right < here || !std::isfinite(here))) {
            if (left < right || !std::isfinite(here)) {
                middle -= 1.0;
                right = here;
                here = left;
                left = loss_at(middle - 1.0);
            } else {
                middle += 1.0;
                left = here;
                here = right;
                right = loss_at(middle + 1.0);
            }
        }
        const bool inside = std::abs(middle) < most && std::isfinite(here);
        if (inside) { // once more by factors of sqrt(2)
            const double below = loss_at(middle - 0.5), above = loss_at(middle + 0.5);
            if (below < here && below <= above) {
                middle -= 0.5;
                right = here;
                here = below;
            } else if (above < here) {
                middle += 0.5;
                left = here;
                here = above;
            } else {
                left = below;
                right = above;
            }
        }
        double shift = 0.0;
        const double bend = left - 2.0 * here + right;
        if (std::isfinite(bend) && bend > 0.0) shift = 0.25 * (left - right) / bend;
        rates(s) = inside ? std::log(options.lr) + (middle + shift) * std::log(2.0) : infinity;
        losses(s) = here;
    });
    BestRunRate best;
    if (!rates.allFinite()) {
        best.remark = "no best rate within a factor of 65536 of the first";
        return best;
    }
    best.log_rate = mean_estimate(rates);
    best.loss = losses.mean();
    return best;
}

} // namespace hessq
