// Which layer is sharpest? Diagonal blocks of the exact Hessian, one for each weight and bias.
#include <hessq/core/dense_eigen.hpp>
#include <hessq/objectives/problems.hpp>
#include <hessq/optimizers/optimizer.hpp>
#include <hessq/optimizers/train.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    const Problem iris = bundled_problem("iris-mlp");
    const auto adam = adam_optimizer({.lr = 0.01});
    const Vector w = train(*iris.objective, iris.start(0), *adam, {.steps = 200, .batch = 0}).parameters;

    std::printf("%-14s %10s %12s %16s\n", "group", "parameters", "trace", "top eigenvalue");
    for (const ParameterGroup& group : iris.objective->layout().groups) {
        const Matrix block = iris.objective->dense_hessian_block(w, group.range(), group.range());
        const Vector eigenvalues = symmetric_eigenvalues(block);
        std::printf("%-14s %10d %12.3g %16.3g\n", group.name.c_str(), static_cast<int>(group.size()), block.trace(),
                    eigenvalues(eigenvalues.size() - 1));
    }
}
