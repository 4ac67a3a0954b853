#include "hessq/report/plot.hpp"

#include <boost/test/unit_test.hpp>

#include "support/messages.hpp"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <regex>
#include <stdexcept>

using namespace hessq;
using namespace hessq::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(plot)

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t count(const std::string& text, const std::string& pattern) {
    const std::regex regex(pattern);
    return static_cast<std::size_t>(
        std::distance(std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()));
}

Plot line_plot() { return {.title = "Loss", .series = {{.label = "adam", .x = {0, 1, 2}, .y = {3, 2, 1}}}}; }

/// A program in place of gnuplot, gone afterwards.
class Program {
public:
    explicit Program(const std::string& script) {
        std::string folder = (fs::temp_directory_path() / "hessq-test-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(folder.data()) != nullptr);
        folder_ = folder;
        std::ofstream(folder_ / "program") << "#!/bin/sh\n" << script;
        fs::permissions(folder_ / "program", fs::perms::owner_all);
    }
    ~Program() { fs::remove_all(folder_); }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    std::string path() const { return (folder_ / "program").string(); }

private:
    fs::path folder_;
};

const double nan_value = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

} // namespace

BOOST_AUTO_TEST_CASE(a_picture_is_one_scalable_svg_element_without_outside_references) {
    const Picture drawn = picture(line_plot(), "loss");

    BOOST_TEST(drawn.note == "");
    BOOST_TEST(drawn.svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 440\" "));
    BOOST_TEST(drawn.svg.ends_with("</svg>\n"));
    BOOST_TEST(contains(drawn.svg, "<title id=\"loss-title\">Loss</title>"));
    BOOST_TEST(contains(drawn.svg, "<text>adam</text>"));
    BOOST_TEST(count(drawn.svg, "<svg") == 1u);
    BOOST_TEST(count(drawn.svg, "<title") == 1u);
    BOOST_TEST(count(drawn.svg, "xlink|<script|<\\?xml") == 0u);
    BOOST_TEST(count(drawn.svg, "http") == 1u); // the name space
}

BOOST_AUTO_TEST_CASE(the_same_plot_gives_the_same_bytes) {
    BOOST_TEST((picture(line_plot(), "a").svg == picture(line_plot(), "a").svg));
}

BOOST_AUTO_TEST_CASE(every_id_and_every_reference_begins_with_the_given_id) {
    Plot plot = line_plot();
    plot.series[0].style = Series::Style::linepoints;
    const std::string svg = picture(plot, "fig-7").svg;

    BOOST_TEST(count(svg, "href='#fig-7-gpPt6'") >= 3u); // one a point
    BOOST_TEST(count(svg, " id=['\"]") == count(svg, " id=['\"]fig-7-"));
    BOOST_TEST(count(svg, "href=") == count(svg, "href='#fig-7-"));
    BOOST_TEST(count(svg, "url\\(") == count(svg, "url\\(#fig-7-"));
}

BOOST_AUTO_TEST_CASE(labels_are_shown_as_written_whatever_gnuplot_could_read_in_them) {
    Plot plot = line_plot();
    plot.series[0].label = "it's \"a\" \\n b_1^2 {x} @y & <b> `date` $z # %";
    plot.x_label = "'; set output '/tmp/x' #";
    plot.y_label = "two\nlines id='gpPt1' \u03bb\\";
    plot.title = "<t> & 't'";
    const std::string svg = picture(plot, "a").svg;

    BOOST_TEST(contains(svg, "<text>it's \"a\" \\n b_1^2 {x} @y &amp; &lt;b> `date` $z # %</text>"));
    BOOST_TEST(contains(svg, "<text>'; set output '/tmp/x' #</text>"));
    BOOST_TEST(contains(svg, "<text>two lines id='gpPt1' \u03bb\\</text>"));
    BOOST_TEST(contains(svg, "<title id=\"a-title\">&lt;t&gt; &amp; &#39;t&#39;</title>"));
}

BOOST_AUTO_TEST_CASE(digits_after_signs_and_points_are_shown_as_written) {
    Plot plot = line_plot();
    plot.series[0].label = "from -2 to 0.5 or 1/10";
    BOOST_TEST(contains(picture(plot, "a").svg, "<text>from -2 to 0.5 or 1/10</text>"));
}

BOOST_AUTO_TEST_CASE(points_a_logarithmic_axis_cannot_show_are_counted) {
    Plot plot = {.log_x = true,
                 .log_y = true,
                 .series = {{.x = {1, 2, -3, 4, 0}, .y = {1, 0, 1, 2, 3}, .style = Series::Style::points}}};
    const Picture drawn = picture(plot, "a");

    BOOST_TEST(drawn.note ==
               "3 of 5 points are left out: not positive (or below 1e-300), which a logarithmic axis cannot show.");
    BOOST_TEST(count(drawn.svg, "<use href='#a-gpPt6' transform='translate") == 2u);
}

BOOST_AUTO_TEST_CASE(numbers_at_the_edge_of_underflow_end_and_are_left_out) {
    const Plot plot{.log_x = true, .log_y = true, .series = {{.x = {1e-320, 1e-310, 1.0}, .y = {1.0, 2.0, 1e-322}}}};
    BOOST_TEST(picture(plot, "tiny").svg.empty());
    const Plot close{.log_x = true, .series = {{.x = {1.0, 1.0 + 1e-15}, .y = {1.0, 2.0}}}};
    BOOST_TEST(!picture(close, "close").svg.empty());
}

BOOST_AUTO_TEST_CASE(points_that_are_not_finite_are_counted_apart) {
    Plot plot = line_plot();
    plot.log_y = true;
    plot.series[0].y = {1, nan_value, -1};
    BOOST_TEST(picture(plot, "a").note ==
               "1 of 3 points is left out: not finite, or beyond 1e300. 1 of 3 points is left out: not "
               "positive (or below 1e-300), which a logarithmic axis cannot show.");
}

BOOST_AUTO_TEST_CASE(without_a_point_to_show_there_is_no_picture_and_the_note_says_why) {
    BOOST_TEST(picture(Plot{}, "a").svg == "");
    BOOST_TEST(picture(Plot{}, "a").note == "There is no picture: no point can be shown.");
    Plot plot = line_plot();
    plot.series[0].y = {nan_value, infinity, -infinity};
    BOOST_TEST(picture(plot, "a").note ==
               "There is no picture: no point can be shown. 3 of 3 points are left out: not finite, or beyond 1e300.");
}

BOOST_AUTO_TEST_CASE(every_style_is_drawn_with_and_without_intervals_on_every_axis_and_for_awkward_numbers) {
    using Style = Series::Style;
    const std::vector<std::vector<double>> values = {{1, 2, 3},         {5},        {1e-300, 1, 1e300}, {7, 7, 7},
                                                     {1, nan_value, 3}, {-1, 0, 1}, {1, 1 + 1e-12},     {5e-324, 1}};
    for (const Style style : {Style::points, Style::line, Style::linepoints, Style::steps, Style::boxes})
        for (const bool log : {false, true}) {
            Plot plot = {.log_x = log, .log_y = log, .guides = {{2, 1, 1, "slope 2"}}, .verticals = {{1, "here"}}};
            for (const auto& value : values) {
                Series series = {.label = "s", .x = value, .y = value, .style = style};
                plot.series = {series};
                series.lower.assign(value.size(), -1);
                series.upper.assign(value.size(), infinity);
                plot.series.push_back(series);
                const Picture drawn = picture(plot, "a");
                BOOST_TEST_CONTEXT("style " << static_cast<int>(style) << " log " << log << " first " << value[0])
                BOOST_TEST(drawn.svg != "", drawn.note);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_guide_of_slope_two_rises_twice_as_steeply_as_one_of_slope_one) {
    // A square range in log-log axes: the same number of decades on both.
    Plot plot = {.log_x = true, .log_y = true};
    plot.series = {{.x = {1, 1e4}, .y = {1, 1e4}, .style = Series::Style::points}};
    const auto steepness = [&](double slope) {
        plot.guides = {{slope, 10, 10, ""}};
        const std::string svg = picture(plot, "a").svg;
        const std::regex path("stroke='rgb\\( 34,  34,  34\\)'[^>]*d='M([0-9.]+),([0-9.]+) L([0-9.]+),([0-9.]+)");
        std::smatch match;
        BOOST_REQUIRE(std::regex_search(svg, match, path));
        return -(std::stod(match[4]) - std::stod(match[2])) / (std::stod(match[3]) - std::stod(match[1]));
    };
    // Coordinates have two decimals and a piece of the line is about 9 wide: 0.02 / 9 each, for both.
    BOOST_TEST(std::abs(steepness(2.0) / steepness(1.0) - 2.0) < 0.02);
}

BOOST_AUTO_TEST_CASE(without_gnuplot_the_note_says_so) {
    const Picture drawn = picture(line_plot(), "a", {.gnuplot = "no-such-gnuplot"});
    BOOST_TEST(drawn.svg == "");
    BOOST_TEST(drawn.note == "There is no picture: no-such-gnuplot is not installed, or may not be run.");
}

BOOST_AUTO_TEST_CASE(a_gnuplot_that_fails_or_draws_nothing_is_reported_with_its_words) {
    const Program failing("echo 'line 3:' >&2; echo 'no such terminal' >&2; exit 1\n");
    BOOST_TEST(picture(line_plot(), "a", {.gnuplot = failing.path()}).note ==
               "There is no picture: " + failing.path() + " failed: line 3: no such terminal.");
    const Program silent("exit 0\n");
    BOOST_TEST(picture(line_plot(), "a", {.gnuplot = silent.path()}).note ==
               "There is no picture: " + silent.path() + " failed: it drew nothing.");
}

BOOST_AUTO_TEST_CASE(a_gnuplot_that_hangs_is_stopped) {
    const Program hanging("sleep 1000\n");
    BOOST_TEST(picture(line_plot(), "a", {.gnuplot = hanging.path(), .time_limit = 0.1}).note ==
               "There is no picture: " + hanging.path() + " took more than 0.1 s.");
}

BOOST_AUTO_TEST_CASE(refusals_say_what_was_expected_and_seen) {
    Plot plot = line_plot();
    BOOST_CHECK_EXCEPTION(static_cast<void>(picture(plot, "7 a")), std::invalid_argument,
                          says("picture: id must be a letter followed by letters, digits and hyphens; got '7 a'"));
    plot.series[0].lower = {1, 2};
    BOOST_CHECK_EXCEPTION(static_cast<void>(picture(plot, "a")), std::invalid_argument,
                          says("picture: lower of a series must have 3 entries; got 2"));
    plot.series[0].y.pop_back();
    BOOST_CHECK_EXCEPTION(static_cast<void>(picture(plot, "a")), std::invalid_argument,
                          says("picture: y of a series must have 3 entries; got 2"));
}

BOOST_AUTO_TEST_CASE(a_heat_map_shows_every_number_in_a_cell_of_its_color) {
    const HeatMap map{.title = "Map",
                      .x_label = "learning rate",
                      .y_label = "batch",
                      .value_label = "q",
                      .x = {0.001, 0.01, 0.1},
                      .y = {1, 64},
                      .values = {0.5, 1.25, 2.0, nan_value, 99.0, 1.25},
                      .low = 0.5,
                      .high = 2.0};
    const Picture drawn = picture(map, "map");
    BOOST_TEST(drawn.note == "");
    for (const char* text : {"0.001", "0.01", "0.1", "64", "learning rate", "batch", "0.50", "2.00", "99.00"})
        BOOST_TEST(contains(drawn.svg, ">" + std::string(text) + "<"), text);
    BOOST_TEST(count(drawn.svg, "<text>1\\.25</text>|<text><tspan[^>]*>1\\.25</tspan></text>") == 2u);
    BOOST_TEST(count(drawn.svg, "rgb\\(221, 221, 221\\)' points|fill *= *'rgb\\(221, 221, 221\\)'") == 1u); // no value
    BOOST_TEST(contains(drawn.svg, "<title id=\"map-title\">Map</title>"));
    BOOST_TEST(count(drawn.svg, "<image|xlink") == 0u);
    BOOST_TEST((picture(map, "map").svg == drawn.svg));
}

BOOST_AUTO_TEST_CASE(a_line_across_a_heat_map_is_drawn_where_there_are_cells) {
    HeatMap map{.x = {1, 10, 100}, .y = {1, 10}, .values = {1, 1, 1, 1, 1, 1}};
    map.lines = {{.label = "cross-over", .x = {0.01, 1, 10, 1e9}, .y = {1, 1, 10, 10}}};
    const std::string with_line = picture(map, "a").svg;
    BOOST_TEST(contains(with_line, "cross-over"));
    map.lines[0].x = {1e-9, 1e-8, 1e8, 1e9};
    BOOST_TEST(!contains(picture(map, "a").svg, "cross-over"));
}

BOOST_AUTO_TEST_CASE(heat_maps_refuse_what_they_cannot_show) {
    const HeatMap map{.x = {1, 2}, .y = {1}, .values = {1, nan_value}};
    BOOST_TEST(!picture(map, "a").svg.empty());
    const auto refuses = [](const HeatMap& wrong, const std::string& message) {
        BOOST_CHECK_EXCEPTION((void)picture(wrong, "a"), std::invalid_argument, says(message));
    };
    refuses({.x = {2, 1}, .y = {1}, .values = {1, 1}},
            "picture: x of a heat map must be positive and ascending; got 2");
    refuses({.x = {1}, .y = {0}, .values = {1}}, "picture: y of a heat map must be positive and ascending; got 1");
    refuses({.x = {1, 2}, .y = {1}, .values = {1}}, "picture: values of a heat map must have 2 entries; got 1");
    refuses({.x = {1}, .y = {1}, .values = {1}, .low = 1.0, .high = 1.0},
            "picture: low of a heat map must be below high; got 1");
    BOOST_TEST(picture(HeatMap{.x = {1}, .y = {1}, .values = {nan_value}}, "a").note ==
               "There is no picture: no cell has a value.");
}

BOOST_AUTO_TEST_SUITE_END()
