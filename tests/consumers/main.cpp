// A user's program, small because it is compiled by every compiler and build system that a user may have, with other
// options than the library. It prints its numbers, which have to be the same each time.
#include <hessq/core/dense.hpp>
#include <hessq/core/random.hpp>
#include <hessq/core/require.hpp>
#include <hessq/datasets/bundled.hpp>
#include <hessq/datasets/csv.hpp>
#include <hessq/estimators/hutchinson.hpp>

#include <cstdio>
#include <stdexcept>

using namespace hessq;

/// What the library throws is caught by its type, and by that of the standard library.
template <class Error, class Call>
bool refuses(const Call& call) {
    try {
        call();
    } catch (const Error&) {
        return true;
    }
    return false;
}

/// Made before main, and with the static library perhaps before the library's own objects.
const Matrix before_main = to_dense(diagonal_operator(Vector{{2.0, 6.0}}));

int main() {
    if (before_main != Matrix{{2.0, 0.0}, {0.0, 6.0}}) return 4;
    // Memory that one side allocates is resized and freed by the other, which needs the same alignment on both.
    for (Index n = 1; n < 100; ++n) {
        Vector d = normal_vector(RandomStream(1, 2), n);
        const SymmetricOperator a = diagonal_operator(d);
        Matrix product = a * Matrix::Identity(n, n);
        if ((product.diagonal() - d).norm() != 0.0) return 1;
        product = to_dense(a);
        product.resize(n + 1, n + 1);
        d.resize(n + 3);
    }
    // An operator of the program's own, called by the library.
    const SymmetricOperator mine(64, [](MatrixView v) -> Matrix { return 3.0 * v; });
    const Estimate trace = hutchinson_trace(mine, {.samples = 8, .seed = 7});
    if (!refuses<InputError>([] { (void)load_csv("/no/such/file.csv"); })) return 2;
    if (!refuses<std::invalid_argument>([&] { (void)hutchinson_trace(mine, {.samples = 1}); })) return 3;
    const Dataset iris = bundled_dataset("iris");
    std::printf("%.17g %.17g\n", trace.value, iris.inputs(0, 0));
}
