#include "hessq/estimators/xdiag.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/estimators/probes.hpp"
#include "products.hpp"
#include "sketch.hpp"
#include "tall.hpp"

#include <limits>

namespace hessq {
namespace {

/// From A itself: probes that are unit vectors.
LeaveOneOutVector exact_entries(const Vector& value) {
    const Index n = value.size();
    return {value, Vector::Zero(n), n, n};
}

/// Mean and spread of the columns, for some of the rows.
void summarize(const Matrix& estimates, Index first, Vector& value, Vector& spread) {
    const auto k = static_cast<double>(estimates.cols());
    const Vector mean = estimates.rowwise().mean();
    value.segment(first, mean.size()) = mean;
    spread.segment(first, mean.size()) =
        ((estimates.colwise() - mean).rowwise().squaredNorm() / (k - 1.0) / k).cwiseSqrt();
}

} // namespace

JackknifeVector xdiag(const SymmetricOperator& a, const XTraceOptions& options) {
    const Index n = a.dimension();
    check_options(options, "xdiag");
    if (gives_all(options, 2, n)) {
        JackknifeVector exact;
        exact.value = all_products(a, options.block, "xdiag").diagonal();
        exact.spread = exact.std_error = Vector::Zero(n);
        exact.samples = exact.products = n;
        return exact;
    }
    const Sketch sketch = multiplied_sketch(a, SketchProbes::signs, options, "xdiag");
    const Index k = sketch.size();
    const Matrix s = sketch.left_out();
    // (I - Q_j Q_j') A omega_j = Q s_j rho_j: A omega_j = Q r_j, and r_j is orthogonal to every other s.
    const Vector rho = s.cwiseProduct(sketch.r()).colwise().sum();
    // Without probes i and j: the span of s_i and s_j is left out, (I - Q_ij Q_ij') A omega_j = Q [s_i s_j] G^-1 (0,
    // rho_j) with the 2 x 2 matrix G of their inner products.
    const Matrix g = s.transpose() * s;
    Matrix inverse = (1.0 - g.array().square()).max(std::numeric_limits<double>::epsilon()).inverse(); // 1 / det G
    inverse.diagonal().setZero();
    const Matrix cross = g.cwiseProduct(inverse);
    const Vector sums = inverse.colwise().sum();
    const auto others = static_cast<double>(k - 1);

    JackknifeVector result;
    result.value = result.spread = result.std_error = Vector(n);
    result.samples = k;
    result.products = 2 * k;
    parallel_for(tall_chunks(n), [&](Index c) {
        const Index first = c * tall_chunk, rows = tall_rows(c, n);
        const auto q = sketch.q().middleRows(first, rows), aq = sketch.aq().middleRows(first, rows);
        const Matrix omega = sketch.omega(0, k, {first, rows});
        const Matrix e = q * s, f = aq * s; // what leaving probe i out takes from Q and from A Q
        const Matrix ef = e.cwiseProduct(f), we = omega.cwiseProduct(e);
        Matrix estimates = we * rho.asDiagonal() - ef;
        // Column i: the mean over j of the estimates without i, up to the same diagonal.
        const Matrix outside = omega * rho.asDiagonal() - f;
        Matrix without = estimates * inverse - ef * sums.asDiagonal();
        without += f.cwiseProduct(e * cross) - e.cwiseProduct(outside * cross);
        without /= others;
        const Vector mean = without.rowwise().mean();
        result.std_error.segment(first, rows) =
            ((without.colwise() - mean).rowwise().squaredNorm() * others / static_cast<double>(k)).cwiseSqrt();

        estimates.colwise() += q.cwiseProduct(aq).rowwise().sum(); // the diagonal of Q Q'A
        summarize(estimates, first, result.value, result.spread);
    });
    return result;
}

LeaveOneOutVector xnysdiag(const SymmetricOperator& a, const XTraceOptions& options) {
    const Index n = a.dimension(), k = options.samples;
    check_options(options, "xnysdiag");
    if (gives_all(options, 1, n)) return exact_entries(all_products(a, options.block, "xnysdiag").diagonal());
    const Matrix omega = sign_probes(options.seed, n, 0, k);
    const Matrix y = products_with(a, omega, options, "xnysdiag");
    const Nystrom f = nystrom(omega, y, "xnysdiag");
    const Vector inverse = f.m_inverse.diagonal().cwiseInverse();
    LeaveOneOutVector result{Vector(n), Vector(n), k, k};
    parallel_for(tall_chunks(n), [&](Index chunk) {
        const Index first = chunk * tall_chunk, rows = tall_rows(chunk, n);
        const auto c = f.c.middleRows(first, rows);
        // F without probe i is F - c_i c_i' / g_ii, and (A - F_i) omega_i = c_i / g_ii.
        Matrix estimates = (c.cwiseProduct(omega.middleRows(first, rows)) - c.cwiseAbs2()) * inverse.asDiagonal();
        const Vector diagonal = c.cwiseProduct(f.y.middleRows(first, rows)).rowwise().sum().array() - f.shift;
        estimates.colwise() += diagonal;
        summarize(estimates, first, result.value, result.spread);
    });
    return result;
}

LeaveOneOutVector xrownorms_squared(const SymmetricOperator& a, const XTraceOptions& options) {
    const Index n = a.dimension();
    check_options(options, "xrownorms_squared");
    if (gives_all(options, 2, n))
        return exact_entries(all_products(a, options.block, "xrownorms_squared").rowwise().squaredNorm());
    const Sketch sketch = multiplied_sketch(a, SketchProbes::signs, options, "xrownorms_squared");
    const Index k = sketch.size();
    const Matrix s = sketch.left_out();
    const Matrix w = parallel_sum(tall_chunks(n), k, k, [&](Index c, Eigen::Ref<Matrix> sum) {
        const ProbeRows rows = {c * tall_chunk, tall_rows(c, n)};
        sum.noalias() += sketch.q().middleRows(rows.begin, rows.size).transpose() * sketch.omega(0, k, rows);
    });
    const Vector coordinate = s.cwiseProduct(w).colwise().sum();
    LeaveOneOutVector result{Vector(n), Vector(n), k, 2 * k};
    parallel_for(tall_chunks(n), [&](Index c) {
        const Index first = c * tall_chunk, rows = tall_rows(c, n);
        const auto q = sketch.q().middleRows(first, rows), aq = sketch.aq().middleRows(first, rows);
        const Matrix f = aq * s;
        // A (I - Q_i Q_i') omega_i = Q r_i - A Q w_i + (A Q s_i) (s_i'w_i).
        Matrix estimates = q * sketch.r() - aq * w + f * coordinate.asDiagonal();
        estimates = estimates.cwiseAbs2() - f.cwiseAbs2();
        estimates.colwise() += aq.rowwise().squaredNorm();
        summarize(estimates, first, result.value, result.spread);
    });
    return result;
}

} // namespace hessq
