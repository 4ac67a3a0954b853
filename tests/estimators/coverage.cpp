// How often the intervals of the estimators contain the truth: the tables of docs/estimators.md. Built on request:
//   ninja -C build tests/estimator_coverage && build/tests/estimator_coverage [seeds] [words of a table's name...]
#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/estimators/hutchpp.hpp"
#include "hessq/estimators/layers.hpp"
#include "hessq/estimators/trace.hpp"
#include "hessq/estimators/xdiag.hpp"
#include "hessq/estimators/xtrace.hpp"
#include "hessq/objectives/problems.hpp"

#include "support/judged_spectra.hpp"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>

using namespace hessq;
using namespace hessq::test;

namespace {

struct Case {
    std::string name;
    SymmetricOperator a;
    double trace;
    Vector diagonal, row_norms;
    bool semidefinite;
    ParameterLayout groups;
};

Case network(const std::string& name, Index steps) {
    const Problem problem = bundled_problem(name);
    Vector trained = problem.start(0);
    for (Index t = 0; t < steps; ++t) trained -= 0.5 * problem.objective->gradient(trained);
    const Matrix h = problem.objective->dense_hessian(trained);
    return {name,
            dense_operator(0.5 * (h + h.transpose())),
            h.trace(),
            h.diagonal(),
            h.rowwise().squaredNorm(),
            false,
            problem.objective->layout()};
}

std::vector<Case> cases() {
    constexpr Index n = 1024;
    std::vector<Case> all;
    ParameterLayout halves;
    halves.append("first", 256, 1);
    halves.append("second", 768, 1);
    for (const NamedSpectrum& s : judged_spectra(n)) {
        const RotatedSpectrum rotated(s.values, 1);
        // (A)_kk = sum_i Q_ki^2 lambda_i
        const Matrix q = rotated.from_eigenbasis(Matrix::Identity(n, n));
        all.push_back({s.name, rotated.matrix(), s.values.sum(), q.cwiseAbs2() * s.values,
                       q.cwiseAbs2() * s.values.cwiseAbs2(), s.values.minCoeff() >= 0.0, halves});
    }
    all.push_back(network("iris-mlp", 300));
    return all;
}

struct Share {
    double covered = 0.0, products = 0.0, error = 0.0, target = 0.0;
};

Share measure(Index seeds, const std::function<Share(std::uint64_t)>& run) {
    std::vector<Share> each(static_cast<std::size_t>(seeds));
    parallel_for(seeds,
                 [&](Index s) { each[static_cast<std::size_t>(s)] = run(static_cast<std::uint64_t>(s) + 1000); });
    Share sum;
    const auto count = static_cast<double>(seeds);
    for (const Share& s : each) {
        sum.covered += s.covered / count;
        sum.products += s.products / count;
        sum.error += s.error / count;
        sum.target += s.target / count;
    }
    return sum;
}

Share judged(const IntervalEstimate& e, double truth) {
    return {e.interval.lower <= truth && truth <= e.interval.upper ? 1.0 : 0.0, static_cast<double>(e.products),
            std::abs(e.value / truth - 1.0), 0.0};
}

double covered(const VectorIntervals& v, const Vector& truth) {
    return ((v.lower.array() <= truth.array()) && (truth.array() <= v.upper.array())).cast<double>().mean();
}

} // namespace

int main(int argc, char** argv) {
    const Index seeds = argc > 1 ? std::atol(argv[1]) : 1000;
    const std::string wanted = argc > 2 ? argv[2] : "";
    const std::vector<Case> all = cases();
    const auto table = [&](const std::string& title, const std::function<Share(const Case&, std::uint64_t)>& run,
                           bool semidefinite_only = false) {
        if (title.find(wanted) == std::string::npos) return;
        fmt::print("{:44}", title);
        for (const Case& c : all) {
            if (semidefinite_only && !c.semidefinite) {
                fmt::print(" {:>11}", "-");
                continue;
            }
            const Share s = measure(seeds, [&](std::uint64_t seed) { return run(c, seed); });
            fmt::print(" {:>5.1f} {:.0e}", 100.0 * s.covered, s.error);
            std::fflush(stdout);
        }
        fmt::print("\n");
    };
    fmt::print("{:44}", "");
    for (const Case& c : all) fmt::print(" {:>11}", c.name);
    fmt::print("\n");

    for (const TraceMethod method :
         {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace, TraceMethod::automatic})
        for (const Index products : {30, 60, 120})
            table(fmt::format("trace {} {}", name(method), products), [&](const Case& c, std::uint64_t seed) {
                return judged(estimate_trace(c.a, {.method = method, .products = products, .seed = seed}), c.trace);
            });
    for (const Index samples : {Index{30}, Index{60}, Index{120}})
        table(
            fmt::format("trace xnystrace {}", samples),
            [&](const Case& c, std::uint64_t seed) {
                return judged(xnystrace(c.a, {.samples = std::min(samples, c.a.dimension()), .seed = seed}), c.trace);
            },
            true);
    for (const TraceMethod method :
         {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace, TraceMethod::automatic})
        for (const double relative : {0.1, 0.03})
            table(fmt::format("target {} {}", relative, name(method)), [&](const Case& c, std::uint64_t seed) {
                return judged(estimate_trace(c.a, {.method = method,
                                                   .products = 600,
                                                   .target = Target{.relative_error = relative},
                                                   .seed = seed}),
                              c.trace);
            });
    for (const double relative : {0.1, 0.03})
        table(
            fmt::format("target {} xnystrace", relative),
            [&](const Case& c, std::uint64_t seed) {
                return judged(estimate_trace(c.a, {.method = TraceMethod::xnystrace,
                                                   .products = 600,
                                                   .target = Target{.relative_error = relative},
                                                   .seed = seed}),
                              c.trace);
            },
            true);
    for (const Index samples : {32, 64, 128}) {
        const auto layers = [samples](const Case& c, std::uint64_t seed) {
            return estimate_layers(c.a, c.groups, {.samples = samples, .seed = seed});
        };
        table(fmt::format("layers {} squared norm", samples), [&](const Case& c, std::uint64_t seed) {
            return judged(layers(c, seed).squared_norm, c.row_norms.sum());
        });
        table(fmt::format("layers {} diagonal", samples),
              [&](const Case& c, std::uint64_t seed) { return Share{covered(layers(c, seed).diagonal, c.diagonal)}; });
        table(fmt::format("layers {} squared row norms", samples), [&](const Case& c, std::uint64_t seed) {
            return Share{covered(layers(c, seed).squared_row_norms, c.row_norms)};
        });
        table(fmt::format("layers {} trace of the first group", samples), [&](const Case& c, std::uint64_t seed) {
            const ParameterGroup& g = c.groups.groups.front();
            return judged(layers(c, seed).layers.front().trace, c.diagonal.segment(g.offset, g.size()).sum());
        });
        table(fmt::format("layers {} norm of the first group", samples), [&](const Case& c, std::uint64_t seed) {
            const ParameterGroup& g = c.groups.groups.front();
            return judged(layers(c, seed).layers.front().squared_norm, c.row_norms.segment(g.offset, g.size()).sum());
        });
    }
    const auto entries = [](const VectorEstimate& e, const Vector& truth) {
        double share = 0.0;
        const double t = student_interval(Estimate{0.0, 1.0, e.samples, 0}, 0.95).upper;
        share = ((e.value - truth).array().abs() <= t * e.std_error.array() + 1e-13 * truth.cwiseAbs().maxCoeff())
                    .cast<double>()
                    .mean();
        return Share{share, 0.0, (e.value - truth).cwiseAbs().maxCoeff() / truth.cwiseAbs().maxCoeff(), 0.0};
    };
    for (const Index products : {Index{60}, Index{120}}) {
        table(fmt::format("diagonal diagpp {}", products), [&](const Case& c, std::uint64_t seed) {
            return entries(diagpp(c.a, {.products = products, .seed = seed}), c.diagonal);
        });
        table(fmt::format("diagonal xdiag {}", products), [&](const Case& c, std::uint64_t seed) {
            return entries(xdiag(c.a, {.samples = products / 2, .seed = seed}), c.diagonal);
        });
    }
}
