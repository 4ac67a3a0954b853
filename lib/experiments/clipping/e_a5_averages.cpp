#include "../measure.hpp"
#include "entries.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/quadratic.hpp"
#include "hessq/optimizers/transforms.hpp"
#include "hessq/theory/clipping.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hessq::a5 {
namespace {

constexpr std::uint64_t streams = 85'000'000;
constexpr Index blocks = 20;

/// Means of clip(g)_k^2 for g = lambda z, always beyond the threshold: n x blocks.
Matrix clipped_squares(const Vector& lambda, double threshold, Index draws, std::uint64_t seed, std::uint64_t stream) {
    Matrix moments = Matrix::Zero(lambda.size(), blocks);
    const GradientTransform clip = clip_by_norm(threshold);
    parallel_for(blocks, [&](Index block) {
        const RandomStream random(seed, stream + static_cast<std::uint64_t>(block));
        Matrix z(lambda.size(), std::max<Index>(1, draws / blocks));
        (void)fill_normal(random, 0, z);
        for (Index r = 0; r < z.cols(); ++r) moments.col(block) += clip(lambda.cwiseProduct(z.col(r))).cwiseAbs2();
        moments.col(block) /= static_cast<double>(z.cols());
    });
    return moments;
}

/// E min(1, t / |ghat|) for ghat ~ N(g, diag variance).
Estimate clip_factor(const Vector& g, const Vector& sd, double threshold, Index draws, std::uint64_t seed,
                     std::uint64_t stream) {
    Vector means(blocks);
    parallel_for(blocks, [&](Index block) {
        Matrix z(g.size(), std::max<Index>(1, draws / blocks));
        (void)fill_normal(RandomStream(seed, stream + static_cast<std::uint64_t>(block)), 0, z);
        double sum = 0.0;
        for (Index r = 0; r < z.cols(); ++r) sum += std::min(1.0, threshold / (g + sd.cwiseProduct(z.col(r))).norm());
        means(block) = sum / static_cast<double>(z.cols());
    });
    return mean_estimate(means);
}

/// How far two runs of Adam (eps = 0) end from each other, one on clipped gradients, relative to their length.
/// Gradients have the lengths given in turn.
double adams_difference(double threshold, const std::vector<double>& lengths) {
    const auto plain = adam_optimizer({.lr = 0.1, .eps = 0.0});
    const auto clipped = transformed(adam_optimizer({.lr = 0.1, .eps = 0.0}), clip_by_norm(threshold));
    Vector a = Vector::Zero(20), b = a;
    for (Index t = 0; t < 200; ++t) {
        const Vector z = normal_vector(RandomStream(3, streams), 20, static_cast<std::uint64_t>(20 * t));
        const Vector g = lengths[static_cast<std::size_t>(t) % lengths.size()] / z.norm() * z;
        plain->step(a, g);
        clipped->step(b, g);
    }
    return (a - b).norm() / a.norm();
}

ExperimentResult run(const ExperimentOptions& options) {
    ExperimentResult result;
    std::vector<Case>& cases = result.cases;
    result.figure = {.title = "What an always clipped gradient averages to, isotropic cloud",
                     .x_label = "eigenvalue / largest",
                     .y_label = "second moment / (t^2 lambda^2 / sum lambda^2)",
                     .log_x = true};
    struct Spectrum {
        std::string name;
        Vector lambda;
    };
    const std::vector<Spectrum> spectra = {
        {"200 eigenvalues from 1 to 1.5", Vector::LinSpaced(200, 1.0, 1.5)},
        {"60 log-uniform eigenvalues from 0.001 to 10", log_uniform_spectrum(60, 1e-3, 10.0)},
        {"1/i, 200 eigenvalues", power_law_spectrum(200)}};
    std::uint64_t stream = streams;
    for (const Spectrum& s : spectra) {
        const double threshold = 1e-9 * s.lambda.norm(); // every gradient is longer
        const Matrix w =
            clipped_squares(s.lambda, threshold, options.draws(160'000, 16'000), options.seed, stream += 1000);
        const Vector law = clipped_second_moment(s.lambda, threshold),
                     simple = concentrated_second_moment(s.lambda, threshold);
        const std::string where =
            fmt::format("always clipped, {} (effective rank {:.1f})", s.name, effective_rank(s.lambda));
        const Index top = s.lambda.size() - 1;
        cases.push_back({"a10", where, "v / exact integral, mean", 1.0, mean_ratio(w, law), 0.03});
        cases.push_back({"a10", where, "v / (t^2 (H^2)_kk / tr H^2), ten flattest", 1.0,
                         mean_ratio(w.topRows(10), simple.head(10)), 0.1});
        cases.push_back({"a10", where, "v / (t^2 (H^2)_kk / tr H^2), steepest", 1.0,
                         mean_ratio(w.row(top), simple.segment(top, 1)), 0.1});
        if (s.lambda(0) < 0.1 * s.lambda(top))
            cases.push_back({"a10", where, "q", 2.0, exponent_estimate(s.lambda, w), 0.1});
        result.figure.series.push_back({s.name, to_list(s.lambda / s.lambda(top)),
                                        to_list(w.rowwise().mean().cwiseQuotient(simple)), Series::Style::points});
        result.figure.series.push_back({"", to_list(s.lambda / s.lambda(top)), to_list(law.cwiseQuotient(simple))});
    }
    cases.push_back({"a10", "Adam with eps = 0, every gradient of length 5, clipped at 1", "relative change of the run",
                     0.0, exact(adams_difference(1.0, {5.0})), 1e-10});
    cases.push_back({"a10", "Adam with eps = 0, lengths 0.5 and 5 in turn, clipped at 0.1",
                     "change relative to that of normalized gradients", 0.0,
                     exact(adams_difference(0.1, {0.5, 5.0}) - adams_difference(0.01, {0.5, 5.0})), 1e-10});

    struct Entry {
        double g, sd, threshold;
    };
    for (const Entry e : {Entry{0.5, 1.0, 0.5}, Entry{0.5, 0.3, 0.4}, Entry{1.0, 1.0, 3.0}}) {
        const Index draws = options.draws(2'000'000, 200'000);
        Matrix moments(2, blocks);
        stream += 1000;
        parallel_for(blocks, [&](Index block) {
            Matrix z(1, draws / blocks);
            (void)fill_normal(RandomStream(options.seed, stream + static_cast<std::uint64_t>(block)), 0, z);
            const Eigen::ArrayXXd x = (e.g + e.sd * z.array()).cwiseMax(-e.threshold).cwiseMin(e.threshold);
            moments.col(block) << x.mean(), x.square().mean();
        });
        const UpdateMoments law = value_clip_moments(e.g, e.sd, e.threshold);
        const std::string where = fmt::format("clipped by value at {}, N({}, {}^2)", e.threshold, e.g, e.sd);
        cases.push_back(
            {"a11", where, "mean / predicted", 1.0, mean_ratio(moments.row(0), Vector::Constant(1, law.mean)), 0.05});
        cases.push_back({"a11", where, "second moment / predicted", 1.0,
                         mean_ratio(moments.row(1), Vector::Constant(1, law.second)), 0.02});
    }
    struct Noise {
        std::string name;
        Vector sd;
    };
    for (const Noise& noise :
         {Noise{"10 equal entries", Vector::Ones(10)}, Noise{"1000 equal entries", Vector::Ones(1000)},
          Noise{"1000 entries of variance 1/i^2", power_law_spectrum(1000)}}) {
        const Vector sd = noise.sd / noise.sd.norm(),
                     g = Vector::Constant(sd.size(), 1.0 / std::sqrt(static_cast<double>(sd.size())));
        const double predicted = concentrated_clip_factor({.mean = 2.0, .variance = 0.0}, 1.0);
        cases.push_back({"a11", fmt::format("clipped at norm 1, |g| = 1, tr Sigma / B = 1, {}", noise.name),
                         "E min(1, t / |ghat|)", predicted,
                         clip_factor(g, sd, 1.0, options.draws(200'000, 20'000) / (sd.size() > 100 ? 10 : 1),
                                     options.seed, stream += 1000),
                         0.01});
    }
    result.caption = "Points: simulated. Lines: the exact integral, nothing fitted. 1 is the law of many directions.";
    result.paragraph = fmt::format("Where every gradient is clipped, v keeps its exponent (q = 2 for an isotropic "
                                   "cloud), but its size follows tr H^2 only if "
                                   "many directions share the gradient: with an effective rank of {:.1f} the steepest "
                                   "direction has {:.2f} of it. Adam without "
                                   "epsilon does not notice a threshold below all gradients; it sees only how clipping "
                                   "changes them relative to each other.",
                                   effective_rank(spectra[1].lambda),
                                   clipped_second_moment(spectra[1].lambda, 1.0)(59) /
                                       concentrated_second_moment(spectra[1].lambda, 1.0)(59));
    return result;
}

} // namespace

Experiment experiment() {
    return {.id = "E-a5",
            .title = "What do clipped gradients average to?",
            .claims = {{"a10",
                        "Adam sees clipping only through its changes; always clipped, v is t^2 (H^2)_ii / tr H^2 in "
                        "many dimensions",
                        clipping_page},
                       {"a11",
                        "Value-clipped Gaussians have closed moments; norm clipping concentrates at t / sqrt(|g|^2 + "
                        "tr Sigma / B)",
                        clipping_page}},
            .run = run};
}

} // namespace hessq::a5
