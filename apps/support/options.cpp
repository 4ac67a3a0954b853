#include "support/options.hpp"

#include "hessq/core/text.hpp"
#include "hessq/objectives/problems.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>

namespace hessq::app {
namespace {

/// The number of this type that is the whole of `text`.
template <class Number>
std::optional<Number> parse(const std::string& text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// An option whose text must pass `expectation`, which returns what was expected instead, or nothing. CLI11 runs
/// validators before it converts, so the message is ours and not the conversion's.
template <class Value, class Expectation>
CLI::Option* add_checked(CLI::App& command, const std::string& name, Value& value, const std::string& type,
                         const std::string& help, Expectation expectation) {
    CLI::Validator validator(
        [expectation](std::string& text) {
            const std::string expected = expectation(text);
            return expected.empty() ? "" : fmt::format("expected {}; got {}", expected, text.empty() ? "''" : text);
        },
        "");
    return command.add_option(name, value, help)->check(validator)->type_name(type);
}

std::string with_default(const std::string& help, const std::string& value) {
    return value.empty() ? help : fmt::format("{} (default: {})", help, value);
}

CLI::Option* add_one_of(CLI::App& command, const std::string& name, std::string& value,
                        const std::vector<std::string>& words, const std::string& type, const std::string& help) {
    CLI::Validator validator(
        [words](std::string& text) {
            if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
            return fmt::format("expected one of {}; got {}{}", fmt::join(words, ", "), text.empty() ? "''" : text,
                               did_you_mean(text, words));
        },
        "");
    return command.add_option(name, value, with_default(help, value))->check(validator)->type_name(type);
}

std::vector<std::string> problem_names() {
    std::vector<std::string> names;
    for (const ProblemInfo& info : bundled_problems()) names.push_back(info.name);
    return names;
}

} // namespace

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
    const std::string nearest = nearest_name(word, known);
    return nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest);
}

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == ',')
            parts.emplace_back();
        else
            parts.back() += c;
    }
    return parts;
}

CLI::Option* add_count(CLI::App& command, const std::string& name, Index& value, Index least, const std::string& help,
                       Index most) {
    return add_checked(command, name, value, "N", with_default(help, fmt::format("{}", value)),
                       [least, most](const std::string& text) -> std::string {
                           const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
                               return c >= '0' && c <= '9';
                           });
                           const std::optional<Index> number = parse<Index>(text);
                           // Digits that are no Index are a number beyond its range.
                           if (digits && number.value_or(most + 1) > most)
                               return fmt::format("a whole number of at most {}", most);
                           return number && *number >= least ? "" : fmt::format("a whole number of at least {}", least);
                       });
}

CLI::Option* add_seed(CLI::App& command, const std::string& name, std::uint64_t& value, const std::string& help) {
    return add_checked(
        command, name, value, "N", with_default(help, fmt::format("{}", value)),
        [](const std::string& text) { return parse<std::uint64_t>(text) ? "" : "a whole number from 0 to 2^64 - 1"; });
}

CLI::Option* add_real(CLI::App& command, const std::string& name, double& value, Range range, const std::string& help) {
    const char* const expected = range == Range::any            ? "a number"
                                 : range == Range::positive     ? "a number above 0"
                                 : range == Range::not_negative ? "a number of at least 0"
                                                                : "a number in [0, 1)";
    return add_checked(command, name, value, "X", with_default(help, fmt::format("{}", value)),
                       [range, expected](const std::string& text) {
                           const double x = parse<double>(text).value_or(NAN);
                           const bool holds =
                               std::isfinite(x) &&
                               (range == Range::any || x > 0.0 || (range != Range::positive && x == 0.0)) &&
                               (range != Range::below_one || x < 1.0);
                           return holds ? "" : expected;
                       });
}

CLI::Option* add_text(CLI::App& command, const std::string& name, std::string& value, const std::string& type,
                      const std::string& help) {
    return add_checked(command, name, value, type, with_default(help, value), [](const std::string& text) {
        // Most probably the value was forgotten; ./--name is a file of that name.
        return text.empty() || text.starts_with("--") ? "a value" : "";
    });
}

CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& value, const std::string& help) {
    return command.add_flag(name, value, help)->disable_flag_override();
}

CLI::Option* add_word(CLI::App& command, const std::string& name, std::string& value,
                      const std::vector<std::string>& words, const std::string& help) {
    return add_one_of(command, name, value, words, fmt::format("{}", fmt::join(words, "|")), help);
}

void add_problem_options(CLI::App& command, ProblemOptions& options, const std::string& default_problem) {
    options.problem = default_problem;
    const std::string problem = "Problem";
    add_one_of(command, "--problem", options.problem, problem_names(),
               fmt::format("NAME:{}", fmt::join(problem_names(), "|")), "one that 'hessq problems' lists")
        ->group(problem);
    add_seed(command, "--init-seed", options.init_seed, "seed of the initial parameters")->group(problem);
    add_text(command, "--theta", options.theta, "FILE", "start here: .npy, in PyTorch's order of parameters")
        ->group(problem);

    const std::string data = "Your own data, in place of --problem";
    add_text(command, "--data", options.data, "FILE", ".csv with header, .npy, .libsvm or IDX; needs --model")
        ->group(data);
    add_text(command, "--targets", options.targets, "FILE", "the targets that belong to a .npy or IDX file")
        ->group(data);
    add_text(command, "--target", options.target, "NAME", "the target column of a .csv file (default: the last)")
        ->group(data);
    add_word(command, "--model", options.model, {"linear", "logistic", "softmax", "mlp"}, "what to fit")->group(data);
    add_text(command, "--hidden", options.hidden, "N,N,...", "mlp: widths of the hidden layers")->group(data);
    add_word(command, "--activation", options.activation, {"tanh", "relu", "gelu", "softplus", "sigmoid", "identity"},
             "mlp")
        ->group(data);
    add_word(command, "--loss", options.loss, {"squared", "cross-entropy"}, "mlp")->group(data);
    add_real(command, "--l2", options.l2, Range::not_negative, "adds l2/2 |w|^2 to the loss, biases included")
        ->group(data);
    add_switch(command, "--standardize", options.standardize, "inputs to mean 0 and variance 1, each feature")
        ->group(data);
}

void add_run_options(CLI::App& command, RunOptions& options) {
    const std::string group = "Run";
    add_seed(command, "--seed", options.seed, "seed of everything else that is random")->group(group);
    add_count(command, "--threads", options.threads, 0, "0 for all there are; results do not depend on it", 1024)
        ->group(group);
    add_text(command, "--out", options.out, "DIR",
             fmt::format("of the results (default: hessq-out/{}-<problem>)", command.get_name()))
        ->group(group);
    add_switch(command, "--save-arrays", options.save_arrays, "also write what was analysed as .npy files")
        ->group(group);
    add_switch(command, "--json", options.json, "print result.json and nothing else")->group(group);
    add_switch(command, "--quiet", options.quiet, "print no tables and no progress")->group(group);
    add_switch(command, "--no-report", options.no_report, "write no report.html")->group(group);
}

void add_training_options(CLI::App& command, TrainingOptions& options, Index fewest_steps) {
    const std::string group = "Training";
    add_count(command, "--steps", options.steps, fewest_steps, "updates, one mini-batch each")->group(group);
    add_count(command, "--batch", options.batch, 1, "samples in a mini-batch")->group(group);
    add_real(command, "--lr", options.lr, Range::positive, "learning rate")->group(group);
    add_real(command, "--beta1", options.beta1, Range::below_one, "decay of the average gradient: Adam, momentum")
        ->group(group);
    add_real(command, "--beta2", options.beta2, Range::below_one, "decay of the average squared gradient: Adam")
        ->group(group);
    add_real(command, "--eps", options.eps, Range::not_negative, "added to sqrt(v): Adam, RMSprop")->group(group);
    add_word(command, "--sampling", options.sampling, {"iid", "epochs"}, "with replacement, or shuffled")->group(group);
}

} // namespace hessq::app
