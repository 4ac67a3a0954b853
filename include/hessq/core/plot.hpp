#pragma once

#include <string>
#include <vector>

// What a figure shows, as plain numbers: made where the numbers are known, drawn by hessq/report/plot.hpp.

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

} // namespace hessq
