#include "hessq/estimators/layers.hpp"

#include "hessq/core/large_matrix.hpp"
#include "hessq/core/require.hpp"
#include "hessq/estimators/probes.hpp"
#include "intervals.hpp"
#include "probe_sums.hpp"
#include "products.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <string_view>

namespace hessq {
namespace {

constexpr std::string_view layers_function = "estimate_layers";

/// 2 mean^2 / variance of one |y|^2, times m; at least m, which one dominating direction has. The variance of few
/// skewed numbers comes out too small more often than not: what is added falls as 1 / m^2 and was measured.
double norm_degrees_of_freedom(double mean, double variance, Index m) {
    const auto count = static_cast<double>(m);
    const double widened = variance * (1.0 + 500.0 / (count * count));
    return widened > 0.0 ? count * std::max(1.0, 2.0 * mean * mean / widened) : std::numeric_limits<double>::infinity();
}

class Summary {
public:
    Summary(const ProbeSums& sums, double confidence) : sums_(sums), confidence_(confidence) {}

    IntervalEstimate estimate(double value, double std_error) const {
        IntervalEstimate e;
        e.value = value;
        e.std_error = std_error;
        e.samples = e.products = sums_.count();
        e.confidence = confidence_;
        return e;
    }

    IntervalEstimate trace(const ProbeSums::Group& group, bool whole) const {
        TraceError error = trace_error(group);
        if (!whole) {
            // Between once the variances of the entries (all coupling leaves the group) and twice (all stays in it).
            error.std_error = std::sqrt(std::clamp(group.trace.variance(), group.spread.mean, 2.0 * group.spread.mean) /
                                        static_cast<double>(sums_.count()));
            error.degrees_of_freedom = static_cast<double>(sums_.count() - 1);
        }
        IntervalEstimate e = estimate(group.trace.mean, error.std_error);
        const double half = student_factor(error.degrees_of_freedom, confidence_) * error.std_error +
                            rounding_of_sums(sums_.diagonal().size()) * sums_.diagonal().cwiseAbs().sum();
        e.interval = {e.value - half, e.value + half};
        return e;
    }

    IntervalEstimate squared_norm(const ProbeSums::Group& group, double variance) const {
        IntervalEstimate e = estimate(group.square.mean, std::sqrt(variance / static_cast<double>(sums_.count())));
        e.interval =
            chi_square_interval(e.value, norm_degrees_of_freedom(e.value, variance, sums_.count()), confidence_);
        const double rounding = rounding_of_sums(sums_.diagonal().size()) * e.value;
        e.interval.lower -= rounding;
        e.interval.upper += rounding;
        return e;
    }

    VectorIntervals entries(const Vector& value, const Vector& variance) const {
        VectorIntervals v;
        v.value = value;
        v.std_error = (variance / static_cast<double>(sums_.count())).cwiseSqrt();
        v.samples = v.products = sums_.count();
        return v;
    }

private:
    const ProbeSums& sums_;
    double confidence_;
};

} // namespace

MatrixEstimates estimate_layers(const SymmetricOperator& a, const ParameterLayout& layout,
                                const LayerOptions& options) {
    const Index n = a.dimension();
    require(options.samples >= 16, layers_function, "samples must be at least 16", options.samples);
    require(options.block >= 2, layers_function, "block must be at least 2", options.block);
    require(options.confidence > 0.0 && options.confidence < 1.0, layers_function,
            "confidence must lie between 0 and 1", options.confidence);
    if (!layout.groups.empty()) require_groups(layout, n, layers_function);

    ProbeSums sums(n, layout, true);
    std::string owner = fmt::format("{} n={} seed={} block={}", layers_function, n, options.seed, options.block);
    for (const ParameterGroup& g : layout.groups) owner += fmt::format(" {}:{}", g.name, g.size());
    const StateFile file(options.file, owner);
    double first_form = 0.0;
    if (!options.file.empty()) {
        const std::vector<double> numbers = file.load();
        if (!numbers.empty()) {
            NumberReader in(numbers);
            first_form = in.number();
            sums.load(in);
            require_same_operator(a, first_form, options.seed, options.file.string(), layers_function);
            require(sums.count() <= options.samples, layers_function,
                    fmt::format("samples must be at least the {} that the file has", sums.count()), options.samples);
        }
    }
    SymmetryCheck symmetry(layers_function);
    Matrix z;
    while (sums.count() < options.samples) {
        const Index count = std::min(options.block, options.samples - sums.count());
        resize_large(z, n, count);
        sign_probes(options.seed, sums.count(), z);
        const Matrix y = multiply(a, z, sums.count(), layers_function);
        symmetry.add(z, y);
        if (sums.count() == 0) first_form = z.col(0).dot(y.col(0));
        sums.add(z, y);
        if (count == options.block && !options.file.empty()) {
            NumberWriter out;
            out.add(first_form);
            sums.save(out);
            file.save(out.numbers());
        }
    }

    const Summary summary(sums, options.confidence);
    MatrixEstimates result;
    result.trace = summary.trace(sums.total(), true);
    // Pairs of probes know the variance of |y|^2 where few directions dominate, its spread where many do.
    result.squared_norm = summary.squared_norm(
        sums.total(), 0.5 * (sums.total().square.variance() + std::max(sums.square_variance_of_pairs(), 0.0)));
    for (std::size_t g = 0; g < layout.groups.size(); ++g) {
        const ProbeSums::Group& group = sums.groups()[g];
        result.layers.push_back(
            {layout.groups[g].name, summary.trace(group, false), summary.squared_norm(group, group.square.variance())});
    }
    const double t = student_factor(static_cast<double>(sums.count() - 1), options.confidence);
    const double rounding = rounding_of_sums(n);
    result.diagonal = summary.entries(sums.diagonal(), sums.diagonal_variance());
    const Vector half = t * result.diagonal.std_error + rounding * sums.row_norms().cwiseSqrt();
    result.diagonal.lower = result.diagonal.value - half;
    result.diagonal.upper = result.diagonal.value + half;
    result.squared_row_norms = summary.entries(sums.row_norms(), sums.row_norm_variance());
    const Interval unit = chi_square_interval(1.0, static_cast<double>(sums.count()), options.confidence);
    result.squared_row_norms.lower = unit.lower * sums.row_norms();
    result.squared_row_norms.upper = unit.upper * sums.row_norms();
    return result;
}

} // namespace hessq
