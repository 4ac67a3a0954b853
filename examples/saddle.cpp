// Is my minimum a saddle? Gradient descent has stopped; the Hessian says what it has stopped at.
#include <hessq/core/dense_eigen.hpp>
#include <hessq/objectives/autodiff.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    // Two layers of two weights each shall multiply to the 2 x 2 identity. A start with equal rows keeps them equal.
    const AutodiffObjective loss(8, [](const auto& w) {
        auto sum = 0.0 * w(0);
        for (Index i = 0; i < 2; ++i)
            for (Index j = 0; j < 2; ++j) {
                const auto error = w(2 * i) * w(4 + j) + w(2 * i + 1) * w(6 + j) - (i == j ? 1.0 : 0.0);
                sum += 0.5 * error * error;
            }
        return sum;
    });
    Vector w(8);
    w << 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5;
    for (int t = 0; t < 400; ++t) w -= 0.2 * loss.gradient(w);
    std::printf("stopped at loss %.4f, |gradient| below 1e-9: %s\n", loss.value(w),
                loss.gradient(w).norm() < 1e-9 ? "yes" : "no");

    const SymmetricEigen eigen = symmetric_eigen(loss.dense_hessian(w));
    std::printf("eigenvalues from %.3f to %.3f, %d negative\n", eigen.values(0), eigen.values(7),
                static_cast<int>((eigen.values.array() < -1e-9).count()));

    w += 0.1 * eigen.vectors.col(0); // the way out
    for (int t = 0; t < 400; ++t) w -= 0.2 * loss.gradient(w);
    std::printf("after a step along the lowest eigenvector: loss below 1e-9: %s\n",
                loss.value(w) < 1e-9 ? "yes" : "no");
}
