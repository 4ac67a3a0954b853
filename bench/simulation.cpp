// Coordinate updates a second of blocks of runs on P1, random numbers included: SGD and Adam, one thread and all.
#include "hessq/theory/simulation.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/objectives/quadratic.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

using namespace hessq;

namespace {

/// The best of five, for a machine that does other things too.
double updates_per_second(const UpdateRule& rule, Index block_runs) {
    constexpr Index n = 60, runs = 256, steps = 1000;
    const Vector lambda = log_uniform_spectrum(n, 0.01, 2.0);
    double best = 0.0;
    for (int repeat = 0; repeat < 5; ++repeat) {
        const auto begin = std::chrono::steady_clock::now();
        (void)simulated_moments(noisy_quadratic(lambda, lambda), rule, Vector::Zero(n),
                                {.runs = runs, .block_runs = block_runs, .steps = steps});
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        best = std::max(best, static_cast<double>(n * runs * steps) / seconds);
    }
    return best;
}

} // namespace

int main() {
    fmt::print("{:>8} {:>6} {:>8} {:>16}\n", "rule", "runs", "threads", "updates/s");
    for (const int threads : {1, available_threads()}) {
        const ThreadLimit limit(threads);
        for (const Index block_runs : {Index{8}, Index{32}, Index{64}}) {
            fmt::print("{:>8} {:>6} {:>8} {:>16.3g}\n", "SGD", block_runs, threads,
                       updates_per_second({.lr = 0.05}, block_runs));
            fmt::print("{:>8} {:>6} {:>8} {:>16.3g}\n", "Adam", block_runs, threads,
                       updates_per_second({.lr = 0.005, .beta1 = 0.9, .beta2 = 0.999}, block_runs));
        }
    }
}
