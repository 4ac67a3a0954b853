#include "hessq/spectrum/resolved.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(resolved)

BOOST_AUTO_TEST_CASE(both_ends_of_a_spectrum_over_four_decades_are_resolved) {
    const std::vector<Index> chosen = resolved_directions(Vector{{1e-3, 0.5, -10.0}});

    BOOST_TEST(chosen == (std::vector<Index>{0, 1, 2}));
}

BOOST_AUTO_TEST_CASE(smaller_curvature_of_either_sign_and_zero_are_not) {
    const std::vector<Index> chosen = resolved_directions(Vector{{0.0, 9e-5, -9e-5, -1.0, 1e-4}});

    BOOST_TEST(chosen == (std::vector<Index>{3, 4}));
}

BOOST_AUTO_TEST_CASE(of_a_zero_matrix_nothing_is_resolved) { BOOST_TEST(resolved_directions(Vector::Zero(3)).empty()); }

BOOST_AUTO_TEST_SUITE_END()
