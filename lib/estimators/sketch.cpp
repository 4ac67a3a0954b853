#include "sketch.hpp"

#include "hessq/core/dense_eigen.hpp"
#include "hessq/core/large_matrix.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "intervals.hpp"
#include "products.hpp"
#include "tall.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace hessq {
namespace {

constexpr double unit_spacing = std::numeric_limits<double>::epsilon();

/// R with a diagonal that can be divided by: where a product lies in the range of the others, R_ii is rounding or zero.
Matrix invertible(const Matrix& r) {
    Matrix result = r;
    const double norm = r.norm(), least = norm > 0.0 ? unit_spacing * norm : 1.0;
    for (Index i = 0; i < r.rows(); ++i)
        if (std::abs(r(i, i)) < least) result(i, i) = least;
    return result;
}

} // namespace

Matrix Sketch::omega(Index first, Index count, ProbeRows rows) const {
    return law_ == SketchProbes::signs ? sign_probes(seed_, q_.rows(), first, count, rows)
                                       : normal_probes(seed_, q_.rows(), first, count, rows);
}

void Sketch::reserve(Index n, Index size) {
    if (size <= q_.cols()) return;
    for (Matrix* m : {&q_, &aq_}) {
        Matrix larger = large_matrix(n, size);
        if (m->size() > 0) larger.leftCols(m->cols()) = *m;
        *m = std::move(larger);
    }
}

Matrix Sketch::grow(const SymmetricOperator& a, Index count, std::string_view function) {
    const Index n = a.dimension(), old = size(), k = old + count;
    if (k > q_.cols()) reserve(n, std::min(n, std::max(k, 2 * q_.cols())));
    resize_large(grown_, n, count);
    law_ == SketchProbes::signs ? sign_probes(seed_, old, grown_) : normal_probes(seed_, old, grown_);
    Matrix products = multiply(a, grown_, old, function);
    auto y = q_.middleCols(old, count);
    y = products;

    // Twice is enough (Kahan): the second time for what rounding left of the first, where that took most of a product
    // away, and where the new products lie in the old range and the new columns of Q are nothing but rounding.
    const auto before = q_.leftCols(old);
    Matrix projected = Matrix::Zero(old, count), upper = Matrix::Identity(count, count);
    for (int pass = 0; pass < 2; ++pass) {
        const Matrix inside = inner(before, y);
        subtract_product(y, before, inside);
        projected += inside * upper;
        upper = orthonormalize(y, pass == 0 ? 1e-4 : 0.1) * upper;
        const Vector squares = (projected.colwise().squaredNorm() + upper.colwise().squaredNorm()).transpose();
        if ((upper.diagonal().array().square() > 0.25 * squares.array()).all()) break;
    }
    r_.conservativeResize(k, k);
    r_.bottomLeftCorner(count, old).setZero();
    r_.topRightCorner(old, count) = projected;
    r_.bottomRightCorner(count, count) = upper;
    return products;
}

void Sketch::multiply_q(const SymmetricOperator& a, Index block, std::string_view function, Index at_most) {
    grown_.resize(0, 0);
    const Index end = std::min(size(), multiplied_ + at_most);
    while (multiplied_ < end) {
        const Index count = std::min(block, end - multiplied_);
        aq_.middleCols(multiplied_, count) =
            multiply(a, q_.middleCols(multiplied_, count), size() + multiplied_, function);
        multiplied_ += count;
    }
}

Matrix Sketch::left_out() const {
    // R' S = diagonal: s_i is orthogonal to every column of R but the i-th.
    Matrix s = Matrix::Identity(size(), size());
    invertible(r_).triangularView<Eigen::Upper>().transpose().solveInPlace(s);
    s.colwise().normalize();
    return s;
}

void Sketch::save(NumberWriter& out) const { out.add(q()).add(r_).add(aq()); }

void Sketch::load(NumberReader& in) {
    const Matrix q = in.matrix();
    r_ = in.matrix();
    const Matrix aq = in.matrix();
    multiplied_ = aq.cols();
    if (q.rows() == 0) return;
    reserve(q.rows(), q.cols());
    q_.leftCols(q.cols()) = q;
    aq_.leftCols(aq.cols()) = aq;
}

void check_options(const XTraceOptions& options, std::string_view function) {
    require(options.samples >= 3, function, "samples must be at least 3", options.samples);
    require(options.block >= 1, function, "block must be at least 1", options.block);
    require(options.confidence > 0.0 && options.confidence < 1.0, function, "confidence must lie between 0 and 1",
            options.confidence);
}

Sketch multiplied_sketch(const SymmetricOperator& a, SketchProbes law, const XTraceOptions& options,
                         std::string_view function) {
    Sketch sketch(law, options.seed);
    sketch.reserve(a.dimension(), options.samples);
    SymmetryCheck symmetry(function);
    while (sketch.size() < options.samples) {
        const Matrix products = sketch.grow(a, std::min(options.block, options.samples - sketch.size()), function);
        symmetry.add(sketch.grown(), products);
    }
    sketch.multiply_q(a, options.block, function, options.samples);
    return sketch;
}

Matrix products_with(const SymmetricOperator& a, MatrixView omega, const XTraceOptions& options,
                     std::string_view function) {
    Matrix products(omega.rows(), omega.cols());
    for (Index first = 0; first < omega.cols(); first += options.block) {
        const Index count = std::min(options.block, omega.cols() - first);
        products.middleCols(first, count) = multiply(a, omega.middleCols(first, count), first, function);
    }
    return products;
}

double LeaveOneOut::spread() const {
    const auto k = static_cast<double>(estimates.size());
    if (k < 2) return 0.0;
    return std::sqrt((estimates.array() - estimates.mean()).square().sum() / (k - 1.0) / k);
}

double LeaveOneOut::jackknife() const {
    const auto k = static_cast<double>(estimates.size());
    if (k < 2) return 0.0;
    return std::sqrt((without.array() - without.mean()).square().sum() * (k - 1.0) / k);
}

LeaveOneOut xtrace_estimates(const Sketch& sketch, bool scaled, std::string_view function) {
    const Index n = sketch.q().rows(), k = sketch.size();
    // Q'Omega and, in the last row, the squared lengths.
    const Matrix coordinates = parallel_sum(tall_chunks(n), k + 1, k, [&](Index c, Eigen::Ref<Matrix> sum) {
        const ProbeRows rows = {c * tall_chunk, tall_rows(c, n)};
        const Matrix omega = sketch.omega(0, k, rows);
        sum.topRows(k).noalias() += sketch.q().middleRows(rows.begin, rows.size).transpose() * omega;
        sum.row(k) += omega.colwise().squaredNorm();
    });
    const Matrix w = coordinates.topRows(k);
    const Vector length = coordinates.row(k);
    const Matrix raw = inner(sketch.q(), sketch.aq());
    require_symmetric(raw, function);
    const Matrix h = 0.5 * (raw + raw.transpose());

    // All of it happens in R^k. omega - P omega has the part Q (w - S b) inside the range, where P leaves out the span
    // of some s, and b are the coordinates of w there.
    const Matrix s = sketch.left_out(), hs = h * s, hw = h * w;
    const Matrix g = s.transpose() * s, shs = s.transpose() * hs, sw = s.transpose() * w, shw = s.transpose() * hw;
    const Vector sr = s.cwiseProduct(sketch.r()).colwise().sum(); // s_i'r_j = 0 for i != j
    const Vector wr = w.cwiseProduct(sketch.r()).colwise().sum(); // omega_j'A omega_j, too
    const Vector whw = w.cwiseProduct(hw).colwise().sum(), ww = w.colwise().squaredNorm();
    const double trace = h.trace();
    const auto scale = [&](Index range, double squared) {
        const double wanted = static_cast<double>(n - range);
        return scaled && squared > unit_spacing * static_cast<double>(n) ? wanted / squared : 1.0;
    };

    LeaveOneOut result;
    result.estimates.resize(k);
    for (Index j = 0; j < k; ++j) {
        const double b = sw(j, j);
        const double outside = wr(j) - 2.0 * (wr(j) - b * sr(j)) + whw(j) - 2.0 * b * shw(j, j) + b * b * shs(j, j);
        result.estimates(j) = trace - shs(j, j) + scale(k - 1, length(j) - ww(j) + b * b) * outside;
    }
    result.without = Vector::Zero(k);
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < k; ++j) {
            if (i == j) continue;
            const double cosine = g(i, j), det = std::max(1.0 - cosine * cosine, unit_spacing);
            const double bi = (sw(i, j) - cosine * sw(j, j)) / det, bj = (sw(j, j) - cosine * sw(i, j)) / det;
            const double inside = trace - (shs(i, i) - 2.0 * cosine * shs(i, j) + shs(j, j)) / det;
            const double quadratic = whw(j) - 2.0 * (bi * shw(i, j) + bj * shw(j, j)) + bi * bi * shs(i, i) +
                                     2.0 * bi * bj * shs(i, j) + bj * bj * shs(j, j);
            const double outside = wr(j) - 2.0 * (wr(j) - bj * sr(j)) + quadratic;
            const double squared = length(j) - ww(j) + bi * sw(i, j) + bj * sw(j, j);
            result.without(i) += (inside + scale(k - 2, squared) * outside) / static_cast<double>(k - 1);
        }
    result.rounding = rounding_of_sums(n) * (h.diagonal().cwiseAbs().sum() + wr.cwiseAbs().mean());
    return result;
}

Nystrom nystrom(MatrixView omega, MatrixView y, std::string_view function) {
    const Index n = y.rows();
    Nystrom result;
    result.shift = unit_spacing * y.norm() / std::sqrt(static_cast<double>(n));
    result.y = y + result.shift * omega;
    const Matrix raw = inner(omega, result.y);
    require_symmetric(raw, function);
    const SymmetricEigen eigen = symmetric_eigen(0.5 * (raw + raw.transpose()));
    const double largest = eigen.values.cwiseAbs().maxCoeff(), smallest = eigen.values(0);
    const double rounding = static_cast<double>(n) * unit_spacing * largest;
    // Products by differences are off by more than rounding.
    require(smallest >= -1e-9 * largest, function,
            "the operator must be positive semidefinite; smallest eigenvalue of Z'AZ over the largest",
            largest > 0.0 ? smallest / largest : 0.0);
    // Where M is singular to rounding its inverse is what the shift makes of it.
    const double error = smallest < -rounding ? -smallest : 0.0;
    const double least = largest > 0.0 ? std::max({unit_spacing * largest, result.shift, error}) : 1.0;
    const Vector inverse = eigen.values.cwiseMax(least).cwiseInverse();
    result.m_inverse = eigen.vectors * inverse.asDiagonal() * eigen.vectors.transpose();
    result.c = (result.y * eigen.vectors) * inverse.asDiagonal() * eigen.vectors.transpose();
    return result;
}

LeaveOneOut xnystrace_estimates(MatrixView omega, MatrixView y, std::string_view function) {
    const Index n = y.rows(), k = y.cols();
    if (y.isZero(0.0)) return {Vector::Zero(k), Vector::Zero(k), 0.0};
    const Nystrom f = nystrom(omega, y, function);
    const Matrix inside = inner(f.c, f.c), &g = f.m_inverse;
    const double trace = f.c.cwiseProduct(f.y).sum(), shift = static_cast<double>(n) * f.shift;

    // F without probe i is F - c_i c_i' / g_ii; what A has beside it along omega_i is 1 / g_ii.
    LeaveOneOut result;
    result.estimates = (1.0 - inside.diagonal().array()) / g.diagonal().array() + (trace - shift);
    result.without = Vector::Zero(k);
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < k; ++j) {
            if (i == j) continue;
            const double det = std::max(g(i, i) * g(j, j) - g(i, j) * g(i, j), unit_spacing * g(i, i) * g(j, j));
            const double lost = (g(j, j) * inside(i, i) - 2.0 * g(i, j) * inside(i, j) + g(i, i) * inside(j, j)) / det;
            result.without(i) += (trace - shift - lost + g(i, i) / det) / static_cast<double>(k - 1);
        }
    result.rounding = rounding_of_sums(n) * std::abs(trace) + shift;
    return result;
}

double left_over(const Sketch& sketch) {
    const Index k = sketch.size();
    if (sketch.r().norm() == 0.0) return 0.0;
    Matrix s = Matrix::Identity(k, k);
    invertible(sketch.r()).triangularView<Eigen::Upper>().transpose().solveInPlace(s);
    return s.colwise().squaredNorm().cwiseInverse().mean();
}

double left_over(const Sketch& sketch, Index head) {
    const Index rest = sketch.size() - head;
    return sketch.r().bottomRightCorner(rest, rest).squaredNorm() / static_cast<double>(rest);
}

} // namespace hessq
