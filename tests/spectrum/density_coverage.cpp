// How often the band of eigenvalue_distribution holds the whole distribution function: the table of docs/spectrum.md.
// Built on request:
//   ninja -C build tests/spectrum/density_coverage && build/tests/spectrum/density_coverage [seeds]
#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/problems.hpp"
#include "hessq/spectrum/dense_eigen.hpp"
#include "hessq/spectrum/density.hpp"
#include "hessq/spectrum/matrix_functions.hpp"

#include "support/judged_spectra.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>

using namespace hessq;
using namespace hessq::test;

namespace {

/// The distribution function of these eigenvalues lies in the band everywhere: also between the points of the grid,
/// where the band is the lower end of the point before and the upper end of the point after.
bool holds(const EigenvalueDistribution& f, const Vector& lambda, double resolution) {
    const auto n = static_cast<double>(lambda.size());
    const auto share = [&](double x) { return static_cast<double>((lambda.array() <= x).count()) / n; };
    for (Index i = 0; i < f.grid.size(); ++i) {
        // Eigenvalues are known up to the resolution; F is compared on the far side of it.
        if (f.lower(i) > share(f.grid(i) + resolution) + 1e-12) return false;
        if (f.upper(i) < share(f.grid(i) - resolution) - 1e-12) return false;
    }
    return true;
}

Vector network(const std::string& name, Index steps) {
    const Problem problem = bundled_problem(name);
    Vector w = problem.start(0);
    for (Index t = 0; t < steps; ++t) w -= 0.5 * problem.objective->gradient(w);
    return symmetric_eigenvalues(problem.objective->dense_hessian(w));
}

} // namespace

int main(int argc, char** argv) {
    const Index seeds = argc > 1 ? std::atol(argv[1]) : 1000;
    std::vector<NamedSpectrum> spectra = judged_spectra(1024);
    spectra.push_back({"iris-mlp, trained", network("iris-mlp", 300)});
    spectra.push_back({"digits-mlp, trained", network("digits-mlp", 100)});
    fmt::print("{:24} {:>6} {:>7} {:>9} {:>12} {:>14}\n", "spectrum", "steps", "probes", "band", "mean width",
               "trace, 2 sigma");
    for (const NamedSpectrum& s : spectra)
        for (const auto& [steps, probes] : {std::pair<Index, Index>(30, 10), {100, 3}}) {
            Vector held(seeds), width(seeds), traces(seeds);
            // Normal probes do not know directions: a diagonal matrix is as good as any with its eigenvalues.
            const SymmetricOperator a = diagonal_operator(s.values);
            parallel_for(seeds, [&](Index seed) {
                const SpectralMeasure m =
                    spectral_measure(a, {.steps = steps, .probes = probes, .seed = static_cast<std::uint64_t>(seed)});
                const EigenvalueDistribution f = eigenvalue_distribution(m, spectral_grid(m, 40));
                held(seed) = holds(f, s.values, m.resolution) ? 1.0 : 0.0;
                width(seed) = (f.upper - f.lower).mean();
                const Estimate trace = trace_of_function(m, [](double x) { return x; });
                traces(seed) = std::abs(trace.value - s.values.sum()) <= 2.0 * trace.std_error ? 1.0 : 0.0;
            });
            fmt::print("{:24} {:>6} {:>7} {:>8.1f}% {:>12.4f} {:>13.1f}%\n", s.name, steps, probes, 100.0 * held.mean(),
                       width.mean(), 100.0 * traces.mean());
            std::fflush(stdout);
        }
}
