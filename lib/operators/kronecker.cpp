#include "hessq/operators/kronecker.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/outer_product.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Weight = Eigen::Map<const RowMajor>;

Index chunks(Index samples) { return (samples + sample_chunk - 1) / sample_chunk; }

/// The sum of term(G_s) over samples, over their number.
template <class Term>
Matrix mean_of(const Matrix& gradients, Index rows, Index cols, Index size, const Term& term) {
    const Index m = gradients.cols();
    const Matrix sum = parallel_sum(chunks(m), size, size, [&](Index c, Eigen::Ref<Matrix> partial) {
        const Index end = std::min(m, (c + 1) * sample_chunk);
        for (Index s = c * sample_chunk; s < end; ++s) partial += term(Weight(gradients.col(s).data(), rows, cols));
    });
    return sum / static_cast<double>(m);
}

void check_shape(Index size, Index rows, Index cols, std::string_view function, std::string_view what) {
    require(rows >= 1 && cols >= 1, function, "rows and cols must be at least 1; the smaller", std::min(rows, cols));
    require(size == rows * cols, function, std::string(what) + " must have " + std::to_string(rows * cols) + " rows",
            size);
}

Matrix root_of(const Matrix& a) {
    const SymmetricEigen eigen = symmetric_eigen(a);
    // What rounding left of a zero eigenvalue has a root that is no longer small.
    const Vector& values = eigen.values;
    const double zero =
        static_cast<double>(a.rows()) * std::numeric_limits<double>::epsilon() * values.cwiseAbs().maxCoeff();
    const Vector root = (values.array() > zero).select(values, 0.0).cwiseSqrt();
    return eigen.vectors * root.asDiagonal() * eigen.vectors.transpose();
}

Matrix symmetric_part(const Matrix& a) { return 0.5 * (a + a.transpose()); }

/// The power iteration from one start.
KroneckerFit iterate(const KroneckerMap& a, Matrix right, const NearestKroneckerOptions& options) {
    right /= right.norm();
    Matrix left = symmetric_part(a.to_left(right));
    Index steps = 1;
    bool converged = false;
    while (!converged && steps < options.max_iterations && left.norm() > 0.0) {
        Matrix next = symmetric_part(a.to_right(left));
        if (next.norm() == 0.0) break;
        next /= next.norm();
        converged = (next - right).norm() <= options.tolerance;
        right = std::move(next);
        left = symmetric_part(a.to_left(right));
        ++steps;
    }
    if (left.norm() == 0.0) converged = true; // A maps this to zero: there is nothing to find from here
    const double size = std::sqrt(left.norm());
    if (size > 0.0) {
        left /= size;
        right *= size;
    } else {
        right.setZero();
    }
    KroneckerFit fit = kronecker_fit(a, std::move(left), std::move(right));
    fit.iterations = steps;
    fit.converged = converged;
    return fit;
}

void require_semidefinite(const KroneckerMap& a, std::string_view function) {
    require(a.semidefinite, function, "the matrix must be known to be positive semidefinite", "one that is not");
}

} // namespace

KroneckerMap gradient_kronecker_map(Matrix gradients, Index rows, Index cols) {
    constexpr std::string_view function = "gradient_kronecker_map";
    check_shape(gradients.rows(), rows, cols, function, "gradients");
    require(gradients.cols() >= 1, function, "there must be a gradient", gradients.cols());
    require_finite(gradients, "gradient_kronecker_map: gradients");
    const auto m = static_cast<double>(gradients.cols());
    KroneckerMap map{.rows = rows, .cols = cols, .semidefinite = true};
    // |F F'| = |F' F|
    map.squared_norm = gradients.rows() <= gradients.cols()
                           ? outer_product(gradients).squaredNorm() / (m * m)
                           : outer_product(gradients.transpose()).squaredNorm() / (m * m);
    const auto kept = std::make_shared<const Matrix>(std::move(gradients));
    map.to_left = [kept, rows, cols](MatrixView r) {
        return mean_of(*kept, rows, cols, rows, [&](const Weight& g) -> Matrix { return g * r * g.transpose(); });
    };
    map.to_right = [kept, rows, cols](MatrixView l) {
        return mean_of(*kept, rows, cols, cols, [&](const Weight& g) -> Matrix { return g.transpose() * l * g; });
    };
    return map;
}

KroneckerMap dense_kronecker_map(MatrixView block, Index rows, Index cols) {
    constexpr std::string_view function = "dense_kronecker_map";
    check_shape(block.rows(), rows, cols, function, "the block");
    require(block.rows() == block.cols(), function, "the block must be square; its columns", block.cols());
    require_finite(block, "dense_kronecker_map: the block");
    const auto a = std::make_shared<const Matrix>(symmetric_part(block));
    KroneckerMap map{.rows = rows, .cols = cols, .squared_norm = a->squaredNorm()};
    // A's block (i, k) holds A_(ij),(kl) for all j and l.
    map.to_left = [a, rows, cols](MatrixView r) {
        Matrix left(rows, rows);
        parallel_for(rows, [&](Index k) {
            for (Index i = 0; i < rows; ++i)
                left(i, k) = a->block(i * cols, k * cols, cols, cols).cwiseProduct(r).sum();
        });
        return left;
    };
    map.to_right = [a, rows, cols](MatrixView l) {
        return parallel_sum(rows, cols, cols, [&](Index k, Eigen::Ref<Matrix> sum) {
            for (Index i = 0; i < rows; ++i) sum += l(i, k) * a->block(i * cols, k * cols, cols, cols);
        });
    };
    return map;
}

std::vector<Index> weight_and_bias(const ParameterGroup& weight, const ParameterGroup& bias) {
    require(bias.cols == 1, "weight_and_bias", "the bias must have one column", bias.cols);
    require(bias.rows == weight.rows, "weight_and_bias", "the bias must have " + std::to_string(weight.rows) + " rows",
            bias.rows);
    std::vector<Index> indices;
    for (Index i = 0; i < weight.rows; ++i) {
        for (Index j = 0; j < weight.cols; ++j) indices.push_back(weight.offset + i * weight.cols + j);
        indices.push_back(bias.offset + i);
    }
    return indices;
}

KroneckerFit kronecker_fit(const KroneckerMap& a, Matrix left, Matrix right) {
    require(left.rows() == a.rows && left.cols() == a.rows, "kronecker_fit",
            "left must be square with " + std::to_string(a.rows) + " rows", left.rows());
    require(right.rows() == a.cols && right.cols() == a.cols, "kronecker_fit",
            "right must be square with " + std::to_string(a.cols) + " rows", right.rows());
    const double inner = left.cwiseProduct(a.to_left(right)).sum(), squared = left.squaredNorm() * right.squaredNorm();
    const double cosine = inner / std::sqrt(a.squared_norm * squared);
    const double error = std::sqrt(std::max(0.0, a.squared_norm - 2.0 * inner + squared));
    return {.left = std::move(left), .right = std::move(right), .error = error, .cosine = cosine};
}

KroneckerFit nearest_kronecker(const KroneckerMap& a, const NearestKroneckerOptions& options) {
    require(options.tolerance > 0.0, "nearest_kronecker", "tolerance must be positive", options.tolerance);
    require(options.max_iterations >= 1, "nearest_kronecker", "max_iterations must be at least 1",
            options.max_iterations);
    KroneckerFit fit = iterate(a, Matrix::Identity(a.cols, a.cols), options);
    if (a.semidefinite) return fit;
    // The identity may be orthogonal to the best factor, or nearly so.
    constexpr std::uint64_t stream = 0x6b726f6e; // "kron"
    const Matrix random = normal_vector(RandomStream(0, stream), a.cols * a.cols).reshaped(a.cols, a.cols);
    KroneckerFit other = iterate(a, symmetric_part(random), options);
    return other.error < fit.error ? other : fit;
}

KroneckerFit shampoo_kronecker(const KroneckerMap& a) {
    require_semidefinite(a, "shampoo_kronecker");
    return kronecker_fit(a, root_of(a.to_left(Matrix::Identity(a.cols, a.cols))),
                         root_of(a.to_right(Matrix::Identity(a.rows, a.rows))));
}

KroneckerFit shampoo_squared_kronecker(const KroneckerMap& a) {
    require_semidefinite(a, "shampoo_squared_kronecker");
    Matrix left = a.to_left(Matrix::Identity(a.cols, a.cols));
    const double trace = left.trace();
    if (trace > 0.0) left /= trace;
    return kronecker_fit(a, std::move(left), a.to_right(Matrix::Identity(a.rows, a.rows)));
}

KroneckerFit kfac_kronecker(const KroneckerMap& a, MatrixView weight_gradients, MatrixView bias_gradients) {
    constexpr std::string_view function = "kfac_kronecker";
    check_shape(weight_gradients.rows(), a.rows, a.cols, function, "weight_gradients");
    const Index m = weight_gradients.cols();
    require(bias_gradients.rows() == a.rows, function, "bias_gradients must have " + std::to_string(a.rows) + " rows",
            bias_gradients.rows());
    require(bias_gradients.cols() == m && m >= 1, function,
            "bias_gradients must have as many columns as weight_gradients (" + std::to_string(m) + "), at least 1",
            bias_gradients.cols());
    Matrix inputs(a.cols, m);
    Index known = 0;
    for (Index s = 0; s < m; ++s) {
        const Weight g(weight_gradients.col(s).data(), a.rows, a.cols);
        const Vector d = bias_gradients.col(s);
        const double squared = d.squaredNorm();
        if (squared > 0.0) inputs.col(known) = g.transpose() * d / squared;
        const Matrix rest = squared > 0.0 ? Matrix(g - d * inputs.col(known).transpose()) : Matrix(g);
        require(rest.norm() <= 1e-8 * g.norm(), function, "every gradient must be d a' to 1e-8; measured distance",
                rest.norm() / g.norm());
        if (squared > 0.0) ++known;
    }
    Matrix right = outer_product(inputs.leftCols(known));
    if (known > 0) right /= static_cast<double>(known);
    return kronecker_fit(a, outer_product(bias_gradients) / static_cast<double>(m), std::move(right));
}

} // namespace hessq
