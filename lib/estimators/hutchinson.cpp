#include "hessq/estimators/hutchinson.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "products.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace hessq {
namespace {

constexpr std::uint64_t hutchinson_stream = 0x687574636869; // "hutchi"

// Mean and spread of sample(Z, A Z, first), whose column k is the sample that probe first + k gives.
template <class Sample>
VectorEstimate probe_mean(const SymmetricOperator& a, const HutchinsonOptions& options, std::string_view function,
                          Index size, Sample sample) {
    require(options.samples >= 2, function, "samples must be at least 2", options.samples);
    require(options.block >= 1, function, "block must be at least 1", options.block);
    const Index n = a.dimension(), m = options.samples;
    const RandomStream stream(options.seed, hutchinson_stream);
    SymmetryCheck symmetry(function);

    // Welford's recurrence: equal samples give a spread of exactly zero.
    Vector mean = Vector::Zero(size), squares = Vector::Zero(size);
    for (Index first = 0; first < m; first += options.block) {
        Matrix z(n, std::min(options.block, m - first));
        for (Index k = 0; k < z.cols(); ++k)
            z.col(k) = sign_vector(stream, n, static_cast<std::uint64_t>(first + k) * static_cast<std::uint64_t>(n));
        const Matrix y = multiply(a, z, first, function);
        symmetry.add(z, y);
        const Matrix samples = sample(z, y, first);
        for (Index k = 0; k < z.cols(); ++k) {
            const Vector delta = samples.col(k) - mean;
            mean += delta / static_cast<double>(first + k + 1);
            squares.array() += delta.array() * (samples.col(k) - mean).array();
        }
    }
    const double divisor = static_cast<double>(m - 1) * static_cast<double>(m);
    return {mean, (squares / divisor).cwiseSqrt(), m, m};
}

} // namespace

Estimate hutchinson_trace(const SymmetricOperator& a, const HutchinsonOptions& options) {
    const VectorEstimate trace =
        probe_mean(a, options, "hutchinson_trace", 1, [](const Matrix& z, const Matrix& az, Index) -> Matrix {
            return z.cwiseProduct(az).colwise().sum();
        });
    return {trace.value(0), trace.std_error(0), trace.samples, trace.products};
}

VectorEstimate hutchinson_diagonal(const SymmetricOperator& a, const HutchinsonOptions& options) {
    return probe_mean(a, options, "hutchinson_diagonal", a.dimension(),
                      [](const Matrix& z, const Matrix& az, Index) -> Matrix { return z.cwiseProduct(az); });
}

VectorEstimate hutchinson_squared_diagonal(const SymmetricOperator& a, const HutchinsonOptions& options) {
    return probe_mean(a, options, "hutchinson_squared_diagonal", a.dimension(),
                      [](const Matrix&, const Matrix& az, Index) -> Matrix { return az.cwiseAbs2(); });
}

VectorEstimate hutchinson_squared_diagonal(const SymmetricOperator& a, const SymmetricOperator& b,
                                           const HutchinsonOptions& options) {
    const std::string_view function = "hutchinson_squared_diagonal";
    require_size(b.dimension(), a.dimension(), function, "the second operator");
    SymmetryCheck symmetry(function);
    VectorEstimate result =
        probe_mean(a, options, function, a.dimension(), [&](const Matrix& z, const Matrix& az, Index first) -> Matrix {
            const Matrix bz = multiply(b, z, first, function);
            symmetry.add(z, bz);
            return az.cwiseProduct(bz);
        });
    result.products *= 2;
    return result;
}

} // namespace hessq
