#include "hessq/report/progress.hpp"

#include "hessq/core/require.hpp"
#include "hessq/report/table.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <mutex>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace hessq {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds redraw_interval{100};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::size_t columns(int terminal) {
    winsize size{};
    return ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// A bar that cannot be drawn is no reason to stop hours of computing: the outcome is of no interest.
void write_terminal(int terminal, const std::string& text) {
    [[maybe_unused]] const ssize_t written = write(terminal, text.data(), text.size());
}

} // namespace

struct Progress::Bar {
    int terminal;
    double total;
    double done = 0.0;
    std::string label = {};
    bool visible = false;
    Clock::time_point start = Clock::now();
    Clock::time_point last_drawn = {};
    std::mutex mutex = {};

    std::string line() const {
        constexpr std::size_t bar_width = 24;
        const double fraction = std::clamp(done / total, 0.0, 1.0);
        const auto filled = static_cast<std::size_t>(std::lround(fraction * static_cast<double>(bar_width)));
        const double elapsed = seconds_since(start);
        std::string text =
            fmt::format("[{}{}] {:3.0f} %  {}", std::string(filled, '#'), std::string(bar_width - filled, '.'),
                        std::floor(100.0 * fraction), format_seconds(elapsed));
        if (fraction > 0.0) text += fmt::format(", {} left", format_seconds(elapsed * (1.0 - fraction) / fraction));
        if (!label.empty()) text += "  " + label;
        return text;
    }

    void draw() {
        // One column stays free: a full line would wrap, and a carriage return cannot erase two.
        std::string text = line();
        std::size_t end = 0;
        const auto continues = [&](std::size_t i) {
            return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
        };
        for (std::size_t left = columns(terminal) - 1; left > 0 && end < text.size(); --left) do
                ++end;
            while (continues(end));
        text.resize(end);
        write_terminal(terminal, "\r" + text + "\x1b[K");
        visible = true;
        last_drawn = Clock::now();
    }

    void erase() {
        if (visible) write_terminal(terminal, "\r\x1b[K");
        visible = false;
        last_drawn = {};
    }
};

Progress::Progress(double total, const ProgressOptions& options) {
    require(std::isfinite(total) && total > 0.0, "Progress", "total must be positive and finite", total);
    if (options.quiet || isatty(options.file_descriptor) == 0) return;
    bar_ = std::make_unique<Bar>();
    bar_->terminal = options.file_descriptor;
    bar_->total = total;
}

Progress::~Progress() { erase(); }

void Progress::advance(double work, std::string_view label) {
    if (!bar_) return;
    const std::lock_guard lock(bar_->mutex);
    bar_->done += work;
    if (!label.empty()) bar_->label = label;
    if (bar_->last_drawn == Clock::time_point{} || Clock::now() - bar_->last_drawn >= redraw_interval) bar_->draw();
}

void Progress::erase() {
    if (!bar_) return;
    const std::lock_guard lock(bar_->mutex);
    bar_->erase();
}

} // namespace hessq
