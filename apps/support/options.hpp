#pragma once

#include "hessq/core/require.hpp"
#include "hessq/core/types.hpp"

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <string>
#include <vector>

namespace hessq::app {

/// " (did you mean mlp?)", or nothing when no known word is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

/// The parts between commas, empty ones included.
std::vector<std::string> split_list(const std::string& text);

/// No count is larger, so that none overflows in arithmetic.
inline constexpr Index most_of_anything = 1'000'000'000'000'000;

/// The numbers of a list option, each once, ascending.
template <class Number>
std::vector<Number> numbers_in(const std::string& option, const std::string& text, Number least,
                               const std::string& expected) {
    std::vector<Number> numbers;
    for (const std::string& word : split_list(text)) {
        Number number{};
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc{} || end != word.data() + word.size() || !(number >= least) ||
            number > std::numeric_limits<Number>::max())
            throw InputError(fmt::format("{}: expected {} with commas between; got {}", option, expected, text));
        if (std::find(numbers.begin(), numbers.end(), number) != numbers.end())
            throw InputError(fmt::format("{}: expected each number once; got {} twice", option, word));
        numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

/// Options whose values are checked while the command line is read; a bad value ends in
/// "--steps: expected a whole number of at least 1; got abc". Help names the default.
CLI::Option* add_count(CLI::App& command, const std::string& name, Index& value, Index least, const std::string& help,
                       Index most = most_of_anything);
CLI::Option* add_seed(CLI::App& command, const std::string& name, std::uint64_t& value, const std::string& help);

enum class Range { any, positive, not_negative, below_one }; ///< below_one: 0 <= x < 1
CLI::Option* add_real(CLI::App& command, const std::string& name, double& value, Range range, const std::string& help);

/// Text that is not empty. `type` is what help calls it.
CLI::Option* add_text(CLI::App& command, const std::string& name, std::string& value, const std::string& type,
                      const std::string& help);

CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& value, const std::string& help);

/// One of a few words; an unknown one names the nearest.
CLI::Option* add_word(CLI::App& command, const std::string& name, std::string& value,
                      const std::vector<std::string>& words, const std::string& help);

/// Which loss, on which data, starting where. The same for every command.
struct ProblemOptions {
    std::string problem;
    std::string data, targets, target, model, activation = "tanh", loss = "cross-entropy";
    std::string hidden = "32";
    double l2 = 0.0;
    bool standardize = false;
    std::uint64_t init_seed = 0;
    std::string theta;
};

/// `default_problem` is analysed when neither --problem nor --data is given.
void add_problem_options(CLI::App& command, ProblemOptions& options, const std::string& default_problem);

/// How a command runs and where its results go. The same for every command.
struct RunOptions {
    std::uint64_t seed = 0;
    Index threads = 0; ///< 0: all that the machine offers
    std::string out;
    bool save_arrays = false;
    bool json = false;
    bool quiet = false;
    bool no_report = false;
};

void add_run_options(CLI::App& command, RunOptions& options);

/// Mini-batch training with an optimizer.
struct TrainingOptions {
    Index steps;
    Index batch;
    double lr;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double eps = 1e-8;
    std::string sampling = "iid";
};

void add_training_options(CLI::App& command, TrainingOptions& options, Index fewest_steps = 1);

} // namespace hessq::app
