#include "hessq/solvers/minres.hpp"

#include "hessq/core/counted_operator.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"
#include "symmetry_watch.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

/// The iteration on A x = b from x = 0, as far as its own recursions carry.
struct Sweep {
    Vector x;
    bool stationary = false; ///< A r vanished
};

struct Limits {
    double residual; ///< at which a sweep ends
    double singular; ///< |A r| / (|A| |r|) at which it ends
    Index max_iterations;
};

Sweep sweep(const std::function<Vector(const Vector&)>& product, const Vector& b, const Limits& limits,
            MinresResult& result) {
    const Index n = b.size();
    Sweep out{Vector::Zero(n)};
    double beta = b.norm(), phi = beta;
    Vector v = b / beta, v_before = Vector::Zero(n), d = Vector::Zero(n), d_before = Vector::Zero(n), r = b;
    double c = -1.0, s = 0.0, delta = 0.0, epsilon = 0.0, norm = 0.0;
    SymmetryWatch watch("minres");
    beta = 0.0; // beta_k; the first step has none
    // Where the Krylov space is exhausted, lost orthogonality keeps |A r| from falling further than about this.
    const double floor = std::sqrt(std::numeric_limits<double>::epsilon());
    double least_share = 1.0, best_phi = phi;
    Vector best;
    while (result.iterations < limits.max_iterations && phi > limits.residual) {
        Vector p = product(v);
        watch.see(v, p);
        const double alpha = v.dot(p);
        p -= alpha * v + beta * v_before;
        const double next = length_of(p);
        norm = std::max(norm, std::hypot(alpha, beta, next));

        const double delta_now = c * delta + s * alpha, gamma_bar = s * delta - c * alpha;
        const double epsilon_next = s * next, delta_next = -c * next;
        if (result.negative_curvature.size() == 0 && -c * gamma_bar < 0.0) // r'Ar = -c gamma phi^2
            result.negative_curvature = r.normalized();
        // |A r| = phi |(gamma_bar, delta_next)|
        const double share = norm > 0.0 ? std::hypot(gamma_bar, delta_next) / norm : 0.0;
        if (share <= limits.singular) return {std::move(out.x), true};
        if (share < least_share) {
            least_share = share;
            if (share <= floor) {
                best = out.x;
                best_phi = phi;
            }
        } else if (least_share <= floor && share > 100.0 * least_share && phi > 0.9 * best_phi) {
            return {std::move(best), true}; // it has risen again, and the residual did not fall
        }
        const double gamma = std::hypot(gamma_bar, next);
        c = gamma_bar / gamma;
        s = next / gamma;
        Vector d_next = (v - delta_now * d - epsilon * d_before) / gamma;
        out.x += c * phi * d_next;
        phi *= s;
        ++result.iterations;
        d_before = std::move(d);
        d = std::move(d_next);
        if (next == 0.0) break; // the Krylov space is exhausted
        v_before = std::move(v);
        v = p / next;
        r = s * s * r - phi * c * v;
        beta = next;
        delta = delta_next;
        epsilon = epsilon_next;
    }
    return out;
}

} // namespace

MinresResult minres(const SymmetricOperator& a, VectorView b, const MinresOptions& options) {
    constexpr std::string_view function = "minres";
    const Index n = a.dimension();
    require_size(b.size(), n, function, "b");
    require_finite(b, "minres: b");
    require(options.tolerance >= 0.0, function, "tolerance must be at least 0", options.tolerance);
    require(options.max_iterations >= 1, function, "max_iterations must be at least 1", options.max_iterations);

    const auto& root = options.inverse_sqrt;
    if (root) require_size(root->dimension(), n, function, "P^(-1/2)");
    const auto preconditioned = [&](const Vector& v) -> Vector { return root ? Vector(*root * v) : v; };
    CountedOperator counted(a, function);
    const auto product = [&](const Vector& v) -> Vector { return preconditioned(counted * preconditioned(v)); };

    const double unit = unit_of(b);
    Vector r = b / unit, ar = Vector::Zero(n);
    const double target = options.tolerance * r.norm();
    const double rounding = static_cast<double>(n) * std::numeric_limits<double>::epsilon();
    const double singular = std::max(options.tolerance, rounding);
    MinresResult result;
    result.x = Vector::Zero(n);
    result.residual = r.norm();
    bool stationary = false;
    while (result.residual > target && result.iterations < options.max_iterations && !stationary) {
        const Vector start = preconditioned(r);
        const double before = start.norm();
        // As many times smaller as the residual itself has to become.
        const Limits limits{target * (before / result.residual), singular, options.max_iterations};
        const Sweep step = sweep(product, start, limits, result);
        const Vector x = result.x + preconditioned(step.x);
        const Vector residual = b / unit - counted * x;
        stationary = step.stationary;
        const double after = preconditioned(residual).norm();
        if (after > before) break;
        result.x = x;
        r = residual;
        result.residual = r.norm();
        if (after > 0.5 * before) break;
    }
    if (result.residual > 0.0) ar = counted * r;
    result.normal_residual = length_of(ar);
    if (result.residual <= target) {
        result.status = MinresStatus::converged;
    } else if (stationary) {
        result.status = MinresStatus::inconsistent;
        // y lies in the Krylov space of P^(-1/2) b, whose only direction that P^(-1/2) A maps to zero is P^(-1/2) r.
        const Vector null = preconditioned(preconditioned(r));
        result.x -= r.dot(result.x) / r.dot(null) * null;
    }
    if (result.negative_curvature.size() > 0) {
        result.negative_curvature = preconditioned(result.negative_curvature).normalized();
        const Vector image = counted * result.negative_curvature;
        if (result.negative_curvature.dot(image) >= 0.0) result.negative_curvature.resize(0);
    }
    result.x *= unit;
    require_finite(result.x, "minres: x");
    result.residual *= unit;
    result.normal_residual *= unit;
    result.products = counted.products();
    return result;
}

} // namespace hessq
