#pragma once

#include "hessq/core/plot.hpp"
#include "hessq/core/types.hpp"

#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

std::vector<double> to_list(VectorView values);

/// Counts of log10 |value| in 40 equal cells over eight decades below the largest: positive and negative values apart.
Plot magnitude_histogram(const std::string& title, VectorView values);

/// One point for each pair in logarithmic axes.
Plot scatter(const std::string& title, const std::string& x_label, VectorView x, const std::string& y_label,
             VectorView y);

} // namespace hessq
#pragma GCC visibility pop
