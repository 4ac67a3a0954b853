#include "../measure.hpp"
#include "../networks.hpp"
#include "entries.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/theory/clipping_runs.hpp"

#include <cmath>
#include <fmt/format.h>
#include <memory>

namespace hessq::a4 {
namespace {

constexpr std::uint64_t streams = 84'000'000;

/// Student's t with four degrees of freedom, from a normal and two exponentials: chi^2_4 = -2 ln(u v).
double student_4(const RandomStream& random, std::uint64_t i) {
    const double chi2 = -2.0 * std::log(random.uniform(3 * i + 1) * random.uniform(3 * i + 2));
    return random.normal(3 * i) / std::sqrt(chi2 / 4.0);
}

struct Law {
    std::string name;
    std::function<double(const RandomStream&, std::uint64_t)> draw;
    double predicted;
};

Estimate drawn_cosine(const Law& law, Index entries, Index vectors, std::uint64_t seed, std::uint64_t stream) {
    Vector cosines(vectors);
    parallel_for(vectors, [&](Index k) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(k));
        Vector z(entries);
        for (Index i = 0; i < entries; ++i) z(i) = law.draw(random, static_cast<std::uint64_t>(i));
        // The sign of 0 is 0, but sqrt(N) stands for its length where a share is 0.
        cosines(k) = z.lpNorm<1>() / (std::sqrt(static_cast<double>(entries)) * z.norm());
    });
    return mean_estimate(cosines);
}

/// Slopes over widths, a column for each start.
struct Slopes {
    Estimate norm, cosine, searched, quadratic, row_sum;
};

Slopes slopes_over_widths(const Mlp& network, const std::vector<Index>& widths, Index steps, Index runs,
                          std::uint64_t seed) {
    Matrix slopes(5, runs);
    std::vector<Mlp> networks;
    Vector log_n(static_cast<Index>(widths.size()));
    for (std::size_t k = 0; k < widths.size(); ++k) {
        networks.push_back(with_width(network, widths[k]));
        log_n(static_cast<Index>(k)) = std::log(static_cast<double>(networks.back().dimension()));
    }
    parallel_for(runs, [&](Index r) {
        const auto which = streams + 100 * seed + static_cast<std::uint64_t>(r);
        Matrix logs(log_n.size(), 5);
        for (Index k = 0; k < log_n.size(); ++k) {
            const Mlp& loss = networks[static_cast<std::size_t>(k)];
            Vector w = loss.initial_parameters(which);
            for (Index t = 0; t < steps; ++t) w -= 0.1 * loss.FiniteSumObjective::gradient(w);
            const Vector g = loss.FiniteSumObjective::gradient(w);
            const SignRate rate = best_sign_rate(loss, w);
            logs.row(k) << std::log(g.norm()), std::log(sign_cosine(g)), std::log(rate.searched),
                std::log(rate.quadratic), std::log(rate.row_sum);
        }
        // Where s'Hs is not above 0 the quadratic model has no best rate.
        for (Index j = 0; j < 5; ++j)
            slopes(j, r) = logs.col(j).allFinite() ? fit_line(log_n, Vector(logs.col(j))).slope : std::nan("");
    });
    const auto of = [&](Index j) {
        const Vector row = slopes.row(j).transpose();
        return row.allFinite() ? mean_estimate(row)
                               : Estimate{.value = std::nan(""), .std_error = 0.0, .samples = runs};
    };
    return {of(0), of(1), of(2), of(3), of(4)};
}

/// The slope of log of the best sign rate on log n for a quadratic with this H and |g| = 1, g of signs alike or random.
double quadratic_slope(const std::function<Matrix(Index)>& hessian, bool aligned) {
    const std::vector<Index> sizes = {16, 64, 256};
    Vector x(3), y(3);
    for (Index k = 0; k < 3; ++k) {
        const Index n = sizes[static_cast<std::size_t>(k)];
        const Matrix h = hessian(n);
        Vector g = Vector::Ones(n) / std::sqrt(static_cast<double>(n));
        if (!aligned) g = g.cwiseProduct(sign_vector(RandomStream(1, streams), n));
        const Quadratic loss(h, {.samples = 1});
        const Vector w = linear_solve(h, g);
        x(k) = std::log(static_cast<double>(n));
        y(k) = std::log(best_sign_rate(loss, w).searched);
    }
    return fit_line(x, y).slope;
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::vector<Case>& cases = result.cases;
    const double normal = limit_sign_cosine(EntryLaw::gaussian);
    const std::vector<Law> laws = {
        {"normal", [](const RandomStream& s, std::uint64_t i) { return s.normal(i); }, normal},
        {"Laplace",
         [](const RandomStream& s, std::uint64_t i) { return std::log(s.uniform(2 * i)) * s.sign(2 * i + 1); },
         limit_sign_cosine(EntryLaw::laplace)},
        {"uniform", [](const RandomStream& s, std::uint64_t i) { return 2.0 * s.uniform(i) - 1.0; },
         limit_sign_cosine(EntryLaw::uniform)},
        {"Student, 4 degrees of freedom", student_4, student_sign_cosine(4.0)},
        {"normal, a tenth of the entries not 0, sqrt(N) for |sign g|",
         [](const RandomStream& s, std::uint64_t i) { return s.uniform(2 * i) < 0.1 ? s.normal(2 * i + 1) : 0.0; },
         sparse_sign_cosine(normal, 0.1)}};
    std::uint64_t stream = streams;
    for (const Law& law : laws)
        cases.push_back({"a9", law.name + ", 20000 entries", "cos(sign g, g)", law.predicted,
                         drawn_cosine(law, 20'000, options.draws(400, 40), options.seed, stream += 10'000), 0.01});
    cases.push_back({"a9", "normal, 5 entries", "cos(sign g, g)", gaussian_sign_cosine(5),
                     drawn_cosine(laws[0], 5, options.draws(400'000, 40'000), options.seed, stream += 1'000'000),
                     0.005});

    // a4: the essay compares |g|_1 with |g|_2 where entries are below 1. The ratio does not know their size.
    const Vector dense = 0.01 * normal_vector(RandomStream(options.seed, stream + 1), 10'000);
    const auto ratio = [](const Vector& g) { return g.lpNorm<1>() / g.norm(); };
    const double root = 100.0;
    cases.push_back(
        {"a4", "10000 normal entries of size 0.01", "|g|_1 / (|g|_2 sqrt N)", 1.0, exact(ratio(dense) / root), 0.5});
    cases.push_back({"a4", "the same times 1000: entries above 1", "|g|_1 / (|g|_2 sqrt N)", 1.0,
                     exact(ratio(1000.0 * dense) / root), 0.5});
    cases.push_back({"a4", "one entry of 10000, of size 0.01", "|g|_1 / (|g|_2 sqrt N)", 1.0,
                     exact(ratio(0.01 * Vector::Unit(10'000, 17)) / root), 0.5});

    // a5: networks.
    const Problem iris = bundled_problem("iris-mlp");
    const auto& softmax = dynamic_cast<const Mlp&>(*iris.objective);
    const Mlp squared = teacher_network({0, streams}, 0.1);
    std::vector<Index> widths = {8, 32, 128};
    if (options.effort != Effort::quick) widths.push_back(512);
    const Index runs = options.draws(100, 40);
    std::string story;
    for (const auto& [name, network] :
         {std::pair<std::string, const Mlp*>{"softmax network", &softmax}, {"squared-loss network", &squared}}) {
        for (const Index steps : {0, 50}) {
            const Slopes found = slopes_over_widths(*network, widths, steps, runs, options.seed);
            const std::string where = fmt::format("{}, widths 8 to {}, {}", name, widths.back(),
                                                  steps == 0 ? "at the start" : "after 50 full-batch steps");
            cases.push_back({"a5", where, "slope of ln cos(sign g, g) on ln N", 0.0, found.cosine, 0.1});
            cases.push_back({"a5", where, "slope of ln |g| on ln N", 0.0, found.norm, 0.1});
            cases.push_back({"a5", where, "slope of ln of the best sign rate on ln N", -0.5, found.searched, 0.15});
            story += fmt::format("{}: {:.2f}", where, found.searched.value);
            if (std::isfinite(found.quadratic.value)) // s'Hs > 0 in every run
                story += fmt::format(" (|g|_1 / s'Hs: {:.2f}; mean row sum s'Hs / N: {:+.2f})", found.quadratic.value,
                                     found.row_sum.value);
            story += "; ";
        }
    }
    cases.push_back({"a5", "quadratic, H = I, |g| = 1", "slope of ln of the best sign rate on ln N", -0.5,
                     exact(quadratic_slope([](Index n) -> Matrix { return Matrix::Identity(n, n); }, true)), 0.01});
    cases.push_back({"a5", "quadratic, H_ij = 1/2 off the diagonal, g of one sign, |g| = 1",
                     "slope of ln of the best sign rate on ln N", -0.5,
                     exact(quadratic_slope(
                         [](Index n) -> Matrix {
                             Matrix h = Matrix::Constant(n, n, 0.5);
                             h.diagonal().setOnes();
                             return h;
                         },
                         true)),
                     0.15});

    Series line{.label = "Student"};
    for (int k = 0; k <= 60; ++k) {
        const double d = 2.05 * std::pow(20.0, k / 60.0);
        line.x.push_back(d);
        line.y.push_back(student_sign_cosine(d));
    }
    result.figure = {.title = "cos(sign g, g) of Student's laws",
                     .x_label = "degrees of freedom",
                     .y_label = "cosine",
                     .log_x = true,
                     .series = {line},
                     .guides = {{.slope = 0.0, .x = 2.0, .y = normal, .label = "normal"}}};
    result.caption = "The heavier the tails, the smaller the cosine; at 2 degrees of freedom it is 0.";
    result.paragraph =
        "The cosine measures the shape of the gradient's histogram and nothing else. Slopes of the best rate of sign "
        "descent on the number of parameters, where the essay has -1/2: " +
        story +
        "a slope of -1/2 needs a mean row sum that does not "
        "depend on the size.";
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-a4",
        .title = "Are |g| and cos(sign g, g) the same for every size?",
        .claims = {{"a4", "The loss falls by lr |g|_1 a step of sign descent, and |g|_1 >> |g|_2 for entries below 1",
                    clipping_essay},
                   {"a5", "|g| and cos(sign g, g) do not depend on the size, so Adam's rate goes as N^(-1/2)",
                    clipping_essay},
                   {"a9", "cos(sign g, g) -> E|z| / sqrt(E z^2) for N independent entries", clipping_page}},
        .run = run};
}

} // namespace hessq::a4
