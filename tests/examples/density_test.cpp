#include "hessq/spectrum/density.hpp"
#include "hessq/spectrum/matrix_functions.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(density_example)

BOOST_AUTO_TEST_CASE(all_eigenvalues_from_products) {
    const Index n = 100;
    const SymmetricOperator a(n, [](MatrixView v) {
        const Index last = v.rows() - 1;
        Matrix product = 2.0 * v;
        product.topRows(last) -= v.bottomRows(last);
        product.bottomRows(last) -= v.topRows(last);
        return product;
    });
    const ExtremeEigenpairs outer = extreme_eigenpairs(a, {.top = 5, .bottom = 0});
    const SpectralMeasure measure = spectral_measure(a, {.steps = 40, .probes = 10, .known = outer.top});
    const EigenvalueDistribution f =
        eigenvalue_distribution(measure, spectral_grid(measure));      // f.lower <= F <= f.upper
    const EigenvalueCount small = eigenvalue_count(measure, 0.0, 1.0); // small.lower ... small.upper
    const Estimate log_det = trace_of_function(measure, [](double x) { return std::log(x); }); // 4.62, exactly log 101

    const auto up_to = [&](double x) { // eigenvalues 2 - 2 cos(k pi / 101) at or below x
        Index count = 0;
        for (Index k = 1; k <= n; ++k)
            if (2.0 - 2.0 * std::cos(static_cast<double>(k) * std::acos(-1.0) / 101.0) <= x) ++count;
        return count;
    };
    for (Index i = 0; i < f.grid.size(); ++i) {
        BOOST_TEST(f.lower(i) <= static_cast<double>(up_to(f.grid(i))) / 100.0 + 1e-12);
        BOOST_TEST(f.upper(i) >= static_cast<double>(up_to(f.grid(i))) / 100.0 - 1e-12);
    }
    BOOST_TEST(small.lower <= up_to(1.0));
    BOOST_TEST(small.upper >= up_to(1.0));
    BOOST_TEST(std::abs(log_det.value - std::log(101.0)) <= 4.0 * log_det.std_error);
}

BOOST_AUTO_TEST_SUITE_END()
