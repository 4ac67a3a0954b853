#include "products.hpp"

#include "hessq/core/counted_operator.hpp"
#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"
#include "hessq/estimators/probes.hpp"
#include "tall.hpp"

#include <cmath>
#include <fmt/format.h>

namespace hessq {
namespace {

constexpr double tolerance = 1e-6;
constexpr Index enough_pairs = 64;

Matrix named_product(const SymmetricOperator& a, MatrixView v, Index first, std::string_view function) {
    try {
        return a * v;
    } catch (const NumericalError& error) {
        throw error_in_products(function, first, v.cols(), error.what());
    }
}

} // namespace

Matrix multiply(const SymmetricOperator& a, MatrixView v, Index first, std::string_view function) {
    Matrix y = named_product(a, v, first, function);
    if (first == 0 && unit_of(y) != 1.0)
        throw error_in_products(function, first, v.cols(),
                                fmt::format("expected sizes between 1e-60 and 1e60, of which powers can be summed; got "
                                            "{:.3g}: scale the operator",
                                            y.lpNorm<Eigen::Infinity>()));
    return y;
}

Matrix all_products(const SymmetricOperator& a, Index block, std::string_view function) {
    const Matrix result = matrix_of(
        a.dimension(), block, [&](MatrixView units, Index first) { return named_product(a, units, first, function); });
    require_symmetric(result, function);
    return 0.5 * (result + result.transpose());
}

void SymmetryCheck::add(MatrixView z, MatrixView y) {
    if (z.cols() == 0 || seen_ > enough_pairs) return;
    seen_ += z.cols();
    if (z_.size() == 0) {
        z_ = z.col(0);
        y_ = y.col(0);
    }
    const Vector difference = inner(y, z_) - inner(z, y_);
    // The first column against itself is zero: whatever stands on its place tells nothing.
    const auto count = static_cast<double>(difference.size());
    const double scale = y_.squaredNorm() + y.squaredNorm() / count;
    if (scale > 0.0) require_symmetric(std::sqrt(2.0 * difference.squaredNorm() / count / scale), function_);
}

void require_symmetric(MatrixView m, std::string_view function) {
    const Matrix scaled = m / unit_of(m);
    const double norm = scaled.norm();
    if (norm > 0.0) require_symmetric((scaled - scaled.transpose()).norm() / norm, function);
}

void require_same_operator(const SymmetricOperator& a, double first_form, std::uint64_t seed, std::string_view file,
                           std::string_view function) {
    const Index n = a.dimension();
    const Matrix z = sign_probes(seed, n, 0, 1), y = multiply(a, z, 0, function);
    const double form = z.cwiseProduct(y).sum();
    // As far as two ways of computing the same product may differ, relative to |z| |A z|.
    if (std::abs(form - first_form) > tolerance * y.norm() * std::sqrt(static_cast<double>(n)))
        throw InputError(fmt::format("{}: expected the operator that it was made with, z'Az = {:.9g}; got {:.9g}", file,
                                     first_form, form));
}

} // namespace hessq
