#include "hessq/spectrum/eigenpairs.hpp"

#include "block_pairs.hpp"
#include "certificate.hpp"
#include "hessq/core/counted_operator.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"

#include <Spectra/SymEigsSolver.h>
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hessq {
namespace {

constexpr std::uint64_t pairs_stream = 0x73706563747261; // "spectra"
constexpr Index norm_products = 8;
constexpr Index most_examinations = 20;
constexpr Index dense_dimension = 3000; // 216 MB for symmetric_eigen

Matrix random_block(Index n, Index columns, std::uint64_t seed, std::uint64_t stream) {
    return normal_vector(RandomStream(seed, stream), n * columns).reshaped(n, columns);
}

/// The norm of A from below, and whether A is symmetric. From here on both are those of A in units of its size.
///
/// |A z| / |z| at the end of a power iteration: at least n^(-1/16) |A|, roughly, for a random start. A second random
/// vector beside the first shows whether z'Ax = x'Az.
double estimate_norm(CountedOperator& a, std::uint64_t seed, std::string_view function) {
    const Index n = a.dimension();
    Matrix start = random_block(n, 2, seed, pairs_stream);
    start.colwise().normalize();
    Matrix product = a * start;
    const double unit = unit_of(product);
    a.divide_by(unit);
    product /= unit;
    require_symmetric_products(start, product, function);
    Vector z = product.col(0);
    for (Index k = 1; k < norm_products && z.norm() > 0.0; ++k) z = (a * z.normalized()).col(0);
    return z.norm();
}

// A / norm + shift I. Spectra stops a pair when its residual is small against its own eigenvalue, which a zero
// eigenvalue never satisfies, and compares vectors with absolute constants, which an operator of norm 1e-12 upsets:
// with shift 2 the spectrum lies in about [1, 3]. Lanczos itself does not notice the change.
struct ScaledOperator {
    using Scalar = double;

    CountedOperator& a;
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
Index least_basis_dimension(Index wanted) { return wanted + 2; }

// BothEnds takes as many pairs from each end, the other rules come from one.
Index wanted_pairs(const EigenpairsOptions& options) {
    return options.top == 0 || options.bottom == 0 ? options.top + options.bottom
                                                   : 2 * std::max(options.top, options.bottom);
}

/// The outer pairs of the Krylov space of a random vector in which those that `rule` picks have converged.
OuterPairs krylov_pairs(CountedOperator& a, double norm, double shift, Spectra::SortRule rule, Index wanted,
                        const EigenpairsOptions& options) {
    // The last products are for the residuals.
    const Index affordable = options.max_products - a.products() - options.top - options.bottom - 1;
    const Index krylov = std::clamp(affordable, least_basis_dimension(wanted), basis_dimension(wanted));
    ScaledOperator scaled{a, norm, shift};
    RitzSolver solver(scaled, wanted, krylov);
    const Vector start = normal_vector(RandomStream(options.seed, pairs_stream + 1), a.dimension());
    solver.init(start.data());
    const Index restarts = std::max<Index>(0, (affordable - krylov) / (krylov - wanted));
    // An eighth: the residual is that of a matrix with eigenvalues up to 3, and the norm may be 40 % too small.
    solver.compute(rule, restarts, options.tolerance / 8.0);

    const SymmetricEigen ritz = symmetric_eigen(solver.projection());
    Matrix outer(krylov, options.top + options.bottom);
    outer << ritz.vectors.leftCols(options.bottom), ritz.vectors.rightCols(options.top);
    const Matrix vectors = solver.basis() * outer;
    const Matrix q = thin_qr(vectors).q;
    return outer_pairs(q, a * q, options.top, options.bottom);
}

/// What grows out of start vectors, and one random vector more than there are pairs missing.
OuterPairs warm_pairs(CountedOperator& a, MatrixView start, double norm, const EigenpairsOptions& options) {
    const Index n = a.dimension(), missing = std::max<Index>(0, options.top + options.bottom - start.cols());
    Matrix block(n, start.cols() + missing + 1);
    block << start, random_block(n, missing + 1, options.seed, pairs_stream + 1);
    return block_pairs(a, block,
                       {.top = options.top,
                        .bottom = options.bottom,
                        .tolerance = 0.5 * options.tolerance * norm,
                        .max_products = options.max_products});
}

/// The first pairs of an end whose residuals are small.
Index converged_pairs(const Eigenpairs& end, double tolerance) {
    Index count = 0;
    while (count < end.values.size() && end.residuals(count) <= tolerance) ++count;
    return count;
}

void set_certified(Eigenpairs& end, Index count) {
    end.certified.assign(static_cast<std::size_t>(end.values.size()), false);
    std::fill_n(end.certified.begin(), count, true);
}

/// Examines what was found and finds what was missed, until all is certified or the products have run out.
void certify(CountedOperator& a, OuterPairs& pairs, double norm, const EigenpairsOptions& options) {
    const Index n = a.dimension();
    const double tolerance = options.tolerance * norm;
    const Index wanted = options.top + options.bottom;
    const double chance = eigenpairs_failure_chance / static_cast<double>(wanted * most_examinations);
    for (Index k = 0; k < most_examinations; ++k) {
        const Index top = converged_pairs(pairs.top, tolerance), bottom = converged_pairs(pairs.bottom, tolerance);
        Matrix found(n, top + bottom);
        found << pairs.top.vectors.leftCols(top), pairs.bottom.vectors.leftCols(bottom);
        const Claims claims{found, pairs.top.values.head(top).array() + tolerance,
                            pairs.bottom.values.head(bottom).array() - tolerance};
        const auto stream = pairs_stream + 2 + 2 * static_cast<std::uint64_t>(k);
        const Verdict verdict = examine(a, claims, norm, chance, options.seed, stream, options.max_products);
        if (!verdict.refuted) {
            set_certified(pairs.top, verdict.above);
            set_certified(pairs.bottom, verdict.below);
            return;
        }
        const Index copies = std::min<Index>(10, std::max(options.top, options.bottom));
        Matrix start(n, wanted + copies);
        start << pairs.top.vectors, pairs.bottom.vectors, random_block(n, copies, options.seed, stream + 1);
        if (a.products() + start.cols() > options.max_products) return;
        pairs = block_pairs(a, start,
                            {.top = options.top,
                             .bottom = options.bottom,
                             .extra = copies,
                             .tolerance = 0.25 * tolerance,
                             .max_products = options.max_products});
        set_certified(pairs.top, 0);
        set_certified(pairs.bottom, 0);
    }
}

Eigenpairs reversed(const Eigenpairs& pairs) {
    return {pairs.values.reverse(), pairs.vectors.rowwise().reverse(), pairs.residuals.reverse(), pairs.certified};
}

/// To the pairs of unit A from those of A.
void multiply(Eigenpairs& pairs, double unit) {
    pairs.values *= unit;
    pairs.residuals *= unit;
}

/// From all eigenvalues of a matrix that fits, and so with their multiplicities.
OuterPairs dense_pairs(CountedOperator& a, const EigenpairsOptions& options, std::string_view function) {
    const Index n = a.dimension();
    Matrix matrix = matrix_of(n, 64, [&](MatrixView units, Index) { return a * units; });
    const double size = unit_of(matrix);
    a.divide_by(size);
    matrix /= size;
    const double norm = matrix.norm();
    if (norm > 0.0) require_symmetric((matrix - matrix.transpose()).norm() / norm, function);
    const SymmetricEigen eigen = symmetric_eigen(0.5 * (matrix + matrix.transpose()));
    const auto pairs = [&](MatrixView vectors) {
        Eigenpairs end = outer_pairs(vectors, a * vectors, vectors.cols(), 0).top;
        set_certified(end, vectors.cols());
        return end;
    };
    OuterPairs result;
    result.top = pairs(eigen.vectors.rightCols(options.top));
    result.bottom = reversed(pairs(eigen.vectors.leftCols(options.bottom)));
    return result;
}

/// Of the operator that is zero.
Eigenpairs zero_pairs(Index n, Index count) {
    Eigenpairs pairs{Vector::Zero(count), Matrix::Identity(n, count), Vector::Zero(count), {}};
    set_certified(pairs, count);
    return pairs;
}

double largest_value(const OuterPairs& pairs) {
    double largest = 0.0;
    for (const Eigenpairs* end : {&pairs.top, &pairs.bottom})
        if (end->values.size() > 0) largest = std::max(largest, end->values.cwiseAbs().maxCoeff());
    return largest;
}

bool converged(const OuterPairs& pairs, double tolerance) {
    return (pairs.top.residuals.array() <= tolerance).all() && (pairs.bottom.residuals.array() <= tolerance).all();
}

bool certain(const OuterPairs& pairs) {
    const auto all = [](const std::vector<bool>& c) { return std::find(c.begin(), c.end(), false) == c.end(); };
    return all(pairs.top.certified) && all(pairs.bottom.certified);
}

OuterPairs pairs_from_products(CountedOperator& a, double norm, EigenpairsOptions options, std::string_view function) {
    const Index n = a.dimension(), top = options.top, bottom = options.bottom, all_products = options.max_products;
    // Where n products give everything, a search that takes more is given up.
    const bool fits = options.certify && n <= dense_dimension;
    if (fits)
        options.max_products = std::min(all_products, std::max(a.products() + n, 2 * basis_dimension(top + bottom)));
    const Spectra::SortRule rule = top == 0      ? Spectra::SortRule::SmallestAlge
                                   : bottom == 0 ? Spectra::SortRule::LargestAlge
                                                 : Spectra::SortRule::BothEnds;
    OuterPairs pairs = options.start.size() > 0 ? warm_pairs(a, options.start, norm, options)
                                                : krylov_pairs(a, norm, 2.0, rule, wanted_pairs(options), options);
    norm = std::max(norm, largest_value(pairs));
    // A copy of an eigenvalue that turned up at the last moment has pushed another pair out, or is still rough.
    if (!converged(pairs, options.tolerance * norm) && a.products() + top + bottom < options.max_products) {
        Matrix start(n, top + bottom);
        start << pairs.top.vectors, pairs.bottom.vectors;
        pairs = warm_pairs(a, start, norm, options);
    }
    set_certified(pairs.top, 0);
    set_certified(pairs.bottom, 0);
    if (!options.certify) return pairs;
    if (fits) options.max_products = std::min(all_products, a.products() + n);
    if (converged(pairs, options.tolerance * norm) || !fits) certify(a, pairs, norm, options);
    if (fits && !certain(pairs) && a.products() + n + top + bottom <= all_products)
        pairs = dense_pairs(a, options, function);
    return pairs;
}

} // namespace

ExtremeEigenpairs extreme_eigenpairs(const SymmetricOperator& a, const EigenpairsOptions& options) {
    constexpr std::string_view function = "extreme_eigenpairs";
    const Index n = a.dimension(), top = options.top, bottom = options.bottom;
    const std::string range = " must lie in 0, ..., " + std::to_string(n);
    require(top >= 0 && top <= n, function, "top" + range, top);
    require(bottom >= 0 && bottom <= n, function, "bottom" + range, bottom);
    require(top + bottom >= 1, function, "top and bottom must not both be 0", top + bottom);
    require(options.tolerance > 0.0, function, "tolerance must be positive", options.tolerance);
    if (options.start.size() > 0) {
        require(options.start.rows() == n, function, "start must have " + std::to_string(n) + " rows",
                options.start.rows());
        require_finite(options.start, "extreme_eigenpairs: start");
    }

    const Index wanted = wanted_pairs(options);
    const bool small = n <= 64 || basis_dimension(wanted) >= n;
    const Index for_pairs = small ? n : norm_products + 2 + least_basis_dimension(wanted) + options.start.cols();
    const Index least = for_pairs + top + bottom;
    require(options.max_products >= least, function,
            "max_products must be at least " + std::to_string(least) + " for these pairs", options.max_products);

    CountedOperator counted(a, function);
    ExtremeEigenpairs result;
    OuterPairs pairs;
    if (small) {
        pairs = dense_pairs(counted, options, function);
    } else {
        result.norm = estimate_norm(counted, options.seed, function);
        if (result.norm == 0.0)
            pairs = {zero_pairs(n, top), zero_pairs(n, bottom)};
        else
            pairs = pairs_from_products(counted, result.norm, options, function);
    }
    result.norm = std::max(result.norm, largest_value(pairs));
    result.certified = certain(pairs);
    result.converged = converged(pairs, options.tolerance * result.norm);
    result.top = std::move(pairs.top);
    result.bottom = std::move(pairs.bottom);
    result.products = counted.products();
    result.norm *= counted.unit();
    multiply(result.top, counted.unit());
    multiply(result.bottom, counted.unit());
    return result;
}

SpectralNorm spectral_norm(const SymmetricOperator& a, double tolerance) {
    require(tolerance > 0.0, "spectral_norm", "tolerance must be positive", tolerance);
    const Index n = a.dimension();
    SpectralNorm result;
    const EigenpairsOptions ends{.top = 1, .bottom = 1, .tolerance = tolerance, .certify = false};
    CountedOperator counted(a, "spectral_norm");
    const double norm = n <= 64 ? 0.0 : estimate_norm(counted, ends.seed, "spectral_norm");
    Eigenpairs top, bottom;
    if (norm > 0.0) {
        OuterPairs pairs = krylov_pairs(counted, norm, 0.0, Spectra::SortRule::LargestMagn, 1, ends);
        top = std::move(pairs.top);
        bottom = std::move(pairs.bottom);
        multiply(top, counted.unit());
        multiply(bottom, counted.unit());
        result.products = counted.products();
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
