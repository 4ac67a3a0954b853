#include "hessq/estimators/hutchpp.hpp"

#include "hessq/core/large_matrix.hpp"
#include "hessq/core/require.hpp"
#include "hessq/estimators/probes.hpp"
#include "hessq/estimators/trace.hpp"
#include "probe_sums.hpp"
#include "products.hpp"
#include "sketch.hpp"
#include "tall.hpp"

#include <algorithm>

namespace hessq {

IntervalEstimate hutchpp_trace(const SymmetricOperator& a, const HutchppOptions& options) {
    return estimate_trace(a, {.method = TraceMethod::hutchpp,
                              .products = options.products,
                              .confidence = options.confidence,
                              .seed = options.seed,
                              .block = options.block});
}

VectorEstimate diagpp(const SymmetricOperator& a, const HutchppOptions& options) {
    require(options.products >= 24, "diagpp", "products must be at least 24", options.products);
    require(options.block >= 2, "diagpp", "block must be at least 2", options.block);
    const Index n = a.dimension(), k = std::min(n, options.products / 3);
    Sketch sketch(SketchProbes::signs, options.seed);
    sketch.reserve(n, k);
    while (sketch.size() < k) sketch.grow(a, std::min(options.block, k - sketch.size()), "diagpp");
    sketch.multiply_q(a, options.block, "diagpp", k);
    require_symmetric(inner(sketch.q(), sketch.aq()), "diagpp");

    const Index probes = options.products - 2 * k;
    ProbeSums rest(n, {}, true);
    Matrix z;
    while (rest.count() < probes) {
        const Index count = std::min(options.block, probes - rest.count());
        resize_large(z, n, count);
        sign_probes(options.seed, k + rest.count(), z);
        Matrix y = multiply(a, z, 2 * k + rest.count(), "diagpp");
        subtract_product(y, sketch.q(), inner(sketch.q(), y));
        rest.add(z, y);
    }
    const Vector inside = sketch.q().cwiseProduct(sketch.aq()).rowwise().sum();
    return {inside + rest.diagonal(), (rest.diagonal_variance() / static_cast<double>(probes)).cwiseSqrt(), probes,
            options.products};
}

} // namespace hessq
