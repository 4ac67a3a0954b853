#include "hessq/report/figures.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <vector>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(figures)

BOOST_AUTO_TEST_CASE(a_histogram_counts_each_sign_over_eight_decades) {
    Vector values(7);
    values << 100.0, 1.0, 1.0, -10.0, 0.0, 1e-5, 1e-7; // the last is nine decades below the largest
    const Plot plot = magnitude_histogram("spectrum", values);
    BOOST_TEST(plot.title == "spectrum");
    BOOST_TEST_REQUIRE(plot.series.size() == 2u);
    const auto total = [](const Series& s) { return std::accumulate(s.y.begin(), s.y.end(), 0.0); };
    BOOST_TEST(plot.series[0].label == "positive");
    BOOST_TEST(total(plot.series[0]) == 4.0);
    BOOST_TEST(plot.series[1].label == "negative");
    BOOST_TEST(total(plot.series[1]) == 1.0);
    BOOST_TEST(plot.series[0].x.size() == 40u);
    BOOST_TEST(plot.series[0].y.back() == 1.0); // 100, in the topmost cell
    BOOST_TEST(plot.series[0].x.back() == 1.9, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(magnitude_histogram("one sign", Vector::Ones(3)).series.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_scatter_has_one_point_for_each_pair_in_logarithmic_axes) {
    const Plot plot = scatter("t", "x", Eigen::Vector2d(1.0, 2.0), "y", Eigen::Vector2d(3.0, 4.0));
    BOOST_TEST(plot.log_x);
    BOOST_TEST(plot.log_y);
    BOOST_TEST_REQUIRE(plot.series.size() == 1u);
    BOOST_TEST(plot.series[0].x == (std::vector<double>{1.0, 2.0}));
    BOOST_TEST(plot.series[0].y == (std::vector<double>{3.0, 4.0}));
    BOOST_CHECK(plot.series[0].style == Series::Style::points);
}

BOOST_AUTO_TEST_SUITE_END()
