// Would Newton be faster? Steps to reach the same loss, saddle-free Newton against Adam.
#include <hessq/objectives/problems.hpp>
#include <hessq/optimizers/newton.hpp>
#include <hessq/optimizers/optimizer.hpp>
#include <hessq/optimizers/train.hpp>

#include <cstdio>
#include <string>

using namespace hessq;

int main() {
    const Problem problem = bundled_problem("breast-cancer-logistic");
    const FiniteSumObjective& loss = *problem.objective;
    const NewtonRun newton = minimize_newton(loss, problem.start(0), {.iterations = 8});
    for (const Index k : {Index{2}, Index{5}, Index{8}}) {
        const double target = newton.loss(k);
        const auto adam = adam_optimizer({.lr = 0.1});
        Index needed = 0;
        bool reached = false;
        (void)train(loss, problem.start(0), *adam, {.steps = 3000, .batch = 0}, [&](Index t, VectorView w, VectorView) {
            if (!reached && loss.value(w) <= target) {
                reached = true;
                needed = t;
            }
        });
        std::printf("loss %.4f: Newton %d steps, Adam %s\n", target, static_cast<int>(k),
                    reached ? std::to_string(needed).c_str() : "more than 3000");
    }
}
