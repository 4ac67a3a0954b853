#include "sketch.hpp"

#include "hessq/core/require.hpp"
#include "hessq/estimators/probes.hpp"
#include "products.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>

namespace hessq {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

/// R with a diagonal that can be divided by: where a product lies in the range of the others, R_ii is rounding or zero.
Matrix invertible(const Matrix& r) {
    Matrix result = r;
    const double norm = r.norm(), least = norm > 0.0 ? eps * norm : 1.0;
    for (Index i = 0; i < r.rows(); ++i)
        if (std::abs(r(i, i)) < least) result(i, i) = least;
    return result;
}

double root_n_eps(Index n) { return std::sqrt(static_cast<double>(n)) * eps; }

} // namespace

Matrix Sketch::omega(Index first, Index count) const {
    return law == SketchProbes::signs ? sign_probes(seed, q.rows(), first, count)
                                      : normal_probes(seed, q.rows(), first, count);
}

Matrix Sketch::grow(const SymmetricOperator& a, Index count, std::string_view function) {
    const Index n = a.dimension(), old = q.cols(), k = old + count;
    if (old == 0) q.resize(n, 0);
    const Matrix products = multiply(a, omega(old, count), old, function);
    Matrix y = products;

    // Twice is enough (Kahan): once for what is there, once for the rounding of the first time. Then once more for Q
    // itself, whose last columns are rounding where the new products lie in the old range.
    Matrix projected = Matrix::Zero(old, count);
    for (int pass = 0; pass < 2 && old > 0; ++pass) {
        const Matrix more = q.transpose() * y;
        y.noalias() -= q * more;
        projected += more;
    }
    const auto orthonormal = [&](const Matrix& m, Matrix& upper) -> Matrix {
        const Eigen::HouseholderQR<Matrix> factored(m);
        upper = factored.matrixQR().topRows(count).triangularView<Eigen::Upper>();
        return factored.householderQ() * Matrix::Identity(n, count);
    };
    Matrix upper, correction;
    Matrix fresh = orthonormal(y, upper);
    if (old > 0) {
        for (int pass = 0; pass < 2; ++pass) {
            fresh -= q * (q.transpose() * fresh);
            fresh = orthonormal(fresh, correction);
            upper = correction * upper;
        }
    }
    q.conservativeResize(n, k);
    q.rightCols(count) = fresh;
    r.conservativeResize(k, k);
    r.bottomLeftCorner(count, old).setZero();
    r.topRightCorner(old, count) = projected;
    r.bottomRightCorner(count, count) = upper;
    return products;
}

void Sketch::multiply_q(const SymmetricOperator& a, Index block, std::string_view function, Index at_most) {
    const Index k = q.cols(), end = std::min(k, aq.cols() + at_most);
    Index done = aq.cols();
    if (aq.rows() == 0) aq.resize(q.rows(), 0);
    aq.conservativeResize(q.rows(), end);
    for (; done < end; done += block) {
        const Index count = std::min(block, end - done);
        aq.middleCols(done, count) = multiply(a, q.middleCols(done, count), k + done, function);
    }
}

Matrix Sketch::left_out() const {
    // R' S = diagonal: s_i is orthogonal to every column of R but the i-th.
    const Index k = size();
    Matrix s = Matrix::Identity(k, k);
    invertible(r).triangularView<Eigen::Upper>().transpose().solveInPlace(s);
    s.colwise().normalize();
    return s;
}

void Sketch::save(NumberWriter& out) const { out.add(q).add(r).add(aq); }
void Sketch::load(NumberReader& in) {
    q = in.matrix();
    r = in.matrix();
    aq = in.matrix();
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
    const Index n = sketch.q.rows(), k = sketch.size();
    constexpr Index block = 32;
    Matrix w(k, k); // Q'Omega
    Vector length(k);
    for (Index first = 0; first < k; first += block) {
        const Index count = std::min(block, k - first);
        const Matrix omega = sketch.omega(first, count);
        w.middleCols(first, count).noalias() = sketch.q.transpose() * omega;
        length.segment(first, count) = omega.colwise().squaredNorm();
    }
    const Matrix raw = sketch.q.transpose() * sketch.aq;
    require_symmetric(raw, function);
    const Matrix h = 0.5 * (raw + raw.transpose());

    // All of it happens in R^k. omega - P omega has the part Q (w - S b) inside the range, where P leaves out the span
    // of some s, and b are the coordinates of w there.
    const Matrix s = sketch.left_out(), hs = h * s, hw = h * w;
    const Matrix g = s.transpose() * s, shs = s.transpose() * hs, sw = s.transpose() * w, shw = s.transpose() * hw;
    const Vector sr = s.cwiseProduct(sketch.r).colwise().sum(); // s_i'r_j = 0 for i != j
    const Vector wr = w.cwiseProduct(sketch.r).colwise().sum(); // omega_j'A omega_j, too
    const Vector whw = w.cwiseProduct(hw).colwise().sum(), ww = w.colwise().squaredNorm();
    const double trace = h.trace();
    const auto scale = [&](Index range, double squared) {
        const double wanted = static_cast<double>(n - range);
        return scaled && squared > eps * static_cast<double>(n) ? wanted / squared : 1.0;
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
            const double cosine = g(i, j), det = std::max(1.0 - cosine * cosine, eps);
            const double bi = (sw(i, j) - cosine * sw(j, j)) / det, bj = (sw(j, j) - cosine * sw(i, j)) / det;
            const double inside = trace - (shs(i, i) - 2.0 * cosine * shs(i, j) + shs(j, j)) / det;
            const double quadratic = whw(j) - 2.0 * (bi * shw(i, j) + bj * shw(j, j)) + bi * bi * shs(i, i) +
                                     2.0 * bi * bj * shs(i, j) + bj * bj * shs(j, j);
            const double outside = wr(j) - 2.0 * (wr(j) - bj * sr(j)) + quadratic;
            const double squared = length(j) - ww(j) + bi * sw(i, j) + bj * sw(j, j);
            result.without(i) += (inside + scale(k - 2, squared) * outside) / static_cast<double>(k - 1);
        }
    result.rounding = root_n_eps(n) * (h.diagonal().cwiseAbs().sum() + wr.cwiseAbs().mean());
    return result;
}

Nystrom nystrom(MatrixView omega, MatrixView y, std::string_view function) {
    const Index n = y.rows();
    Nystrom result;
    result.shift = eps * y.norm() / std::sqrt(static_cast<double>(n));
    result.y = y + result.shift * omega;
    const Matrix raw = omega.transpose() * result.y;
    require_symmetric(raw, function);
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(0.5 * (raw + raw.transpose()));
    const double largest = eigen.eigenvalues().cwiseAbs().maxCoeff(), smallest = eigen.eigenvalues()(0);
    const double rounding = static_cast<double>(n) * eps * largest;
    require(smallest >= -rounding, function,
            "the operator must be positive semidefinite; smallest eigenvalue of Z'AZ over the largest",
            largest > 0.0 ? smallest / largest : 0.0);
    // Where M is singular to rounding its inverse is what the shift makes of it.
    const double least = largest > 0.0 ? std::max(eps * largest, result.shift) : 1.0;
    const Vector inverse = eigen.eigenvalues().cwiseMax(least).cwiseInverse();
    result.m_inverse = eigen.eigenvectors() * inverse.asDiagonal() * eigen.eigenvectors().transpose();
    result.c = (result.y * eigen.eigenvectors()) * inverse.asDiagonal() * eigen.eigenvectors().transpose();
    return result;
}

LeaveOneOut xnystrace_estimates(MatrixView omega, MatrixView y, std::string_view function) {
    const Index n = y.rows(), k = y.cols();
    if (y.isZero(0.0)) return {Vector::Zero(k), Vector::Zero(k), 0.0};
    const Nystrom f = nystrom(omega, y, function);
    const Matrix inside = f.c.transpose() * f.c, &g = f.m_inverse;
    const double trace = f.c.cwiseProduct(f.y).sum(), shift = static_cast<double>(n) * f.shift;

    // F without probe i is F - c_i c_i' / g_ii; what A has beside it along omega_i is 1 / g_ii.
    LeaveOneOut result;
    result.estimates = (1.0 - inside.diagonal().array()) / g.diagonal().array() + (trace - shift);
    result.without = Vector::Zero(k);
    for (Index i = 0; i < k; ++i)
        for (Index j = 0; j < k; ++j) {
            if (i == j) continue;
            const double det = std::max(g(i, i) * g(j, j) - g(i, j) * g(i, j), eps * g(i, i) * g(j, j));
            const double lost = (g(j, j) * inside(i, i) - 2.0 * g(i, j) * inside(i, j) + g(i, i) * inside(j, j)) / det;
            result.without(i) += (trace - shift - lost + g(i, i) / det) / static_cast<double>(k - 1);
        }
    result.rounding = root_n_eps(n) * std::abs(trace) + shift;
    return result;
}

double left_over(const Sketch& sketch) {
    const Index k = sketch.size();
    if (sketch.r.norm() == 0.0) return 0.0;
    Matrix s = Matrix::Identity(k, k);
    invertible(sketch.r).triangularView<Eigen::Upper>().transpose().solveInPlace(s);
    return s.colwise().squaredNorm().cwiseInverse().mean();
}

double left_over(const Sketch& sketch, Index head) {
    const Index rest = sketch.size() - head;
    return sketch.r.bottomRightCorner(rest, rest).squaredNorm() / static_cast<double>(rest);
}

} // namespace hessq
