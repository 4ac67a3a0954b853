#include "hessq/solvers/maxcut.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>

namespace hessq {
namespace {

/// Columns are the rows V_i: they lie together in memory.
Matrix random_units(Index n, std::uint64_t seed) {
    const auto rank = static_cast<Index>(std::ceil(std::sqrt(2.0 * static_cast<double>(n)))) + 1;
    Matrix v = normal_vector(RandomStream(seed, 0), rank * n).reshaped(rank, n);
    v.colwise().normalize();
    return v;
}

/// What P and V prove about each other.
void certify(const Matrix& h, const Matrix& v, MaxcutSolution& solution, double tolerance) {
    const auto n = static_cast<double>(h.rows());
    const Matrix hv = v * h;
    Matrix slack = -h;
    slack.diagonal() += 2.0 * solution.p;
    solution.certificate = symmetric_eigenvalues(slack)(0);
    solution.gap = solution.p.sum() + 0.5 * n * std::max(0.0, -solution.certificate) - 0.5 * v.cwiseProduct(hv).sum();
    solution.converged = solution.gap <= tolerance * (solution.p.cwiseAbs().sum() + h.diagonal().cwiseAbs().sum());
}

} // namespace

MaxcutSolution maxcut_diagonal(MatrixView h, const MaxcutOptions& options) {
    require(options.tolerance > 0.0, "maxcut_diagonal", "tolerance must be above 0", options.tolerance);
    require(options.max_sweeps >= 1, "maxcut_diagonal", "max_sweeps must be at least 1", options.max_sweeps);
    (void)symmetric_eigenvalues(h); // refuses what is not a finite symmetric matrix
    const Matrix symmetric = 0.5 * (h + h.transpose());
    Matrix others = symmetric; // without the diagonal, so that the sum over none of them is exactly zero
    others.diagonal().setZero();
    const Index n = h.rows();
    Matrix v = random_units(n, options.seed);
    MaxcutSolution solution;
    solution.p = Vector(n);
    while (!solution.converged && solution.sweeps < options.max_sweeps) {
        for (Index i = 0; i < n; ++i) {
            const Vector s = v * others.col(i);
            const double length = s.norm();
            if (length > 0.0) v.col(i) = s / length;
        }
        ++solution.sweeps;
        if (solution.sweeps % 10 != 0 && solution.sweeps != 1 && solution.sweeps != options.max_sweeps) continue;
        solution.p = 0.5 * (symmetric.diagonal() + (v * others).colwise().norm().transpose());
        certify(symmetric, v, solution, options.tolerance);
    }
    solution.rows = v.transpose();
    return solution;
}

} // namespace hessq
