#include "support/optimizers.hpp"

#include "hessq/core/require.hpp"
#include "hessq/core/text.hpp"
#include "hessq/optimizers/transforms.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hessq::app {
namespace {

const std::string pattern_group = "Groups of parameters; a PATTERN option may be given many times";

CLI::Option* add_texts(CLI::App& command, const std::string& name, std::vector<std::string>& values,
                       const std::string& type, const std::string& help) {
    return command.add_option(name, values, help)->type_name(type)->allow_extra_args(false)->group(pattern_group);
}

/// "layer0.*=0.1".
GroupFactor factor_of(const std::string& option, const ParameterLayout& layout, const std::string& text, bool zero) {
    const std::size_t equals = text.rfind('=');
    const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
    GroupFactor result{text.substr(0, equals), 0.0};
    const char* const last = number.data() + number.size();
    const auto [end, error] = std::from_chars(number.data(), last, result.factor);
    const bool fits = std::isfinite(result.factor) && (zero ? result.factor >= 0.0 : result.factor > 0.0);
    if (error != std::errc{} || end != last || !fits)
        throw InputError(fmt::format("{}: expected PATTERN=X with a number {} 0; got {}", option,
                                     zero ? "of at least" : "above", text.empty() ? "''" : text));
    (void)groups_of(option, layout, result.pattern);
    return result;
}

} // namespace

std::vector<std::string> chosen_names(const std::string& option, const std::string& text,
                                      const std::vector<std::string>& known) {
    std::vector<std::string> names;
    for (const std::string& word : split_list(text)) {
        if (std::find(known.begin(), known.end(), word) == known.end())
            throw InputError(fmt::format("{}: expected names from {}; got {}{}", option, fmt::join(known, ", "),
                                         word.empty() ? "''" : word, did_you_mean(word, known)));
        if (std::find(names.begin(), names.end(), word) != names.end())
            throw InputError(fmt::format("{}: expected each name once; got {} twice", option, word));
        names.push_back(word);
    }
    return names;
}

void add_group_options(CLI::App& command, GroupOptions& options) {
    add_texts(command, "--group-lr", options.rates, "PATTERN=X", "their learning rate times X ('layer0.*=0.1')");
    add_real(command, "--clip-norm", options.clip_norm, Range::positive, "")
        ->description("gradients at this common norm")
        ->group(pattern_group);
    add_texts(command, "--clip-group", options.clips, "PATTERN=X", "each of these groups at its own norm X");
    add_texts(command, "--freeze", options.frozen, "PATTERN", "these groups stay where they are");
}

std::unique_ptr<Optimizer> with_groups(std::unique_ptr<Optimizer> optimizer, const ParameterLayout& layout,
                                       const GroupOptions& options) {
    std::vector<GroupFactor> rates;
    for (const std::string& text : options.rates) rates.push_back(factor_of("--group-lr", layout, text, true));
    std::vector<GradientTransform> transforms;
    for (const std::string& pattern : options.frozen) {
        (void)groups_of("--freeze", layout, pattern);
        transforms.push_back(zero_groups(layout, pattern));
        rates.push_back({pattern, 0.0});
    }
    for (const std::string& text : options.clips) {
        const GroupFactor clip = factor_of("--clip-group", layout, text, false);
        transforms.push_back(clip_groups_by_norm(layout, clip.pattern, clip.factor));
    }
    if (options.clip_norm > 0.0) transforms.push_back(clip_by_norm(options.clip_norm));
    if (!transforms.empty()) optimizer = transformed(std::move(optimizer), chain(std::move(transforms)));
    if (!rates.empty()) optimizer = group_learning_rates(std::move(optimizer), layout, rates);
    return optimizer;
}

OptimizerSettings given_settings(const CLI::App& command, const TrainingOptions& training) {
    const auto given = [&](const char* option, double value) {
        return command.get_option(option)->count() > 0 ? std::optional<double>(value) : std::nullopt;
    };
    return {.lr = given("--lr", training.lr),
            .beta1 = given("--beta1", training.beta1),
            .beta2 = given("--beta2", training.beta2),
            .eps = given("--eps", training.eps)};
}

std::vector<Index> groups_of(const std::string& option, const ParameterLayout& layout, const std::string& pattern) {
    std::vector<Index> fitting;
    std::vector<std::string> names;
    for (const ParameterGroup& group : layout.groups) {
        if (matches_pattern(group.name, pattern)) fitting.push_back(static_cast<Index>(names.size()));
        names.push_back(group.name);
    }
    if (fitting.empty())
        throw InputError(fmt::format("{}: expected a pattern that fits one of the groups {}; got {}", option,
                                     fmt::join(names, ", "), pattern.empty() ? "''" : pattern));
    return fitting;
}

void describe_own_defaults(CLI::App& command) {
    const auto describe = [&](const char* option, const std::string& text) {
        command.get_option(option)->description(text);
    };
    describe("--lr", "learning rate of all of them (default: each its own)");
    describe("--beta1", "decay of the average gradient (default: each its own)");
    describe("--beta2", "decay of the average squared gradient (default: each its own)");
    describe("--eps", "added to sqrt(v) (default: each its own)");
}

} // namespace hessq::app
