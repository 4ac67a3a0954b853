#include "certificate.hpp"

#include "../core/eager_products.hpp"
#include "hessq/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace hessq {
namespace {

constexpr Index runs_at_once = 2;
constexpr Index most_rounds = 16; // where rounding leaves so little of each run, more of them will not do

/// What one run says about one bound a: the recurrence of q_j(a), and its best bound on ln |c_1|.
struct Bound {
    double a, sign;        // sign -1: the matrix is -A, and a the negative of the bound
    double ratio = 0.0;    // q_(j+1) / q_j
    double log_q = 0.0;    // of q_j
    double rounding = 0.0; // what rounding adds to |c_1|
    double rounding_step = 0.0;
    double log_component = 0.0; // ln of the least bound on |c_1| so far
    bool refuted = false;

    /// The next step: alpha_j, beta_(j-1), beta_j.
    void advance(double alpha, double before, double beta, double error) {
        const double coupled = ratio > 0.0 ? before / ratio : 0.0;
        const double pivot = a - sign * alpha - coupled; // beta_j q_(j+1) / q_j
        if (!(pivot > 0.0)) {                            // a Ritz value at or beyond a
            refuted = true;
            return;
        }
        const double length = std::max(beta, error); // a vanishing beta_j is known up to rounding only
        rounding_step = (coupled * rounding_step + error * std::exp(-log_q)) / pivot;
        rounding += rounding_step;
        ratio = pivot / length;
        log_q += std::log(ratio);
        log_component = std::min(log_component, std::log(std::exp(-log_q) + rounding));
    }

    /// More steps will not say more.
    bool exhausted() const { return std::exp(-log_q) < 0.1 * rounding; }
};

struct Run {
    Vector v, before;
    double beta = 0.0;
    std::vector<Bound> bounds;
    bool ended = false;
};

/// V'V = I: takes the part within V away.
void project(Eigen::Ref<Matrix> y, const Matrix& v) {
    if (v.cols() > 0) y -= v * (v.transpose() * y);
}

} // namespace

double chance_of_product(double log_p, Index s) {
    double term = 1.0, sum = 1.0;
    for (Index i = 1; i < s; ++i) {
        term *= -log_p / static_cast<double>(i);
        sum += term;
    }
    return std::min(1.0, std::exp(log_p) * sum);
}

Verdict examine(CountedOperator& a, const Claims& claims, double norm, double chance, std::uint64_t seed,
                std::uint64_t stream, Index max_products) {
    const Index n = a.dimension(), dimension = n - claims.found.cols();
    const Index above = claims.above.size(), count = above + claims.below.size();
    const double error = 8.0 * std::numeric_limits<double>::epsilon() * norm;
    const double log_density = 0.5 * std::log(2.0 * static_cast<double>(dimension) / std::numbers::pi);
    Verdict verdict;
    if (dimension == 0) return {above, claims.below.size(), false};
    std::vector<Bound> fresh;
    for (Index i = 0; i < above; ++i) fresh.push_back({.a = claims.above(i), .sign = 1.0});
    for (Index i = 0; i < count - above; ++i) fresh.push_back({.a = -claims.below(i), .sign = -1.0});

    // ln of the product of the chances of all runs that have ended, for each bound.
    Vector log_chances = Vector::Zero(count);
    const auto log_chance = [&](const Bound& bound) { return std::min(0.0, bound.log_component + log_density); };
    for (Index round = 1; round <= most_rounds; ++round) {
        Matrix z(n, runs_at_once);
        const RandomStream normals(seed, stream + static_cast<std::uint64_t>(round) * 0x100000000);
        for (Index r = 0; r < runs_at_once; ++r)
            z.col(r) = normal_vector(normals, n, static_cast<std::uint64_t>(r * n));
        for (int twice = 0; twice < 2; ++twice) project(z, claims.found);
        std::vector<Run> runs;
        for (Index r = 0; r < runs_at_once; ++r)
            runs.push_back({z.col(r).normalized(), Vector::Zero(n), 0.0, fresh, false});
        const Index seen = round * runs_at_once;
        // Of the chance that this may go wrong a part for every round: 1 / (k (k + 1)) sums to 1.
        const double allowed = chance / static_cast<double>(round * (round + 1));
        const auto shown = [&](Index i) {
            double log_p = log_chances(i);
            for (const Run& run : runs) log_p += log_chance(run.bounds[static_cast<std::size_t>(i)]);
            return chance_of_product(log_p, seen) <= allowed;
        };
        // What has been shown stays so.
        const auto count_shown = [&] {
            while (verdict.above < above && shown(verdict.above)) ++verdict.above;
            while (verdict.below < count - above && shown(above + verdict.below)) ++verdict.below;
            return verdict.above + verdict.below == count;
        };
        for (;;) {
            std::vector<Index> active;
            for (Index r = 0; r < runs_at_once; ++r)
                if (!runs[static_cast<std::size_t>(r)].ended) active.push_back(r);
            if (active.empty()) break;
            const auto width = static_cast<Index>(active.size());
            if (a.products() + width > max_products) {
                count_shown();
                return verdict;
            }
            Matrix v(n, width);
            for (Index c = 0; c < width; ++c)
                v.col(c) = runs[static_cast<std::size_t>(active[static_cast<std::size_t>(c)])].v;
            Matrix y = a * v;
            project(y, claims.found);
            for (Index c = 0; c < width; ++c) {
                Run& run = runs[static_cast<std::size_t>(active[static_cast<std::size_t>(c)])];
                const double alpha = run.v.dot(y.col(c));
                Vector next = y.col(c) - alpha * run.v - run.beta * run.before;
                project(next, claims.found);
                const double beta = next.norm();
                bool exhausted = true;
                for (Index i = 0; i < count; ++i) {
                    Bound& bound = run.bounds[static_cast<std::size_t>(i)];
                    bound.advance(alpha, run.beta, beta, error);
                    if (bound.refuted) {
                        verdict.refuted = true;
                        return verdict;
                    }
                    const bool open = i < above ? i >= verdict.above : i - above >= verdict.below;
                    exhausted = exhausted && (bound.exhausted() || !open);
                }
                run.ended = exhausted || beta <= error;
                if (run.ended) continue;
                run.before = std::move(run.v);
                run.v = next / beta;
                run.beta = beta;
            }
            if (count_shown()) return verdict;
        }
        for (Index i = 0; i < count; ++i)
            for (const Run& run : runs) log_chances(i) += log_chance(run.bounds[static_cast<std::size_t>(i)]);
    }
    return verdict;
}

} // namespace hessq
