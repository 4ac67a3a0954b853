#include "support/help.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sstream>

namespace hessq::app {
namespace {

constexpr std::size_t line_width = 80;

/// `left`, and `right` beside it from this column on, in as many lines as it needs.
std::string two_columns(const std::string& left, const std::string& right, std::size_t column) {
    std::string result = left;
    std::size_t at = left.size();
    std::istringstream words(right);
    for (std::string word; words >> word;) {
        if (at >= column && at + 1 + word.size() > line_width) {
            result += '\n';
            at = 0;
        }
        const std::size_t gap = at < column ? column - at : 1;
        result += std::string(gap, ' ') + word;
        at += gap + word.size();
    }
    return result + '\n';
}

std::string option_line(const OptionText& option) {
    std::string right = option.text;
    if (option.listed) right += fmt::format(": {}", fmt::join(option.words, ", "));
    if (!option.fallback.empty()) right += fmt::format(" [{}]", option.fallback);
    const std::string left = option.value.empty() || option.positional ? option.name : option.name + " " + option.value;
    return two_columns("  " + left, right, 23);
}

std::string help_of_program(const CLI::App& program) {
    std::string help = program.get_description() + "\nUsage: hessq COMMAND [OPTIONS]\n\nCommands:\n";
    for (const CLI::App* command : commands_of(program))
        help += two_columns("  " + command->get_name(), command->get_description(), 14);
    help += "\nOptions:\n";
    for (const OptionGroup& group : option_groups(program))
        for (const OptionText& option : group.options)
            help += two_columns("  " + (option.name == "--help" ? "-h, --help" : option.name), option.text, 14);
    return help + '\n' + program.get_footer() + '\n';
}

std::string help_of_command(const CLI::App& command) {
    const std::vector<OptionGroup> groups = option_groups(command);
    std::string usage = fmt::format("Usage: hessq {} [OPTIONS]", command.get_name());
    std::string options;
    bool defaults = false;
    for (const OptionGroup& group : groups) {
        if (group.options.size() == 1 && group.options[0].name == "--help") continue; // which is known by now
        options += fmt::format("\n{}:\n", group.name);
        for (const OptionText& option : group.options) {
            if (option.positional) usage += fmt::format(" [{}]", option.value);
            options += option_line(option);
            defaults = defaults || !option.fallback.empty();
        }
    }
    return two_columns(fmt::format("hessq {}:", command.get_name()), command.get_description(), 2) + usage +
           (defaults ? "        defaults are in [brackets]\n" : "\n") + options + '\n' + command.get_footer() + '\n';
}

} // namespace

OptionText text_of(const CLI::Option& option) {
    OptionText result;
    result.positional = option.get_positional();
    result.name = option.get_name(result.positional, false);
    result.text = option.get_description();
    const std::string mark = " (default: ";
    const std::size_t at = result.text.rfind(mark);
    if (at != std::string::npos && result.text.ends_with(')')) {
        result.fallback = result.text.substr(at + mark.size(), result.text.size() - at - mark.size() - 1);
        result.text.erase(at);
    }
    if (option.get_expected_max() == 0) return result; // a switch
    result.repeated =
        option.get_multi_option_policy() != CLI::MultiOptionPolicy::Throw || option.get_expected_max() > 1;
    result.value = option.get_type_name();
    std::string words = result.value;
    const std::size_t colon = words.find(':');
    if (colon != std::string::npos) {
        result.value = words.substr(0, colon);
        words.erase(0, colon + 1);
    } else if (words.find('|') == std::string::npos) {
        return result;
    } else {
        result.value = "WORD";
        result.listed = true;
    }
    result.several = result.value.ends_with(",...");
    std::istringstream parts(words);
    for (std::string word; std::getline(parts, word, '|');) result.words.push_back(word);
    return result;
}

std::vector<OptionGroup> option_groups(const CLI::App& command) {
    std::vector<OptionGroup> groups;
    for (const CLI::Option* option : command.get_options()) {
        const std::string name = option->get_positional() ? "What to run" : option->get_group();
        if (name.empty()) continue;
        auto group = std::find_if(groups.begin(), groups.end(), [&](const OptionGroup& g) { return g.name == name; });
        if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
        group->options.push_back(text_of(*option));
    }
    return groups;
}

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
    return program.get_subcommands([](const CLI::App*) { return true; });
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
    return app->get_parent() == nullptr ? help_of_program(*app) : help_of_command(*app);
}

} // namespace hessq::app
