#include "support/completion.hpp"

#include "support/help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <vector>

namespace hessq::app {
namespace {

std::vector<OptionText> options_of(const CLI::App& command) {
    std::vector<OptionText> options;
    for (const OptionGroup& group : option_groups(command))
        options.insert(options.end(), group.options.begin(), group.options.end());
    return options;
}

/// What stands before the cursor is completed by this line of bash.
std::string bash_values(const OptionText& option) {
    if (option.value == "FILE") return "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$word\"))";
    if (option.value == "DIR") return "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$word\"))";
    const std::string words = fmt::format("-W '{}'", fmt::join(option.words, " "));
    if (option.several)
        return fmt::format("compopt -o nospace 2>/dev/null; last=${{word##*,}}\n"
                           "        COMPREPLY=($(compgen -P \"${{word%\"$last\"}}\" {} -- \"$last\"))",
                           words);
    return option.words.empty() ? "" : fmt::format("COMPREPLY=($(compgen {} -- \"$word\"))", words);
}

/// In single quotes, as one word of a specification of zsh's _arguments.
std::string zsh_quoted(const std::string& text, const std::string& special) {
    std::string result;
    for (const char c : text) {
        if (special.find(c) != std::string::npos) result += '\\';
        result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return result;
}

std::string zsh_values(const OptionText& option) {
    if (option.value == "FILE") return "_files";
    if (option.value == "DIR") return "_files -/";
    if (option.words.empty()) return " ";
    if (option.several) return fmt::format("_values -s , word {}", fmt::join(option.words, " "));
    return fmt::format("({})", fmt::join(option.words, " "));
}

std::string zsh_option(const OptionText& option) {
    const std::string text = zsh_quoted(option.text, "[]:\\");
    const std::string value = zsh_quoted(option.value, ":\\");
    if (option.positional) return fmt::format("'*:{}:{}'", value, zsh_values(option));
    if (option.value.empty()) return fmt::format("'{}[{}]'", option.name, text);
    return fmt::format("'{}{}=[{}]:{}:{}'", option.repeated ? "*" : "", option.name, text, value, zsh_values(option));
}

} // namespace

std::string bash_completion(const CLI::App& program) {
    std::vector<std::string> names;
    std::string options;
    std::map<std::string, std::vector<std::string>> values; // how to complete one: which those are
    for (const CLI::App* command : commands_of(program)) {
        names.push_back(command->get_name());
        std::vector<std::string> words;
        for (const OptionText& option : options_of(*command)) {
            if (option.positional) {
                words.insert(words.end(), option.words.begin(), option.words.end());
                continue;
            }
            words.push_back(option.name);
            if (!option.value.empty()) values[bash_values(option)].push_back(command->get_name() + option.name);
        }
        options += fmt::format("    {}) words='{}' ;;\n", command->get_name(), fmt::join(words, " "));
    }
    for (const OptionText& option : options_of(program)) names.push_back(option.name);
    std::string arms;
    for (const auto& [line, which] : values)
        arms += fmt::format("    {})\n        {}{}return\n        ;;\n", fmt::join(which, " | "), line,
                            line.empty() ? "" : "\n        ");
    // bash divides words at the '=' of --option=value, too.
    return fmt::format(R"(# Completion of hessq in bash; written by hessq --completion bash.
_hessq() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}} words last
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W '{}' -- "$word"))
        return
    fi
    if [ "$word" = '=' ]; then
        word=
    elif [ "$previous" = '=' ]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case $command$previous in
{}    esac
    case $command in
{}    *) return ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -F _hessq hessq
)",
                       fmt::join(names, " "), arms, options);
}

std::string zsh_completion(const CLI::App& program) {
    std::string names, arms;
    for (const CLI::App* command : commands_of(program)) {
        names +=
            fmt::format("            '{}:{}'\n", command->get_name(), zsh_quoted(command->get_description(), ":\\"));
        arms += fmt::format("        {})\n            _arguments", command->get_name());
        for (const OptionText& option : options_of(*command)) arms += " \\\n                " + zsh_option(option);
        arms += "\n            ;;\n";
    }
    std::string own;
    for (const OptionText& option : options_of(program)) own += " \\\n        " + zsh_option(option);
    return fmt::format(R"(#compdef hessq
# Completion of hessq in zsh; written by hessq --completion zsh.
_hessq() {{
    local curcontext=$curcontext state line
    local -a commands
    _arguments -C{} \
        '1:command:->command' \
        '*::option:->options'
    case $state in
    command)
        commands=(
{}        )
        _describe command commands
        ;;
    options)
        case $words[1] in
{}        esac
        ;;
    esac
}}
_hessq "$@"
)",
                       own, names, arms);
}

} // namespace hessq::app
