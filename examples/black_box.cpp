// What can I learn of a matrix that I can only multiply with? Any callable is an operator.
#include <hessq/estimators/hutchpp.hpp>
#include <hessq/solvers/cg.hpp>
#include <hessq/spectrum/eigenpairs.hpp>

#include <cmath>
#include <cstdio>

using namespace hessq;

int main() {
    // The Laplacian of a ring of 1000 nodes plus a little of the identity.
    constexpr Index n = 1000;
    const SymmetricOperator a(n, [](MatrixView v) {
        Matrix product = 2.01 * v;
        for (Index i = 0; i < n; ++i) product.row(i) -= v.row((i + 1) % n) + v.row((i + n - 1) % n);
        return product;
    });
    const ExtremeEigenpairs ends = extreme_eigenpairs(a, {.top = 1, .bottom = 1, .tolerance = 1e-8});
    std::printf("eigenvalues from %.4f to %.4f (exactly 0.01 and 4.01)\n", ends.bottom.values(0), ends.top.values(0));

    const IntervalEstimate trace = hutchpp_trace(a, {.products = 96});
    std::printf("trace within 2 %% of 2010: %s\n", std::abs(trace.value / 2010.0 - 1.0) < 0.02 ? "yes" : "no");

    const CgResult solved = conjugate_gradients(a, Vector::Unit(n, 0), {.tolerance = 1e-10});
    std::printf("A x = e_0: x_0 = %.4f\n", solved.x(0));
}
