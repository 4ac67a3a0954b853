#include "hessq/spectrum/density.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/judged_spectra.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(spectral_density)

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double share_up_to(const Vector& values, double x) {
    return static_cast<double>((values.array() <= x).count()) / static_cast<double>(values.size());
}

/// A softmax network's spectrum: many zeros, a bulk on both sides, outliers.
Vector network_spectrum() {
    Vector values(256);
    values << Vector::Zero(120), Vector::LinSpaced(20, -0.1, -0.01), Vector::LinSpaced(106, 0.01, 1.0),
        Vector::LinSpaced(10, 5.0, 50.0);
    return values;
}

bool band_holds(const SpectralMeasure& m, const Vector& values) {
    const EigenvalueDistribution f = eigenvalue_distribution(m, spectral_grid(m, 40));
    for (Index i = 0; i < f.grid.size(); ++i) {
        const double low = share_up_to(values, f.grid(i) - m.resolution),
                     high = share_up_to(values, f.grid(i) + m.resolution);
        if (f.lower(i) > high || f.upper(i) < low) return false;
    }
    return true;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_band_holds_the_whole_distribution_95_percent_of_the_time, *boost::unit_test::label("slow")) {
    const RotatedSpectrum a(network_spectrum(), 1);
    constexpr int seeds = 400;
    int held = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed)
        held += band_holds(spectral_measure(a.matrix(), {.steps = 20, .probes = 3, .seed = seed}), a.values());
    // Of 400 with 95 %: at least 365 with probability 0.9995 (binomial).
    BOOST_TEST(held >= 365);
}

BOOST_AUTO_TEST_CASE(two_eigenvalues_have_the_arcsine_law) {
    // N = 2, one probe: W = w_1 / (w_1 + w_2) is Beta(1/2, 1/2), with 2.5 % below sin^2(pi/80). F(0) = 1/2 is all that
    // explains a W between the two quantiles, where it is 95 % of the time.
    const SymmetricOperator a = diagonal_operator(Eigen::Vector2d(-1.0, 1.0));
    const double tail = std::pow(std::sin(std::acos(-1.0) / 80.0), 2);
    int beyond = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        const SpectralMeasure m = spectral_measure(a, {.steps = 2, .probes = 1, .seed = seed});
        const double w = distribution_bounds(m.tridiagonals[0], 0.0).lower;
        const EigenvalueDistribution f = eigenvalue_distribution(m, Vector::Zero(1));
        const bool is_half = f.lower(0) == 0.5 && f.upper(0) == 0.5;
        BOOST_TEST(is_half == (tail <= w && w <= 1.0 - tail));
        beyond += !is_half;
    }
    BOOST_TEST(beyond >= 7); // binomial with mean 20: 0.9995 on each side
    BOOST_TEST(beyond <= 36);
}

BOOST_AUTO_TEST_CASE(known_outliers_count_exactly_and_zeros_jump_at_zero) {
    const Vector values = network_spectrum();
    const Matrix a = with_spectrum(values, 2);
    const ExtremeEigenpairs ends = extreme_eigenpairs(dense_operator(a), {.top = 10, .bottom = 0});
    const SpectralMeasure m = spectral_measure(dense_operator(a), {.steps = 127, .probes = 4, .known = ends.top});
    const Vector grid{{-1.0, -1e-6, 1e-6, 2.0, 7.0, 12.0, 49.0, 51.0}};
    const EigenvalueDistribution f = eigenvalue_distribution(m, grid);
    // From the gap below the first outlier on everything is known: the bulk counts 246.
    for (Index i = 3; i < grid.size(); ++i) {
        BOOST_TEST(f.lower(i) == share_up_to(values, grid(i)));
        BOOST_TEST(f.upper(i) == share_up_to(values, grid(i)));
    }
    // The jump at zero is 120 of 256, and lies between these two points whatever its height.
    // The Krylov spaces are exhausted: only chance is left, the 20 negative ones are not 0 and not 60.
    BOOST_TEST(f.upper(0) == 0.0);
    BOOST_TEST(f.lower(1) > 0.0);
    BOOST_TEST(f.upper(1) < 0.2);
    BOOST_TEST(f.lower(2) > 0.4);
    const EigenvalueCount zeros = eigenvalue_count(m, -1e-6, 1e-6);
    BOOST_TEST(zeros.lower <= 120);
    BOOST_TEST(zeros.upper >= 120);
    BOOST_TEST(zeros.upper - zeros.lower <= 60); // 4 standard errors, 2 * 256 sqrt(2 p (1 - p) / (4 * 258)) each side
    BOOST_TEST(std::abs(zeros.value - 120.0) <= 45.0);
    const EigenvalueCount outliers = eigenvalue_count(m, 2.0, infinity);
    BOOST_TEST(outliers.lower == 10);
    BOOST_TEST(outliers.upper == 10);
    BOOST_TEST(outliers.value == 10.0);
}

BOOST_AUTO_TEST_CASE(without_a_probe_too_many_everything_known_is_exact) {
    const Matrix a = random_symmetric(12, 3);
    const ExtremeEigenpairs all = extreme_eigenpairs(dense_operator(a), {.top = 12, .bottom = 0});
    const SpectralMeasure m = spectral_measure(dense_operator(a), {.known = all.top});
    BOOST_TEST(m.products == 0);
    BOOST_TEST(m.unknown() == 0);
    const Vector grid = spectral_grid(m);
    const EigenvalueDistribution f = eigenvalue_distribution(m, grid);
    BOOST_TEST(f.lower(0) == 0.0);
    BOOST_TEST(f.upper(grid.size() - 1) == 1.0);
    BOOST_TEST((f.upper - f.lower).maxCoeff() == 0.0);
    BOOST_TEST(eigenvalue_count(m, -infinity, infinity).value == 12.0);
}

BOOST_AUTO_TEST_CASE(a_multiple_of_the_identity_is_one_jump) {
    const SpectralMeasure m = spectral_measure(sum(3.0, identity_operator(100), 0.0, identity_operator(100)), {});
    BOOST_TEST(m.products == 10); // every space ends after one step
    const EigenvalueDistribution f = eigenvalue_distribution(m, Eigen::Vector3d(0.0, 3.0 - 1e-9, 3.0 + 1e-9));
    BOOST_TEST((f.upper == Eigen::Vector3d(0.0, 0.0, 1.0)));
    BOOST_TEST((f.lower == Eigen::Vector3d(0.0, 0.0, 1.0)));
    BOOST_TEST(eigenvalue_count(m, 2.0, 4.0).lower == 100);
    const SpectralMeasure zero = spectral_measure(diagonal_operator(Vector::Zero(30)), {.probes = 2});
    BOOST_TEST(eigenvalue_count(zero, -1e-9, 1e-9).lower == 30);
}

BOOST_AUTO_TEST_CASE(the_band_is_ordered_ascends_and_narrows_with_probes, *boost::unit_test::label("slow")) {
    const RotatedSpectrum a(network_spectrum(), 4);
    double before = 2.0;
    for (const Index probes : {1, 4, 16}) {
        const SpectralMeasure m = spectral_measure(a.matrix(), {.steps = 60, .probes = probes});
        const EigenvalueDistribution f = eigenvalue_distribution(m, spectral_grid(m, 100));
        BOOST_TEST((f.lower.array() <= f.value.array()).all());
        BOOST_TEST((f.value.array() <= f.upper.array()).all());
        for (const Vector* const v : {&f.lower, &f.value, &f.upper})
            BOOST_TEST((v->tail(v->size() - 1).array() >= v->head(v->size() - 1).array()).all());
        const double width = (f.upper - f.lower).mean();
        BOOST_TEST(width < 0.7 * before); // a half where the probes decide
        before = width;
    }
}

BOOST_AUTO_TEST_CASE(blocks_of_probes_change_memory_alone) {
    const SymmetricOperator a = dense_operator(random_symmetric(80, 5));
    const SpectralMeasure at_once = spectral_measure(a, {.steps = 10, .probes = 5});
    const SpectralMeasure in_turn = spectral_measure(a, {.steps = 10, .probes = 5, .block = 2});
    BOOST_TEST((at_once.shares - in_turn.shares).norm() <= 8 * eps);
    for (std::size_t l = 0; l < 5; ++l)
        BOOST_TEST((at_once.tridiagonals[l].diagonal - in_turn.tridiagonals[l].diagonal).norm() <= 1e-10);
    BOOST_TEST(spectral_measure_bytes(80, {.steps = 10, .probes = 5, .block = 2}) == 8 * 80 * 2 * 14);
}

BOOST_AUTO_TEST_CASE(the_smoothed_density_integrates_to_one_and_is_a_bell_around_each_eigenvalue) {
    const Vector values = Eigen::Vector4d(-1.0, 0.0, 0.0, 2.0);
    const SpectralMeasure m = spectral_measure(diagonal_operator(values), {.steps = 3, .probes = 400});
    const Vector x = Vector::LinSpaced(4001, -3.0, 4.0);
    const Vector density = smoothed_density(m, x, 0.1);
    BOOST_TEST(density.sum() * (x(1) - x(0)) == 1.0, boost::test_tools::tolerance(1e-9));
    // Half of the mass at zero: sd of the share sqrt(2 / 4 / (400 * 4 + 2)).
    const double at_zero = smoothed_density(m, Vector::Zero(1), 0.1)(0) * 0.1 * std::sqrt(2.0 * std::acos(-1.0));
    BOOST_TEST(std::abs(at_zero - 0.5) <= 5.0 * std::sqrt(0.5 / 1602.0));
}

BOOST_AUTO_TEST_CASE(progress_counts_products_and_threads_do_not_matter) {
    const SymmetricOperator a = dense_operator(random_symmetric(60, 6));
    Index last = 0;
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        const SpectralMeasure m = spectral_measure(
            a, {.steps = 8, .probes = 4, .block = 3, .progress = [&](Index products) { last = products; }});
        BOOST_TEST(last == m.products);
        return eigenvalue_distribution(m, spectral_grid(m));
    };
    const EigenvalueDistribution one = run(1), four = run(4);
    BOOST_TEST((one.lower == four.lower));
    BOOST_TEST((one.value == four.value));
}

BOOST_AUTO_TEST_CASE(density_refuses_what_cannot_be_asked) {
    const SymmetricOperator a = identity_operator(3);
    BOOST_CHECK_EXCEPTION((void)spectral_measure(a, {.steps = 0}), std::invalid_argument,
                          says("spectral_measure: steps must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)spectral_measure(a, {.probes = 0}), std::invalid_argument,
                          says("spectral_measure: probes must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION(
        (void)spectral_measure(a, {.known = {Vector::Ones(1), Matrix::Ones(3, 1), Vector::Zero(1), {}}}),
        std::invalid_argument,
        says("spectral_measure: the known eigenvectors must be orthonormal to 1e-8; largest defect; got 2"));
    const SpectralMeasure m = spectral_measure(a, {});
    BOOST_CHECK_EXCEPTION((void)eigenvalue_distribution(m, Eigen::Vector2d(1.0, 1.0)), std::invalid_argument,
                          says("eigenvalue_distribution: the grid must ascend; it does not at index; got 1"));
    BOOST_CHECK_EXCEPTION((void)eigenvalue_distribution(m, Eigen::Vector2d(0.0, 1.0), 1.0), std::invalid_argument,
                          says("eigenvalue_distribution: confidence must lie between 0 and 1; got 1"));
    BOOST_CHECK_EXCEPTION((void)eigenvalue_count(m, 1.0, 1.0), std::invalid_argument,
                          says("eigenvalue_count: the interval must not be empty; its length is; got 0"));
    BOOST_CHECK_EXCEPTION((void)smoothed_density(m, Vector::Zero(1), 0.0), std::invalid_argument,
                          says("smoothed_density: width must be positive; got 0"));
    BOOST_CHECK_EXCEPTION((void)spectral_grid(m, 1), std::invalid_argument,
                          says("spectral_grid: points must be at least 2; got 1"));
}

BOOST_AUTO_TEST_SUITE_END()
