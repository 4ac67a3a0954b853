#include "hessq/estimators/xdiag.hpp"

#include "hessq/core/require.hpp"
#include "hessq/estimators/probes.hpp"
#include "products.hpp"
#include "sketch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

namespace hessq {
namespace {

void check(const SymmetricOperator& a, const XTraceOptions& options, std::string_view function) {
    require(options.samples >= 3 && options.samples <= a.dimension(), function,
            "samples must lie in 3, ..., " + std::to_string(a.dimension()), options.samples);
    require(options.block >= 1, function, "block must be at least 1", options.block);
}

Sketch multiplied_sketch(const SymmetricOperator& a, const XTraceOptions& options, std::string_view function) {
    check(a, options, function);
    Sketch sketch;
    sketch.seed = options.seed;
    while (sketch.size() < options.samples)
        sketch.grow(a, std::min(options.block, options.samples - sketch.size()), function);
    sketch.multiply_q(a, options.block, function, options.samples);
    require_symmetric(sketch.q.transpose() * sketch.aq, function);
    return sketch;
}

/// Mean and spread of the columns.
LeaveOneOutVector summary(const Matrix& estimates, Index products) {
    const auto k = static_cast<double>(estimates.cols());
    LeaveOneOutVector result;
    result.value = estimates.rowwise().mean();
    result.spread = ((estimates.colwise() - result.value).rowwise().squaredNorm() / (k - 1.0) / k).cwiseSqrt();
    result.samples = estimates.cols();
    result.products = products;
    return result;
}

} // namespace

JackknifeVector xdiag(const SymmetricOperator& a, const XTraceOptions& options) {
    const Sketch sketch = multiplied_sketch(a, options, "xdiag");
    const Index k = sketch.size();
    const Matrix omega = sketch.omega(0, k), s = sketch.left_out();
    const Matrix e = sketch.q * s, f = sketch.aq * s; // what leaving probe i out takes from Q and from A Q
    const Matrix ef = e.cwiseProduct(f), we = omega.cwiseProduct(e);
    const Vector diagonal = sketch.q.cwiseProduct(sketch.aq).rowwise().sum(); // of Q Q'A
    // (I - Q_j Q_j') A omega_j = e_j rho_j: A omega_j = Q r_j, and r_j is orthogonal to every other s.
    const Vector rho = s.cwiseProduct(sketch.r).colwise().sum();
    Matrix estimates = we * rho.asDiagonal() - ef;
    estimates.colwise() += diagonal;
    const LeaveOneOutVector found = summary(estimates, 2 * k);
    JackknifeVector result;
    result.value = found.value;
    result.samples = found.samples;
    result.products = found.products;
    result.spread = found.spread;

    // Without probes i and j: the span of s_i and s_j is left out, (I - Q_ij Q_ij') A omega_j = [e_i e_j] G^-1 (0,
    // rho_j).
    const Matrix g = s.transpose() * s;
    const double least = std::numeric_limits<double>::epsilon();
    Matrix inverse = (1.0 - g.array().square()).max(least).inverse(); // 1 / det G
    inverse.diagonal().setZero();
    const Matrix cross = g.cwiseProduct(inverse);
    const auto others = static_cast<double>(k - 1);
    // Columns i: the sums over j.
    const Matrix lost = ef * inverse.colwise().sum().asDiagonal() + Matrix(ef * inverse) - e.cwiseProduct(f * cross) -
                        f.cwiseProduct(e * cross);
    const Matrix outside = we * (rho.asDiagonal() * inverse) - e.cwiseProduct(omega * (rho.asDiagonal() * cross));
    const Matrix without = (outside - lost) / others;
    const Vector mean = without.rowwise().mean();
    result.std_error =
        ((without.colwise() - mean).rowwise().squaredNorm() * others / static_cast<double>(k)).cwiseSqrt();
    return result;
}

LeaveOneOutVector xnysdiag(const SymmetricOperator& a, const XTraceOptions& options) {
    check(a, options, "xnysdiag");
    const Index n = a.dimension(), k = options.samples;
    const Matrix omega = sign_probes(options.seed, n, 0, k);
    Matrix y(n, k);
    for (Index first = 0; first < k; first += options.block) {
        const Index count = std::min(options.block, k - first);
        y.middleCols(first, count) = multiply(a, omega.middleCols(first, count), first, "xnysdiag");
    }
    const Nystrom f = nystrom(omega, y, "xnysdiag");
    // F without probe i is F - c_i c_i' / g_ii, and (A - F_i) omega_i = c_i / g_ii.
    const Vector diagonal = f.c.cwiseProduct(f.y).rowwise().sum().array() - f.shift;
    Matrix estimates = (f.c.cwiseProduct(omega) - f.c.cwiseAbs2()) * f.m_inverse.diagonal().cwiseInverse().asDiagonal();
    estimates.colwise() += diagonal;
    return summary(estimates, k);
}

LeaveOneOutVector xrownorms_squared(const SymmetricOperator& a, const XTraceOptions& options) {
    const Sketch sketch = multiplied_sketch(a, options, "xrownorms_squared");
    const Index k = sketch.size();
    const Matrix s = sketch.left_out(), f = sketch.aq * s, omega = sketch.omega(0, k);
    const Matrix w = sketch.q.transpose() * omega;
    const Vector coordinate = s.cwiseProduct(w).colwise().sum();
    // A (I - Q_i Q_i') omega_i = Q r_i - A Q w_i + (A Q s_i) (s_i'w_i).
    Matrix estimates = sketch.q * sketch.r - sketch.aq * w + f * coordinate.asDiagonal();
    estimates = estimates.cwiseAbs2() - f.cwiseAbs2();
    const Vector inside = sketch.aq.rowwise().squaredNorm();
    estimates.colwise() += inside;
    return summary(estimates, 2 * k);
}

} // namespace hessq
