#include <boost/test/unit_test.hpp>
#include <cmath>

#include "hessq/theory/clipping.hpp"

using namespace hessq;

BOOST_AUTO_TEST_CASE(clipping_page) {
    // A mini-batch gradient of RMS length 1 at lr 0.1: the excess loss of a stationary run.
    const double excess = stationary_excess_loss(1.0, 0.1); // 0.025

    // What share of steps would clipping at 1 change, if |ghat|^2 has mean 0.8 and variance 0.1?
    const double share = clipped_share({.mean = 0.8, .variance = 0.1}, 1.0);

    // cos(sign g, g): few normal entries, many, and heavy tails.
    const double few = gaussian_sign_cosine(5);                // 0.839
    const double many = limit_sign_cosine(EntryLaw::gaussian); // 0.798
    const double heavy = student_sign_cosine(3.0);             // 0.637

    BOOST_TEST(std::abs(excess - 0.025) < 1e-15);
    BOOST_TEST((share > 0.2 && share < 0.3));
    BOOST_TEST(std::abs(few - 0.839) < 5e-4);
    BOOST_TEST(std::abs(many - 0.798) < 5e-4);
    BOOST_TEST(std::abs(heavy - 0.637) < 5e-4);
}
