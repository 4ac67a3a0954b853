#include "hessq/estimators/xtrace.hpp"

#include "hessq/core/require.hpp"
#include "hessq/estimators/probes.hpp"
#include "intervals.hpp"
#include "products.hpp"
#include "sketch.hpp"

#include <algorithm>
#include <string_view>

namespace hessq {
namespace {

void check(const SymmetricOperator& a, const XTraceOptions& options, std::string_view function) {
    require(options.samples >= 3 && options.samples <= a.dimension(), function,
            "samples must lie in 3, ..., " + std::to_string(a.dimension()), options.samples);
    require(options.block >= 1, function, "block must be at least 1", options.block);
    require(options.confidence > 0.0 && options.confidence < 1.0, function, "confidence must lie between 0 and 1",
            options.confidence);
}

LeaveOneOutEstimate summary(const LeaveOneOut& found, Index products, double confidence) {
    LeaveOneOutEstimate result;
    result.value = found.value();
    result.std_error = found.jackknife();
    result.samples = found.estimates.size();
    result.products = products;
    result.spread = found.spread();
    const double half =
        student_factor(static_cast<double>(result.samples - 1), confidence) * result.std_error + found.rounding;
    result.confidence = confidence;
    result.interval = {result.value - half, result.value + half};
    return result;
}

} // namespace

LeaveOneOutEstimate xtrace(const SymmetricOperator& a, const XTraceOptions& options) {
    check(a, options, "xtrace");
    Sketch sketch(options.resphered ? SketchProbes::normals : SketchProbes::signs, options.seed);
    sketch.reserve(a.dimension(), options.samples);
    while (sketch.size() < options.samples)
        sketch.grow(a, std::min(options.block, options.samples - sketch.size()), "xtrace");
    sketch.multiply_q(a, options.block, "xtrace", options.samples);
    return summary(xtrace_estimates(sketch, options.resphered, "xtrace"), 2 * options.samples, options.confidence);
}

LeaveOneOutEstimate xnystrace(const SymmetricOperator& a, const XTraceOptions& options) {
    check(a, options, "xnystrace");
    const Index n = a.dimension(), m = options.samples;
    const Matrix omega = sign_probes(options.seed, n, 0, m);
    Matrix y(n, m);
    for (Index first = 0; first < m; first += options.block) {
        const Index count = std::min(options.block, m - first);
        y.middleCols(first, count) = multiply(a, omega.middleCols(first, count), first, "xnystrace");
    }
    return summary(xnystrace_estimates(omega, y, "xnystrace"), m, options.confidence);
}

} // namespace hessq
