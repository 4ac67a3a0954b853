#pragma once

#include <string>
#include <vector>

// What a figure shows, as plain numbers: made where the numbers are known, drawn by hessq/report/plot.hpp.

#pragma GCC visibility push(default)
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

/// A number for each pair of a column and a row: colored cells with the numbers in them. Columns and rows are evenly
/// spaced whatever their positions, which stand beside the axes.
struct HeatMap {
    std::string title = {}; ///< as in Plot
    std::string x_label = {};
    std::string y_label = {};
    std::string value_label = {};
    std::vector<double> x = {};      ///< of the columns: positive, ascending
    std::vector<double> y = {};      ///< of the rows: positive, ascending; the first row is at the bottom
    std::vector<double> values = {}; ///< row by row. One that is not finite is a gray cell
    double low = 0.0;                ///< of the color scale; values beyond its ends have the colors of the ends
    double high = 1.0;
    /// Lines across the cells, at positions as x and y are, between which the logarithm is linear.
    std::vector<Series> lines = {};
};

} // namespace hessq
#pragma GCC visibility pop
