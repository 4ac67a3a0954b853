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

namespace hessq {
namespace {

constexpr std::uint64_t start_stream = 0x73706563747261; // "spectra"
constexpr Index norm_products = 16;

// |A z| / |z| at the end of a power iteration: at least n^(-1/32) |A|, roughly, for a random start.
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

// sign A / norm + 2 I, whose spectrum lies in about [1, 3]. Spectra stops a pair when its residual is small against its
// own eigenvalue, which a zero eigenvalue never satisfies, and compares vectors with absolute constants, which an
// operator of norm 1e-12 upsets. Lanczos itself does not notice the change.
struct ScaledOperator {
    using Scalar = double;

    const SymmetricOperator& a;
    double sign, norm;

    Index rows() const { return a.dimension(); }
    Index cols() const { return a.dimension(); }
    void perform_op(const double* x, double* y) const {
        const Eigen::Map<const Vector> in(x, a.dimension());
        Eigen::Map<Vector>(y, a.dimension()) = (sign / norm) * (a * in) + 2.0 * in;
    }
};

// Spectra hands out converged pairs only; its factorisation has the others too.
class RitzSolver : public Spectra::SymEigsSolver<ScaledOperator> {
public:
    using SymEigsSolver::SymEigsSolver;

    const hessq::Matrix& basis() const { return m_fac.matrix_V(); }
    const hessq::Matrix& projection() const { return m_fac.matrix_H(); }
};

Index krylov_dimension(Index count) { return 2 * count + 20; }

// Rayleigh-Ritz in the span of the columns: orthonormal vectors and true residuals for one product each. Where
// Lanczos broke down, Spectra's own vectors need not be orthogonal, and two of them may even be the same.
Eigenpairs refine(const SymmetricOperator& a, const Matrix& vectors) {
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

// The `count` largest eigenvalues of sign A as eigenvalues of A, outermost first.
Eigenpairs one_end(const SymmetricOperator& a, Index count, double sign, double norm, const EigenpairsOptions& options,
                   Index& products) {
    const Index n = a.dimension(), krylov = krylov_dimension(count);
    ScaledOperator scaled{a, sign, norm};
    RitzSolver solver(scaled, count, krylov);
    const Vector start = normal_vector(RandomStream(options.seed, start_stream + (sign > 0.0 ? 1 : 2)), n);
    solver.init(start.data());
    const Index restarts = std::max<Index>(0, (options.max_products - krylov - 1 - count) / (krylov - count));
    // An eighth: the residual is that of a matrix with eigenvalues up to 3, and the norm may be 30 % too small.
    solver.compute(Spectra::SortRule::LargestAlge, restarts, options.tolerance / 8.0);

    products += solver.num_operations() + count;
    const SymmetricEigen ritz = symmetric_eigen(solver.projection());
    const Eigenpairs pairs = refine(a, solver.basis() * ritz.vectors.rightCols(count));
    return sign > 0.0 ? reversed(pairs) : pairs;
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
    result.top.vectors = result.bottom.vectors = Matrix(n, 0);
    if (n <= 64 || krylov_dimension(std::max(top, bottom)) >= n) {
        const SymmetricEigen eigen = symmetric_eigen(to_dense(a));
        result.products = n + top + bottom;
        result.norm = eigen.values.cwiseAbs().maxCoeff();
        if (top > 0) result.top = reversed(refine(a, eigen.vectors.rightCols(top)));
        if (bottom > 0) result.bottom = refine(a, eigen.vectors.leftCols(bottom));
    } else {
        const double norm = estimate_norm(a, options.seed);
        result.products = norm_products;
        if (norm == 0.0) {
            result.top = {Vector::Zero(top), Matrix::Identity(n, top), Vector::Zero(top)};
            result.bottom = {Vector::Zero(bottom), Matrix::Identity(n, bottom), Vector::Zero(bottom)};
        } else {
            if (top > 0) result.top = one_end(a, top, 1.0, norm, options, result.products);
            if (bottom > 0) result.bottom = one_end(a, bottom, -1.0, norm, options, result.products);
        }
        result.norm = norm;
        for (const Eigenpairs* end : {&result.top, &result.bottom})
            if (end->values.size() > 0) result.norm = std::max(result.norm, end->values.cwiseAbs().maxCoeff());
    }
    result.converged = true;
    for (const Eigenpairs* end : {&result.top, &result.bottom})
        if (end->residuals.size() > 0 && end->residuals.maxCoeff() > options.tolerance * result.norm)
            result.converged = false;
    return result;
}

} // namespace hessq
