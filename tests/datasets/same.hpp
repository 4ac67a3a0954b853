#pragma once

#include "hessq/core/types.hpp"

#include <boost/test/tools/assertion_result.hpp>

/// Whether two matrices have one shape and the same entries; shows both if not.
inline boost::test_tools::assertion_result same(const hessq::Matrix& got, const hessq::Matrix& expected) {
    boost::test_tools::assertion_result result(got.rows() == expected.rows() && got.cols() == expected.cols() &&
                                               got == expected);
    if (!result) result.message() << "expected\n" << expected << "\ngot\n" << got;
    return result;
}
