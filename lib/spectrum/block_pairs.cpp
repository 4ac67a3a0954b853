#include "block_pairs.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/dense_eigen.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace hessq {
namespace {

/// V orthonormal and A V, growing in place.
class Space {
public:
    Space(Index n, Index columns) : q_(n, columns), aq_(n, columns), projected_(columns, columns) {}

    Index size() const { return size_; }
    auto q() const { return q_.leftCols(size_); }
    auto aq() const { return aq_.leftCols(size_); }
    SymmetricEigen ritz() const { return symmetric_eigen(projected_.topLeftCorner(size_, size_)); }

    /// What is left of the block beyond the space, orthonormal.
    Matrix beyond(const Matrix& block) const {
        Matrix rest = block;
        for (Index j = 0; j < rest.cols(); ++j) rest.col(j).normalize();
        if (size_ == 0) return orthonormal_columns(rest);
        for (int twice = 0; twice < 2; ++twice) rest -= q() * (q().transpose() * rest);
        Matrix basis = orthonormal_columns(rest);
        basis -= q() * (q().transpose() * basis);
        return orthonormal_columns(basis);
    }

    void append(const Matrix& basis, const Matrix& product) {
        const Index m = size_, k = basis.cols();
        q_.middleCols(m, k) = basis;
        aq_.middleCols(m, k) = product;
        projected_.block(0, m, m + k, k) = q_.leftCols(m + k).transpose() * product;
        Matrix corner = projected_.block(m, m, k, k);
        projected_.block(m, m, k, k) = 0.5 * (corner + corner.transpose());
        projected_.block(m, 0, k, m) = projected_.block(0, m, m, k).transpose();
        size_ += k;
    }

    /// Keeps the Ritz vectors S alone.
    void compress(const Matrix& s, const Vector& values) {
        const Matrix q = this->q() * s, aq = this->aq() * s;
        size_ = s.cols();
        q_.leftCols(size_) = q;
        aq_.leftCols(size_) = aq;
        projected_.topLeftCorner(size_, size_) = values.asDiagonal();
    }

private:
    Matrix q_, aq_, projected_;
    Index size_ = 0;
};

/// Ritz pairs at one end of a space, outermost first.
struct End {
    std::vector<Index> columns; ///< of the Ritz vectors
    Matrix residuals;           ///< A v - theta v
    Vector norms;
};

End end_of(const Space& space, const SymmetricEigen& ritz, Index count, bool top) {
    const Index m = space.size();
    count = std::min(count, m);
    End end;
    for (Index i = 0; i < count; ++i) end.columns.push_back(top ? m - 1 - i : i);
    Matrix s(m, count);
    Vector values(count);
    for (Index i = 0; i < count; ++i) {
        s.col(i) = ritz.vectors.col(end.columns[static_cast<std::size_t>(i)]);
        values(i) = ritz.values(end.columns[static_cast<std::size_t>(i)]);
    }
    end.residuals = space.aq() * s - space.q() * (s * values.asDiagonal());
    end.norms = end.residuals.colwise().norm();
    return end;
}

/// Whether the wanted pairs of an end have converged and the next one is none of them.
bool settled(const End& end, const SymmetricEigen& ritz, Index wanted, const BlockOptions& options) {
    if (end.norms.size() < wanted || (wanted > 0 && end.norms.head(wanted).maxCoeff() > options.tolerance))
        return false;
    if (wanted == 0 || options.extra == 0 || end.norms.size() <= wanted) return true;
    const auto value = [&](Index i) { return ritz.values(end.columns[static_cast<std::size_t>(i)]); };
    const double distance = std::abs(value(wanted) - value(wanted - 1));
    return end.norms(wanted) <= std::max(options.tolerance, 0.1 * distance);
}

} // namespace

OuterPairs outer_pairs(MatrixView q, MatrixView aq, Index top, Index bottom) {
    const Eigenpairs none{Vector(), Matrix(q.rows(), 0), Vector(), {}};
    if (q.cols() == 0) return {none, none};
    const Matrix projected = q.transpose() * aq;
    const SymmetricEigen ritz = symmetric_eigen(0.5 * (projected + projected.transpose()));
    const auto pairs = [&](const Matrix& s, const Vector& values) {
        Eigenpairs result;
        result.values = values;
        result.vectors = q * s;
        result.residuals = (aq * s - result.vectors * values.asDiagonal()).colwise().norm();
        return result;
    };
    return {pairs(ritz.vectors.rightCols(top).rowwise().reverse(), ritz.values.tail(top).reverse()),
            pairs(ritz.vectors.leftCols(bottom), ritz.values.head(bottom))};
}

Matrix orthonormal_columns(MatrixView block) {
    // Gram and Schmidt, twice: the columns are few, and one that vanishes must be noticed where it does.
    constexpr double independent = 1e-8;
    Matrix result(block.rows(), block.cols());
    Index kept = 0;
    for (Index j = 0; j < block.cols(); ++j) {
        Vector v = block.col(j);
        const double before = v.norm();
        for (int twice = 0; twice < 2; ++twice) v -= result.leftCols(kept) * (result.leftCols(kept).transpose() * v);
        const double after = v.norm();
        if (!(after > independent * before) || after <= std::numeric_limits<double>::min()) continue;
        result.col(kept++) = v / after;
    }
    return result.leftCols(kept);
}

OuterPairs block_pairs(CountedOperator& a, MatrixView start, const BlockOptions& options) {
    const Index n = a.dimension();
    const Index top = options.top, bottom = options.bottom;
    const Index grown_top = top > 0 ? top + options.extra : 0, grown_bottom = bottom > 0 ? bottom + options.extra : 0;
    const Index kept = grown_top + grown_bottom;
    const Index room = std::min(n, std::max<Index>(3 * kept + 40, start.cols() + kept));
    Space space(n, room);
    // One at a time needs the fewest products; several find several copies.
    const Index together = std::max<Index>(1, options.extra);
    Matrix next = space.beyond(start);
    for (;;) {
        space.append(next, a * next);
        const SymmetricEigen ritz = space.ritz();
        const End upper = end_of(space, ritz, grown_top, true), lower = end_of(space, ritz, grown_bottom, false);
        if (space.size() == n) break;
        if (settled(upper, ritz, top, options) && settled(lower, ritz, bottom, options)) break;

        Matrix residuals(n, upper.norms.size() + lower.norms.size());
        Index count = 0;
        for (const End* end : {&upper, &lower}) {
            Index entered = 0;
            for (Index i = 0; i < end->norms.size() && entered < together; ++i)
                if (end->norms(i) > options.tolerance) {
                    residuals.col(count++) = end->residuals.col(i);
                    ++entered;
                }
        }
        next = space.beyond(residuals.leftCols(count));
        if (next.cols() == 0 || a.products() + next.cols() > options.max_products) break;
        if (space.size() + next.cols() > room) {
            // Twice as many as are grown, as far as there are.
            const Index up = std::min(2 * grown_top, room - next.cols()),
                        low = std::min(2 * grown_bottom, room - next.cols() - up);
            const Index m = space.size();
            if (up + low < m) {
                Matrix s(m, up + low);
                Vector values(up + low);
                s << ritz.vectors.leftCols(low), ritz.vectors.rightCols(up);
                values << ritz.values.head(low), ritz.values.tail(up);
                space.compress(s, values);
            }
            if (space.size() + next.cols() > room) next = Matrix(next.leftCols(room - space.size()));
            if (next.cols() == 0) break;
        }
    }
    return outer_pairs(space.q(), space.aq(), std::min(top, space.size()), std::min(bottom, space.size()));
}

} // namespace hessq
