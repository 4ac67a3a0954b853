#include "hessq/solvers/nystrom.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/counted_operator.hpp"
#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hessq {
namespace {

constexpr std::uint64_t sketch_stream = 0x6e797374726f6d; // "nystrom"

/// (lambda_l + mu) / (lambda + mu).
Vector relative_inverse(const NystromApproximation& approximation, double damping, std::string_view function) {
    require(damping > 0.0, function, "damping must be positive", damping);
    const Vector& lambda = approximation.values;
    return (lambda.minCoeff() + damping) / (lambda.array() + damping);
}

/// U diag(values) U' + I - U U'.
SymmetricOperator identity_outside(const NystromApproximation& approximation, const Vector& values, std::string name) {
    const auto u = std::make_shared<const Matrix>(approximation.vectors);
    const Vector weights = values.array() - 1.0;
    return SymmetricOperator(
        u->rows(),
        [u, weights](MatrixView v) -> Matrix { return v + *u * (weights.asDiagonal() * Matrix(u->transpose() * v)); },
        std::move(name));
}

} // namespace

NystromApproximation nystrom_approximation(const SymmetricOperator& a, const NystromOptions& options) {
    constexpr std::string_view function = "nystrom_approximation";
    const Index n = a.dimension(), rank = options.rank;
    require(rank >= 1 && rank <= n, function, "rank must lie in 1, ..., " + std::to_string(n), rank);

    const Vector normals = normal_vector(RandomStream(options.seed, sketch_stream), n * rank);
    const Matrix w = thin_qr(normals.reshaped(n, rank)).q;
    Matrix y = CountedOperator(a, function) * w;
    const double unit = unit_of(y);
    y /= unit;
    Matrix core = w.transpose() * y;
    const double size = core.norm();
    if (size > 0.0) require_symmetric((core - core.transpose()).norm() / size, function);

    // A + nu I in the place of A, so that the core can be inverted; taken away again at the end.
    const double nu = std::sqrt(static_cast<double>(n)) * std::numeric_limits<double>::epsilon() * y.norm();
    y += nu * w;
    core = (0.5 * (core + core.transpose())).eval();
    core.diagonal().array() += nu;
    const SymmetricEigen eigen = symmetric_eigen(core);
    const double smallest = eigen.values(0) - nu, largest = eigen.values.cwiseAbs().maxCoeff() + nu;
    require(smallest >= -1e-6 * largest, function,
            "the operator must be positive semidefinite to 1e-6; measured v'Av / (|A| v'v)", smallest / largest);

    // B = Y core^(-1/2): B B' is the approximation, and its singular values are the roots of the eigenvalues.
    const Vector root = eigen.values.array().max(nu > 0.0 ? nu : 1.0).sqrt();
    ThinSvd b = thin_svd(y * eigen.vectors * root.cwiseInverse().asDiagonal());
    return {.vectors = std::move(b.u), .values = unit * (b.values.array().square() - nu).max(0.0)};
}

SymmetricOperator nystrom_preconditioner(const NystromApproximation& approximation, double damping) {
    return identity_outside(approximation, relative_inverse(approximation, damping, "nystrom_preconditioner"),
                            "Nystrom preconditioner");
}

SymmetricOperator nystrom_inverse_sqrt(const NystromApproximation& approximation, double damping) {
    return identity_outside(approximation, relative_inverse(approximation, damping, "nystrom_inverse_sqrt").cwiseSqrt(),
                            "inverse square root of the Nystrom preconditioner");
}

double effective_dimension(VectorView eigenvalues, double damping) {
    require(damping > 0.0, "effective_dimension", "damping must be positive", damping);
    require(eigenvalues.size() == 0 || eigenvalues.minCoeff() >= 0.0, "effective_dimension",
            "eigenvalues must not be negative", eigenvalues.size() == 0 ? 0.0 : eigenvalues.minCoeff());
    return (eigenvalues.array() / (eigenvalues.array() + damping)).sum();
}

Index nystrom_rank(double effective_dimension, Index dimension) {
    require(effective_dimension >= 0.0, "nystrom_rank", "the effective dimension must not be negative",
            effective_dimension);
    const double rank = 2.0 * std::ceil(1.5 * effective_dimension) + 1.0;
    return rank >= static_cast<double>(dimension) ? dimension : static_cast<Index>(rank);
}

} // namespace hessq
