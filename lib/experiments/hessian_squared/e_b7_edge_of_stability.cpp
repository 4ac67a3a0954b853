#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/operators/diagonals.hpp"
#include "hessq/solvers/maxcut.hpp"
#include "hessq/theory/hessian_squared.hpp"
#include "hessq/theory/simulation.hpp"

#include <array>
#include <cmath>
#include <fmt/format.h>

namespace hessq::b7 {
namespace {

constexpr std::uint64_t first_stream = 7'000'000;
constexpr double lr = 0.01;
/// Standard deviation of the gradient noise of the runs that would pass through zero: while sqrt(v) falls below
/// lr lambda, x shrinks by exp(-4935) for beta2 = 0.999.
constexpr double kick = 1e-12;

struct Betas {
    double beta1, beta2;
    bool kicked;
};

/// Averages over the second half of a run.
struct Edge {
    Vector root;  ///< of sqrt(v_i)
    Vector cloud; ///< of x_i^2
};

/// Runs RMSprop or Adam on 1/2 x'Hx, one run, with v as Adam has it.
Edge settle(const Matrix& h, const Betas& betas, const Vector& start, Index steps, std::uint64_t seed,
            std::uint64_t stream) {
    const Index n = h.rows();
    const Vector lambda = h.diagonal();
    const Vector noise = Vector::Constant(n, kick * kick);
    const Population population =
        h.isDiagonal() ? noisy_quadratic(lambda, noise) : noisy_quadratic(h, noise.asDiagonal());
    const UpdateRule rule{.lr = lr, .beta1 = betas.beta1, .beta2 = betas.beta2, .on_full_batch = !betas.kicked};
    Vector v = Vector::Zero(n);
    Edge edge{Vector::Zero(n), Vector::Zero(n)};
    const double count = static_cast<double>(steps - steps / 2);
    simulate(population, rule, start, {.runs = 1, .block_runs = 1, .steps = steps, .seed = seed, .stream = stream},
             [&](Index, Index t, const Matrix& x, const BlockGradients& gradients) {
                 const Matrix& g = betas.kicked ? gradients.minibatch : gradients.full;
                 v = betas.beta2 * v + (1.0 - betas.beta2) * g.col(0).cwiseAbs2();
                 if (t < steps / 2) return;
                 edge.root += v.cwiseSqrt() / count;
                 edge.cloud += x.col(0).cwiseAbs2() / count;
             });
    return edge;
}

// --- Diagonal Hessians ----------------------------------------------------------------------------------------------

/// 0.02 to 0.2, so that every coordinate begins elsewhere.
Vector random_start(const RandomStream& stream, Index n) {
    Vector start(n);
    for (Index i = 0; i < n; ++i) start(i) = 0.02 + 0.18 * stream.uniform(static_cast<std::uint64_t>(i));
    return start;
}

/// n coordinates of several runs.
struct Diagonal {
    Matrix root, cloud; ///< a run a column
};

Diagonal diagonal_runs(const Vector& lambda, const Betas& betas, Index runs, const ExperimentOptions& options,
                       std::uint64_t first) {
    Diagonal result{Matrix(lambda.size(), runs), Matrix(lambda.size(), runs)};
    const Matrix h = lambda.asDiagonal();
    const Index steps = betas.beta2 > 0.99 ? 60'000 : 20'000; // sqrt(v) falls to the edge like beta2^(t/2)
    parallel_for(runs, [&](Index run) {
        const std::uint64_t stream = first + 2 * static_cast<std::uint64_t>(run);
        const Vector start = random_start(RandomStream(options.seed, stream), lambda.size());
        const Edge edge = settle(h, betas, start, steps, options.seed, stream + 1);
        result.root.col(run) = edge.root;
        result.cloud.col(run) = edge.cloud;
    });
    return result;
}

// --- Other Hessians -------------------------------------------------------------------------------------------------

struct Dense {
    Matrix h;
    MaxcutSolution maxcut;
    Index rank = 0; ///< of the dual solution
};

Dense dense_hessian(Index draw, const ExperimentOptions& options) {
    const auto rotation_seed = static_cast<std::uint64_t>(
        RandomStream(options.seed, first_stream).integer(static_cast<std::uint64_t>(draw), Index{1} << 62));
    Dense dense;
    dense.h = rotated(log_uniform_spectrum(6, 0.05, 5.0), 3.0, rotation_seed);
    dense.maxcut = maxcut_diagonal(dense.h);
    const Vector singular = singular_values(dense.maxcut.rows);
    dense.rank = (singular.array() > 1e-4 * singular(0)).count();
    return dense;
}

/// Of one Hessian and one pair of betas.
struct Settled {
    double root = 0.0;                       ///< sqrt(v_i) / (lr kappa_1 P_i), mean
    double worst = 0.0;                      ///< the largest |sqrt(v_i) / (lr kappa_1 P_i) - 1|
    double cloud = 0.0;                      ///< E x_i^2 / (lr kappa_1 / 2)^2, mean
    double sharpness = 0.0;                  ///< lr lambda_max(diag(sqrt v)^-1 H)
    double on_diagonal = 0.0, on_rows = 0.0; ///< sqrt(v_i) / (s |H_ii|) and / (s |H_i|), means
    Edge edge = {};
};

Settled settle(const Dense& dense, const Betas& betas, Index draw, const ExperimentOptions& options,
               std::uint64_t first) {
    const std::uint64_t stream = first + 2 * static_cast<std::uint64_t>(draw);
    const Vector start = random_start(RandomStream(options.seed, stream), dense.h.rows());
    Settled result;
    result.edge = settle(dense.h, betas, start, betas.beta2 > 0.99 ? 100'000 : 20'000, options.seed, stream + 1);
    const Vector predicted = edge_root_second_moment(dense.maxcut, lr, betas.beta1);
    const double amplitude = edge_amplitude(lr, betas.beta1);
    const Vector ratio = result.edge.root.cwiseQuotient(predicted);
    result.root = ratio.mean();
    result.worst = (ratio.array() - 1.0).abs().maxCoeff();
    result.cloud = result.edge.cloud.mean() / (amplitude * amplitude);
    const Vector scale = result.edge.root.cwiseSqrt().cwiseInverse();
    const Matrix seen = scale.asDiagonal() * dense.h * scale.asDiagonal();
    result.sharpness = lr * symmetric_eigenvalues(seen)(5);
    result.on_diagonal = result.edge.root.cwiseQuotient(amplitude * dense.h.diagonal()).mean();
    result.on_rows = result.edge.root.cwiseQuotient(amplitude * row_norms(dense.h)).mean();
    return result;
}

// --------------------------------------------------------------------------------------------------------------------

/// What the time averages of sqrt(v) and of v were, in units of the two-cycle's, in an independent computation. The
/// two-cycle of RMSprop is exact.
struct Quoted {
    Betas betas;
    double root, rms;
    Prediction prediction() const { return betas.beta1 == 0.0 ? Prediction::law : Prediction::printed; }
    std::string name() const {
        return betas.beta1 == 0.0 ? fmt::format("RMSprop, beta2 = {}", betas.beta2)
                                  : fmt::format("Adam, beta1 = {}, beta2 = {}", betas.beta1, betas.beta2);
    }
};

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::vector<Case>& cases = result.cases;
    const std::array<Quoted, 7> quoted = {{{{0.0, 0.9, false}, 1.0, 1.0},
                                           {{0.0, 0.99, false}, 1.0, 1.0},
                                           {{0.5, 0.999, true}, 1.008, 1.008},
                                           {{0.9, 0.9, false}, 1.14, 1.142},
                                           {{0.9, 0.95, false}, 1.065, 1.065},
                                           {{0.9, 0.99, false}, 1.066, 1.074},
                                           {{0.9, 0.999, false}, 1.078, 1.081}}};
    const Vector lambda = log_uniform_spectrum(20, 1e-3, 10.0);
    double least_burst = 1e300, most_burst = 0.0;
    Estimate burst; ///< for the betas of the last of dense_betas
    constexpr std::array<Betas, 3> dense_betas = {{{0.0, 0.99, true}, {0.0, 0.999, true}, {0.9, 0.99, true}}};
    // How far from 1 momentum may take the ratios: its motion comes in bursts, of which there is no theory here.
    constexpr double bursts = 0.15;
    for (std::size_t k = 0; k < quoted.size(); ++k) {
        const Quoted& row = quoted[k];
        const Diagonal runs =
            diagonal_runs(lambda, row.betas, options.draws(40, 12), options, first_stream + 1000 * (k + 1));
        const std::string where = "no noise, diagonal H, " + row.name();
        const Estimate root = mean_ratio(runs.root, edge_root_second_moment(lambda, lr, row.betas.beta1));
        const std::string law = "sqrt(v_i) / (lr kappa_1 lambda_i / 2), mean";
        if (row.prediction() == Prediction::printed)
            cases.push_back({"0.5", where, law + ": to 15 %", 1.0, root, bursts});
        cases.push_back({"0.5", where, law, row.root, root, 0.01, row.prediction()});
        cases.push_back(
            {"0.5", where, "p, the exponent of sqrt(v_i)", 1.0,
             jackknife(runs.root,
                       [&](VectorView mean) {
                           return fit_line(lambda.array().log().matrix(), mean.array().log().matrix()).slope;
                       }),
             0.005});
        const double amplitude = edge_amplitude(lr, row.betas.beta1);
        const Vector squares = Vector::Constant(lambda.size(), amplitude * amplitude);
        cases.push_back(
            {"0.5", where, "rms of x_i / (lr kappa_1 / 2), mean", row.rms,
             jackknife(runs.cloud, [&](VectorView mean) { return mean.cwiseQuotient(squares).cwiseSqrt().mean(); }),
             0.01, row.prediction()});
        cases.push_back(
            {"0.5", where, "exponent of E x_i^2", 0.0,
             jackknife(runs.cloud,
                       [&](VectorView mean) {
                           return fit_line(lambda.array().log().matrix(), mean.array().log().matrix()).slope;
                       }),
             0.01});
        if (row.betas.beta1 == 0.9) {
            least_burst = std::min(least_burst, root.value);
            most_burst = std::max(most_burst, root.value);
        }
        if (row.betas.beta1 == dense_betas[2].beta1 && row.betas.beta2 == dense_betas[2].beta2) burst = root;
        if (row.betas.beta2 == 0.99)
            cases.push_back(
                {"b4", where, "sqrt(v_i) / (s |H_ii|), mean", 1.0,
                 jackknife((Matrix(2 * lambda.size(), runs.root.cols()) << runs.root, runs.cloud).finished(),
                           [&](VectorView mean) {
                               const Index n = lambda.size();
                               return mean.head(n).cwiseQuotient(mean.tail(n).cwiseSqrt().cwiseProduct(lambda)).mean();
                           }),
                 0.05});
    }

    const Index draws = options.draws(40, 16);
    std::vector<Dense> hessians(static_cast<std::size_t>(draws));
    std::vector<Settled> settled(hessians.size() * dense_betas.size());
    parallel_for(draws, [&](Index draw) {
        const auto d = static_cast<std::size_t>(draw);
        hessians[d] = dense_hessian(draw, options);
        for (std::size_t b = 0; b < dense_betas.size(); ++b)
            settled[dense_betas.size() * d + b] =
                settle(hessians[d], dense_betas[b], draw, options, first_stream + 100'000 * (b + 1));
    });
    const auto mean = [&](std::size_t betas, double Settled::*number) {
        Vector values(draws);
        for (std::size_t d = 0; d < hessians.size(); ++d)
            values(static_cast<Index>(d)) = settled[dense_betas.size() * d + betas].*number;
        return mean_estimate(values);
    };
    const std::string dense = "no noise, random H of dimension 6, ";
    for (std::size_t b = 0; b < 2; ++b) {
        const std::string where = dense + fmt::format("RMSprop, beta2 = {}", dense_betas[b].beta2);
        const double tolerance = b == 0 ? 0.02 : 0.005;
        cases.push_back({"0.5", where, "sqrt(v_i) / (lr P_i), mean", 1.0, mean(b, &Settled::root), tolerance});
        cases.push_back({"0.5", where, "the largest |sqrt(v_i) / (lr P_i) - 1|, mean over H", 0.0,
                         mean(b, &Settled::worst), 2.0 * tolerance});
        cases.push_back({"0.5", where, "4 E x_i^2 / lr^2, mean", 1.0, mean(b, &Settled::cloud), tolerance});
        cases.push_back(
            {"0.5", where, "lr lambda_max(diag(sqrt v)^-1 H)", 2.0, mean(b, &Settled::sharpness), 2.0 * tolerance});
    }
    const std::string with_momentum = dense + "Adam, beta1 = 0.9, beta2 = 0.99";
    cases.push_back(
        {"0.5", with_momentum, "sqrt(v_i) / (lr kappa_1 P_i), mean: to 15 %", 1.0, mean(2, &Settled::root), bursts});
    // A dual solution s s' / 2 of rank one means H s = 2 P s: along s every coordinate moves as in one dimension with
    // lambda_i = 2 P_i, and so momentum adds what it adds on a diagonal H.
    Vector alone(draws);
    Index rank_one = 0;
    for (std::size_t d = 0; d < hessians.size(); ++d)
        if (hessians[d].rank == 1) alone(rank_one++) = settled[dense_betas.size() * d + 2].root / burst.value;
    Estimate same = mean_estimate(alone.head(rank_one));
    same.std_error = std::hypot(same.std_error, same.value * burst.std_error / burst.value);
    same.samples = std::min(same.samples, burst.samples);
    cases.push_back({"0.5", with_momentum + ", dual solution of rank one",
                     "sqrt(v_i) / (lr kappa_1 P_i) over that of a diagonal H, mean", 1.0, same, 0.02});
    const Estimate on_diagonal = mean(1, &Settled::on_diagonal), on_rows = mean(1, &Settled::on_rows);
    cases.push_back({"b4", dense + "RMSprop, beta2 = 0.999", "sqrt(v_i) / (s |H_ii|), mean", 1.0, on_diagonal, 0.05});
    cases.push_back(
        {"b4", dense + "RMSprop, beta2 = 0.999", "sqrt(v_i) / (s |H_i,:|), row norms, mean", 1.0, on_rows, 0.05});

    Series p{.label = "P_i, from MAXCUT's relaxation", .style = Series::Style::points};
    Series diagonal{.label = "|H_ii| / 2", .style = Series::Style::points};
    Series rows{.label = "|H_i,:| / 2", .style = Series::Style::points};
    for (std::size_t d = 0; d < std::min<std::size_t>(hessians.size(), 8); ++d) {
        const Vector seen = settled[dense_betas.size() * d + 1].edge.root / lr, norms = row_norms(hessians[d].h);
        for (Index i = 0; i < seen.size(); ++i) {
            const auto add = [&](Series& series, double x) {
                series.x.push_back(x);
                series.y.push_back(seen(i));
            };
            add(diagonal, 0.5 * hessians[d].h(i, i));
            add(rows, 0.5 * norms(i));
            add(p, hessians[d].maxcut.p(i));
        }
    }
    result.figure = {.title = "Where RMSprop settles without noise",
                     .x_label = "predictor of sqrt(v_i) / lr",
                     .y_label = "sqrt(v_i) / lr",
                     .log_x = true,
                     .log_y = true,
                     .series = {diagonal, rows, p},
                     .guides = {{.slope = 1.0, .x = 1.0, .y = 1.0, .label = "equal"}}};
    result.caption =
        "Eight random Hessians of dimension 6 with eigenvalues from 0.05 to 5, RMSprop with beta2 = 0.999, "
        "lr = 0.01: the time average of sqrt(v_i), against three diagonals of the same H.";
    result.paragraph = fmt::format(
        "Here there is no noise, and yet v measures curvature: sqrt(v) falls until lr lambda / sqrt(v) reaches the "
        "edge "
        "of stability, and from then on the iterates oscillate, every coordinate with the same amplitude: an isotropic "
        "cloud, as the essay assumes it, made by Adam alone. On a diagonal H sqrt(v_i) is lr lambda_i / 2 for RMSprop, "
        "and {:.3f} to {:.3f} times lr kappa_1 lambda_i / 2 for Adam with beta1 = 0.9, whose motion comes in bursts. "
        "(That the exponent is 1 is no more than a symmetry: without eps Adam does not notice the scale of a "
        "coordinate. The content is the amplitude.) Off the axes the coordinates move together, and the law changes: "
        "sqrt(v_i) is lr P_i with the least diagonal P for which H <= 2 P. For beta2 = 0.999 that is so to {:.2g}, the "
        "worst coordinate of each of {} random Hessians on average; {} of them have a dual solution of rank one, where "
        "it is exact. |H_ii| is too small by a factor of {:.2f}, the row norm by {:.2f}. With beta2 = 0.99 P is off by "
        "{:.2g}, and with momentum, beta1 = 0.9, sqrt(v_i) is {:.3f} times as large ({:.3f} times what it is on a "
        "diagonal H, where the dual solution has rank one and the motion one dimension). Where sqrt(v) passes lr "
        "lambda on "
        "its way down, x can shrink by exp(-4935) for beta2 = 0.999: runs that might do so were given gradient noise "
        "of 1e-12, lest they underflow.",
        least_burst, most_burst, mean(1, &Settled::worst).value, draws, rank_one, on_diagonal.value, on_rows.value,
        mean(0, &Settled::worst).value, mean(2, &Settled::root).value, same.value);
    return result;
}

} // namespace

Experiment experiment() {
    return {
        .id = "E-b7",
        .title = "What does Adam's second moment measure without noise?",
        .claims = {{"0.5",
                    "Without noise RMSprop and Adam settle at the edge of stability: sqrt(v) is lr kappa_1 lambda / 2 "
                    "on a diagonal H, lr kappa_1 P with MAXCUT's P otherwise, to 15 % with momentum",
                    hessian_squared_page}},
        .revisited = {"b4"},
        .run = run};
}

} // namespace hessq::b7
