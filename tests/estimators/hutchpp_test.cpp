#include "hessq/estimators/hutchpp.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/statistics.hpp"

#include <boost/test/unit_test.hpp>

#include "support/judged_spectra.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(hutchpp)

BOOST_AUTO_TEST_CASE(a_rank_below_a_third_of_the_products_leaves_nothing_to_chance) {
    Vector values = Vector::Zero(50);
    values.head(10) = Vector::LinSpaced(10, -1.0, 2.0);
    const Matrix a = with_spectrum(values, 7);
    const IntervalEstimate trace = hutchpp_trace(dense_operator(a), {.products = 36});
    const VectorEstimate diagonal = diagpp(dense_operator(a), {.products = 36});
    BOOST_TEST(std::abs(trace.value - values.sum()) <= 1e-12);
    BOOST_TEST(trace.std_error <= 1e-12);
    BOOST_TEST(trace.interval.lower <= values.sum());
    BOOST_TEST(trace.interval.upper >= values.sum());
    BOOST_TEST(trace.products == 36);
    BOOST_TEST((diagonal.value - a.diagonal()).cwiseAbs().maxCoeff() <= 1e-12);
    BOOST_TEST(diagonal.std_error.maxCoeff() <= 1e-12);
    BOOST_TEST(diagonal.samples == 12);
    BOOST_TEST(diagonal.products == 36);
}

BOOST_AUTO_TEST_CASE(published_errors_are_met) {
    // n = 1024 for 1000, 60 products: mean relative errors 1.5e-3 (i^-2) and 1.5e-4 (0.7^i) over 40 other seeds and
    // another basis. The mean of 20 absolute errors has a relative sd of about 17 % (more for skewed ones): a factor 2.
    for (const NamedSpectrum& s : judged_spectra(1024)) {
        const double published = s.name == "i^-2" ? 1.5e-3 : s.name == "0.7^i" ? 1.5e-4 : 0.0;
        if (published == 0.0) continue;
        const SymmetricOperator a = RotatedSpectrum(s.values, 2).matrix();
        double error = 0.0;
        for (std::uint64_t seed = 0; seed < 20; ++seed)
            error += std::abs(hutchpp_trace(a, {.products = 60, .seed = seed}).value / s.values.sum() - 1.0) / 20.0;
        BOOST_TEST(error <= 2.0 * published, s.name);
        BOOST_TEST(error >= 0.5 * published, s.name);
    }
}

BOOST_AUTO_TEST_CASE(intervals_of_diagonal_entries_cover_as_they_say) {
    // 300 seeds, entries 0, 7, ..., 63 of a matrix of order 64: 10 binomials of mean 285 and sd 3.8, which share their
    // probes; each within 4 sd, their mean within 3.
    const Matrix a = with_spectrum(Vector::LinSpaced(64, 0.0, -6.0).array().exp(), 5);
    const SymmetricOperator op = dense_operator(a);
    Vector covered = Vector::Zero(64);
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const VectorEstimate e = diagpp(op, {.products = 48, .seed = seed});
        for (Index i = 0; i < 64; i += 7) {
            const Interval interval = student_interval(Estimate{e.value(i), e.std_error(i), e.samples, 0}, 0.95);
            covered(i) += interval.lower <= a(i, i) && a(i, i) <= interval.upper;
        }
    }
    for (Index i = 0; i < 64; i += 7) BOOST_TEST(std::abs(covered(i) - 285.0) <= 4.0 * 3.8);
    BOOST_TEST(std::abs(covered.sum() / 10.0 - 285.0) <= 3.0 * 3.8);
}

BOOST_AUTO_TEST_CASE(small_and_zero_operators_work) {
    const SymmetricOperator one = diagonal_operator(Vector::Constant(1, -3.5));
    BOOST_TEST(std::abs(hutchpp_trace(one).value + 3.5) <= 4 * eps * 3.5);
    BOOST_TEST(std::abs(diagpp(one).value(0) + 3.5) <= 4 * eps * 3.5);
    const SymmetricOperator zero = diagonal_operator(Vector::Zero(7));
    BOOST_TEST(hutchpp_trace(zero).value == 0.0);
    BOOST_TEST(hutchpp_trace(zero).std_error == 0.0);
    BOOST_TEST((diagpp(zero).value == Vector::Zero(7)));
}

BOOST_AUTO_TEST_CASE(too_few_products_are_refused) {
    const SymmetricOperator a = identity_operator(10);
    BOOST_CHECK_EXCEPTION((void)hutchpp_trace(a, {.products = 23}), std::invalid_argument,
                          says("estimate_trace: products must be at least 24; got 23"));
    BOOST_CHECK_EXCEPTION((void)diagpp(a, {.products = 23}), std::invalid_argument,
                          says("diagpp: products must be at least 24; got 23"));
    BOOST_CHECK_EXCEPTION((void)diagpp(a, {.block = 1}), std::invalid_argument,
                          says("diagpp: block must be at least 2; got 1"));
}

BOOST_AUTO_TEST_SUITE_END()
