// How often extreme_eigenpairs misses a copy of a multiple eigenvalue, with the certificate and without it: the table
// of docs/spectrum.md. Built on request:
//   ninja -C build tests/spectrum/eigenpair_multiplicities && build/tests/spectrum/eigenpair_multiplicities [seeds
//   [dimension]]
#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/spectrum/eigenpairs.hpp"

#include "spectra.hpp"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <vector>

using namespace hessq;
using namespace hessq::test;

namespace {

struct Outcome {
    bool missed_before = false, certified = false, wrong = false, dense = false;
    double products_before = 0.0, products = 0.0;
};

bool all_right(const ExtremeEigenpairs& found, const Vector& exact) {
    const Index n = exact.size();
    const double tolerance = 1e-8 * found.norm;
    return (found.top.values - exact.tail(found.top.values.size()).reverse()).cwiseAbs().sum() <= tolerance &&
           (found.bottom.values - exact.head(found.bottom.values.size())).cwiseAbs().sum() <= tolerance && n > 0;
}

Outcome outcome(const HardSpectrum& hard, std::uint64_t seed) {
    const Vector exact = hard.values(seed);
    const SymmetricOperator a = seed % 2 == 0 ? diagonal_operator(exact) : reflected(exact, seed);
    EigenpairsOptions options{.top = hard.top, .bottom = hard.bottom, .seed = seed, .certify = false};
    const ExtremeEigenpairs before = extreme_eigenpairs(a, options);
    options.certify = true;
    const ExtremeEigenpairs found = extreme_eigenpairs(a, options);
    return {.missed_before = !all_right(before, exact),
            .certified = found.certified,
            .wrong = worst_promise(found, exact, options.tolerance) > 1.0,
            .dense = found.products - before.products > exact.size(),
            .products_before = static_cast<double>(before.products),
            .products = static_cast<double>(found.products)};
}

} // namespace

int main(int argc, char** argv) {
    const Index seeds = argc > 1 ? std::atol(argv[1]) : 1000, n = argc > 2 ? std::atol(argv[2]) : 300;
    fmt::print("{:32} {:>8} {:>10} {:>9} {:>7} {:>9} {:>9}\n", "spectrum", "missed", "certified", "and wrong", "dense",
               "products", "with it");
    for (const HardSpectrum& hard : hard_spectra(n)) {
        std::vector<Outcome> each(static_cast<std::size_t>(seeds));
        parallel_for(
            seeds, [&](Index s) { each[static_cast<std::size_t>(s)] = outcome(hard, static_cast<std::uint64_t>(s)); });
        Index missed = 0, certified = 0, wrong = 0, dense = 0;
        double before = 0.0, after = 0.0;
        for (const Outcome& o : each) {
            missed += o.missed_before;
            certified += o.certified;
            wrong += o.wrong;
            dense += o.dense;
            before += o.products_before / static_cast<double>(seeds);
            after += o.products / static_cast<double>(seeds);
        }
        fmt::print("{:32} {:>8} {:>10} {:>9} {:>7} {:>9.0f} {:>9.0f}\n", hard.name, missed, certified, wrong, dense,
                   before, after);
        std::fflush(stdout);
    }
}
