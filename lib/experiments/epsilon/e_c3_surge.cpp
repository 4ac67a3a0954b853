#include "../measure.hpp"
#include "../step_problems.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "updates.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::c3 {
namespace {

constexpr EpsilonForm softsign = EpsilonForm::softsign, clip = EpsilonForm::clip, ratio = EpsilonForm::ratio;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t streams = 31'000'000;

const char* name_of(EpsilonForm form) {
    return form == softsign ? "softsign" : form == clip ? "clip" : "g / (|g| + eps)";
}

/// c12.
StepProblem counter_example(double noise_per_gradient) {
    StepProblem p = alike_problem(11, 0.9, 0.0);
    p.hessian.row(10).setConstant(-4.05);
    p.hessian.col(10).setConstant(-4.05);
    p.hessian(10, 10) = 19.0;
    p.gradient(10) = 0.001;
    p.noise_sd = noise_per_gradient * p.gradient;
    return p;
}

/// The largest rate / limit - 1 of coordinates alike with s'Hs / tr H = curvature, by quadrature of another kind over
/// a = |g| sqrt(B) / sigma: rate / limit = m u0 / (m^2 + Var u / curvature), u0 the update without noise.
double integrated_height(EpsilonForm form, double eps, double curvature) {
    const double u0 = written_update(form, 1.0, eps);
    double most = 0.0;
    for (double a = 0.3 / std::max(1.0, eps); a < 60.0; a *= 1.15) {
        const double b = eps * a;
        // Moments of the difference from u0, so that small ones keep their digits.
        std::vector<double> cuts = {-a, -a - b, -a + b, -a - 4.0 * b, -a + 4.0 * b};
        const double mean = normal_mean([&](double z) { return written_update(form, a + z, b) - u0; }, cuts);
        const double square =
            normal_mean([&](double z) { return std::pow(written_update(form, a + z, b) - u0, 2); }, cuts);
        const double m = u0 + mean;
        most = std::max(most, m * u0 / (m * m + (square - mean * mean) / curvature) - 1.0);
    }
    return most;
}

/// The epsilon at which that height ends, by bisection.
double integrated_limit(EpsilonForm form, double curvature) {
    double low = 0.3, high = 8.0;
    while (high - low > 0.004 * low) {
        const double middle = std::sqrt(low * high);
        (integrated_height(form, middle, curvature) > 1e-8 ? low : high) = middle;
    }
    return low;
}

/// Random positive semidefinite 8 x 8 Hessians, tilted towards a random direction by a random amount; gradient signs
/// random, sizes and noise alike.
StepProblem random_problem(std::uint64_t seed, Index draw) {
    constexpr Index n = 8;
    const RandomStream random(seed, streams + 500'000 + static_cast<std::uint64_t>(draw));
    Matrix a(n, n);
    (void)fill_normal(random, 0, a);
    const Vector tilt = normal_vector(random, n, 100);
    StepProblem p;
    p.hessian = a * a.transpose() / static_cast<double>(n) + 4.0 * random.uniform(200) * tilt * tilt.transpose();
    p.hessian = (0.5 * (p.hessian + p.hessian.transpose())).eval();
    // Signs that tend to follow the tilt, as a gradient H delta does.
    p.gradient = tilt.unaryExpr([](double x) { return x > 0.0 ? 1.0 : -1.0; });
    for (Index i = 0; i < n; ++i)
        if (random.uniform(300 + static_cast<std::uint64_t>(i)) < 0.25) p.gradient(i) = -p.gradient(i);
    p.noise_sd = Vector::Constant(n, 10.0);
    return p;
}

double sign_curvature(const StepProblem& p) {
    const Vector s = p.gradient.cwiseSign();
    return s.dot(p.hessian * s) / p.hessian.trace();
}

Estimate share(const Vector& hits) {
    const double p = hits.mean(), n = static_cast<double>(hits.size());
    // One more of either kind: an error that is not zero for none and all.
    const double q = (hits.sum() + 1.0) / (n + 2.0);
    return {.value = p, .std_error = std::sqrt(q * (1.0 - q) / n), .samples = hits.size()};
}

void add_ensemble(ExperimentResult& result, const ExperimentOptions& options) {
    const Index count = options.draws(800, 240);
    const std::vector<double> epsilons = {1e-3, 0.1, 0.3, 1.0, 3.0, 10.0};
    Series exact_line{.label = "softsign, exact moments", .style = Series::Style::linepoints},
        law_line{.label = "y1: s'Hs / tr H > 2/3 (eps / g)^2", .style = Series::Style::linepoints},
        essay_line{.label = "the essay's criterion", .style = Series::Style::linepoints};
    Matrix found(count, 6), errs(count, 6), law(count, 6), essay(count, 6);
    parallel_for(count, [&](Index k) {
        const StepProblem p = random_problem(options.seed, k);
        for (Index e = 0; e < 6; ++e) {
            const double eps = epsilons[static_cast<std::size_t>(e)];
            const RatePeak peak = epsilon_rate_peak(softsign, p, eps, {.least = 1e-1, .largest = 1e8, .points = 55});
            found(k, e) = peak.exists && peak.height > 1e-3;
            law(k, e) = sign_curvature(p) > surge_threshold(softsign, eps);
            errs(k, e) = (peak.exists && peak.height > 1e-8) != (law(k, e) > 0.0);
            essay(k, e) = surge(softsign_curve(p, eps, Attenuation::essay, NoiseRatio::mean_of_ratios)).exists;
        }
    });
    for (Index e = 0; e < 6; ++e) {
        const double eps = epsilons[static_cast<std::size_t>(e)];
        const Estimate measured = share(found.col(e));
        const std::string where = fmt::format("random 8 x 8 Hessians, softsign, eps = {} |g|", eps);
        result.cases.push_back({"c6", where, "share with a peak of 0.1 %", essay.col(e).mean(), measured, 0.15});
        if (eps >= 0.1) // below, peaks are too low to be found
            result.cases.push_back({"y1", where, "share in which the criterion errs", 0.0, share(errs.col(e)), 0.03});
        for (Series* line : {&exact_line, &law_line, &essay_line}) line->x.push_back(eps);
        exact_line.y.push_back(measured.value);
        exact_line.lower.push_back(measured.value - measured.std_error);
        exact_line.upper.push_back(measured.value + measured.std_error);
        law_line.y.push_back(law.col(e).mean());
        essay_line.y.push_back(essay.col(e).mean());
    }
    const Vector change = found.col(1) - found.col(0);
    const Estimate rise = mean_estimate(change);
    result.cases.push_back({"c6", "random 8 x 8 Hessians, softsign, from eps = 0.001 to 0.1 |g|",
                            "change of the share, if epsilon can only lower it", 0.0, rise, 0.1});
    result.figure.series = {exact_line, law_line, essay_line};
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    result.figure = {.title = "How often a surge exists, against epsilon",
                     .x_label = "eps / |g|",
                     .y_label = "share of random Hessians",
                     .log_x = true};
    std::uint64_t stream = streams;
    const Index draws = options.draws(1'600'000, 240'000);
    const auto height = [&](EpsilonForm form, const StepProblem& p, double eps, double batch, Index count) {
        Estimate found = divided(drawn_rate(form, p, eps, batch, count, options.seed, stream += 1000),
                                 epsilon_best_step(form, p, eps, infinity).rate);
        found.value -= 1.0;
        return found;
    };

    // y1: drawn batches. A diagonal H, and coupled ones of ten coordinates.
    struct Row {
        EpsilonForm form;
        Index n;
        double coupling, sigma, eps, batch;
    };
    double diagonal = 0.0, diagonal_error = 0.0;
    for (const Row& row :
         {Row{softsign, 1, 0.0, 1.0, 0.5, 6.0}, Row{ratio, 1, 0.0, 1.0, 0.3, 8.0}, Row{clip, 1, 0.0, 1.0, 1.0, 5.1},
          Row{softsign, 10, 0.2, 10.0, 0.3, 100.0}, Row{softsign, 10, 0.2, 10.0, 1.0, 100.0},
          Row{softsign, 10, 0.3, 10.0, 2.0, 100.0}, Row{softsign, 1, 0.0, 1.0, 3.0, 6.0}}) {
        const StepProblem p = alike_problem(row.n, row.coupling, row.sigma);
        const RatePeak peak = epsilon_rate_peak(row.form, p, row.eps);
        const double batch = peak.exists ? peak.batch : row.batch;
        const double law = epsilon_best_step(row.form, p, row.eps, batch).rate /
                               epsilon_best_step(row.form, p, row.eps, infinity).rate -
                           1.0;
        const Estimate found = height(row.form, p, row.eps, batch, row.n == 1 ? 4 * draws : draws);
        if (row.form == softsign && row.eps == 0.5) {
            diagonal = found.value;
            diagonal_error = found.std_error;
        }
        const std::string where =
            fmt::format("{}, {}, eps = {} |g|", name_of(row.form),
                        row.n == 1 ? "diagonal H" : fmt::format("N = 10, H_ij = {}", row.coupling), row.eps);
        const double tolerance = 0.006;
        result.cases.push_back({"y1", where, "drawn rate / its limit - 1", law, found, tolerance});
        const bool essay = surge(softsign_curve(p, row.eps, Attenuation::essay, NoiseRatio::mean_of_ratios)).exists;
        if (row.form == softsign && !essay)
            result.cases.push_back({"c6",
                                    where,
                                    "by how much the drawn rate exceeds its limit",
                                    0.0,
                                    {found.value > 0.0 ? found.value : 0.0, found.std_error, found.samples},
                                    tolerance});
    }
    for (const EpsilonForm form : {softsign, ratio, clip})
        for (const double curvature : {1.0, 1.4, 2.8})
            result.cases.push_back({"y1", fmt::format("{}, s'Hs / tr H = {}", name_of(form), curvature),
                                    "eps / |g| at which surges end", surge_limit(form, curvature),
                                    exact(integrated_limit(form, curvature)), 0.02 * surge_limit(form, curvature)});
    const auto peak_height = [](double eps) {
        return epsilon_rate_peak(softsign, alike_problem(10, 0.2, 10.0), eps, {.points = 121}).height;
    };
    const StepProblem ten = alike_problem(10, 0.2, 10.0);
    const Estimate low = height(softsign, ten, 1e-4, epsilon_rate_peak(softsign, ten, 1e-4).batch, draws);
    const Estimate high = height(softsign, ten, 0.3, epsilon_rate_peak(softsign, ten, 0.3).batch, draws);
    result.cases.push_back({"y1",
                            "softsign, N = 10, H_ij = 0.2",
                            "height at eps = 0.3 |g| minus that at 0.0001",
                            peak_height(0.3) - peak_height(1e-4),
                            {.value = high.value - low.value,
                             .std_error = std::hypot(high.std_error, low.std_error),
                             .samples = high.samples},
                            0.01});

    // c12 and y2.
    const StepProblem p = counter_example(10.0);
    for (const auto& [eps, excess] : {std::pair{0.01, 54.1}, {0.1, 60.3}, {1.0, 16.4}}) {
        const Vector nu = p.gradient.unaryExpr([e = eps](double g) { return written_update(softsign, g, e); });
        const double found = nu.dot(p.hessian * nu) - p.hessian.trace();
        result.cases.push_back({"c12", fmt::format("the essay's curve, eps = {}", eps), "nu'H nu - tr H",
                                softsign_curve(p, eps, Attenuation::essay, NoiseRatio::mean_of_ratios).excess,
                                exact(found), 1e-9});
        result.cases.push_back({"c12", fmt::format("the essay's curve, eps = {}", eps), "nu'H nu - tr H, as printed",
                                excess, exact(found), 0.06});
    }
    const RatePeak peak = epsilon_rate_peak(softsign, p, 1.0);
    const Estimate drawn = height(softsign, p, 1.0, peak.batch, draws);
    result.cases.push_back({"c12", "drawn updates, eps = 1", "peak rate / its limit - 1: none", 0.0, drawn, 0.02});
    result.cases.push_back(
        {"y2", "sigma = 10 |g|, eps = 1", "peak rate / its limit - 1, drawn", peak.height, drawn, 0.02});
    result.cases.push_back({"y2", "sigma = 10 |g|, eps = 1", "B of the peak", 24.56, exact(peak.batch), 0.01});
    StepProblem noisy = p;
    noisy.noise_sd.setConstant(10.0);
    for (const auto& [eps, printed] : {std::pair{0.0, 0.30}, {0.01, 0.86}, {0.1, 0.97}, {1.0, 1.017}}) {
        const RatePeak local = epsilon_rate_peak(softsign, noisy, eps, {.least = 1e-2, .largest = 1e10, .points = 121});
        result.cases.push_back({"y2", fmt::format("sigma = 10 everywhere, eps = {}", eps), "local maximum / limit",
                                printed, exact(local.exists ? 1.0 + local.height : 0.0), 0.006});
    }

    add_ensemble(result, options);
    result.caption =
        "Random positive semidefinite Hessians, all |g_i| and sigma_i equal. Points: share with a peak of more than "
        "0.1 % by exact moments, one standard error. The essay's criterion ends where the surges have their heyday.";
    result.paragraph = fmt::format(
        "The essay concludes that epsilon can only lower the chance of a surge. That is a property of its approximate "
        "moments. With exact ones the rate exceeds its large-batch limit if and only if s'Hs / tr H > K(eps / |g|), K "
        "= "
        "2/3 (eps / g)^2 for softsign, eps / |g| for PyTorch's form, and 0 for clip up to eps = |g|: a moderate "
        "epsilon "
        "brings a surge about even for a diagonal H, where drawn batches find it {} above its limit (eps = |g| / 2). "
        "The height is not monotone in epsilon: for ten coordinates with H_ij = 0.2 it is {:.3f} at eps = 0, {:.3f} at "
        "0.3 |g|, {:.3f} at |g| and nothing at 3 |g|.",
        fmt::format("{:.4f} +- {:.4f}", diagonal, diagonal_error), peak_height(0.0), peak_height(0.3),
        peak_height(1.0));
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-c3",
        .title = "Does epsilon remove the surge, the batch size beyond which the best rate falls?",
        .claims = {{"c6", "A surge needs nu'H nu > 2 tr H, so that epsilon can only lower its chance", epsilon_essay},
                   {"c12", "A small epsilon can bring a surge about: by the essay's curve, eps = 0.01 and 0.1 not 1",
                    epsilon_page},
                   {"y1", "Exact moments: a surge iff s'Hs / tr H > K(eps / |g|), also for a diagonal H", epsilon_page},
                   {"y2", "By exact moments c12's example surges at eps = 1, by 43 %", epsilon_page}},
        .run = run};
}

} // namespace hessq::c3
