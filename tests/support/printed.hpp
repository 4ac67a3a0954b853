#pragma once

#include "hessq/core/types.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

namespace hessq::test {

/// A number that was printed with an error of at most half a unit in its last digit.
inline void check_printed(double value, double printed, double unit) {
    BOOST_TEST(std::abs(value - printed) <= 0.5001 * unit, value << " was printed as " << printed);
}

inline void check_printed(const Vector& values, const std::vector<double>& printed, double unit) {
    BOOST_REQUIRE(values.size() == static_cast<Index>(printed.size()));
    for (Index k = 0; k < values.size(); ++k) check_printed(values(k), printed[static_cast<std::size_t>(k)], unit);
}

inline Vector vector_of(const std::vector<double>& x) {
    return Eigen::Map<const Vector>(x.data(), static_cast<Index>(x.size()));
}

} // namespace hessq::test
