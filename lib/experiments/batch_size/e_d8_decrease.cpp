#include "../measure.hpp"
#include "../step_problems.hpp"
#include "drawn_steps.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/spectrum/matrix_sign.hpp"
#include "hessq/theory/batch_size_measurement.hpp"
#include "hessq/theory/epsilon.hpp"

#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq::d8 {
namespace {

constexpr BatchRange range{.least = 1e-3, .largest = 1e9, .points = 481};

double sign_deviation(const StepProblem& problem) {
    return fit_decrease_law([&](double batch) { return sign_best_step(problem, batch).decrease; }, range).max_deviation;
}

StepProblem spread_problem(double spread, std::uint64_t seed, std::uint64_t draw) {
    StepProblem problem = alike_problem(200, 0.0, 10.0);
    problem.noise_sd.array() *= (spread * normal_vector(RandomStream(seed, 31'800'000 + draw), 200)).array().exp();
    return problem;
}

/// Over 20 draws of the ratios. For a diagonal H the decrease is (sum erf)^2, up to a factor.
Estimate spread_deviation(double spread, std::uint64_t seed) {
    Vector deviations(20);
    parallel_for(deviations.size(), [&](Index k) {
        const StepProblem problem = spread_problem(spread, seed, static_cast<std::uint64_t>(k));
        const auto decrease = [&](double batch) {
            return std::pow(sign_means(problem.gradient, problem.noise_sd, batch).sum(), 2);
        };
        deviations(k) = fit_decrease_law(decrease, {.least = 1e-3, .largest = 1e9, .points = 121}).max_deviation;
    });
    return mean_estimate(deviations);
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    const auto add = [&](const std::string& claim, const std::string& where, double value, double tolerance,
                         double predicted = 0.0) {
        result.cases.push_back(
            {claim, where, "largest deviation from 1 / (1 + B0 / B)", predicted, exact(value), tolerance});
    };
    const double diagonal = sign_deviation(alike_problem(1, 0.0, 10.0));
    const double coupled = sign_deviation(alike_problem(10, 0.5, 10.0));
    add("d13", "signs, diagonal H, equal sigma_i / |g_i|", diagonal, 0.05);
    add("d13", "signs, H_ij = 0.5, equal sigma_i / |g_i|", coupled, 0.05);
    add("d13", "the essay's own approximation of it",
        fit_decrease_law(
            [&](double batch) {
                return attenuated_sign_best_step(alike_problem(10, 0.5, 10.0), batch, Attenuation::essay).decrease;
            },
            range)
            .max_deviation,
        1e-6);
    add("y3", "signs, diagonal H, equal sigma_i / |g_i|", diagonal, 0.001, 0.098);
    add("y3", "signs, H_ij = 0.05, equal sigma_i / |g_i|", sign_deviation(alike_problem(10, 0.05, 10.0)), 0.001, 0.082);
    add("y3", "signs, H_ij = 0.2, equal sigma_i / |g_i|", sign_deviation(alike_problem(10, 0.2, 10.0)), 0.001, 0.058);
    add("y3", "signs, H_ij = 0.5, equal sigma_i / |g_i|", coupled, 0.001, 0.038);
    const Estimate spread_one = spread_deviation(1.0, options.seed), spread_three = spread_deviation(3.0, options.seed);
    result.cases.push_back({"y3", "signs, diagonal H, sigma_i / |g_i| spread by a factor e",
                            "largest deviation from 1 / (1 + B0 / B)", 0.055, spread_one, 0.02});
    result.cases.push_back({"y3", "signs, diagonal H, sigma_i / |g_i| spread by a factor e^3",
                            "largest deviation from 1 / (1 + B0 / B)", 0.24, spread_three, 0.05});
    const StepProblem surging = alike_problem(10, 0.5, 10.0);
    const double soft =
        fit_decrease_law(
            [&](double batch) { return epsilon_best_step(EpsilonForm::softsign, surging, 1.0, batch).decrease; },
            {.least = 1e-3, .largest = 1e9, .points = 61})
            .max_deviation;
    add("d13", "softsign with eps = |g|, H_ij = 0.5", soft, 0.05);

    // y4: drawn, not computed.
    const StepProblem two{.gradient = Eigen::Vector2d(1.0, 0.01),
                          .hessian = (Matrix(2, 2) << 1.0, 0.9, 0.9, 1.0).finished(),
                          .noise_sd = Eigen::Vector2d(1.0, 1.0)};
    std::uint64_t stream = 31'810'000;
    const auto drawn = [&](double batch) {
        return decrease_of(drawn_moments(two, signs_of(normal_gradient(two, two.noise_sd.asDiagonal(), batch)),
                                         options.draws(200'000, 40'000), options.seed, stream += 100));
    };
    const double limit = sign_best_step(two, std::numeric_limits<double>::infinity()).decrease;
    const Estimate at_10 = drawn(10.0), at_1000 = drawn(1000.0);
    result.cases.push_back({"y4", "g = (1, 0.01), sigma = 1, H_12 = 0.9, B = 10", "decrease / that without noise",
                            0.2438 / 0.1342, divided(at_10, limit), 0.05});
    result.cases.push_back({"y4", "g = (1, 0.01), sigma = 1, H_12 = 0.9, B = 1000", "decrease / that without noise",
                            0.2054 / 0.1342, divided(at_1000, limit), 0.05});
    result.cases.push_back({"d13", "g = (1, 0.01), H_12 = 0.9, B = 10: monotone, so below 1",
                            "decrease / that without noise, to be in [0, 1]", 0.5, divided(at_10, limit), 0.5});

    // d17: Muon keeps (1 + B_simple / B)^(-1/2) of its direction, if G has equal singular values and many columns.
    for (const bool wide : {true, false}) {
        const Index rows = wide ? 8 : 32, cols = wide ? 512 : 32;
        Matrix g(rows, cols);
        (void)fill_normal(RandomStream(options.seed, 31'890'000), 0, g);
        if (wide) g = matrix_sign(g);
        const double batch = static_cast<double>(g.size()) / g.squaredNorm(); // B_simple for sigma = 1
        const Matrix whole = matrix_sign(g);
        Vector left(options.draws(400, 40));
        parallel_for(left.size(), [&](Index k) {
            Matrix z(rows, cols);
            (void)fill_normal(RandomStream(options.seed, 31'891'000 + static_cast<std::uint64_t>(k)), 0, z);
            left(k) = matrix_sign(g + z / std::sqrt(batch)).cwiseProduct(whole).sum() / static_cast<double>(rows);
        });
        result.cases.push_back({"d17",
                                wide ? "Muon, 8 x 512, equal singular values, B = B_simple"
                                     : "Muon, 32 x 32, normal entries, B = B_simple",
                                "what is left of the direction", muon_attenuation(rows, cols, 1.0, g.norm(), batch),
                                mean_estimate(left), 0.03});
    }

    result.figure = {.title = "What the best step achieves",
                     .x_label = "B / B0",
                     .y_label = "decrease / that without noise",
                     .log_x = true};
    const auto draw = [&](const std::string& label, const StepProblem& problem) {
        const auto decrease = [&](double batch) { return sign_best_step(problem, batch).decrease; };
        const double unit = fit_decrease_law(decrease, range).noise_batch;
        Series series{.label = label};
        for (int k = 0; k <= 80; ++k) {
            series.x.push_back(std::pow(10.0, -3.0 + 7.0 * k / 80.0));
            series.y.push_back(decrease(series.x.back() * unit) / decrease(std::numeric_limits<double>::infinity()));
        }
        result.figure.series.push_back(series);
    };
    draw("signs, diagonal H", alike_problem(1, 0.0, 10.0));
    draw("signs, H_ij = 0.5", surging);
    draw("signs, sigma_i spread by e^3", spread_problem(3.0, options.seed, 0));
    Series law{.label = "1 / (1 + B0 / B)"};
    for (int k = 0; k <= 80; ++k) {
        law.x.push_back(std::pow(10.0, -3.0 + 7.0 * k / 80.0));
        law.y.push_back(1.0 / (1.0 + 1.0 / law.x.back()));
    }
    result.figure.series.push_back(law);
    result.caption = "Each curve with the B0 for which its largest deviation from the law is least.";
    result.paragraph = fmt::format(
        "For SGD the decrease of the best step is dL_max / (1 + B_noise / B) exactly. For signs the essay "
        "has the same form "
        "with another B0: that is its approximation of erf. Exactly, the best B0 leaves {:.1f} % for a "
        "diagonal H and {:.1f} "
        "% for H_ij = 0.5; a spread of sigma_i / |g_i| by a factor e improves it ({:.1f} %), by e^3 spoils "
        "it ({:.0f} %). And "
        "it need not grow with B: with one large and one small gradient, coupled, the best sign step of B "
        "= 10 lowers the "
        "loss {:.2f} times as much as that without noise.",
        100.0 * diagonal, 100.0 * coupled, 100.0 * spread_one.value, 100.0 * spread_three.value, at_10.value / limit);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-d8",
        .title = "What does the best step achieve, as a function of the batch?",
        .claims = {{"d13", "Signs lower the loss by dL_max / (1 + B_noise2 / B), as SGD does", batch_size_essay},
                   {"y3", "Exactly it is 4 % to 10 % off that form, and up to 24 % for spread ratios", batch_size_page},
                   {"y4", "A larger batch can make the best sign step worse", batch_size_page}},
        .revisited = {"d17"},
        .run = run};
}

} // namespace hessq::d8
