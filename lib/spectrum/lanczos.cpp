#include "hessq/spectrum/lanczos.hpp"

#include "hessq/core/counted_operator.hpp"
#include "hessq/core/large_matrix.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/core/unit.hpp"
#include "rounding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace hessq {
namespace {

constexpr Index rows_of_a_task = 8192;

Index tasks(Index rows) { return (rows + rows_of_a_task - 1) / rows_of_a_task; }
Index task_rows(Index task, Index rows) { return std::min(rows_of_a_task, rows - task * rows_of_a_task); }

/// w <- w - Q Q'w.
///
/// Returns    The lengths of Q'w and of the new w.
std::pair<double, double> orthogonalize(Eigen::Ref<Vector> w, MatrixView q) {
    const Index n = w.size();
    const Matrix overlap = parallel_sum(tasks(n), q.cols(), 1, [&](Index c, Eigen::Ref<Matrix> sum) {
        const Index rows = task_rows(c, n), from = c * rows_of_a_task;
        sum.col(0).noalias() += q.middleRows(from, rows).transpose() * w.segment(from, rows);
    });
    const Matrix square = parallel_sum(tasks(n), 1, 1, [&](Index c, Eigen::Ref<Matrix> sum) {
        const Index rows = task_rows(c, n), from = c * rows_of_a_task;
        w.segment(from, rows).noalias() -= q.middleRows(from, rows) * overlap.col(0);
        sum(0, 0) += w.segment(from, rows).squaredNorm();
    });
    return {overlap.norm(), std::sqrt(square(0, 0))};
}

/// One start vector on its way, with a matrix A / unit.
class Space {
public:
    Space(VectorView start, Index steps) : basis_(large_matrix(start.size(), steps)), all_(steps), beta_(steps) {
        basis_.col(0) = (start / unit_of(start)).normalized();
    }

    auto last() const { return basis_.col(size_ - 1); }
    const Matrix& basis() const { return basis_; }
    bool has_ended() const { return ended_; }
    /// Of the entries of T, each at most |A|.
    double bound() const { return unit_ * bound_; }
    Tridiagonal tridiagonal() const { return {unit_ * all_.head(steps_), unit_ * beta_.head(steps_)}; }
    /// The largest |Q'(A - A')q| for a q of the basis, relative to the norm of A.
    double asymmetry() const { return asymmetry_; }

    /// w = A q for the last q. `norm` is what |A| is known to be at least.
    void advance(Vector w, double norm) {
        const Index k = size_;
        if (k == 1) unit_ = unit_of(w);
        if (unit_ != 1.0) w /= unit_;
        all_(k - 1) = w.dot(last());
        w -= all_(k - 1) * last();
        if (k > 1) w -= beta_(k - 2) * basis_.col(k - 2);
        double before = w.norm();
        // Nothing, where A is symmetric: then w is orthogonal to the vectors before the last two as it is.
        auto [coupling, length] = orthogonalize(w, basis_.leftCols(k));
        if (length < 0.7 * before) length = orthogonalize(w, basis_.leftCols(k)).second;
        steps_ = k;
        const double previous = k > 1 ? beta_(k - 2) : 0.0;
        bound_ = std::max({bound_, std::abs(all_(k - 1)), length, previous});
        norm = std::max(norm / unit_, bound_);
        if (norm > 0.0) asymmetry_ = std::max(asymmetry_, coupling / norm);
        ended_ = k == basis_.rows() || length <= 64.0 * machine_epsilon * norm;
        beta_(k - 1) = ended_ ? 0.0 : length;
        if (ended_ || k == basis_.cols()) return;
        basis_.col(k) = w / length;
        ++size_;
    }

private:
    Matrix basis_;
    Vector all_, beta_; ///< of A / unit
    Index size_ = 1, steps_ = 0;
    bool ended_ = false;
    double unit_ = 1.0;
    double bound_ = 0.0; ///< of A / unit
    double asymmetry_ = 0.0;
};

/// The eigenvalues d of a symmetric tridiagonal matrix and the squared first entries of its unit eigenvectors, by QL
/// steps with Wilkinson's shifts. `e` couples neighbors; a coupling below eps |T| is none.
Quadrature eigenvalues_and_weights(Vector d, Vector e) {
    const Index n = d.size();
    Vector z = Vector::Zero(n);
    z(0) = 1.0;
    e.conservativeResize(n);
    e(n - 1) = 0.0;
    const double negligible = 0.5 * machine_epsilon * std::max(d.cwiseAbs().maxCoeff(), e.cwiseAbs().maxCoeff());
    for (Index first = 0; first < n; ++first) {
        for (int step = 0;; ++step) {
            Index last = first;
            while (last < n - 1 && std::abs(e(last)) > negligible) ++last;
            if (last == first) break;
            if (step == 60) throw NumericalError("gauss_quadrature: expected QL steps to converge; got 60 of them");
            const double half = (d(first + 1) - d(first)) / (2.0 * e(first));
            const double root = std::hypot(half, 1.0);
            double g = d(last) - d(first) + e(first) / (half + std::copysign(root, half));
            double s = 1.0, c = 1.0, p = 0.0;
            Index i = last - 1;
            for (; i >= first; --i) {
                const double f = s * e(i), b = c * e(i), r = std::hypot(f, g);
                e(i + 1) = r;
                if (r == 0.0) {
                    d(i + 1) -= p;
                    e(last) = 0.0;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d(i + 1) - p;
                const double t = (d(i) - g) * s + 2.0 * c * b;
                p = s * t;
                d(i + 1) = g + p;
                g = c * t - b;
                const double above = z(i + 1);
                z(i + 1) = s * z(i) + c * above;
                z(i) = c * z(i) - s * above;
            }
            if (i >= first) continue;
            d(first) -= p;
            e(first) = g;
            e(last) = 0.0;
        }
    }
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index i, Index j) { return d(i) < d(j); });
    Quadrature rule{Vector(n), Vector(n)};
    for (Index k = 0; k < n; ++k) {
        const Index i = order[static_cast<std::size_t>(k)];
        rule.nodes(k) = d(i);
        rule.weights(k) = z(i) * z(i);
    }
    return rule;
}

/// Gauss's rule with one node moved to x, and that node's place.
struct Radau {
    Quadrature rule;
    Index at_x;
};

// The last pivot d_k of T - x I tells where to put the diagonal entry that makes x an eigenvalue: alpha_k - d_k in the
// last row of T, or x + beta_k^2 / d_k in a row below, which uses beta_k too. Each is bad where the other one is good.
Radau radau(const Tridiagonal& t, double x) {
    const Index k = t.steps();
    double scale = std::abs(x);
    for (Index i = 0; i < k; ++i) scale = std::max({scale, std::abs(t.diagonal(i)), std::abs(t.off_diagonal(i))});
    const double smallest = std::max(machine_epsilon * machine_epsilon * scale, std::numeric_limits<double>::min());
    double pivot = t.diagonal(0) - x;
    for (Index i = 1; i < k; ++i) {
        if (std::abs(pivot) < smallest) pivot = -smallest;
        pivot = t.diagonal(i) - x - t.off_diagonal(i - 1) * (t.off_diagonal(i - 1) / pivot);
    }
    const double beta = t.off_diagonal(k - 1);
    Vector d = t.diagonal, e = t.off_diagonal.head(k - 1);
    if (std::abs(pivot) / beta * scale < beta) {
        d(k - 1) -= pivot;
    } else {
        d.conservativeResize(k + 1);
        d(k) = x + beta * (beta / pivot);
        e.conservativeResize(k);
        e(k - 1) = beta;
    }
    Radau result{eigenvalues_and_weights(std::move(d), std::move(e)), 0};
    (result.rule.nodes.array() - x).abs().minCoeff(&result.at_x);
    return result;
}

/// `same`: all start vectors have one matrix, and what one of them shows of its norm holds for all.
LanczosResult run(const ProductByColumn& product, MatrixView start, const LanczosOptions& options, bool same) {
    const Index n = start.rows(), p = start.cols();
    require(options.steps >= 1, "lanczos", "steps must be at least 1", options.steps);
    require(p >= 1, "lanczos", "there must be a start vector", p);
    require_finite(start, "lanczos: the start vectors");
    for (Index j = 0; j < p; ++j)
        require(!start.col(j).isZero(0.0), "lanczos", "no start vector may be zero; zero is number", j);

    const Index steps = std::min(options.steps, n);
    std::vector<Space> spaces;
    for (Index j = 0; j < p; ++j) spaces.emplace_back(start.col(j), steps);
    std::vector<Index> going(spaces.size());
    std::iota(going.begin(), going.end(), Index{0});
    const auto space = [&](Index j) -> Space& { return spaces[static_cast<std::size_t>(j)]; };
    LanczosResult result;
    double norm = options.norm;
    for (Index step = 0; step < steps && !going.empty(); ++step) {
        const auto width = static_cast<Index>(going.size());
        Matrix block(n, width);
        for (Index g = 0; g < width; ++g) block.col(g) = space(going[static_cast<std::size_t>(g)]).last();
        block = product(block, going);
        require_size(block.cols(), width, "lanczos", "the columns of a product");
        require_size(block.rows(), n, "lanczos", "a product");
        require_finite(block, "lanczos: a product");
        result.products += width;
        parallel_for(width, [&](Index g) { space(going[static_cast<std::size_t>(g)]).advance(block.col(g), norm); });
        for (const Space& s : spaces) require_symmetric(s.asymmetry(), "lanczos");
        if (same)
            for (const Space& s : spaces) norm = std::max(norm, s.bound());
        std::erase_if(going, [&](Index j) {
            const bool finished = options.finished && options.finished(space(j).tridiagonal());
            return finished || space(j).has_ended();
        });
    }
    for (const Space& s : spaces) {
        const Tridiagonal t = s.tridiagonal();
        result.norm = std::max(result.norm, gauss_quadrature(t).nodes.cwiseAbs().maxCoeff());
        if (options.keep_bases) result.bases.emplace_back(s.basis().leftCols(t.steps()));
        result.tridiagonals.push_back(t);
    }
    return result;
}

} // namespace

LanczosResult lanczos(const SymmetricOperator& a, MatrixView start, const LanczosOptions& options) {
    require_size(start.rows(), a.dimension(), "lanczos", "a start vector");
    CountedOperator counted(a, "lanczos");
    return run([&](MatrixView v, const std::vector<Index>&) { return counted * v; }, start, options, true);
}

LanczosResult lanczos(const ProductByColumn& product, MatrixView start, const LanczosOptions& options) {
    return run(product, start, options, false);
}

std::size_t lanczos_bytes(Index n, Index start_vectors, Index steps) {
    // The bases; the start vectors, the block, its product, and the column that is worked on.
    return sizeof(double) * static_cast<std::size_t>(n) * static_cast<std::size_t>(start_vectors) *
           static_cast<std::size_t>(std::min(steps, n) + 4);
}

Quadrature gauss_quadrature(const Tridiagonal& t) {
    require(t.steps() >= 1, "gauss_quadrature", "T must not be empty", t.steps());
    return eigenvalues_and_weights(t.diagonal, t.off_diagonal.head(t.steps() - 1));
}

Interval distribution_bounds(const Tridiagonal& t, double x) {
    const bool exact = t.is_exhausted();
    const auto [rule, at_x] = exact ? Radau{gauss_quadrature(t), -1} : radau(t, x);
    const Index k = rule.nodes.size();
    Index below = 0;
    while (below < k && below != at_x && rule.nodes(below) < x) ++below;
    Index up_to = below;
    while (up_to < k && (up_to == at_x || rule.nodes(up_to) <= x)) ++up_to;
    // The weights' sum is 1 up to rounding; that nothing lies beyond is certain.
    const double lower = rule.weights.head(below).sum();
    const double upper = lower + rule.weights.segment(below, up_to - below).sum();
    return {below == k ? 1.0 : std::min(1.0, lower), up_to == k ? 1.0 : std::min(1.0, upper)};
}

} // namespace hessq
