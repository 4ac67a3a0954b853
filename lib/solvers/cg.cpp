#include "hessq/solvers/cg.hpp"

#include "hessq/core/counted_operator.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"
#include "symmetry_watch.hpp"

#include <limits>
#include <string_view>
#include <utility>

namespace hessq {

CgResult conjugate_gradients(const SymmetricOperator& a, VectorView b, const CgOptions& options) {
    constexpr std::string_view function = "conjugate_gradients";
    const Index n = a.dimension();
    require_size(b.size(), n, function, "b");
    require_finite(b, "conjugate_gradients: b");
    require(options.tolerance >= 0.0, function, "tolerance must be at least 0", options.tolerance);
    require(options.max_iterations >= 1, function, "max_iterations must be at least 1", options.max_iterations);

    if (options.preconditioner) require_size(options.preconditioner->dimension(), n, function, "the preconditioner");

    const double unit = unit_of(b);
    const double target = options.tolerance * (b / unit).norm();
    const double rounding = static_cast<double>(n) * std::numeric_limits<double>::epsilon();
    CountedOperator counted(a, function);
    SymmetryWatch watch(function);
    CgResult result;
    result.x = Vector::Zero(n);
    Vector r = b / unit, z, p;
    // z = P^-1 r; r'z.
    const auto precondition = [&] {
        if (!options.preconditioner) {
            z = r;
            return r.squaredNorm();
        }
        z = *options.preconditioner * r;
        const double rz = r.dot(z);
        require(rz > 0.0 || r.norm() == 0.0, function, "the preconditioner must be positive definite; r'P^-1 r", rz);
        return rz;
    };
    double rz = precondition();
    p = z;
    const auto measure_residual = [&] {
        r = b / unit - counted * result.x;
        result.residual = r.norm();
        return result.residual <= target;
    };
    const auto finished = [&] {
        result.x *= unit;
        require_finite(result.x, "conjugate_gradients: x");
        result.residual *= unit;
        result.products = counted.products();
        return std::move(result);
    };
    for (;;) {
        if (r.norm() <= target) {
            if (measure_residual()) {
                result.status = CgStatus::converged;
                return finished();
            }
            rz = precondition();
            p = z;
        }
        if (result.iterations == options.max_iterations) break;
        const Vector ap = counted * p;
        const double curvature = p.dot(ap);
        watch.see(p, ap);
        if (curvature <= rounding * watch.norm() * p.squaredNorm()) {
            result.status = CgStatus::negative_curvature;
            result.negative_curvature = p.normalized();
            break;
        }
        const double alpha = rz / curvature;
        result.x += alpha * p;
        r -= alpha * ap;
        const double before = rz;
        rz = precondition();
        p = z + (rz / before) * p;
        ++result.iterations;
    }
    measure_residual();
    return finished();
}

} // namespace hessq
