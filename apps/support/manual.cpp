#include "support/manual.hpp"

#include "support/help.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sstream>
#include <vector>

namespace hessq::app {
namespace {

/// As roff text: its own characters stand for themselves.
std::string roff(const std::string& text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\e";
        else if (c == '-' || c == '\'' || c == '^' || c == '~' || c == '`')
            result += c == '-' ? "\\-" : c == '\'' ? "\\(aq" : c == '^' ? "\\(ha" : c == '~' ? "\\(ti" : "\\(ga";
        else
            result += c;
    }
    return result.starts_with('.') ? "\\&" + result : result;
}

std::string entry(const OptionText& option, bool with_default) {
    std::string head = fmt::format(".TP\n\\fB{}\\fR", roff(option.positional ? option.value : option.name));
    if (!option.value.empty() && !option.positional) head += fmt::format(" \\fI{}\\fR", roff(option.value));
    std::string text = option.text;
    if (!option.words.empty())
        text += fmt::format("{}{}", option.listed ? ": " : ": one of ", fmt::join(option.words, ", "));
    if (with_default && !option.fallback.empty()) text += fmt::format(" [{}]", option.fallback);
    return head + '\n' + roff(text) + '\n';
}

/// An option that means the same in several commands; whose default may be another in each.
struct Common {
    std::string group;
    OptionText option;
    std::vector<std::string> commands;
    bool one_default = true;
};

bool same(const OptionText& a, const OptionText& b) {
    return a.name == b.name && a.value == b.value && a.text == b.text && a.words == b.words;
}

std::vector<Common> common_options(const CLI::App& program) {
    std::vector<Common> seen;
    for (const CLI::App* command : commands_of(program))
        for (const OptionGroup& group : option_groups(*command))
            for (const OptionText& option : group.options) {
                const auto before = std::find_if(seen.begin(), seen.end(), [&](const Common& c) {
                    return c.group == group.name && same(c.option, option);
                });
                if (before == seen.end()) {
                    seen.push_back({group.name, option, {command->get_name()}, true});
                } else {
                    before->commands.push_back(command->get_name());
                    before->one_default = before->one_default && before->option.fallback == option.fallback;
                }
            }
    std::erase_if(seen, [](const Common& c) { return c.commands.size() < 2; });
    return seen;
}

std::string section_of(const CLI::App& command, const std::vector<Common>& common) {
    std::string own;
    std::vector<std::string> groups, defaults, missing;
    for (const OptionGroup& group : option_groups(command))
        for (const OptionText& option : group.options) {
            const auto found = std::find_if(common.begin(), common.end(), [&](const Common& c) {
                return c.group == group.name && same(c.option, option);
            });
            if (found == common.end()) {
                own += entry(option, true);
                continue;
            }
            if (option.name != "--help" && std::find(groups.begin(), groups.end(), group.name) == groups.end())
                groups.push_back(group.name);
            if (!found->one_default && !option.fallback.empty())
                defaults.push_back(fmt::format("{} {}", option.name, option.fallback));
        }
    const std::vector<OptionGroup> here = option_groups(command);
    for (const Common& each : common) {
        if (std::find(groups.begin(), groups.end(), each.group) == groups.end()) continue;
        const bool has = std::any_of(here.begin(), here.end(), [&](const OptionGroup& group) {
            return std::any_of(group.options.begin(), group.options.end(),
                               [&](const OptionText& option) { return option.name == each.option.name; });
        });
        // An option that two sets of commands explain differently is two of these.
        const bool is_new = std::find(missing.begin(), missing.end(), each.option.name) == missing.end();
        if (!has && is_new) missing.push_back(each.option.name);
    }
    std::string text = fmt::format(".SS \"hessq {}\"\n{}.\n", command.get_name(), roff(command.get_description()));
    text += own;
    if (!groups.empty()) {
        text += fmt::format(".PP\nOptions explained below: {}", roff(fmt::format("{}", fmt::join(groups, "; "))));
        if (!missing.empty()) text += roff(fmt::format(", without {}", fmt::join(missing, ", ")));
        text += ".\n";
    }
    if (!defaults.empty()) text += roff(fmt::format("Defaults: {}.", fmt::join(defaults, ", "))) + '\n';
    std::istringstream footer(command.get_footer());
    text += ".PP\n.nf\n";
    for (std::string line; std::getline(footer, line);) text += roff(line) + '\n';
    return text + ".fi\n";
}

} // namespace

std::string manual(const CLI::App& program, const std::string& version) {
    const std::vector<Common> common = common_options(program);
    std::string text =
        fmt::format(".TH HESSQ 1 \"\" \"hessq {}\" \"User Commands\"\n"
                    ".SH NAME\nhessq \\- Hessians of machine\\-learning losses, exact or with error bars\n"
                    ".SH SYNOPSIS\n.B hessq\n.I COMMAND\n.RI [ OPTIONS ]\n.br\n.B hessq\n"
                    ".RB {{ \\-\\-help | \\-\\-version }}\n.SH DESCRIPTION\n{}\n.SH COMMANDS\n",
                    version, roff(program.get_description()));
    for (const CLI::App* command : commands_of(program)) text += section_of(*command, common);
    std::vector<std::string> groups;
    for (const Common& each : common)
        if (std::find(groups.begin(), groups.end(), each.group) == groups.end()) groups.push_back(each.group);
    text += ".SH OPTIONS OF SEVERAL COMMANDS\n";
    for (const std::string& group : groups) {
        text += fmt::format(".SS \"{}\"\n", roff(group));
        for (const Common& each : common)
            if (each.group == group) text += entry(each.option, each.one_default);
    }
    return text + ".SH FILES\n"
                  "A command writes a folder, by default hessq\\-out/<command>\\-<problem>:\n"
                  ".TP\n.I result.json\nevery number, with the command line, the seeds and the conventions\n"
                  ".TP\n.I report.html\nfigures, tables and what was found, in one file\n"
                  ".TP\n.I *.npy\nwith \\fB\\-\\-save\\-arrays\\fR, what was analysed\n"
                  ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nthe computation failed; "
                  "of \\fBtrain\\fR, that of one method at least: the others are in the result\n"
                  ".TP\n2\na mistake in the command line or its input: one line on standard error says what was "
                  "expected and what was seen\n";
}

} // namespace hessq::app
