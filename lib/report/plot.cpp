#include "hessq/report/plot.hpp"

#include "escape.hpp"
#include "hessq/core/require.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace hessq {
namespace {

// Okabe and Ito (2008), colors that color-blind readers can tell apart; yellow is too pale for thin lines on white.
constexpr std::array colors = {"0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9", "000000"};
constexpr int picture_width = 640;
constexpr int picture_height = 440;

/// Gnuplot's axes overflow a little below the largest double.
bool is_drawable(double value) { return std::abs(value) <= 1e300; }

/// One axis: what can be shown on it and how far it reaches.
struct Axis {
    bool log = false;
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();

    /// Below 1e-300 the powers of ten that ticks need underflow.
    bool shows(double value) const { return is_drawable(value) && (!log || value >= 1e-300); }
    bool is_empty() const { return low > high; }
    void include(double value) {
        if (!shows(value)) return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    double to_paper(double value) const { return log ? std::log10(value) : value; }
    double from_paper(double value) const { return log ? std::pow(10.0, value) : value; }

    /// The range with a margin; a single value gets room on both sides.
    Axis with_margin(double share) const {
        const double a = to_paper(low);
        const double b = to_paper(high);
        const double alone = log ? 0.3 : (a == 0.0 ? 1.0 : 0.5 * std::abs(a));
        const double margin = a == b ? alone : share * (b - a);
        if (log) return {log, from_paper(std::max(a - margin, -322.0)), from_paper(std::min(b + margin, 304.0))};
        return {log, a - margin, b + margin};
    }
    /// Whole decades in sight are needed before 10^k alone is a readable scale.
    bool has_decades() const { return log && std::floor(std::log10(high)) - std::ceil(std::log10(low)) >= 2.0; }
};

/// Ticks for a logarithmic axis with fewer than three powers of ten in sight: 1, 2 and 5 times those, or even steps
/// where even these are too coarse.
std::vector<double> few_ticks(double low, double high) {
    std::vector<double> ticks;
    const auto first_power = static_cast<int>(std::floor(std::log10(low)));
    const auto last_power = static_cast<int>(std::floor(std::log10(high)));
    for (int power = first_power; power <= last_power; ++power)
        for (const double digit : {1.0, 2.0, 5.0}) {
            const double tick = digit * std::pow(10.0, power);
            if (tick >= low && tick <= high) ticks.push_back(tick);
        }
    if (ticks.size() >= 4) return ticks;

    const double power = std::pow(10.0, std::floor(std::log10((high - low) / 3.0)));
    const double digit = (high - low) / (3.0 * power);
    const double step = power * (digit >= 5.0 ? 5.0 : digit >= 2.0 ? 2.0 : 1.0);
    ticks.clear();
    const double first = std::ceil(low / step);
    for (int i = 0; i < 20 && (first + i) * step <= high; ++i) ticks.push_back((first + i) * step);
    return ticks;
}

/// A gnuplot string. All but letters and spaces go in as octal codes: nothing in a label can then be read as a quote,
/// a command or a substitution. Digits, too: gnuplot would read one that follows a code as more of it.
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ';
        out += plain ? std::string(1, c) : code < 0x20 ? " " : fmt::format("\\{:03o}", code);
    }
    return out + "\"";
}

void check(const Series& series) {
    const auto size = static_cast<Index>(series.x.size());
    require_size(static_cast<Index>(series.y.size()), size, "picture", "y of a series");
    if (series.lower.empty() && series.upper.empty()) return;
    require_size(static_cast<Index>(series.lower.size()), size, "picture", "lower of a series");
    require_size(static_cast<Index>(series.upper.size()), size, "picture", "upper of a series");
}

bool is_id(std::string_view id) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return !id.empty() && is_letter(id.front()) && std::all_of(id.begin(), id.end(), [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
    });
}

std::string terminal() {
    return fmt::format("set encoding utf8\n"
                       "set terminal svg enhanced size {},{} dynamic rounded font 'sans-serif,14' background "
                       "'#FFFFFF'\n"
                       "set minussign\n",
                       picture_width, picture_height);
}

/// The plot as a gnuplot script.
class Script {
public:
    explicit Script(const Plot& plot) : plot_(plot), x_{.log = plot.log_x}, y_{.log = plot.log_y} {
        for (const Series& series : plot.series) measure(series);
        for (const VerticalLine& line : plot.verticals) x_.include(line.x);
        for (const GuideLine& guide : plot.guides)
            if (guide.slope == 0.0) y_.include(guide.y);
    }

    bool is_empty() const { return shown_ == 0; }

    std::string note() const {
        std::string text;
        const auto say = [&](std::size_t count, std::string_view why) {
            if (count == 0) return;
            text += fmt::format("{}{} of {} points {} left out: {}.", text.empty() ? "" : " ", count,
                                shown_ + not_drawable_ + not_positive_, count == 1 ? "is" : "are", why);
        };
        say(not_drawable_, "not finite, or beyond 1e300");
        say(not_positive_, "not positive (or below 1e-300), which a logarithmic axis cannot show");
        return text;
    }

    std::string str() {
        // Bars stand on the axis: no margin below zero.
        const bool on_floor = !y_.log && y_.low == 0.0;
        x_ = x_.with_margin(0.03);
        y_ = y_.with_margin(0.05);
        if (on_floor) y_.low = 0.0;

        add_frame();
        std::vector<std::string> layers; // bands first: lines are drawn over them
        for (std::size_t i = 0; i < plot_.series.size(); ++i)
            if (is_band(plot_.series[i])) layers.push_back(band(plot_.series[i], i));
        for (std::size_t i = 0; i < plot_.series.size(); ++i) add_series(plot_.series[i], i, layers);
        for (const GuideLine& guide : plot_.guides) add_guide(guide, layers);
        for (std::size_t i = 0; i < plot_.verticals.size(); ++i) add_vertical(plot_.verticals[i], i, layers);
        text_ += fmt::format("plot {}\n", fmt::join(layers, ", \\\n     "));
        return std::move(text_);
    }

private:
    const Plot& plot_;
    Axis x_, y_;
    std::size_t shown_ = 0, not_drawable_ = 0, not_positive_ = 0;
    int blocks_ = 0;
    std::string text_ = {};

    bool shows(const Series& series, std::size_t i) const { return x_.shows(series.x[i]) && y_.shows(series.y[i]); }
    static bool is_band(const Series& series) {
        return !series.lower.empty() && (series.style == Series::Style::line || series.style == Series::Style::steps);
    }

    void measure(const Series& series) {
        check(series);
        for (std::size_t i = 0; i < series.x.size(); ++i) {
            if (!shows(series, i)) {
                const bool drawable = is_drawable(series.x[i]) && is_drawable(series.y[i]);
                ++(drawable ? not_positive_ : not_drawable_);
                continue;
            }
            ++shown_;
            x_.include(series.x[i]);
            y_.include(series.y[i]);
            if (!series.lower.empty()) {
                y_.include(series.lower[i]);
                y_.include(series.upper[i]);
            }
        }
        if (series.style != Series::Style::boxes || series.x.empty()) return;
        if (!y_.log) y_.include(0.0);
        for (const std::size_t end : {std::size_t{0}, series.x.size() - 1}) {
            const auto [left, right] = box_edges(series, end);
            x_.include(left);
            x_.include(right);
        }
    }

    /// Half-way to the neighbors, as the axis measures it.
    std::pair<double, double> box_edges(const Series& series, std::size_t i) const {
        const double center = x_.to_paper(series.x[i]);
        const auto half = [&](std::size_t j) { return 0.5 * std::abs(x_.to_paper(series.x[j]) - center); };
        const bool has_left = i > 0;
        const bool has_right = i + 1 < series.x.size();
        const double right = has_right ? half(i + 1) : has_left ? half(i - 1) : 0.1;
        const double left = has_left ? half(i - 1) : right;
        return {x_.from_paper(center - left), x_.from_paper(center + right)};
    }

    void add(const std::string& line) { text_ += line + "\n"; }

    void add_frame() {
        text_ += terminal();
        add("set border 3 linecolor rgb '#666666' linewidth 1");
        add("set tics nomirror out scale 0.6,0.3 textcolor rgb '#333333'");
        add("set grid xtics ytics linetype 1 linecolor rgb '#E6E6E6' linewidth 0.8");
        add("set key tmargin left horizontal Left reverse noenhanced samplen 2 width 1 textcolor rgb '#222222'");
        add(fmt::format("set xlabel {} noenhanced textcolor rgb '#222222'", in_quotes(plot_.x_label)));
        add(fmt::format("set ylabel {} noenhanced textcolor rgb '#222222'", in_quotes(plot_.y_label)));
        add_axis(x_, "x");
        add_axis(y_, "y");
    }

    void add_axis(const Axis& axis, std::string_view name) {
        add(fmt::format("set {}range [{:.17g}:{:.17g}]", name, axis.low, axis.high));
        if (axis.log) add(fmt::format("set logscale {} 10", name));
        add(fmt::format("set format {} '{}'", name, axis.has_decades() ? "10^{%T}" : "%h"));
        if (axis.log && !axis.has_decades())
            add(fmt::format("set {}tics ({:.9g})", name, fmt::join(few_ticks(axis.low, axis.high), ", ")));
    }

    /// Data go in as named blocks. A blank line breaks a line.
    std::string add_block(const std::string& rows) {
        const std::string name = fmt::format("$data{}", ++blocks_);
        text_ += name + " << EOD\n" + rows + "EOD\n";
        return name;
    }

    static std::string_view color(std::size_t i) { return colors[i % colors.size()]; }

    static std::string title(const std::string& label) {
        return label.empty() ? "notitle" : "title " + in_quotes(label);
    }

    void add_guide(const GuideLine& guide, std::vector<std::string>& layers) {
        if (!x_.shows(guide.x) || !y_.shows(guide.y)) return;
        constexpr std::array dashes = {"'-'", "'_'", "'-..'", "'.'"};
        const auto y_at = [&](double x) {
            return y_.from_paper(y_.to_paper(guide.y) + guide.slope * (x_.to_paper(x) - x_.to_paper(guide.x)));
        };
        const auto place = static_cast<std::size_t>(&guide - plot_.guides.data());
        // Gnuplot clips lines at the frame but knows no point at zero or infinity, so the ends are found here.
        std::string rows;
        constexpr int pieces = 64;
        for (int i = 0; i <= pieces; ++i) {
            const double t = static_cast<double>(i) / pieces;
            const double x = x_.from_paper((1.0 - t) * x_.to_paper(x_.low) + t * x_.to_paper(x_.high));
            if (y_.shows(y_at(x))) rows += fmt::format("{:.9g} {:.9g}\n", x, y_at(x));
        }
        layers.push_back(fmt::format("{} with lines linewidth 1.6 dashtype {} linecolor rgb '#222222' {}",
                                     add_block(rows), dashes[place % dashes.size()], title(guide.label)));
    }

    void add_vertical(const VerticalLine& line, std::size_t i, std::vector<std::string>& layers) {
        if (!x_.shows(line.x)) return;
        const std::string block =
            add_block(fmt::format("{0:.17g} {1:.17g}\n{0:.17g} {2:.17g}\n", line.x, y_.low, y_.high));
        // From the far end of the palette, so that a line does not look like it belongs to the first series.
        layers.push_back(fmt::format("{} with lines linewidth 1.6 dashtype '.' linecolor rgb '#{}' {}", block,
                                     color(colors.size() - 1 - i % colors.size()), title(line.label)));
    }

    /// The interval's end as far as it can be drawn: one that reaches below a logarithmic axis ends at its foot.
    double clipped(double value) const {
        if (std::isnan(value)) return value;
        return std::clamp(value, y_.low, y_.high);
    }

    std::string band(const Series& series, std::size_t place) {
        std::string rows;
        for (std::size_t i = 0; i < series.x.size(); ++i) {
            if (!shows(series, i) || std::isnan(series.lower[i]) || std::isnan(series.upper[i])) {
                if (!rows.ends_with("\n\n") && !rows.empty()) rows += "\n";
                continue;
            }
            const auto add_row = [&](double x) {
                rows += fmt::format("{:.9g} {:.9g} {:.9g}\n", x, clipped(series.lower[i]), clipped(series.upper[i]));
            };
            add_row(series.x[i]);
            const bool has_step = series.style == Series::Style::steps && i + 1 < series.x.size();
            if (has_step && x_.shows(series.x[i + 1])) add_row(series.x[i + 1]);
        }
        return fmt::format("{} with filledcurves linecolor rgb '#{}' fillstyle transparent solid 0.18 noborder notitle",
                           add_block(rows), color(place));
    }

    void add_series(const Series& series, std::size_t place, std::vector<std::string>& layers) {
        using Style = Series::Style;
        const bool has_bars = !series.lower.empty() && !is_band(series);
        const bool joins = series.style != Style::points;
        std::string rows;
        std::string bars;
        for (std::size_t i = 0; i < series.x.size(); ++i) {
            if (!shows(series, i)) {
                if (joins && !rows.ends_with("\n\n") && !rows.empty()) rows += "\n";
                continue;
            }
            rows += fmt::format("{:.9g} {:.9g}", series.x[i], series.y[i]);
            if (series.style == Style::boxes) {
                const auto [left, right] = box_edges(series, i);
                rows += fmt::format(" {:.9g} {:.9g} {:.9g} {:.9g}", left, right, y_.log ? y_.low : clipped(0.0),
                                    series.y[i]);
            }
            rows += "\n";
            if (has_bars && !std::isnan(series.lower[i]) && !std::isnan(series.upper[i]))
                bars += fmt::format("{0:.9g} {1:.9g}\n{0:.9g} {2:.9g}\n\n", series.x[i], clipped(series.lower[i]),
                                    clipped(series.upper[i]));
        }
        if (rows.empty()) return;

        const std::string block = add_block(rows);
        const std::string rgb = fmt::format("linecolor rgb '#{}'", color(place));
        const std::string name = title(series.label);
        if (!bars.empty())
            layers.push_back(fmt::format("{} with lines linewidth 1.4 {} notitle", add_block(bars),
                                         series.style == Style::boxes ? "linecolor rgb '#333333'" : rgb));
        switch (series.style) {
        case Style::points:
            add_points(block, series, place, layers);
            break;
        case Style::line:
            layers.push_back(fmt::format("{} with lines linewidth 2 {} {}", block, rgb, name));
            break;
        case Style::linepoints:
            layers.push_back(
                fmt::format("{} with linespoints linewidth 1.6 pointtype 7 pointsize 0.5 {} {}", block, rgb, name));
            break;
        case Style::steps:
            layers.push_back(fmt::format("{} with steps linewidth 2 {} {}", block, rgb, name));
            break;
        case Style::boxes:
            layers.push_back(fmt::format(
                "{} with boxxyerror {} linewidth 0.8 fillstyle transparent solid 0.45 border {}", block, rgb, name));
            break;
        }
    }

    /// Few points are solid; many are small and transparent, so that their density shows, with a solid one in the
    /// legend.
    void add_points(const std::string& block, const Series& series, std::size_t place,
                    std::vector<std::string>& layers) {
        const bool many = series.x.size() > 200;
        layers.push_back(fmt::format("{} with points pointtype 7 pointsize {} linecolor rgb '#{}{}' notitle", block,
                                     many ? 0.28 : 0.55, many ? "80" : "20", color(place)));
        if (!series.label.empty())
            layers.push_back(fmt::format("keyentry with points pointtype 7 pointsize 0.6 linecolor rgb '#{}' {}",
                                         color(place), title(series.label)));
    }
};

/// Only their order is drawn and what they are called, so that they may be as large as numbers get.
bool is_axis(const std::vector<double>& positions) {
    return !positions.empty() && positions.front() > 0.0 && std::isfinite(positions.back()) &&
           std::adjacent_find(positions.begin(), positions.end(), std::greater_equal<>()) == positions.end();
}

void check(const HeatMap& map) {
    require(is_axis(map.x), "picture", "x of a heat map must be positive and ascending",
            static_cast<Index>(map.x.size()));
    require(is_axis(map.y), "picture", "y of a heat map must be positive and ascending",
            static_cast<Index>(map.y.size()));
    require_size(static_cast<Index>(map.values.size()), static_cast<Index>(map.x.size() * map.y.size()), "picture",
                 "values of a heat map");
    require(map.low < map.high, "picture", "low of a heat map must be below high", map.low);
    for (const Series& line : map.lines) check(line);
}

/// Where a position is, counted in cells: k at the k-th, linear in the logarithm between and beyond them.
double place_of(double position, const std::vector<double>& axis) {
    if (axis.size() == 1) return std::log(position / axis[0]);
    const auto above = std::upper_bound(axis.begin() + 1, axis.end() - 1, position);
    const auto k = static_cast<std::size_t>(above - axis.begin());
    return static_cast<double>(k - 1) + std::log(position / axis[k - 1]) / std::log(axis[k] / axis[k - 1]);
}

std::string axis_ticks(std::string_view name, const std::vector<double>& axis) {
    std::string text;
    for (std::size_t i = 0; i < axis.size(); ++i)
        text += fmt::format("{}\"{:.4g}\" {}", i == 0 ? "" : ", ", axis[i], i);
    return fmt::format("set {0}tics ({1})\nset {0}range [-0.5:{2}]\n", name, text,
                       static_cast<double>(axis.size()) - 0.5);
}

/// A line across a heat map, cut where it leaves the cells.
std::string line_rows(const HeatMap& map, const Series& line) {
    const auto inside = [](double place, std::size_t cells) {
        return place >= -0.5 && place <= static_cast<double>(cells) - 0.5;
    };
    std::string rows;
    for (std::size_t i = 0; i < line.x.size(); ++i) {
        const bool drawable = line.x[i] > 0.0 && line.y[i] > 0.0 && is_drawable(line.x[i]) && is_drawable(line.y[i]);
        const double x = drawable ? place_of(line.x[i], map.x) : -1.0;
        const double y = drawable ? place_of(line.y[i], map.y) : -1.0;
        if (inside(x, map.x.size()) && inside(y, map.y.size()))
            rows += fmt::format("{:.9g} {:.9g}\n", x, y);
        else if (!rows.empty() && !rows.ends_with("\n\n"))
            rows += "\n";
    }
    return rows;
}

/// The heat map as a gnuplot script.
std::string script_of(const HeatMap& map) {
    std::string cells, missing, numbers;
    for (std::size_t i = 0; i < map.y.size(); ++i)
        for (std::size_t j = 0; j < map.x.size(); ++j) {
            const double value = map.values[i * map.x.size() + j];
            if (is_drawable(value)) {
                cells += fmt::format("{} {} {:.9g}\n", j, i, std::clamp(value, map.low, map.high));
                numbers += fmt::format("{} {} \"{:.2f}\"\n", j, i, value);
            } else {
                missing += fmt::format("{} {}\n", j, i);
            }
        }
    std::string text = terminal();
    text += "set border 0\nset tics nomirror out scale 0 textcolor rgb '#333333'\n"
            "set key tmargin left horizontal Left reverse noenhanced samplen 2 width 1 textcolor rgb '#222222'\n";
    text += fmt::format("set xlabel {} noenhanced textcolor rgb '#222222'\n", in_quotes(map.x_label));
    text += fmt::format("set ylabel {} noenhanced textcolor rgb '#222222'\n", in_quotes(map.y_label));
    text += fmt::format("set cblabel {} noenhanced textcolor rgb '#222222'\n", in_quotes(map.value_label));
    text += axis_ticks("x", map.x) + axis_ticks("y", map.y);
    // The two ends as in other pictures, paler, so that numbers can be read on them.
    text += "set palette defined (0 '#6BAED6', 0.5 '#F7F7F7', 1 '#F0955C')\n";
    text += fmt::format("set cbrange [{:.9g}:{:.9g}]\n", map.low, map.high);
    std::vector<std::string> layers;
    int blocks = 0;
    const auto add = [&](const std::string& rows, const std::string& how) {
        if (rows.empty()) return;
        const std::string name = fmt::format("$data{}", ++blocks);
        text += name + " << EOD\n" + rows + "EOD\n";
        layers.push_back(name + " " + how);
    };
    add(cells, "using 1:2:(0.48):(0.48):3 with boxxyerror fillstyle solid 1.0 noborder linecolor palette notitle");
    add(missing,
        "using 1:2:(0.48):(0.48) with boxxyerror fillstyle solid 1.0 noborder linecolor rgb '#DDDDDD' notitle");
    add(numbers, "using 1:2:3 with labels font ',12' textcolor rgb '#1B1B1B' notitle");
    for (const Series& line : map.lines)
        add(line_rows(map, line),
            fmt::format("using 1:2 with lines linewidth 2.2 dashtype '-' linecolor rgb '#222222' {}",
                        line.label.empty() ? "notitle" : "title " + in_quotes(line.label)));
    return text + fmt::format("plot {}\n", fmt::join(layers, ", \\\n     "));
}

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
/// A file without a name, for what a child reads and writes: unlike a pipe it never makes either wait.
using PassingFile = std::unique_ptr<std::FILE, CloseFile>;

std::string content(std::FILE* file) {
    std::string text;
    std::rewind(file);
    std::array<char, 1 << 16> buffer;
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file)) text.append(buffer.data(), got);
    return text;
}

struct Run {
    std::string output = {};
    std::string failure = {}; ///< empty when all went well
};

/// Waits for the child, and stops it and whatever it started when its time is up.
std::optional<int> wait_for(pid_t child, double time_limit) {
    using Clock = std::chrono::steady_clock;
    const auto deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(time_limit));
    int status = 0;
    while (true) {
        const pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child) return status;
        if (ended < 0 && errno != EINTR) return 0; // the caller ignores SIGCHLD: the output tells how it went
        if (Clock::now() >= deadline) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return std::nullopt;
}

Run run_gnuplot(const std::string& script, const PictureOptions& options) {
    const PassingFile input(std::tmpfile()), output(std::tmpfile()), errors(std::tmpfile());
    if (!input || !output || !errors) return {.failure = "no temporary file can be made"};
    if (std::fwrite(script.data(), 1, script.size(), input.get()) != script.size() || std::fflush(input.get()) != 0)
        return {.failure = "the temporary file cannot be written"};
    std::rewind(input.get());

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fileno(input.get()), 0);
    posix_spawn_file_actions_adddup2(&files, fileno(output.get()), 1);
    posix_spawn_file_actions_adddup2(&files, fileno(errors.get()), 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); // its own group, so that all of it can be stopped

    std::string program = options.gnuplot;
    std::string no_start_file = "-d"; // nobody's ~/.gnuplot changes our pictures
    char* arguments[] = {program.data(), no_start_file.data(), nullptr};
    pid_t child = 0;
    const int error = posix_spawnp(&child, program.c_str(), &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    // A search through folders that may not be read ends with EACCES where the program is in none of them.
    if (error == ENOENT || error == EACCES)
        return {.failure = fmt::format("{} is not installed, or may not be run", options.gnuplot)};
    if (error != 0)
        return {.failure =
                    fmt::format("{} cannot be started: {}", options.gnuplot, std::generic_category().message(error))};

    const std::optional<int> status = wait_for(child, options.time_limit);
    if (!status) return {.failure = fmt::format("{} took more than {} s", options.gnuplot, options.time_limit)};
    Run run = {.output = content(output.get())};
    if (*status == 0 && run.output.find("</svg>") != std::string::npos) return run;

    std::string complaint = content(errors.get());
    std::replace(complaint.begin(), complaint.end(), '\n', ' ');
    complaint.erase(0, complaint.find_first_not_of(" ^"));
    complaint.erase(complaint.find_last_not_of(' ') + 1);
    run.failure = fmt::format("{} failed: {}", options.gnuplot, complaint.empty() ? "it drew nothing" : complaint);
    return run;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

/// Gnuplot's document as an element for a page: our own head, fonts left to the page, and every id and reference
/// beginning with ours. Tags alone are changed, never the text between them.
std::string element(const std::string& document, const std::string& id, const std::string& title) {
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{}-title\" "
        "font-family=\"system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">\n<title "
        "id=\"{}-title\">{}</title>\n",
        picture_width, picture_height, id, id, escape_html(title));

    std::size_t at = document.find('>', document.find("<svg")) + 1;
    while (at < document.size()) {
        const std::size_t open = std::min(document.find('<', at), document.size());
        out.append(document, at, open - at);
        if (open == document.size()) break;
        bool skipped = false;
        // Gnuplot's own titles would pop up as "gnuplot_plot_1" under the mouse.
        for (const std::string_view name : {"title", "desc"}) {
            if (document.compare(open + 1, name.size(), name) != 0) continue;
            const std::string end = fmt::format("</{}>", name);
            at = document.find(end, open) + end.size();
            skipped = true;
        }
        if (skipped) continue;
        const std::size_t close = document.find('>', open);
        std::string tag = document.substr(open, close + 1 - open);
        at = close + 1;
        replace_all(tag, " id='", fmt::format(" id='{}-", id));
        replace_all(tag, " id=\"", fmt::format(" id=\"{}-", id));
        replace_all(tag, "xlink:href='#", fmt::format("href='#{}-", id));
        replace_all(tag, "url(#", fmt::format("url(#{}-", id));
        replace_all(tag, " font-family=\"sans-serif\"", "");
        out += tag;
    }
    out.erase(out.find_last_not_of(" \n") + 1);
    return out + "\n";
}

} // namespace

Picture picture(const Plot& plot, const std::string& id, const PictureOptions& options) {
    require(is_id(id), "picture", "id must be a letter followed by letters, digits and hyphens", "'" + id + "'");
    Script script(plot);
    if (script.is_empty()) {
        const std::string why = script.note();
        return {.note = "There is no picture: no point can be shown." + (why.empty() ? "" : " " + why)};
    }

    const Run run = run_gnuplot(script.str(), options);
    if (!run.failure.empty()) return {.note = fmt::format("There is no picture: {}.", run.failure)};
    return {.svg = element(run.output, id, plot.title), .note = script.note()};
}

Picture picture(const HeatMap& map, const std::string& id, const PictureOptions& options) {
    require(is_id(id), "picture", "id must be a letter followed by letters, digits and hyphens", "'" + id + "'");
    check(map);
    if (std::none_of(map.values.begin(), map.values.end(), is_drawable))
        return {.note = "There is no picture: no cell has a value."};
    const Run run = run_gnuplot(script_of(map), options);
    if (!run.failure.empty()) return {.note = fmt::format("There is no picture: {}.", run.failure)};
    return {.svg = element(run.output, id, map.title)};
}

} // namespace hessq
