#include "hessq/estimators/xtrace.hpp"

#include "hessq/estimators/probes.hpp"
#include "intervals.hpp"
#include "products.hpp"
#include "sketch.hpp"

#include <string_view>

namespace hessq {
namespace {

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

/// From A itself: probes that are unit vectors.
LeaveOneOutEstimate exact_trace(const SymmetricOperator& a, const XTraceOptions& options, std::string_view function) {
    const Index n = a.dimension();
    const Vector diagonal = all_products(a, options.block, function).diagonal();
    LeaveOneOutEstimate result;
    result.value = diagonal.sum();
    result.samples = result.products = n;
    result.confidence = options.confidence;
    const double rounding = rounding_of_sums(n) * diagonal.cwiseAbs().sum();
    result.interval = {result.value - rounding, result.value + rounding};
    return result;
}

} // namespace

LeaveOneOutEstimate xtrace(const SymmetricOperator& a, const XTraceOptions& options) {
    check_options(options, "xtrace");
    if (gives_all(options, 2, a.dimension())) return exact_trace(a, options, "xtrace");
    const SketchProbes law = options.resphered ? SketchProbes::normals : SketchProbes::signs;
    const Sketch sketch = multiplied_sketch(a, law, options, "xtrace");
    return summary(xtrace_estimates(sketch, options.resphered, "xtrace"), 2 * options.samples, options.confidence);
}

LeaveOneOutEstimate xnystrace(const SymmetricOperator& a, const XTraceOptions& options) {
    check_options(options, "xnystrace");
    if (gives_all(options, 1, a.dimension())) return exact_trace(a, options, "xnystrace");
    const Matrix omega = sign_probes(options.seed, a.dimension(), 0, options.samples);
    const Matrix y = products_with(a, omega, options, "xnystrace");
    return summary(xnystrace_estimates(omega, y, "xnystrace"), options.samples, options.confidence);
}

} // namespace hessq
