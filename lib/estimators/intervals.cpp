#include "intervals.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace hessq {
namespace {

constexpr double many = 1e6; // degrees of freedom that change no quantile in the first six digits

} // namespace

void Moments::add(double x) {
    ++count;
    const double delta = x - mean;
    mean += delta / static_cast<double>(count);
    squares += delta * (x - mean);
}

double Moments::variance() const { return count < 2 ? 0.0 : squares / static_cast<double>(count - 1); }

double student_factor(double degrees_of_freedom, double confidence) {
    const double tail = 0.5 * (1.0 - confidence);
    if (!(degrees_of_freedom < many))
        return boost::math::quantile(boost::math::complement(boost::math::normal(), tail));
    return boost::math::quantile(boost::math::complement(boost::math::students_t(degrees_of_freedom), tail));
}

double rounding_of_sums(Index n) { return std::sqrt(static_cast<double>(n)) * std::numeric_limits<double>::epsilon(); }

Interval chi_square_interval(double mean, double degrees_of_freedom, double confidence) {
    const boost::math::chi_squared law(std::min(degrees_of_freedom, many));
    const double tail = 0.5 * (1.0 - confidence), scaled = std::min(degrees_of_freedom, many) * mean;
    return {scaled / boost::math::quantile(boost::math::complement(law, tail)),
            scaled / boost::math::quantile(law, tail)};
}

} // namespace hessq
