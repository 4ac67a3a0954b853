// Is Adam's v my Hessian squared here? The exponent q in u'E[gg']u ~ |eigenvalue|^q: 2 says yes, 1 the Fisher matrix.
#include <hessq/objectives/problems.hpp>
#include <hessq/theory/newton_comparison.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    const Problem problem = bundled_problem("digits-softmax");
    const NewtonComparison run = compare_with_newton(*problem.objective, problem.start(0),
                                                     {.steps = 100, .batch = 64, .lr = 1e-3, .checkpoints = 1});
    const NewtonCheckpoint& last = run.checkpoints.back();
    const auto show = [](const char* gradients, const SecondMomentReading& reading) {
        std::printf("%-22s q = %.2f, 95 %% in [%.2f, %.2f]\n", gradients, reading.exponent->exponent.value,
                    reading.exponent->interval.lower, reading.exponent->interval.upper);
    };
    show("mini-batch gradients:", last.minibatch);
    show("full-batch gradients:", last.full_batch);
    std::printf("%.0f %% of a mini-batch gradient's second moment is signal\n", 100.0 * last.signal_share);
}
