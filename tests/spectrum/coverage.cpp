// How often the band of the eigenvalues' distribution function holds all of it, and the intervals of tr f(A) and of
// counts the truth: the tables of docs/spectrum.md. Built on request:
//   ninja -C build tests/spectrum/spectrum_coverage && build/tests/spectrum/spectrum_coverage [seeds [rows]]
#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/spectrum/density.hpp"
#include "hessq/spectrum/matrix_functions.hpp"

#include "support/judged_spectra.hpp"

#include <algorithm>
#include <cmath>
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
    Vector values; ///< ascending
};

Case network(const std::string& name, Index steps) {
    const Problem problem = bundled_problem(name);
    Vector trained = problem.start(0);
    for (Index t = 0; t < steps; ++t) trained -= 0.5 * problem.objective->gradient(trained);
    const Matrix h = problem.objective->dense_hessian(trained);
    const Matrix symmetric = 0.5 * (h + h.transpose());
    return {name, dense_operator(symmetric), symmetric_eigenvalues(symmetric)};
}

std::vector<Case> cases() {
    constexpr Index n = 1024;
    std::vector<NamedSpectrum> spectra = judged_spectra(n);
    // A softmax network's: many zeros, a bulk on both sides of it, ten outliers.
    spectra.push_back({"null space", Vector::NullaryExpr(n, [](Index i) {
                           const auto x = static_cast<double>(i);
                           return i < 500 ? 0.0 : i < 600 ? -0.001 * (x - 499.0) : i < 1014 ? 1e-6 * x * x : x - 1000.0;
                       })});
    std::vector<Case> all;
    for (NamedSpectrum& s : spectra) {
        const SymmetricOperator a = RotatedSpectrum(s.values, 1).matrix();
        std::sort(s.values.begin(), s.values.end());
        all.push_back({s.name, a, s.values});
    }
    all.push_back(network("iris-mlp", 300));
    return all;
}

/// Whether the band holds F at every point and, on the steps between them, at every jump.
bool holds(const EigenvalueDistribution& f, const Vector& values, double resolution) {
    const auto n = static_cast<double>(values.size());
    for (Index i = 0; i < f.grid.size(); ++i) {
        // An eigenvalue that is zero up to rounding is on neither side of a point as near to it.
        const auto share = [&](double x) {
            return static_cast<double>(std::upper_bound(values.begin(), values.end(), x) - values.begin()) / n;
        };
        constexpr double rounding = 1e-12; // of k / n, where the band is one number
        if (f.lower(i) > share(f.grid(i) + resolution) + rounding ||
            f.upper(i) < share(f.grid(i) - resolution) - rounding)
            return false;
    }
    return true;
}

struct Share {
    double covered = 0.0, width = 0.0;
};

Share measure(Index seeds, const std::function<Share(std::uint64_t)>& run) {
    std::vector<Share> each(static_cast<std::size_t>(seeds));
    parallel_for(seeds,
                 [&](Index s) { each[static_cast<std::size_t>(s)] = run(static_cast<std::uint64_t>(s) + 1000); });
    Share sum;
    for (const Share& s : each) {
        sum.covered += s.covered / static_cast<double>(seeds);
        sum.width += s.width / static_cast<double>(seeds);
    }
    return sum;
}

} // namespace

int main(int argc, char** argv) {
    const Index seeds = argc > 1 ? std::atol(argv[1]) : 1000;
    const std::string wanted = argc > 2 ? argv[2] : "";
    const std::vector<Case> all = cases();
    fmt::print("{:34}", "");
    for (const Case& c : all) fmt::print(" {:>11}", c.name);
    fmt::print("\n");
    const auto table = [&](const std::string& title, const std::function<Share(const Case&, std::uint64_t)>& run) {
        if (title.find(wanted) == std::string::npos) return;
        fmt::print("{:34}", title);
        for (const Case& c : all) {
            const Share s = measure(seeds, [&](std::uint64_t seed) { return run(c, seed); });
            fmt::print(" {:>5.1f} {:.0e}", 100.0 * s.covered, s.width);
            std::fflush(stdout);
        }
        fmt::print("\n");
    };
    const auto band = [](const Case& c, const DensityOptions& options) {
        const SpectralMeasure m = spectral_measure(c.a, options);
        const EigenvalueDistribution f = eigenvalue_distribution(m, spectral_grid(m, 60));
        return Share{holds(f, c.values, m.resolution) ? 1.0 : 0.0, (f.upper - f.lower).mean()};
    };
    struct Setting {
        Index steps, probes;
    };
    for (const Setting s : {Setting{30, 1}, Setting{30, 10}, Setting{100, 4}})
        table(fmt::format("F, {} steps, {} probes", s.steps, s.probes), [&](const Case& c, std::uint64_t seed) {
            return band(c, {.steps = s.steps, .probes = s.probes, .seed = seed});
        });
    std::vector<ExtremeEigenpairs> ends;
    for (const Case& c : all) ends.push_back(extreme_eigenpairs(c.a, {.top = 10, .bottom = 0}));
    table("F, 30, 4, the top 10 known", [&](const Case& c, std::uint64_t seed) {
        const auto which = static_cast<std::size_t>(&c - all.data());
        return band(c, {.steps = 30, .probes = 4, .seed = seed, .known = ends[which].top});
    });
    table("negative eigenvalues, 30, 4", [&](const Case& c, std::uint64_t seed) {
        const SpectralMeasure m = spectral_measure(c.a, {.steps = 30, .probes = 4, .seed = seed});
        const EigenvalueCount count = eigenvalue_count(m, -HUGE_VAL, -m.resolution);
        const Index truth = (c.values.array() < -2.0 * m.resolution).count();
        return Share{count.lower <= truth && truth <= count.upper ? 1.0 : 0.0,
                     static_cast<double>(count.upper - count.lower)};
    });
    struct Named {
        const char* name;
        double (*f)(double);
    };
    for (const Named f : {Named{"tr A", [](double x) { return x; }}, Named{"tr A^2", [](double x) { return x * x; }},
                          Named{"tr |A|", [](double x) { return std::abs(x); }},
                          Named{"tr exp A", [](double x) { return std::exp(x); }},
                          Named{"ln det(A'A + 0.01 I)", [](double x) { return std::log(x * x + 0.01); }}})
        for (const Index probes : {4, 10})
            table(fmt::format("{}, 30, {}", f.name, probes), [&](const Case& c, std::uint64_t seed) {
                const SpectralMeasure m = spectral_measure(c.a, {.steps = 30, .probes = probes, .seed = seed});
                const FunctionTrace trace = trace_of_function(m, f.f);
                double truth = 0.0;
                for (const double x : c.values) truth += f.f(x);
                return Share{trace.interval.lower <= truth && truth <= trace.interval.upper ? 1.0 : 0.0,
                             std::abs(trace.value / truth - 1.0)};
            });
}
