#include "hessq/preconditioners/full_matrix.hpp"

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/factorizations.hpp"
#include "hessq/core/outer_product.hpp"
#include "hessq/core/require.hpp"

#include <cmath>
#include <utility>

namespace hessq {
namespace {

/// U diag(entries) U' + outside (I - U U'), U orthonormal.
struct Spectral {
    Matrix basis;
    Vector entries;
    double outside;
};

class FullMatrix final : public Preconditioner {
public:
    explicit FullMatrix(Spectral spectral) : spectral_(std::make_shared<const Spectral>(std::move(spectral))) {}

    std::string name() const override { return "full_matrix"; }
    SymmetricOperator matrix() const override { return power(1.0, name()); }
    SymmetricOperator inverse() const override { return power(-1.0, name() + " inverse"); }
    SymmetricOperator inverse_sqrt() const override { return power(-0.5, name() + " inverse square root"); }

private:
    SymmetricOperator power(double exponent, std::string name) const {
        // A complete basis has no outside, and v - U U'v would be rounding error times 1 / eps.
        const bool complete = spectral_->basis.cols() == spectral_->basis.rows();
        const double outside = complete ? 0.0 : std::pow(spectral_->outside, exponent);
        const Vector more = spectral_->entries.array().pow(exponent) - outside;
        return SymmetricOperator(
            spectral_->basis.rows(),
            [spectral = spectral_, more, outside](MatrixView v) {
                const Matrix& u = spectral->basis;
                const Matrix coefficients = more.asDiagonal() * (u.transpose() * v);
                Matrix result = outside * v;
                result.noalias() += u * coefficients;
                return result;
            },
            std::move(name));
    }

    std::shared_ptr<const Spectral> spectral_;
};

} // namespace

std::unique_ptr<Preconditioner> full_matrix_preconditioner(MatrixView factor, const FullMatrixOptions& options) {
    const Index n = factor.rows(), steps = factor.cols();
    require(factor.size() >= 1, "full_matrix_preconditioner", "the factor must not be empty",
            std::to_string(n) + " x " + std::to_string(steps));
    require(options.eps > 0.0, "full_matrix_preconditioner", "eps must be greater than 0", options.eps);
    require_finite(factor, "the factor of the full-matrix preconditioner");
    const auto entries = [&](const SymmetricEigen& squares) -> Vector {
        return squares.values.cwiseMax(0.0).cwiseSqrt().array() + options.eps;
    };
    if (steps >= n) {
        SymmetricEigen eigen = symmetric_eigen(outer_product(factor));
        const Vector d = entries(eigen);
        return std::make_unique<FullMatrix>(Spectral{std::move(eigen.vectors), d, options.eps});
    }
    // F = Q R and F F' = Q (R R') Q'. The Gram matrix F'F would give eigenvectors F z / sigma that lose their
    // orthogonality with the square of the condition number; these are orthonormal to rounding.
    const ThinQr qr = thin_qr(factor);
    const SymmetricEigen eigen = symmetric_eigen(outer_product(qr.r));
    return std::make_unique<FullMatrix>(Spectral{qr.q * eigen.vectors, entries(eigen), options.eps});
}

} // namespace hessq
