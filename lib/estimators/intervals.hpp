#pragma once

#include "hessq/core/statistics.hpp"

namespace hessq {

/// Mean and squares of numbers that come one at a time (Welford): equal numbers have a variance of exactly zero.
struct Moments {
    Index count = 0;
    double mean = 0.0;
    double squares = 0.0; ///< sum (x - mean)^2

    void add(double x);
    double variance() const; ///< divisor count - 1; 0 for fewer than 2
};

/// Half the width of a two-sided interval in standard errors; the degrees of freedom need not be whole, and infinitely
/// many make it the normal quantile.
double student_factor(double degrees_of_freedom, double confidence);

/// What rounding makes of a sum of n numbers, relative to the sum of their sizes.
double rounding_of_sums(Index n);

/// From a mean of positive numbers that behaves like a chi-square variable with these degrees of freedom.
Interval chi_square_interval(double mean, double degrees_of_freedom, double confidence);

} // namespace hessq
