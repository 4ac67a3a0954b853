#include "hessq/core/layout.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(layout)

BOOST_AUTO_TEST_CASE(an_empty_layout_has_dimension_zero) { BOOST_TEST(ParameterLayout{}.dimension() == 0); }

BOOST_AUTO_TEST_CASE(appended_groups_cover_the_vector_in_order) {
    ParameterLayout layout;
    layout.append("weight", 3, 4);
    layout.append("bias", 3);
    layout.append("scale", 1);
    BOOST_TEST(layout.groups[0].name == "weight");
    BOOST_TEST(layout.groups[0].offset == 0);
    BOOST_TEST(layout.groups[0].size() == 12);
    BOOST_TEST(layout.groups[1].offset == 12);
    BOOST_TEST(layout.groups[1].rows == 3);
    BOOST_TEST(layout.groups[1].cols == 1);
    BOOST_TEST(layout.groups[2].offset == 15);
    BOOST_TEST(layout.dimension() == 16);
}

BOOST_AUTO_TEST_SUITE_END()
