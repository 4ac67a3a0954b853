#include "../measure.hpp"
#include "../step_problems.hpp"
#include "entries.hpp"
#include "hessq/core/random.hpp"
#include "updates.hpp"

#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numbers>

namespace hessq::c2 {
namespace {

constexpr EpsilonForm softsign = EpsilonForm::softsign;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t streams = 30'000'000;

/// d.3 of the theory: three coordinates of different gradient, curvature and noise.
StepProblem unlike() {
    return {.gradient = Eigen::Vector3d(1.0, -0.5, 0.25),
            .hessian = (Eigen::Matrix3d() << 2.0, 0.5, 0.2, 0.5, 1.0, 0.1, 0.2, 0.1, 0.5).finished(),
            .noise_sd = Eigen::Vector3d(2.0, 1.0, 0.5)};
}

double sgd_rate(const StepProblem& p, double batch) {
    const Matrix noise = Matrix(p.noise_sd.cwiseAbs2().asDiagonal());
    return sgd_best_step(noise_scales(p.gradient, p.hessian, noise), batch).rate;
}

/// Log-normal gradients, so that sigma / |g| spreads over a factor of about 7 either way.
StepProblem spread(std::uint64_t seed) {
    StepProblem p = alike_problem(50, 0.05, 3.0);
    p.gradient = normal_vector(RandomStream(seed, streams), 50).array().exp();
    return p;
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::uint64_t stream = streams;
    const Index draws = options.draws(400'000, 60'000);
    const auto drawn = [&](EpsilonForm form, const StepProblem& p, double eps, double batch, double by,
                           double correlation = 0.0, Index times = 1) {
        return divided(drawn_rate(form, p, eps, batch, times * draws, options.seed, stream += 1000, correlation), by);
    };
    const StepProblem three = unlike();

    // c14: exact moments, independent coordinates.
    const std::pair<EpsilonForm, const char*> forms[] = {
        {softsign, "softsign"}, {EpsilonForm::clip, "clip"}, {EpsilonForm::ratio, "g / (|g| + eps)"}};
    for (const auto& [form, name] : forms)
        for (const double eps : {0.1, 1.0}) {
            const double law = epsilon_best_step(form, three, eps, 4.0).rate;
            result.cases.push_back({"c14", fmt::format("{}, three unlike coordinates, eps = {}", name, eps),
                                    "best rate of drawn updates / predicted", 1.0, drawn(form, three, eps, 4.0, law),
                                    0.03});
        }
    const StepProblem ten = alike_problem(10, 0.2, 10.0);
    result.cases.push_back(
        {"c14", "softsign, ten coordinates whose noise is correlated by 0.6", "best rate of drawn updates / predicted",
         1.0, drawn(softsign, ten, 1.0, 20.0, epsilon_best_step(softsign, ten, 1.0, 20.0).rate, 0.6), 0.1});

    // c1, E-c2: from signs to the gradient itself.
    result.cases.push_back({"c1", "eps = 0.001 |g|", "best rate / that of signs", 1.0,
                            drawn(softsign, ten, 1e-3, 20.0, sign_best_step(ten, 20.0).rate), 0.03});
    result.cases.push_back({"c1", "eps = 1000 |g|", "best rate / eps / that of SGD", 1.0,
                            drawn(softsign, ten, 1e3, 20.0, 1e3 * sgd_rate(ten, 20.0)), 0.03});
    const StepProblem one = alike_problem(1, 0.0, 1.0);
    for (const double eps : {1.0, 30.0, 1000.0}) {
        const auto rate = [&](double batch) { return epsilon_best_step(softsign, one, eps, batch).rate; };
        const SteepestSlope steepest = steepest_slope(rate, {.least = 1e-8, .largest = 1e2, .points = 31});
        const std::string where = fmt::format("eps = {} |g|", eps);
        // The slope drawn: a factor of 4 around the steepest batch, and one far below sigma^2 / eps^2.
        const auto slope_of = [&](double batch) {
            const Estimate low = drawn_rate(softsign, one, eps, batch / 2.0, 20 * draws, options.seed, stream += 1000);
            const Estimate high = drawn_rate(softsign, one, eps, batch * 2.0, 20 * draws, options.seed, stream += 1000);
            return Estimate{.value = std::log(high.value / low.value) / std::log(4.0),
                            .std_error =
                                std::hypot(high.std_error / high.value, low.std_error / low.value) / std::log(4.0),
                            .samples = low.samples};
        };
        if (eps == 1000.0)
            result.cases.push_back(
                {"c1", where, "largest d ln rate / d ln B: the linear law", 1.0, exact(steepest.slope), 0.01});
        else
            result.cases.push_back({"c1", where, "largest d ln rate / d ln B, drawn", steepest.slope,
                                    eps == 1.0 ? slope_of(steepest.batch) : exact(steepest.slope), 0.05});
        result.cases.push_back({"c1", where + ", B far below (sigma / eps)^2", "d ln rate / d ln B: signs again", 0.5,
                                exact(local_slope(rate, 1e-7 / (eps * eps))), 0.01});
    }

    // c5, c8: closed curves against drawn updates.
    result.figure = {.title = "The best rate against the batch size, for several epsilons",
                     .x_label = "batch size B",
                     .y_label = "best rate / its limit for large batches",
                     .log_x = true,
                     .log_y = true};
    const StepProblem many = spread(options.seed);
    const std::pair<const char*, const StepProblem*> problems[] = {{"ten coordinates alike", &ten},
                                                                   {"fifty with log-normal gradients", &many}};
    for (const auto& [name, p] : problems)
        for (const double eps : {0.1, 1.0, 10.0})
            for (const double batch : {10.0, 1000.0}) {
                const std::string where = fmt::format("{}, eps = {}, B = {}", name, eps, batch);
                const AttenuatedCurve essay = softsign_curve(*p, eps, Attenuation::essay, NoiseRatio::mean_of_ratios);
                const AttenuatedCurve field =
                    softsign_curve(*p, eps, Attenuation::mean_field, NoiseRatio::ratio_of_sums);
                const Estimate rate = drawn_rate(softsign, *p, eps, batch, draws, options.seed, stream += 1000);
                result.cases.push_back(
                    {"c5", where, "drawn / predicted", 1.0, divided(rate, attenuated_step(essay, batch).rate), 0.15});
                result.cases.push_back(
                    {"c8", where, "drawn / predicted", 1.0, divided(rate, attenuated_step(field, batch).rate), 0.15});
            }
    for (const double eps : {0.01, 0.3, 1.0, 3.0, 100.0}) {
        Series line{fmt::format("eps = {} |g|", eps)};
        const double limit = epsilon_best_step(softsign, ten, eps, infinity).rate;
        for (int k = 0; k <= 60; ++k) {
            const double batch = std::pow(10.0, -2.0 + 0.125 * k);
            line.x.push_back(batch);
            line.y.push_back(epsilon_best_step(softsign, ten, eps, batch).rate / limit);
        }
        result.figure.series.push_back(line);
    }

    // c7, c11, y7: the limit of a large epsilon.
    const double eps = 1e3;
    StepProblem even = three;
    even.noise_sd.setConstant(1.0);
    for (const double batch : {1.0, 8.0, 64.0}) {
        const Estimate rate = drawn(softsign, three, eps, batch, eps, 0.0, 10);
        const double gg = three.gradient.squaredNorm(), ghg = three.gradient.dot(three.hessian * three.gradient);
        const double flat = three.noise_sd.cwiseAbs2().mean() * three.hessian.trace() / batch;
        const std::string where = fmt::format("three unlike coordinates, eps = 1000, B = {}", batch);
        result.cases.push_back({"c7", where, "best rate / eps / predicted", 1.0,
                                divided(rate, gg / (ghg + 0.5 * std::numbers::pi * flat)), 0.03});
        const double even_flat = even.hessian.trace() / batch; // sigma = 1 everywhere: the constant alone is tested
        result.cases.push_back(
            {"c7", fmt::format("the same with sigma = 1 everywhere, B = {}", batch), "best rate / eps / predicted", 1.0,
             divided(drawn(softsign, even, eps, batch, eps), gg / (ghg + 0.5 * std::numbers::pi * even_flat)), 0.03});
        result.cases.push_back(
            {"c11", where, "best rate / eps / SGD's", 1.0, divided(rate, sgd_rate(three, batch)), 0.03});
        result.cases.push_back({"c8", where, "drawn / predicted", 1.0, divided(rate, gg / (ghg + flat)), 0.15});
        const auto field_over_sgd = [&](const StepProblem& p) {
            return attenuated_step(softsign_curve(p, eps, Attenuation::mean_field, NoiseRatio::ratio_of_sums), batch)
                       .rate /
                   eps / sgd_rate(p, batch);
        };
        result.cases.push_back({"y7", where, "c8 / SGD",
                                (ghg + three.noise_sd.cwiseAbs2().dot(three.hessian.diagonal()) / batch) / (ghg + flat),
                                exact(field_over_sgd(three)), 1e-4});
        result.cases.push_back({"y7", fmt::format("the same with sigma = 1 everywhere, B = {}", batch), "c8 / SGD", 1.0,
                                exact(field_over_sgd(even)), 1e-4});
    }
    const double far = 1e5; // there noise does not matter, and c7 is right
    result.cases.push_back({"c7", "three unlike coordinates, eps = 1000, B = 100000", "best rate / eps / predicted",
                            1.0,
                            divided(drawn(softsign, three, eps, far, eps),
                                    three.gradient.squaredNorm() / three.gradient.dot(three.hessian * three.gradient)),
                            0.03});

    result.caption =
        "Ten coordinates with g = 1, sigma = 10, H_ij = 0.2; exact moments. A small epsilon leaves the "
        "square-root law of signs, a large one makes SGD's linear law, and in between the rate exceeds its "
        "limit.";
    result.paragraph =
        "With exact moments of every coordinate (c14) the best rate is that of drawn updates to the sampling error as "
        "long as the noise of coordinates is independent. The closed curves c5 and c8 replace all coordinates by one "
        "attenuation. They are rough even where all coordinates are alike, and can be off by factors where they are "
        "not. For a large epsilon the essay's limit (c7) has pi/2 times too much noise; the mean field (c8) has the "
        "right constant but mean(sigma^2) tr H where SGD has tr(Sigma H) (y7).";
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-c2",
            .title = "How does the best rate depend on the batch size for a given epsilon?",
            .claims = {{"c1", "Epsilon leads from signs and their square-root law to SGD and its linear law",
                        epsilon_essay},
                       {"c5", "The best rate is beta sum nu g / (beta^2 nu'H nu + (1 - beta^2) tr H)", epsilon_essay},
                       {"c7", "For a large epsilon it is that of SGD with noise pi sigma^2 / 2B", epsilon_essay},
                       {"c8", "Its mean-field version has B_simple = tr Sigma / (|g|^2 + N eps^2)", mean_field_essay},
                       {"c11", "For a large epsilon it is that of SGD, without pi/2", epsilon_page},
                       {"c14", "Exact moments of each coordinate give the best rate, if coordinates are independent",
                        epsilon_page},
                       {"y7", "c8's limit is SGD's only where sigma_i or H_ii is constant", epsilon_page}},
            .run = run};
}

} // namespace hessq::c2
