// What is my largest stable learning rate? 2 over the largest eigenvalue near the minimum; a hair more, and it
// diverges.
#include <hessq/objectives/problems.hpp>
#include <hessq/spectrum/eigenpairs.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    const Problem problem = bundled_problem("diabetes-linear");
    const FiniteSumObjective& loss = *problem.objective;
    const Vector start = problem.start(0);
    const ExtremeEigenpairs ends = extreme_eigenpairs(loss.hessian(start), {.top = 1, .bottom = 0});
    const double largest = 2.0 / ends.top.values(0);
    std::printf("largest eigenvalue %.4f: gradient descent is stable below %.4f\n", ends.top.values(0), largest);
    for (const double factor : {0.99, 1.01}) {
        Vector w = start;
        for (int t = 0; t < 2000; ++t) w -= factor * largest * loss.gradient(w);
        std::printf("%.2f of it: after 2000 steps the gradient has %s\n", factor,
                    loss.gradient(w).norm() < loss.gradient(start).norm() ? "shrunk" : "exploded");
    }
}
