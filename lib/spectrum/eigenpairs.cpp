#include "hessq/spectrum/eigenpairs.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/spectrum/dense_eigen.hpp"

#include <Eigen/QR>
#include <Spectra/SymEigsSolver.h>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace hessq {
namespace {

constexpr std::uint64_t start_stream = 0x73706563747261; // "spectra"
constexpr Index norm_products = 8;

// |A z| / |z| at the end of a power iteration: at least n^(-1/16) |A|, roughly, for a random start.
double estimate_norm(const SymmetricOperator& a, std::uint64_t seed) {
    Vector z = normal_vector(RandomStream(seed, start_stream), a.dimension());
    double norm = 0.0;
    for (Index k = 0; k < norm_products; ++k) {
        z = a * z.normalized();
        norm = z.norm();
        if (norm == 0.0) break;
    }
    return norm;
}

// A / norm + shift I. Spectra stops a pair when its residual is small against its own eigenvalue, which a zero
// eigenvalue never satisfies, and compares vectors with absolute constants, which an operator of norm 1e-12 upsets:
// with shift 2 the spectrum lies in about [1, 3]. Lanczos itself does not notice the change.
struct ScaledOperator {
    using Scalar = double;

    const SymmetricOperator& a;
    double norm, shift;

    Index rows() const { return a.dimension(); }
    Index cols() const { return a.dimension(); }
    void perform_op(const double* x, double* y) const {
        const Eigen::Map<const Vector> in(x, a.dimension());
        Eigen::Map<Vector>(y, a.dimension()) = (a * in) / norm + shift * in;
    }
};

// Spectra hands out converged pairs only; its factorisation has the others too.
class RitzSolver : public Spectra::SymEigsSolver<ScaledOperator> {
public:
    using SymEigsSolver::SymEigsSolver;

    const hessq::Matrix& basis() const { return m_fac.matrix_V(); }
    const hessq::Matrix& projection() const { return m_fac.matrix_H(); }
};

// Columns of the basis for k wanted pairs: fewer need less memory and more products.
Index basis_dimension(Index wanted) { return 2 * wanted + 40; }

// BothEnds takes as many pairs from each end, the other rules come from one.
Index wanted_pairs(const EigenpairsOptions& options) {
    return options.top == 0 || options.bottom == 0 ? options.top + options.bottom
                                                   : 2 * std::max(options.top, options.bottom);
}

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

/// The outer pairs of the Krylov space in which those that `rule` picks have converged.
struct OuterPairs {
    Eigenpairs top, bottom;
    Index products = 0;
};

OuterPairs krylov_pairs(const SymmetricOperator& a, double norm, double shift, Spectra::SortRule rule, Index wanted,
                        const EigenpairsOptions& options) {
    const Index krylov = basis_dimension(wanted);
    ScaledOperator scaled{a, norm, shift};
    RitzSolver solver(scaled, wanted, krylov);
    const Vector start = normal_vector(RandomStream(options.seed, start_stream + 1), a.dimension());
    solver.init(start.data());
    const Index restarts = std::max<Index>(0, (options.max_products - norm_products - krylov - 1) / (krylov - wanted));
    // An eighth: the residual is that of a matrix with eigenvalues up to 3, and the norm may be 40 % too small.
    solver.compute(rule, restarts, options.tolerance / 8.0);

    const SymmetricEigen ritz = symmetric_eigen(solver.projection());
    return {refine(a, solver.basis() * ritz.vectors.rightCols(options.top)),
            refine(a, solver.basis() * ritz.vectors.leftCols(options.bottom)),
            solver.num_operations() + options.top + options.bottom};
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
    const Index wanted = wanted_pairs(options);
    if (n <= 64 || basis_dimension(wanted) >= n) {
        const SymmetricEigen eigen = symmetric_eigen(to_dense(a));
        result.products = n + top + bottom;
        result.norm = eigen.values.cwiseAbs().maxCoeff();
        result.top = refine(a, eigen.vectors.rightCols(top));
        result.bottom = refine(a, eigen.vectors.leftCols(bottom));
    } else {
        result.norm = estimate_norm(a, options.seed);
        result.products = norm_products;
        if (result.norm == 0.0) {
            result.top = {Vector::Zero(top), Matrix::Identity(n, top), Vector::Zero(top)};
            result.bottom = {Vector::Zero(bottom), Matrix::Identity(n, bottom), Vector::Zero(bottom)};
        } else {
            const Spectra::SortRule rule = top == 0      ? Spectra::SortRule::SmallestAlge
                                           : bottom == 0 ? Spectra::SortRule::LargestAlge
                                                         : Spectra::SortRule::BothEnds;
            OuterPairs pairs = krylov_pairs(a, result.norm, 2.0, rule, wanted, options);
            result.top = std::move(pairs.top);
            result.bottom = std::move(pairs.bottom);
            result.products += pairs.products;
        }
    }
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
    const double norm = n <= 64 ? 0.0 : estimate_norm(a, ends.seed);
    Eigenpairs top, bottom;
    if (norm > 0.0) {
        OuterPairs pairs = krylov_pairs(a, norm, 0.0, Spectra::SortRule::LargestMagn, 1, ends);
        top = std::move(pairs.top);
        bottom = std::move(pairs.bottom);
        result.products = norm_products + pairs.products;
    }
    // The outer end has converged. The other one must not reach beyond it; if it may, both have to converge.
    const auto reach = [](const Eigenpairs& end) { return std::abs(end.values(0)) + end.residuals(0); };
    const auto size = [](const Eigenpairs& end) { return std::abs(end.values(0)); };
    if (norm == 0.0 || std::min(reach(top), reach(bottom)) > std::max(size(top), size(bottom))) {
        ExtremeEigenpairs pairs = extreme_eigenpairs(a, ends);
        top = std::move(pairs.top);
        bottom = std::move(pairs.bottom);
        result.products += pairs.products;
    }
    const Eigenpairs& outer = size(top) >= size(bottom) ? top : bottom;
    result.value = size(outer);
    result.residual = outer.residuals(0);
    result.converged = result.residual <= tolerance * result.value;
    return result;
}

} // namespace hessq
