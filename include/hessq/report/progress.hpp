#pragma once

#include <memory>
#include <string_view>

#pragma GCC visibility push(default)
namespace hessq {

struct ProgressOptions {
    bool quiet = false;
    int file_descriptor = 2; ///< where the bar goes: standard error
};

/// A bar with percentage, elapsed and remaining time, drawn at most ten times a second and erased when this
/// object goes. Draws nothing when quiet or when the output is no terminal. Safe to advance from many threads.
class Progress {
public:
    /// `total` is the work in any unit: a count of steps, or 1 for fractions.
    ///
    /// Throws     std::invalid_argument unless total is positive and finite.
    explicit Progress(double total, const ProgressOptions& options = {});
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// So much more of the total is done; the label says what is going on (an empty one keeps the last).
    void advance(double work = 1.0, std::string_view label = {});

    /// Erases the bar, so that something else can be printed; a later advance draws it again.
    void erase();

private:
    struct Bar;
    std::unique_ptr<Bar> bar_; ///< null: nothing is drawn
};

} // namespace hessq
#pragma GCC visibility pop
