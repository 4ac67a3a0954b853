#include "hessq/spectrum/eigenpairs.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/spectrum/dense_eigen.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

namespace hessq {
namespace {

constexpr std::uint64_t start_stream = 0x73706563747261; // "spectra"
constexpr Index check_interval = 8;                      // products between two looks at the Ritz values

// Columns of the basis for k wanted pairs: fewer need less memory and more products.
Index basis_dimension(Index wanted) { return 2 * wanted + 40; }

// Rayleigh-Ritz in the span of the columns: orthonormal vectors and true residuals for one product each.
Eigenpairs refine(const SymmetricOperator& a, const Matrix& vectors) {
    if (vectors.cols() == 0) return {Vector(), vectors, Vector()};
    const Matrix q =
        Eigen::HouseholderQR<Matrix>(vectors).householderQ() * Matrix::Identity(vectors.rows(), vectors.cols());
    const Matrix aq = a * q;
    const Matrix projected = q.transpose() * aq;
    const SymmetricEigen ritz = symmetric_eigen(0.5 * (projected + projected.transpose()));
    Eigenpairs pairs;
    pairs.values = ritz.values;
    pairs.vectors = q * ritz.vectors;
    pairs.residuals = (aq * ritz.vectors - pairs.vectors * ritz.values.asDiagonal()).colwise().norm();
    return pairs;
}

Eigenpairs reversed(const Eigenpairs& pairs) {
    return {pairs.values.reverse(), pairs.vectors.rowwise().reverse(), pairs.residuals.reverse()};
}

// Leaves of x what is orthogonal to the orthonormal columns of v, and returns V'x. The second pass removes what
// rounding left in the first.
Vector remove_projection(MatrixView v, Vector& x) {
    Vector coefficients = v.transpose() * x;
    x -= v * coefficients;
    const Vector rest = v.transpose() * x;
    x -= v * rest;
    return coefficients + rest;
}

struct RitzVectors {
    Matrix top, bottom; ///< in ascending order of their values
};

/// Of the Ritz values, ascending, with their residuals and a lower bound of |A|: is that what was asked for?
using Enough = std::function<bool(const Vector& values, const Vector& residuals, double norm)>;

// One Krylov space for both ends. When the basis is full, the Ritz vectors of its outer part take its place, and the
// last residual goes on from there: they span what Lanczos restarted with a polynomial filter would have.
RitzVectors lanczos(const SymmetricOperator& a, const EigenpairsOptions& options, const Enough& enough, double& norm,
                    Index& products) {
    const Index n = a.dimension(), top = options.top, bottom = options.bottom;
    const Index room = basis_dimension(top + bottom), spare = (room - top - bottom) / 4;
    const RandomStream random(options.seed, start_stream);
    Matrix basis(n, room), projected(room, room); // V and V'AV
    Index columns = 0;
    Vector next = normal_vector(random, n);
    for (;;) {
        basis.col(columns++) = next.normalized();
        next = a * basis.col(columns - 1);
        ++products;
        norm = std::max(norm, next.norm());
        projected.col(columns - 1).head(columns) = remove_projection(basis.leftCols(columns), next);
        projected.row(columns - 1).head(columns) = projected.col(columns - 1).head(columns).transpose();

        const bool spent = products >= options.max_products, full = columns == room;
        if (columns >= top + bottom && (spent || full || columns % check_interval == 0)) {
            const SymmetricEigen ritz = symmetric_eigen(projected.topLeftCorner(columns, columns));
            const Vector residuals = next.norm() * ritz.vectors.row(columns - 1).cwiseAbs().transpose();
            if (spent || enough(ritz.values, residuals, norm))
                return {basis.leftCols(columns) * ritz.vectors.rightCols(top),
                        basis.leftCols(columns) * ritz.vectors.leftCols(bottom)};
            if (full) {
                const Index low = bottom > 0 ? bottom + spare : 0, high = top > 0 ? top + spare : 0;
                Matrix kept(room, low + high);
                kept << ritz.vectors.leftCols(low), ritz.vectors.rightCols(high);
                columns = low + high;
                basis.leftCols(columns) = basis * kept;
                projected.topLeftCorner(columns, columns).setZero();
                projected.diagonal().head(columns) << ritz.values.head(low), ritz.values.tail(high);
            }
        }
        if (next.norm() <= 16.0 * std::numeric_limits<double>::epsilon() * norm) { // the space is invariant
            next = normal_vector(random, n, static_cast<std::uint64_t>(n * products));
            (void)remove_projection(basis.leftCols(columns), next);
        }
    }
}

} // namespace

ExtremeEigenpairs extreme_eigenpairs(const SymmetricOperator& a, const EigenpairsOptions& options) {
    const std::string function = "extreme_eigenpairs";
    const Index n = a.dimension(), top = options.top, bottom = options.bottom;
    const std::string range = " must lie in 0, ..., " + std::to_string(n);
    require(top >= 0 && top <= n, function, "top" + range, top);
    require(bottom >= 0 && bottom <= n, function, "bottom" + range, bottom);
    require(top + bottom >= 1, function, "top and bottom must not both be 0", top + bottom);
    require(options.tolerance > 0.0, function, "tolerance must be positive", options.tolerance);
    require(options.max_products >= 1, function, "max_products must be at least 1", options.max_products);

    ExtremeEigenpairs result;
    if (n <= 64 || basis_dimension(top + bottom) >= n) {
        const SymmetricEigen eigen = symmetric_eigen(to_dense(a));
        result.products = n;
        result.norm = eigen.values.cwiseAbs().maxCoeff();
        result.top = refine(a, eigen.vectors.rightCols(top));
        result.bottom = refine(a, eigen.vectors.leftCols(bottom));
    } else {
        const Enough both_ends = [&](const Vector&, const Vector& residuals, double norm) {
            return std::max(residuals.head(bottom).lpNorm<Eigen::Infinity>(),
                            residuals.tail(top).lpNorm<Eigen::Infinity>()) <= 0.5 * options.tolerance * norm;
        };
        const RitzVectors ritz = lanczos(a, options, both_ends, result.norm, result.products);
        result.top = refine(a, ritz.top);
        result.bottom = refine(a, ritz.bottom);
    }
    result.products += top + bottom;
    result.top = reversed(result.top);
    for (const Eigenpairs* end : {&result.top, &result.bottom})
        if (end->values.size() > 0) result.norm = std::max(result.norm, end->values.cwiseAbs().maxCoeff());
    result.converged = true;
    for (const Eigenpairs* end : {&result.top, &result.bottom})
        if (end->residuals.size() > 0 && end->residuals.maxCoeff() > options.tolerance * result.norm)
            result.converged = false;
    return result;
}

SpectralNorm spectral_norm(const SymmetricOperator& a, double tolerance) {
    require(tolerance > 0.0, "spectral_norm", "tolerance must be positive", tolerance);
    const Index n = a.dimension();
    SpectralNorm result;
    const EigenpairsOptions ends{.top = 1, .bottom = 1, .tolerance = tolerance};
    const auto take = [&](const Eigenpairs& pair) {
        if (std::abs(pair.values(0)) < result.value) return;
        result.value = std::abs(pair.values(0));
        result.residual = pair.residuals(0);
    };
    if (n <= 64) {
        const ExtremeEigenpairs pairs = extreme_eigenpairs(a, ends);
        take(pairs.top);
        take(pairs.bottom);
        result.products = pairs.products;
    } else {
        // The outer one of the two ends has converged, and the other one's interval does not reach beyond it.
        const Enough outer_end = [&](const Vector& values, const Vector& residuals, double norm) {
            const Index last = values.size() - 1;
            const bool high = std::abs(values(last)) >= std::abs(values(0));
            const Index outer = high ? last : 0, inner = high ? 0 : last;
            return residuals(outer) <= 0.5 * tolerance * norm &&
                   std::abs(values(inner)) + residuals(inner) <= std::abs(values(outer)) + residuals(outer);
        };
        double norm = 0.0;
        const RitzVectors ritz = lanczos(a, ends, outer_end, norm, result.products);
        take(refine(a, ritz.top));
        take(refine(a, ritz.bottom));
        result.products += 2;
    }
    result.converged = result.residual <= tolerance * result.value;
    return result;
}

} // namespace hessq
