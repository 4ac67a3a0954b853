#pragma once

#include "hessq/core/plot.hpp"

#include <string>

#pragma GCC visibility push(default)
namespace hessq {

struct PictureOptions {
    std::string gnuplot = "gnuplot"; ///< the program, found as a shell would find it
    double time_limit = 60.0;        ///< seconds after which gnuplot is stopped
};

struct Picture {
    std::string svg = {};  ///< an <svg> element that scales with its place; empty when there is no picture
    std::string note = {}; ///< sentences for the caption: what a logarithmic axis left out, or why there is no picture
};

/// The figure as SVG, drawn by gnuplot in a child process.
///
/// Numbers that are not finite or beyond 1e300, and on logarithmic axes those that are not positive or below 1e-300,
/// are left out and counted in the note. Every id in the SVG begins with `id`, so that pictures with different ids can
/// share a page.
///
/// Throws     std::invalid_argument if x, y or a given interval of a series differ in size, or unless the id is a
///            letter followed by letters, digits and hyphens.
[[nodiscard]] Picture picture(const Plot& plot, const std::string& id, const PictureOptions& options = {});

/// The same for a heat map. Parts of its lines that leave the cells are not drawn.
///
/// Throws     std::invalid_argument also unless there is a value for each pair, x and y are positive and ascending, and
///            low < high.
[[nodiscard]] Picture picture(const HeatMap& map, const std::string& id, const PictureOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
