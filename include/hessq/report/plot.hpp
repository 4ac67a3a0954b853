#pragma once

#include <string>
#include <vector>

namespace hessq {

/// Points of one color under one name of the legend (an empty label: not in the legend).
struct Series {
    enum class Style {
        points,
        line,
        linepoints,
        steps, ///< right-continuous: y[i] from x[i] to x[i + 1]
        boxes  ///< a histogram: centers x, heights y from zero
    };

    std::string label = {};
    std::vector<double> x = {};
    std::vector<double> y = {};
    Style style = Style::line;
    /// Empty, or the ends of the interval at each point: error bars for points, linepoints and boxes, a shaded band
    /// for lines and steps.
    std::vector<double> lower = {};
    std::vector<double> upper = {};
};

/// A dashed straight line through (x, y), straight and with this slope in the axes as drawn: in log-log axes the
/// power law y (t / x)^slope. A level (slope 0) is always in sight; other slopes only where they cross the data.
struct GuideLine {
    double slope = 1.0;
    double x = 1.0;
    double y = 1.0;
    std::string label = {};
};

/// A dotted line from bottom to top.
struct VerticalLine {
    double x = 0.0;
    std::string label = {};
};

/// What a figure shows.
struct Plot {
    std::string title = {}; ///< for the page around the picture and for screen readers; not drawn
    std::string x_label = {};
    std::string y_label = {};
    bool log_x = false;
    bool log_y = false;
    std::vector<Series> series = {};
    std::vector<GuideLine> guides = {};
    std::vector<VerticalLine> verticals = {};
};

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

} // namespace hessq
