#include "hessq/estimators/probes.hpp"

#include "hessq/core/parallel.hpp"

#include <boost/test/unit_test.hpp>

#include "support/messages.hpp"

#include <cmath>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(probes)

BOOST_AUTO_TEST_CASE(probe_17_is_probe_17_whatever_else_is_asked_for) {
    for (const Index n : {1, 61, 62, 63, 200}) {
        BOOST_TEST((sign_probes(3, n, 0, 20).col(17) == sign_probes(3, n, 17, 1).col(0)));
        BOOST_TEST((normal_probes(3, n, 0, 20).col(17) == normal_probes(3, n, 17, 1).col(0)));
    }
    for (const ProbeRows rows : {ProbeRows{62, 100}, ProbeRows{124, 76}, ProbeRows{0, 5}, ProbeRows{186, 0}}) {
        BOOST_TEST((sign_probes(3, 200, 4, 3, rows) == sign_probes(3, 200, 4, 3).middleRows(rows.begin, rows.size)));
        BOOST_TEST(
            (normal_probes(3, 200, 4, 3, rows) == normal_probes(3, 200, 4, 3).middleRows(rows.begin, rows.size)));
    }
    Matrix block = Matrix::Zero(200, 5);
    sign_probes(3, 2, block.leftCols(4));
    BOOST_TEST((block.leftCols(4) == sign_probes(3, 200, 2, 4)));
    normal_probes(3, 7, block.rightCols(2));
    BOOST_TEST((block.rightCols(2) == normal_probes(3, 200, 7, 2)));
    BOOST_TEST((block.leftCols(3) == sign_probes(3, 200, 2, 3)));
    const auto draw = [](int threads) {
        const ThreadLimit limit(threads);
        return sign_probes(5, 1000, 3, 50);
    };
    BOOST_TEST((draw(1) == draw(4)));
}

BOOST_AUTO_TEST_CASE(signs_are_independent_within_a_probe_and_between_probes) {
    // Each sum below is one of N = 400 * 300 independent products of signs: sd sqrt(N) = 346, bound 4.5 sd.
    const Index n = 400, m = 300;
    const double bound = 4.5 * std::sqrt(static_cast<double>(n * m));
    const Matrix z = sign_probes(1, n, 0, m);
    BOOST_TEST((z.array().abs() == 1.0).all());
    BOOST_TEST(std::abs(z.sum()) <= bound);
    for (const Index shift : {1, 2, 31, 61, 62, 63, 124})
        BOOST_TEST(std::abs(z.topRows(n - shift).cwiseProduct(z.bottomRows(n - shift)).sum()) <= bound, shift);
    for (const Index shift : {1, 2, 7})
        BOOST_TEST(std::abs(z.leftCols(m - shift).cwiseProduct(z.rightCols(m - shift)).sum()) <= bound, shift);
    BOOST_TEST(std::abs(z.cwiseProduct(sign_probes(2, n, 0, m)).sum()) <= bound);
}

BOOST_AUTO_TEST_CASE(normal_probes_have_the_moments_of_a_normal_variable) {
    // N = 1e5: the sample moments of order 1, 2, 4 have sd 1 / sqrt(N), sqrt(2 / N), sqrt(96 / N); bound 4.5 sd.
    const Matrix z = normal_probes(4, 201, 0, 500);
    const auto count = static_cast<double>(z.size());
    BOOST_TEST(std::abs(z.mean()) <= 4.5 / std::sqrt(count));
    BOOST_TEST(std::abs(z.cwiseAbs2().mean() - 1.0) <= 4.5 * std::sqrt(2.0 / count));
    BOOST_TEST(std::abs(z.array().pow(4).mean() - 3.0) <= 4.5 * std::sqrt(96.0 / count));
    BOOST_TEST(std::abs(z.topRows(200).cwiseProduct(z.bottomRows(200)).mean()) <= 4.5 / std::sqrt(count));
}

BOOST_AUTO_TEST_CASE(probes_refuse_what_is_no_block) {
    BOOST_CHECK_EXCEPTION((void)sign_probes(0, 0, 0, 1), std::invalid_argument,
                          says("sign_probes: n must be at least 1; got 0"));
    BOOST_CHECK_EXCEPTION((void)normal_probes(0, 3, -1, 1), std::invalid_argument,
                          says("normal_probes: first must be at least 0; got -1"));
    BOOST_CHECK_EXCEPTION((void)sign_probes(0, 3, 0, -2), std::invalid_argument,
                          says("sign_probes: count must be at least 0; got -2"));
    BOOST_CHECK_EXCEPTION((void)sign_probes(0, 100, 0, 1, {61, 3}), std::invalid_argument,
                          says("sign_probes: rows must begin at a multiple of 62; got 61"));
    BOOST_CHECK_EXCEPTION((void)normal_probes(0, 100, 0, 1, {62, 39}), std::invalid_argument,
                          says("normal_probes: rows must be at most those from there to the end; got 39"));
}

BOOST_AUTO_TEST_SUITE_END()
