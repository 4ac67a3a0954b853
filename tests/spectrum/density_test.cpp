#include "hessq/spectrum/density.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/require.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

using namespace hessq;
using hessq::test::eps;
using hessq::test::says;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Normal probes do not know directions, so a diagonal matrix is as good as any with its eigenvalues.
SymmetricOperator with(const Vector& lambda) { return diagonal_operator(lambda); }

double share_up_to(const Vector& lambda, double x) {
    return static_cast<double>((lambda.array() <= x).count()) / static_cast<double>(lambda.size());
}

/// Whether the band holds the true distribution function: at its grid and between its points.
bool holds(const EigenvalueDistribution& f, const Vector& lambda) {
    for (Index i = 0; i < f.grid.size(); ++i) {
        const double truth = share_up_to(lambda, f.grid(i));
        if (f.lower(i) > truth + 1e-12 || f.upper(i) < truth - 1e-12) return false;
    }
    return true;
}

std::vector<std::pair<const char*, Vector>> spectra(Index n) {
    const Vector i = Vector::LinSpaced(n, 1.0, static_cast<double>(n));
    Vector step = Vector::Constant(n, 1e-3), null = Vector::Zero(n);
    step.head(n / 20).setOnes();
    null.head(n / 4) = Vector::LinSpaced(n / 4, 0.1, 1.0);
    return {{"flat", Vector::LinSpaced(n, 1.0, 3.0)},
            {"polynomial", i.array().pow(-2.0)},
            {"exponential", i.unaryExpr([](double k) { return std::pow(0.9, k); })},
            {"step", step},
            {"indefinite", Vector::LinSpaced(n, -1.0, 2.0)},
            {"null space", null}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(density)

// 95 % asked for; 60 runs of each spectrum, 360 in all: 95 % less four binomial errors of 1.15 % is 90.4 %.
BOOST_AUTO_TEST_CASE(the_band_holds_the_whole_distribution_function_in_95_percent_of_runs) {
    int covered = 0, runs = 0;
    for (const auto& [name, lambda] : spectra(200)) {
        for (std::uint64_t seed = 0; seed < 60; ++seed, ++runs) {
            const SpectralMeasure measure = spectral_measure(with(lambda), {.steps = 15, .probes = 5, .seed = seed});
            if (holds(eigenvalue_distribution(measure, spectral_grid(measure, 60)), lambda)) ++covered;
        }
    }
    BOOST_TEST(runs == 360);
    BOOST_TEST(covered >= 326);
}

BOOST_AUTO_TEST_CASE(a_jump_is_where_it_is_and_the_band_around_it_is_that_of_the_probes_alone) {
    const Vector lambda = spectra(400).back().second; // 300 zeros
    const SpectralMeasure measure = spectral_measure(with(lambda), {.steps = 60, .probes = 40});
    const EigenvalueCount zeros = eigenvalue_count(measure, -1e-8, 1e-8);
    BOOST_TEST(zeros.lower <= 300);
    BOOST_TEST(zeros.upper >= 300);
    BOOST_TEST(zeros.upper - zeros.lower <= 20); // 4 sigma of Beta(6000, 2000): 400 * 4 * 0.0048 = 8 each way
    const EigenvalueCount negative = eigenvalue_count(measure, -infinity, -1e-8);
    BOOST_TEST(negative.upper == 0);
    const EigenvalueCount all = eigenvalue_count(measure, -infinity, infinity);
    BOOST_TEST(all.lower == 400);
    BOOST_TEST(all.upper == 400);
}

BOOST_AUTO_TEST_CASE(outliers_that_are_known_count_exactly) {
    Vector lambda = Vector::LinSpaced(100, 0.0, 1.0);
    lambda.tail(3) << 10.0, 20.0, 30.0;
    const ExtremeEigenpairs ends = extreme_eigenpairs(with(lambda), {.top = 3, .bottom = 0});
    const SpectralMeasure measure = spectral_measure(with(lambda), {.steps = 20, .probes = 4, .known = ends.top});
    Vector grid(3);
    grid << 5.0, 15.0, 25.0;
    const EigenvalueDistribution f = eigenvalue_distribution(measure, grid);
    for (Index i = 0; i < 3; ++i) {
        BOOST_TEST(std::abs(f.lower(i) - (0.97 + 0.01 * static_cast<double>(i))) <= 1e-12);
        BOOST_TEST(std::abs(f.upper(i) - (0.97 + 0.01 * static_cast<double>(i))) <= 1e-12);
    }
    BOOST_TEST(std::abs(eigenvalue_count(measure, 15.0, infinity).value - 2.0) <= 1e-9);
}

BOOST_AUTO_TEST_CASE(probes_do_not_depend_on_how_many_run_side_by_side) {
    const Vector lambda = Vector::LinSpaced(90, -1.0, 1.0);
    const SpectralMeasure all = spectral_measure(with(lambda), {.steps = 12, .probes = 5}),
                          single = spectral_measure(with(lambda), {.steps = 12, .probes = 5, .block = 1});
    BOOST_TEST(all.products == 60);
    BOOST_TEST(single.products == 60);
    BOOST_TEST((all.shares - single.shares).norm() <= 8.0 * eps);
    const Vector grid = Vector::LinSpaced(20, -1.1, 1.1);
    BOOST_TEST((eigenvalue_distribution(all, grid).value - eigenvalue_distribution(single, grid).value).norm() <=
               1e-10);
}

BOOST_AUTO_TEST_CASE(the_smoothed_density_integrates_to_one) {
    const Vector lambda = Vector::LinSpaced(300, -1.0, 2.0);
    const SpectralMeasure measure = spectral_measure(with(lambda), {.steps = 30, .probes = 3});
    const Vector x = Vector::LinSpaced(2001, -3.0, 4.0);
    const Vector density = smoothed_density(measure, x, 0.1);
    BOOST_TEST(std::abs(density.sum() * (x(1) - x(0)) - 1.0) <= 1e-6);
    BOOST_TEST(std::abs(density(1000) - 1.0 / 3.0) <= 0.1); // in the middle of a flat spectrum
}

BOOST_AUTO_TEST_CASE(zero_and_one_by_one_operators_work) {
    const SpectralMeasure zero = spectral_measure(with(Vector::Zero(10)));
    BOOST_TEST(zero.norm == 0.0);
    BOOST_TEST(eigenvalue_count(zero, -1.0, 1.0).lower == 10);
    const SpectralMeasure one = spectral_measure(with(Vector::Constant(1, -2.5)));
    BOOST_TEST(eigenvalue_count(one, -infinity, 0.0).lower == 1);
    BOOST_TEST(eigenvalue_distribution(one, spectral_grid(one)).upper(0) == 0.0);
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
    const SymmetricOperator a = with(Vector::Ones(4));
    BOOST_CHECK_EXCEPTION((void)spectral_measure(a, {.probes = 0}), std::invalid_argument,
                          says("spectral_measure: probes must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)spectral_measure(a, {.steps = 0}), std::invalid_argument,
                          says("spectral_measure: steps must be at least 1; got 0"));
    const SpectralMeasure measure = spectral_measure(a);
    BOOST_CHECK_EXCEPTION((void)eigenvalue_distribution(measure, Vector::Ones(2)), std::invalid_argument,
                          says("eigenvalue_distribution: the grid must ascend; it does not at index; got 1"));
    BOOST_CHECK_EXCEPTION((void)eigenvalue_count(measure, 1.0, 1.0), std::invalid_argument,
                          says("eigenvalue_count: the interval must not be empty; its length is; got 0"));
    Eigenpairs twice{Vector::Ones(2), Matrix::Zero(4, 2), Vector::Zero(2), {true, true}};
    twice.vectors.row(0).setOnes();
    BOOST_CHECK_THROW((void)spectral_measure(a, {.known = twice}), std::invalid_argument);
    const SymmetricOperator nan(2, [](MatrixView v) -> Matrix { return v * infinity; });
    BOOST_CHECK_THROW((void)spectral_measure(nan), NumericalError);
}

BOOST_AUTO_TEST_SUITE_END()
