#define BOOST_TEST_MODULE hessq
#include <boost/test/unit_test.hpp>
