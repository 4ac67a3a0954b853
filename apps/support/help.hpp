#pragma once

#include <CLI/App.hpp>
#include <CLI/FormatterFwd.hpp>
#include <string>
#include <vector>

namespace hessq::app {

/// What the program says about an option, taken apart. A type name "tanh|relu" is a choice of words, which help lists;
/// "NAME:iris|digits" one whose words are too many for that, and "NAME,...:sgd|adam" takes several of them.
struct OptionText {
    std::string name;               ///< "--lr"; of the ID in `hessq theory ID` there are no dashes
    std::string value;              ///< "X": what help calls the value; empty for a switch
    std::string text;               ///< without the default
    std::string fallback;           ///< the default
    std::vector<std::string> words; ///< that the value may be
    bool listed = false;            ///< the words are part of the text
    bool positional = false;
    bool several = false;  ///< words, with commas between
    bool repeated = false; ///< may be given many times
};

OptionText text_of(const CLI::Option& option);

/// The options, and the positional arguments, by groups, in the order of their declaration. Without hidden ones.
struct OptionGroup {
    std::string name;
    std::vector<OptionText> options;
};
std::vector<OptionGroup> option_groups(const CLI::App& command);

/// The commands of the program, in the order of their declaration.
std::vector<const CLI::App*> commands_of(const CLI::App& program);

/// Help of 80 columns: of the program, its commands; of a command, its options in groups, defaults in brackets.
class HelpFormatter : public CLI::FormatterBase {
public:
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

} // namespace hessq::app
