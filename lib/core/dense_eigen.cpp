#include "hessq/core/dense_eigen.hpp"

#include "eager_products.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "lapack.hpp"

#include <Eigen/Householder>
#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace hessq {
namespace {

constexpr Index tile = 64;                 // columns of one task, whatever the number of threads
constexpr Index largest_dimension = 32766; // 1 + 6 n + 2 n^2 < 2^31

// (A + A') / 2, checked: LAPACK reads one triangle and would silently ignore the other.
Matrix checked_symmetric(MatrixView a, const std::string& function) {
    const Index n = a.rows();
    require(n == a.cols(), function, "the matrix must be square", std::to_string(n) + " x " + std::to_string(a.cols()));
    require(n >= 1, function, "the matrix must not be empty", n);
    require(n <= largest_dimension, function, "dimension must be at most 32766", n);
    require_finite(a, function + ": the matrix");
    Matrix result(n, n);
    double asymmetry = 0.0;
    for (Index q = 0; q < n; q += tile) // by tiles, or the transpose would cross the whole matrix for every column
        for (Index p = q; p < n; p += tile) {
            const Index rows = std::min(tile, n - p), cols = std::min(tile, n - q);
            const Matrix lower = a.block(p, q, rows, cols), upper = a.block(q, p, cols, rows).transpose();
            asymmetry = std::max(asymmetry, (lower - upper).cwiseAbs().maxCoeff());
            result.block(p, q, rows, cols) = 0.5 * (lower + upper);
            result.block(q, p, cols, rows) = 0.5 * (lower + upper).transpose();
        }
    require(asymmetry <= std::sqrt(std::numeric_limits<double>::epsilon()) * a.cwiseAbs().maxCoeff(), function,
            "the matrix must be symmetric to sqrt(eps) of its largest entry; largest |A_ij - A_ji|", asymmetry);
    return result;
}

/// The coordinates split by whether a symmetric matrix connects them to any other. Those it does not are eigenvectors.
struct Coordinates {
    std::vector<Index> coupled, alone;
};

Coordinates coordinates_of(const Matrix& a) {
    Coordinates result;
    for (Index j = 0; j < a.cols(); ++j) {
        const Index nonzero = (a.col(j).array() != 0.0).count() - (a(j, j) != 0.0 ? 1 : 0);
        (nonzero > 0 ? result.coupled : result.alone).push_back(j);
    }
    return result;
}

// Moves the chosen rows and columns to the top left corner. They ascend, so nothing is overwritten before it is read.
void gather(Matrix& a, const std::vector<Index>& chosen) {
    const auto m = static_cast<Index>(chosen.size());
    if (m == a.rows()) return;
    for (Index j = 0; j < m; ++j)
        for (Index i = 0; i < m; ++i)
            a(i, j) = a(chosen[static_cast<std::size_t>(i)], chosen[static_cast<std::size_t>(j)]);
}

void check(lapack_int info, const char* routine, Index n, const std::string& function) {
    if (info == LAPACK_WORK_MEMORY_ERROR)
        throw NumericalError(function + ": not enough memory for n = " + std::to_string(n));
    if (info != 0)
        throw NumericalError(function + ": LAPACK " + routine + " failed with info = " + std::to_string(info));
}

/// Q'AQ = T of a leading block: T's diagonal and the entries beside it, Q's reflections below the block's diagonal.
struct Tridiagonal {
    Vector diagonal, beside, scales;
};

Tridiagonal tridiagonalize(Matrix& a, Index m, const std::string& function) {
    use_one_blas_thread();
    Tridiagonal t{Vector(m), Vector(m), Vector(m)};
    check(LAPACKE_dsytrd(LAPACK_COL_MAJOR, 'L', static_cast<lapack_int>(m), a.data(), static_cast<lapack_int>(a.rows()),
                         t.diagonal.data(), t.beside.data(), t.scales.data()),
          "dsytrd", m, function);
    return t;
}

// Eigenvectors of the tridiagonal matrix; its diagonal becomes the eigenvalues.
Matrix divide_and_conquer(Tridiagonal& t, const std::string& function) {
    const Index m = t.diagonal.size();
    Matrix vectors(m, m);
    const auto size = static_cast<lapack_int>(m);
    check(LAPACKE_dstedc(LAPACK_COL_MAJOR, 'I', size, t.diagonal.data(), t.beside.data(), vectors.data(), size),
          "dstedc", m, function);
    return vectors;
}

/// Where the k-th smallest value of the coupled and the lonely coordinates together comes from.
std::vector<Index> ascending(const Vector& values) {
    std::vector<Index> order(static_cast<std::size_t>(values.size()));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return values(i) < values(j); });
    return order;
}

} // namespace

SymmetricEigen symmetric_eigen(MatrixView a) {
    const std::string function = "symmetric_eigen";
    Matrix work = checked_symmetric(a, function);
    const Coordinates coordinates = coordinates_of(work);
    const auto m = static_cast<Index>(coordinates.coupled.size());
    Vector values(work.rows());
    values.tail(work.rows() - m) = entries_at(work.diagonal(), coordinates.alone);
    Matrix vectors(0, 0);
    if (m > 0) {
        gather(work, coordinates.coupled);
        Tridiagonal t = tridiagonalize(work, m, function);
        vectors = divide_and_conquer(t, function);
        values.head(m) = t.diagonal;
        // As dormtr does, at the speed of Eigen's products.
        vectors.bottomRows(m - 1).applyOnTheLeft(
            Eigen::householderSequence(work.block(1, 0, m - 1, m - 1), t.scales.head(m - 1)));
    }
    if (m == work.rows()) return {std::move(values), std::move(vectors)};

    const std::vector<Index> order = ascending(values);
    work.setZero();
    for (Index k = 0; k < work.cols(); ++k) {
        const Index from = order[static_cast<std::size_t>(k)];
        if (from >= m)
            work(coordinates.alone[static_cast<std::size_t>(from - m)], k) = 1.0;
        else
            work.col(k)(coordinates.coupled) = vectors.col(from);
    }
    return {entries_at(values, order), std::move(work)};
}

Vector symmetric_eigenvalues(MatrixView a) {
    const std::string function = "symmetric_eigenvalues";
    Matrix work = checked_symmetric(a, function);
    const Coordinates coordinates = coordinates_of(work);
    const auto m = static_cast<Index>(coordinates.coupled.size());
    Vector values(work.rows());
    values.tail(work.rows() - m) = entries_at(work.diagonal(), coordinates.alone);
    if (m > 0) {
        gather(work, coordinates.coupled);
        Tridiagonal t = tridiagonalize(work, m, function);
        check(LAPACKE_dsterf(static_cast<lapack_int>(m), t.diagonal.data(), t.beside.data()), "dsterf", m, function);
        values.head(m) = t.diagonal;
    }
    std::sort(values.begin(), values.end());
    return values;
}

double largest_residual(MatrixView a, const SymmetricEigen& eigen) {
    const Index n = eigen.values.size(), blocks = (n + tile - 1) / tile;
    require(a.rows() == n && a.cols() == n, "largest_residual", "the matrix must be the decomposed one's size",
            std::to_string(a.rows()) + " x " + std::to_string(a.cols()));
    Vector largest(blocks);
    parallel_for(blocks, [&](Index b) {
        const Index first = b * tile, k = std::min(tile, n - first);
        const auto v = eigen.vectors.middleCols(first, k);
        Matrix r = v * (-eigen.values.segment(first, k)).asDiagonal();
        r.noalias() += a * v;
        largest(b) = r.colwise().norm().maxCoeff();
    });
    return largest.maxCoeff();
}

std::size_t symmetric_eigen_bytes(Index n) {
    require(n >= 1, "symmetric_eigen_bytes", "dimension must be at least 1", n);
    const auto m = static_cast<std::size_t>(n);
    return sizeof(double) * (2 * m * m + 4 * m + (1 + 4 * m + m * m)) + sizeof(lapack_int) * (3 + 5 * m);
}

Matrix apply_function(const SymmetricEigen& a, const std::function<double(double)>& f) {
    const Index n = a.values.size();
    const Vector values = a.values.unaryExpr(f);
    require_finite(values, "apply_function: f of the eigenvalues");
    const Matrix scaled = a.vectors * values.asDiagonal();
    Matrix result(n, n);
    // Each task makes the lower part of its columns; the mirror image makes the result exactly symmetric.
    parallel_for((n + tile - 1) / tile, [&](Index b) {
        const Index first = b * tile, k = std::min(tile, n - first);
        result.block(first, first, n - first, k).noalias() =
            scaled.bottomRows(n - first) * a.vectors.middleRows(first, k).transpose();
    });
    for (Index j = 0; j < n; ++j)
        for (Index i = j + 1; i < n; ++i) result(j, i) = result(i, j);
    return result;
}

Matrix absolute_value(const SymmetricEigen& a) {
    return apply_function(a, [](double lambda) { return std::abs(lambda); });
}

} // namespace hessq
