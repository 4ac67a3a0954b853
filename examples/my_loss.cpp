// What is the spectrum of my own loss? One lambda, exact derivatives.
#include <hessq/core/dense_eigen.hpp>
#include <hessq/objectives/autodiff.hpp>

#include <cstdio>

using namespace hessq;

int main() {
    // The energy of a chain of 300 springs that soften when stretched.
    const Index n = 300;
    const AutodiffObjective chain(n, [](const auto& w) {
        auto energy = w(0) * w(0);
        for (Index i = 0; i + 1 < w.size(); ++i) {
            const auto stretch = w(i + 1) - w(i);
            energy += log(1.0 + stretch * stretch);
        }
        return energy;
    });
    for (const double slope : {0.0, 0.5, 2.0}) {
        const Vector w = Vector::LinSpaced(n, 0.0, slope * static_cast<double>(n - 1));
        const Vector eigenvalues = symmetric_eigenvalues(chain.dense_hessian(w));
        std::printf("stretched by %.1f a spring: eigenvalues from %.3f to %.3f, %d of %d negative\n", slope,
                    eigenvalues(0), eigenvalues(n - 1), static_cast<int>((eigenvalues.array() < -1e-9).count()),
                    static_cast<int>(n));
    }
}
