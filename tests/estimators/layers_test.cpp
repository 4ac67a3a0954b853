#include "hessq/estimators/layers.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/objectives/problems.hpp"

#include <boost/test/unit_test.hpp>

#include "support/judged_spectra.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/temporary_folder.hpp"

#include <cmath>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(layers)

namespace {

bool covers(const IntervalEstimate& e, double truth) { return e.interval.lower <= truth && truth <= e.interval.upper; }

double share(const VectorIntervals& v, const Vector& truth) {
    return ((v.lower.array() <= truth.array()) && (truth.array() <= v.upper.array())).cast<double>().mean();
}

ParameterLayout halves(Index first, Index second) {
    ParameterLayout layout;
    layout.append("first", first);
    layout.append("second", second);
    return layout;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_diagonal_matrix_is_known_exactly) {
    const Vector d = (Vector(5) << 0.5, -2.0, 3.0, 0.0, 1.0).finished();
    const MatrixEstimates e = estimate_layers(diagonal_operator(d), halves(2, 3), {.samples = 16});

    BOOST_TEST(e.trace.value == 2.5, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(e.trace.std_error == 0.0);
    BOOST_TEST(e.squared_norm.value == 14.25, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST((e.diagonal.value == d));
    BOOST_TEST((e.diagonal.std_error == Vector::Zero(5)));
    BOOST_TEST((e.squared_row_norms.value == d.cwiseAbs2()));
    BOOST_TEST(e.layers.size() == 2U);
    BOOST_TEST(e.layers[0].name == "first");
    BOOST_TEST(e.layers[0].trace.value == -1.5, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(e.layers[1].squared_norm.value == 10.0, boost::test_tools::tolerance(4 * eps));
    BOOST_TEST(e.layers[1].trace.std_error == 0.0);
    BOOST_TEST(share(e.diagonal, d) == 1.0);
    BOOST_TEST(covers(e.trace, d.sum()));
    BOOST_TEST(covers(e.squared_norm, d.squaredNorm()));
}

BOOST_AUTO_TEST_CASE(all_that_one_pass_gives_agrees_with_itself) {
    const Matrix a = random_symmetric(50, 3);
    const MatrixEstimates e = estimate_layers(dense_operator(a), halves(30, 20), {.samples = 40, .seed = 2});
    const double rounding = 1e3 * eps * a.squaredNorm();
    BOOST_TEST(std::abs(e.diagonal.value.sum() - e.trace.value) <= rounding);
    BOOST_TEST(std::abs(e.squared_row_norms.value.sum() - e.squared_norm.value) <= rounding);
    BOOST_TEST(std::abs(e.layers[0].trace.value + e.layers[1].trace.value - e.trace.value) <= rounding);
    BOOST_TEST(std::abs(e.layers[0].squared_norm.value + e.layers[1].squared_norm.value - e.squared_norm.value) <=
               rounding);
    BOOST_TEST(std::abs(e.layers[0].trace.value - e.diagonal.value.head(30).sum()) <= rounding);
    // The error of the trace: twice the sum of the variances of the entries.
    BOOST_TEST(e.trace.std_error == std::sqrt(2.0) * e.diagonal.std_error.norm(), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(e.trace.products == 40);
}

BOOST_AUTO_TEST_CASE(intervals_of_norms_and_entries_cover_as_they_say) {
    // 400 seeds: 380 +- 3.5 * 4.4 for the norm. Shares of entries are means of 128 such numbers that share their
    // probes: 95 % +- 1.5 %. An entry of the squared diagonal is chi-square for rows of many entries of one size; the
    // identity in "flat" and "indefinite" is one large entry in each row, for which the interval is too wide.
    for (const NamedSpectrum& s : judged_spectra(128)) {
        const Matrix dense = with_spectrum(s.values, 4);
        const SymmetricOperator a = dense_operator(dense);
        const Vector diagonal = dense.diagonal(), rows = dense.rowwise().squaredNorm();
        int norm = 0;
        double diagonal_share = 0.0, row_share = 0.0;
        for (std::uint64_t seed = 0; seed < 400; ++seed) {
            const MatrixEstimates e = estimate_layers(a, {}, {.samples = 64, .seed = seed});
            norm += covers(e.squared_norm, rows.sum());
            diagonal_share += share(e.diagonal, diagonal) / 400.0;
            row_share += share(e.squared_row_norms, rows) / 400.0;
        }
        BOOST_TEST(norm >= 365, s.name);
        BOOST_TEST(norm <= 395, s.name);
        BOOST_TEST(std::abs(diagonal_share - 0.95) <= 0.015, s.name);
        BOOST_TEST(row_share >= 0.935, s.name);
        if (s.name != "flat" && s.name != "step" && s.name != "huge step" && s.name != "indefinite")
            BOOST_TEST(row_share <= 0.965, s.name);
    }
}

BOOST_AUTO_TEST_CASE(layers_of_a_network_are_those_of_its_hessian) {
    const Problem problem = bundled_problem("iris-mlp");
    const Vector w = problem.start(0);
    const Matrix h = problem.objective->dense_hessian(w);
    const ParameterLayout layout = problem.objective->layout();
    int covered = 0, all = 0;
    for (std::uint64_t seed = 0; seed < 25; ++seed) {
        const MatrixEstimates e = estimate_layers(problem.objective->hessian(w), layout, {.samples = 64, .seed = seed});
        for (std::size_t g = 0; g < layout.groups.size(); ++g) {
            const ParameterGroup& group = layout.groups[g];
            BOOST_TEST(e.layers[g].name == group.name);
            covered += covers(e.layers[g].trace, h.diagonal().segment(group.offset, group.size()).sum());
            covered += covers(e.layers[g].squared_norm, h.middleRows(group.offset, group.size()).squaredNorm());
            all += 2;
        }
    }
    // Numbers that share their probes, in few groups: 95 % of them within 6 %, whichever way they depend.
    BOOST_TEST(covered >= 0.89 * all);
}

BOOST_AUTO_TEST_CASE(an_interrupted_run_ends_with_the_same_bytes_and_more_samples_extend_it) {
    const TemporaryFolder folder;
    const SymmetricOperator a = dense_operator(random_symmetric(50, 3));
    const ParameterLayout layout = halves(30, 20);
    const auto counted = [&](Index most, Index& count) {
        return SymmetricOperator(50, [&a, &count, most](MatrixView v) -> Matrix {
            count += v.cols();
            if (count > most) throw std::runtime_error("interrupted");
            return a * v;
        });
    };
    const MatrixEstimates whole = estimate_layers(a, layout, {.samples = 70, .seed = 2});
    Index count = 0;
    LayerOptions options = {.samples = 70, .seed = 2, .file = folder / "state"};
    BOOST_CHECK_THROW((void)estimate_layers(counted(40, count), layout, options), std::runtime_error);
    count = 0;
    const MatrixEstimates resumed = estimate_layers(counted(1000, count), layout, options);
    BOOST_TEST(count == 70 - 32 + 1);
    const auto same = [](const MatrixEstimates& x, const MatrixEstimates& y) {
        return x.trace.value == y.trace.value && x.trace.std_error == y.trace.std_error &&
               x.squared_norm.interval.upper == y.squared_norm.interval.upper && x.diagonal.value == y.diagonal.value &&
               x.diagonal.upper == y.diagonal.upper && x.squared_row_norms.std_error == y.squared_row_norms.std_error &&
               x.layers[1].squared_norm.value == y.layers[1].squared_norm.value &&
               x.layers[0].trace.std_error == y.layers[0].trace.std_error;
    };
    BOOST_TEST(same(resumed, whole));
    options.samples = 100;
    const MatrixEstimates extended = estimate_layers(a, layout, options);
    BOOST_TEST(same(extended, estimate_layers(a, layout, {.samples = 100, .seed = 2})));
    const ThreadLimit one(1);
    BOOST_TEST(same(extended, estimate_layers(a, layout, {.samples = 100, .seed = 2})));
    options.samples = 32;
    BOOST_CHECK_EXCEPTION((void)estimate_layers(a, layout, options), std::invalid_argument,
                          says("estimate_layers: samples must be at least the 96 that the file has; got 32"));
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused) {
    const SymmetricOperator a = identity_operator(10);
    BOOST_CHECK_EXCEPTION((void)estimate_layers(a, {}, {.samples = 15}), std::invalid_argument,
                          says("estimate_layers: samples must be at least 16; got 15"));
    BOOST_CHECK_EXCEPTION((void)estimate_layers(a, {}, {.confidence = 1.0}), std::invalid_argument,
                          says("estimate_layers: confidence must lie between 0 and 1; got 1"));
    BOOST_CHECK_EXCEPTION((void)estimate_layers(a, {}, {.block = 1}), std::invalid_argument,
                          says("estimate_layers: block must be at least 2; got 1"));
    BOOST_CHECK_EXCEPTION((void)estimate_layers(a, halves(3, 4)), std::invalid_argument,
                          says("estimate_layers: the groups must have 10 entries; got 7"));
}

BOOST_AUTO_TEST_SUITE_END()
