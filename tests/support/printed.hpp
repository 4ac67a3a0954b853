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

inline Vector vector_of(const std::vector<double>& x) {
    return Eigen::Map<const Vector>(x.data(), static_cast<Index>(x.size()));
}

} // namespace hessq::test
