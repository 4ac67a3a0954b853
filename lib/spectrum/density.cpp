#include "hessq/spectrum/density.hpp"

#include "hessq/core/parallel.hpp"
#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "rounding.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

namespace hessq {
namespace {

constexpr std::uint64_t density_stream = 0x64656e73697479; // "density"
/// Of sums of weights.
constexpr double weight_rounding = 1e-13;

void check(const DensityOptions& options, Index n, const char* function) {
    require(options.steps >= 1, function, "steps must be at least 1", options.steps);
    require(options.probes >= 1, function, "probes must be at least 1", options.probes);
    require(options.block >= 0, function, "block must be at least 0", options.block);
    const Index known = options.known.values.size();
    require(known <= n, function, "at most as many eigenpairs can be known as there are", known);
    require_size(options.known.vectors.cols(), known, function, "the block of known eigenvectors");
    require_size(options.known.residuals.size(), known, function, "the known residuals");
    if (known > 0) require_size(options.known.vectors.rows(), n, function, "a known eigenvector");
}

Index at_once(const DensityOptions& options) {
    return options.block == 0 ? options.probes : std::min(options.block, options.probes);
}

/// V - U U'V
Matrix without(MatrixView u, Matrix v) {
    if (u.cols() > 0) {
        const Matrix overlap = u.transpose() * v;
        v.noalias() -= u * overlap;
    }
    return v;
}

/// P(|r_t| > b for some t) of a standardized bridge over 1/N, ..., 1 - 1/N, for large b.
double crossing_probability(double b, double unknown) {
    const double density = std::exp(-0.5 * b * b) / std::sqrt(2.0 * std::numbers::pi);
    return density * ((b - 1.0 / b) * 2.0 * std::log(unknown - 1.0) + 4.0 / b);
}

/// The level of each of the N - 1 two-sided tests that makes the chance of any false one at most alpha.
double local_level(Index unknown, double alpha) {
    if (unknown <= 2) return alpha;
    const auto count = static_cast<double>(unknown);
    double low = 1.5, high = 40.0;
    if (crossing_probability(low, count) <= alpha) return alpha / (count - 1.0);
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        (crossing_probability(middle, count) > alpha ? low : high) = middle;
    }
    const double tail = boost::math::cdf(boost::math::complement(boost::math::normal(), high));
    return std::max(2.0 * tail, alpha / (count - 1.0));
}

/// The counts k out of N that are compatible with a weight between `seen.lower` and `seen.upper` on k eigenvalues,
/// which is a Beta(m k / 2, m (N - k) / 2) variable.
struct Counts {
    Index lower, upper;
};

Counts compatible_counts(const Interval& seen, Index unknown, Index probes, double level) {
    const double half = 0.5 * static_cast<double>(probes);
    const double low = seen.lower - weight_rounding, high = seen.upper + weight_rounding;
    const auto a = [&](Index k) { return half * static_cast<double>(k); };
    const auto b = [&](Index k) { return half * static_cast<double>(unknown - k); };
    Counts counts{0, unknown};
    if (low > 0.0) { // 0 is too few
        Index too_few = 0, enough = unknown;
        while (enough - too_few > 1) {
            const Index k = (too_few + enough) / 2;
            (boost::math::ibetac(a(k), b(k), low) >= 0.5 * level ? enough : too_few) = k;
        }
        counts.lower = enough;
    }
    if (high < 1.0) {
        Index enough = 0, too_many = unknown;
        while (too_many - enough > 1) {
            const Index k = (too_many + enough) / 2;
            (boost::math::ibeta(a(k), b(k), high) >= 0.5 * level ? enough : too_many) = k;
        }
        counts.upper = enough;
    }
    // No count at all: what was seen is rarer than the level.
    if (counts.lower > counts.upper) std::swap(counts.lower, counts.upper);
    return counts;
}

/// Bounds on the weight that all probes together put on eigenvalues up to x.
Interval weight_bounds(const SpectralMeasure& m, double x) {
    Interval sum;
    if (std::isinf(x)) return x > 0.0 ? Interval{1.0, 1.0} : sum;
    for (std::size_t l = 0; l < m.tridiagonals.size(); ++l) {
        const double share = m.shares(static_cast<Index>(l));
        sum.lower += share * distribution_bounds(m.tridiagonals[l], x - m.resolution).lower;
        sum.upper += share * distribution_bounds(m.tridiagonals[l], x + m.resolution).upper;
    }
    return sum;
}

Index known_up_to(const SpectralMeasure& m, double x) {
    return std::upper_bound(m.known.begin(), m.known.end(), x) - m.known.begin();
}

void require_confidence(double confidence, const char* function) {
    require(confidence > 0.0 && confidence < 1.0, function, "confidence must lie between 0 and 1", confidence);
}

} // namespace

Quadrature SpectralMeasure::quadrature() const {
    std::vector<std::pair<double, double>> all;
    for (std::size_t l = 0; l < tridiagonals.size(); ++l) {
        const Quadrature rule = gauss_quadrature(tridiagonals[l]);
        for (Index j = 0; j < rule.nodes.size(); ++j)
            all.emplace_back(rule.nodes(j), shares(static_cast<Index>(l)) * rule.weights(j));
    }
    std::sort(all.begin(), all.end());
    Quadrature result{Vector(static_cast<Index>(all.size())), Vector(static_cast<Index>(all.size()))};
    for (std::size_t j = 0; j < all.size(); ++j) {
        result.nodes(static_cast<Index>(j)) = all[j].first;
        result.weights(static_cast<Index>(j)) = all[j].second;
    }
    return result;
}

SpectralMeasure spectral_measure(const SymmetricOperator& a, const DensityOptions& options) {
    const Index n = a.dimension();
    check(options, n, "spectral_measure");
    const Matrix& u = options.known.vectors;
    SpectralMeasure m;
    m.dimension = n;
    m.known = options.known.values;
    std::sort(m.known.begin(), m.known.end());
    double residual = 0.0;
    if (m.known.size() > 0) {
        const Matrix gram = u.transpose() * u;
        const double defect = (gram - Matrix::Identity(gram.rows(), gram.cols())).cwiseAbs().maxCoeff();
        require(defect <= 1e-8, "spectral_measure",
                "the known eigenvectors must be orthonormal to 1e-8; largest defect", defect);
        m.norm = m.known.cwiseAbs().maxCoeff();
        residual = options.known.residuals.norm();
    }
    if (m.unknown() > 0) {
        const SymmetricOperator rest = u.cols() == 0
                                           ? a
                                           : SymmetricOperator(
                                                 n, [&](MatrixView v) { return without(u, a * v); }, a.name());
        m.shares.resize(options.probes);
        for (Index first = 0; first < options.probes; first += at_once(options)) {
            const Index count = std::min(at_once(options), options.probes - first);
            Matrix probes(n, count);
            parallel_for(count, [&](Index l) {
                probes.col(l) = normal_vector(RandomStream(options.seed, density_stream), n,
                                              static_cast<std::uint64_t>((first + l) * n));
            });
            probes = without(u, std::move(probes));
            m.shares.segment(first, count) = probes.colwise().squaredNorm().transpose();
            LanczosOptions lanczos_options{.steps = std::min(options.steps, m.unknown()), .norm = m.norm};
            const Index before = m.products;
            Index made = 0;
            if (options.progress)
                lanczos_options.finished = [&](const Tridiagonal&) {
                    options.progress(before + ++made);
                    return false;
                };
            LanczosResult run = lanczos(rest, probes, lanczos_options);
            m.products += run.products;
            m.norm = std::max(m.norm, run.norm);
            for (Tridiagonal& t : run.tridiagonals) m.tridiagonals.push_back(std::move(t));
        }
        m.shares /= m.shares.sum();
        // As many different eigenvalues as there are unknown ones: what would lead further is rounding.
        for (Tridiagonal& t : m.tridiagonals)
            if (t.steps() == m.unknown()) t.off_diagonal(t.steps() - 1) = 0.0;
    }
    m.resolution = std::max(64.0, std::sqrt(static_cast<double>(n))) * machine_epsilon * m.norm + 2.0 * residual;
    return m;
}

std::size_t spectral_measure_bytes(Index n, const DensityOptions& options) {
    return lanczos_bytes(n, at_once(options), options.steps) +
           sizeof(double) * static_cast<std::size_t>(n) * static_cast<std::size_t>(options.known.values.size());
}

EigenvalueDistribution eigenvalue_distribution(const SpectralMeasure& m, VectorView grid, double confidence) {
    const char* const function = "eigenvalue_distribution";
    require_confidence(confidence, function);
    require_finite(grid, "eigenvalue_distribution: the grid");
    for (Index i = 1; i < grid.size(); ++i)
        require(grid(i) > grid(i - 1), function, "the grid must ascend; it does not at index", i);
    const Index size = grid.size(), unknown = m.unknown(), probes = static_cast<Index>(m.tridiagonals.size());
    const auto n = static_cast<double>(m.dimension);
    EigenvalueDistribution f{grid, Vector(size), Vector(size), Vector(size), confidence};
    const double level = local_level(unknown, 1.0 - confidence);
    parallel_for(size, [&](Index i) {
        const double x = grid(i);
        const auto below = static_cast<double>(known_up_to(m, x - m.resolution)),
                   up_to = static_cast<double>(known_up_to(m, x + m.resolution)),
                   known = static_cast<double>(known_up_to(m, x));
        f.value(i) = known / n;
        f.lower(i) = below / n;
        f.upper(i) = up_to / n;
        if (unknown == 0) return;
        const Interval seen = weight_bounds(m, x);
        const Counts counts = compatible_counts(seen, unknown, probes, level);
        f.value(i) += 0.5 * (seen.lower + seen.upper) * static_cast<double>(unknown) / n;
        f.lower(i) += static_cast<double>(counts.lower) / n;
        f.upper(i) += static_cast<double>(counts.upper) / n;
    });
    // F ascends, so that every point tells about the others.
    for (Index i = 1; i < size; ++i) {
        f.value(i) = std::max(f.value(i), f.value(i - 1));
        f.lower(i) = std::max(f.lower(i), f.lower(i - 1));
    }
    for (Index i = size - 1; i-- > 0;) f.upper(i) = std::min(f.upper(i), f.upper(i + 1));
    f.value = f.value.cwiseMax(f.lower).cwiseMin(f.upper);
    return f;
}

Vector spectral_grid(const SpectralMeasure& m, Index points) {
    require(points >= 2, "spectral_grid", "points must be at least 2", points);
    const Quadrature rule = m.quadrature();
    std::vector<double> places(rule.nodes.begin(), rule.nodes.end());
    std::sort(places.begin(), places.end());
    std::vector<double> grid;
    const double step = 4.0 * m.resolution + std::numeric_limits<double>::min();
    const auto count = static_cast<Index>(places.size()), taken = std::min(points, count);
    // Right behind a Ritz value, where a jump at it is over.
    for (Index i = 0; i < taken; ++i) {
        const Index rank = taken == 1 ? 0 : i * (count - 1) / (taken - 1);
        grid.push_back(places[static_cast<std::size_t>(rank)] + step);
    }
    for (const double value : m.known) grid.push_back(value + step);
    grid.push_back(-step);
    grid.push_back(step);
    grid.push_back(*std::min_element(grid.begin(), grid.end()) - 2.0 * step);
    std::sort(grid.begin(), grid.end());
    // Places nearer to each other than what eigenvalues are known to are one.
    std::vector<double> distinct;
    for (const double x : grid)
        if (distinct.empty() || x - distinct.back() >= 0.5 * step) distinct.push_back(x);
    return Eigen::Map<Vector>(distinct.data(), static_cast<Index>(distinct.size()));
}

EigenvalueCount eigenvalue_count(const SpectralMeasure& m, double from, double to, double confidence) {
    const char* const function = "eigenvalue_count";
    require_confidence(confidence, function);
    require(from < to, function, "the interval must not be empty; its length is", to - from);
    const double s = m.resolution;
    EigenvalueCount count;
    count.confidence = confidence;
    count.value = static_cast<double>(known_up_to(m, to) - known_up_to(m, from));
    count.lower = std::max<Index>(0, known_up_to(m, to - s) - known_up_to(m, from + s));
    count.upper = known_up_to(m, to + s) - known_up_to(m, from - s);
    if (m.unknown() == 0) return count;
    const Interval high = weight_bounds(m, to), low = weight_bounds(m, from);
    const Interval seen{std::max(0.0, high.lower - low.upper), std::min(1.0, high.upper - low.lower)};
    const Counts counts =
        compatible_counts(seen, m.unknown(), static_cast<Index>(m.tridiagonals.size()), 1.0 - confidence);
    count.value += 0.5 * (seen.lower + seen.upper) * static_cast<double>(m.unknown());
    count.lower += counts.lower;
    count.upper += counts.upper;
    count.value = std::clamp(count.value, static_cast<double>(count.lower), static_cast<double>(count.upper));
    return count;
}

Vector smoothed_density(const SpectralMeasure& m, VectorView x, double width) {
    require(width > 0.0, "smoothed_density", "width must be positive", width);
    const auto n = static_cast<double>(m.dimension);
    const double height = 1.0 / (width * std::sqrt(2.0 * std::numbers::pi) * n);
    const Quadrature rule = m.unknown() > 0 ? m.quadrature() : Quadrature{};
    const auto bell = [&](double at, double center) {
        const double t = (at - center) / width;
        return height * std::exp(-0.5 * t * t);
    };
    Vector density = Vector::Zero(x.size());
    for (Index i = 0; i < x.size(); ++i) {
        for (const double value : m.known) density(i) += bell(x(i), value);
        for (Index j = 0; j < rule.nodes.size(); ++j)
            density(i) += static_cast<double>(m.unknown()) * rule.weights(j) * bell(x(i), rule.nodes(j));
    }
    return density;
}

} // namespace hessq
