// What batch size is worth it? Beyond the noise batch, more samples a step hardly allow a longer step.
#include <hessq/objectives/problems.hpp>
#include <hessq/operators/gradient_moments.hpp>
#include <hessq/optimizers/optimizer.hpp>
#include <hessq/optimizers/train.hpp>
#include <hessq/theory/batch_size.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    const Problem problem = bundled_problem("iris-mlp");
    const FiniteSumObjective& loss = *problem.objective;
    const auto sgd = sgd_optimizer({.lr = 0.1});
    Vector w = problem.start(0);
    for (const int steps : {0, 100, 400}) {
        w = train(loss, w, *sgd, {.steps = steps}).parameters;
        const NoiseScales scales = noise_scales(loss.gradient(w), loss.dense_hessian(w), noise_covariance(loss, w));
        std::printf("loss %.3f: noise batch %.3g;", loss.value(w), scales.noise_batch);
        for (const double batch : {8.0, 64.0})
            std::printf("  B = %2.0f gets %2.0f %% of the best step", batch,
                        100.0 * sgd_best_step(scales, batch).decrease / scales.decrease_max);
        std::printf("\n");
    }
}
