#include "probe_sums.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace hessq {
namespace {

constexpr Index task_size = 4096; // coordinates of one task: their running means stay in the cache for all of a block

void save(const Moments& m, NumberWriter& out) { out.add(m.count).add(m.mean).add(m.squares); }
void load(Moments& m, NumberReader& in) {
    m.count = in.integer();
    m.mean = in.number();
    m.squares = in.number();
}

} // namespace

void require_groups(const ParameterLayout& groups, Index n, std::string_view function) {
    Index end = 0;
    for (const ParameterGroup& g : groups.groups) {
        require(g.offset == end && g.rows >= 0 && g.cols >= 0, function,
                "each group must begin where the one before it ends, " + g.name + " at " + std::to_string(end),
                g.offset);
        end += g.size();
    }
    require_size(end, n, function, "the groups");
}

ProbeSums::ProbeSums(Index n, const ParameterLayout& groups, bool entries)
    : entries_(entries), groups_(groups.groups.size()), mean_(Vector::Zero(n)) {
    if (entries) squares_ = row_mean_ = row_squares_ = Vector::Zero(n);
    const auto cut = [&](Index first, Index end, Index group) {
        for (; first < end; first += task_size) pieces_.push_back({first, std::min(task_size, end - first), group});
    };
    if (groups.groups.empty()) cut(0, n, -1);
    for (std::size_t g = 0; g < groups.groups.size(); ++g)
        cut(groups.groups[g].offset, groups.groups[g].offset + groups.groups[g].size(), static_cast<Index>(g));
}

void ProbeSums::add(MatrixView z, MatrixView y) {
    const Index columns = z.cols(), pieces = static_cast<Index>(pieces_.size());
    Matrix trace(columns, pieces), spread(columns, pieces), square(columns, pieces);
    parallel_for(pieces, [&](Index p) {
        const Index first = pieces_[static_cast<std::size_t>(p)].first,
                    size = pieces_[static_cast<std::size_t>(p)].size;
        auto mean = mean_.segment(first, size).array();
        Eigen::ArrayXd sample(size), delta(size);
        for (Index k = 0; k < columns; ++k) {
            const auto y_k = y.col(k).segment(first, size).array();
            const auto m = static_cast<double>(count_ + k + 1);
            sample = z.col(k).segment(first, size).array() * y_k;
            trace(k, p) = sample.sum();
            delta = sample - mean;
            mean += delta / m;
            sample = delta * (sample - mean);
            spread(k, p) = sample.sum();
            square(k, p) = y_k.square().sum();
            if (!entries_) continue;
            squares_.segment(first, size).array() += sample;
            auto row_mean = row_mean_.segment(first, size).array();
            delta = y_k.square() - row_mean;
            row_mean += delta / m;
            row_squares_.segment(first, size).array() += delta * (y_k.square() - row_mean);
        }
    });

    const auto group_count = static_cast<Index>(groups_.size());
    for (Index k = 0; k < columns; ++k) {
        // One column for each group and one for all.
        Matrix sums = Matrix::Zero(3, group_count + 1);
        for (Index p = 0; p < pieces; ++p) {
            const Index group = pieces_[static_cast<std::size_t>(p)].group;
            for (const Index column : {group, group_count}) {
                if (column < 0) continue;
                sums(0, column) += trace(k, p);
                sums(1, column) += spread(k, p);
                sums(2, column) += square(k, p);
            }
        }
        for (Index g = 0; g <= group_count; ++g) {
            Group& group = g < group_count ? groups_[static_cast<std::size_t>(g)] : total_;
            group.trace.add(sums(0, g));
            if (count_ + k > 0) group.spread.add(sums(1, g)); // the first one of all is zero whatever A is
            group.square.add(sums(2, g));
        }
    }

    if (entries_ && columns >= 2) {
        // (y_i'y_j)^2 - sum_k y_ik^2 y_jk^2 over the pairs i != j of the block.
        const Index chunks = (y.rows() + task_size - 1) / task_size;
        const Matrix gram = parallel_sum(chunks, columns, 2 * columns, [&](Index c, Eigen::Ref<Matrix> sum) {
            const auto part = y.middleRows(c * task_size, std::min(task_size, y.rows() - c * task_size));
            const Matrix squares = part.cwiseAbs2();
            sum.leftCols(columns).noalias() += part.transpose() * part;
            sum.rightCols(columns).noalias() += squares.transpose() * squares;
        });
        Matrix pairs = gram.leftCols(columns).cwiseAbs2() - gram.rightCols(columns);
        pairs.diagonal().setZero();
        pairs_.add(pairs.sum() / static_cast<double>(columns * (columns - 1)));
    }
    count_ += columns;
}

void ProbeSums::save(NumberWriter& out) const {
    out.add(count_);
    const auto save_group = [&](const Group& g) {
        hessq::save(g.trace, out);
        hessq::save(g.spread, out);
        hessq::save(g.square, out);
    };
    save_group(total_);
    for (const Group& g : groups_) save_group(g);
    hessq::save(pairs_, out);
    for (const Vector* v : {&mean_, &squares_, &row_mean_, &row_squares_}) out.add(*v);
}

void ProbeSums::load(NumberReader& in) {
    count_ = in.integer();
    const auto load_group = [&](Group& g) {
        hessq::load(g.trace, in);
        hessq::load(g.spread, in);
        hessq::load(g.square, in);
    };
    load_group(total_);
    for (Group& g : groups_) load_group(g);
    hessq::load(pairs_, in);
    for (Vector* v : {&mean_, &squares_, &row_mean_, &row_squares_}) *v = in.matrix().reshaped();
}

TraceError trace_error(const ProbeSums::Group& sums) {
    const auto m = static_cast<double>(sums.trace.count);
    TraceError error;
    error.std_error = std::sqrt(2.0 * std::max(sums.spread.mean, 0.0) / m);
    // Of a chi-square variable: 2 mean^2 / variance, here of the mean of m - 1 numbers. Never below what one dominating
    // direction leaves, for which `spread` itself is a chi-square variable with one degree of freedom.
    const double variance = sums.spread.variance(), mean = sums.spread.mean;
    error.degrees_of_freedom = variance > 0.0 ? std::max(m - 1.0, 2.0 * mean * mean * (m - 1.0) / variance)
                                              : (mean > 0.0 ? std::numeric_limits<double>::infinity() : m - 1.0);
    return error;
}

} // namespace hessq
