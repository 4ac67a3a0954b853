// What the estimators cost beside the products: 100 Hessian products of a network of a million parameters.
//   ninja -C build tests/estimators/estimator_overhead && build/tests/estimators/estimator_overhead [samples]
#include "hessq/core/random.hpp"
#include "hessq/estimators/layers.hpp"
#include "hessq/estimators/trace.hpp"
#include "hessq/estimators/xdiag.hpp"
#include "hessq/objectives/mlp.hpp"

#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <functional>

using namespace hessq;

namespace {

/// Of all threads: other programs on the machine do not count.
double now() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

} // namespace

int main(int argc, char** argv) {
    const Index samples = argc > 1 ? std::atol(argv[1]) : 1000;
    Dataset data;
    data.name = "noise";
    data.inputs = normal_vector(RandomStream(1, 1), 784 * samples).reshaped(784, samples);
    data.targets = normal_vector(RandomStream(1, 2), 10 * samples).reshaped(10, samples);
    const Mlp network(data, {.hidden = {1000, 210}, .activation = Activation::tanh, .loss = Loss::squared});
    const SymmetricOperator h = network.hessian(network.initial_parameters(0));
    double seconds = 0.0;
    Index products = 0;
    const SymmetricOperator timed(h.dimension(), [&](MatrixView v) -> Matrix {
        const double begin = now();
        Matrix y = h * v;
        seconds += now() - begin;
        products += v.cols();
        return y;
    });
    // The wrapper's own check of the result is no part of an estimator.
    const Matrix block = normal_vector(RandomStream(2, 0), 8 * h.dimension()).reshaped(h.dimension(), 8);
    const double start = now();
    for (int repeat = 0; repeat < 3; ++repeat) (void)(timed * block);
    const double wrapper = (now() - start - seconds) / 24.0;
    fmt::print("{} parameters, {} samples\n{:>12} {:>9} {:>12} {:>12} {:>9}\n", h.dimension(), samples, "method",
               "products", "products, s", "beside, s", "overhead");
    const auto row = [&](std::string_view name, const std::function<void()>& run) {
        seconds = 0.0;
        products = 0;
        const double begin = now();
        run();
        const double all = now() - begin - wrapper * static_cast<double>(products);
        fmt::print("{:>12} {:>9} {:>12.2f} {:>12.2f} {:>8.1f} %\n", name, products, seconds, all - seconds,
                   100.0 * (all - seconds) / seconds);
    };
    for (const TraceMethod method : {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace})
        row(name(method), [&] { (void)estimate_trace(timed, {.method = method, .products = 100}); });
    row("layers", [&] { (void)estimate_layers(timed, network.layout(), {.samples = 100}); });
    row("xdiag", [&] { (void)xdiag(timed, {.samples = 50}); });
}
