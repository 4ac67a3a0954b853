#include "commands.hpp"
#include "hessq/core/require.hpp"
#include "support/completion.hpp"
#include "support/help.hpp"
#include "support/manual.hpp"
#include "support/options.hpp"
#include "support/run.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iostream>
#include <new>
#include <unistd.h>
#include <vector>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace hessq::app {
namespace {

constexpr int failed = 1;  ///< the computation failed
constexpr int mistake = 2; ///< in the command line or its input

struct Command {
    const char* name;
    const char* summary;
    const char* example; ///< what follows the name
    Action (*declare)(CLI::App&);
};

const std::vector<Command> commands = {
    {"compare", "Newton against Adam and RMSprop along a training run, and what v measures",
     "--problem iris-mlp --steps 5000 --lr 0.01", compare_command},
    {"curvature", "at one point: loss, gradient, Hessian, Gauss-Newton, Fisher, noise, extreme eigenvalues",
     "--data mine.csv --model mlp --loss squared", curvature_command},
    {"spectrum", "all eigenvalues from products: their distribution with a band, both ends, the trace",
     "--data mine.csv --model mlp --hidden 900 --of hessian", spectrum_command},
    {"regimes", "a map of what v measures: batch size against learning rate, or distance from the minimum",
     "--problem iris-mlp --batches 1,10,100 --lrs 0.001,0.1", regimes_command},
    {"batch-size", "how the best learning rate depends on the batch size: laws, and what real mini-batches say",
     "--problem iris-mlp --batches 1,8,64 --at-step 200", batch_size_command},
    {"epsilon", "what Adam's epsilon does to the best learning rate, its law in the batch size, and real runs",
     "--problem iris-mlp --epsilons 1e-8,1e-4,0.01,1", epsilon_command},
    {"clipping", "how long gradients are, what clipping at a norm would change, and what it rescues",
     "--problem iris-mlp --threshold 0.5 --widths 8,32", clipping_command},
    {"layerwise", "the learning rate of a layer that is stored divided by a factor, for every optimizer",
     "--problem iris-mlp --lambda 0.5,1,2 --methods sgd,adam", layerwise_command},
    {"theory", "the claims of five essays, one by one: predicted, measured, verdict", "b17", theory_command},
    {"train", "optimizers and Newton methods side by side", "--problem iris-mlp --methods sgd,adam,saddle_free_newton",
     train_command},
    {"problems", "the bundled problems: name, samples, parameters, what each shows", "--json", problems_command},
};

std::string shell_word(const std::string& word) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n\"'\\$`*?[]{}()<>|&;#~!") == std::string::npos;
    if (plain) return word;
    std::string result = "'";
    for (const char c : word) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
}

std::string command_line(int argc, char** argv) {
    std::string line = "hessq";
    for (int i = 1; i < argc; ++i) line += " " + shell_word(argv[i]);
    return line;
}

constexpr const char* explained = "'hessq --help' explains them";

/// The first word must be a command, or ask about the program as a whole.
void check_first_word(int argc, char** argv, const std::vector<std::string>& names) {
    const std::string expected = fmt::format("hessq: expected one of the commands {}", fmt::join(names, ", "));
    if (argc < 2) throw InputError(fmt::format("{}; got none ({})", expected, explained));
    const std::string word = argv[1];
    const std::vector<std::string> own = {"-h", "--help", "--version", "--completion", "--manual"};
    if (std::find(own.begin(), own.end(), word) != own.end()) return;
    if (std::find(names.begin(), names.end(), word) != names.end()) return;
    if (word.starts_with('-'))
        throw InputError(fmt::format("{} before its options; got {} ({})", expected, shell_word(word), explained));
    const std::string hint = did_you_mean(word, names);
    throw InputError(
        fmt::format("{}; got {}{}", expected, shell_word(word), hint.empty() ? fmt::format(" ({})", explained) : hint));
}

/// What CLI11 does not know, it collects; a misspelt option is answered with the nearest one.
void refuse_extras(const CLI::App& command) {
    const std::vector<std::string> extras = command.remaining();
    if (extras.empty()) return;
    const std::string word = extras.front().substr(0, extras.front().find('='));
    std::vector<std::string> known;
    for (const CLI::Option* option : command.get_options()) known.push_back(option->get_name());
    const std::string hint = did_you_mean(word, known);
    throw InputError(
        fmt::format("hessq {0}: expected an option of {0}; got {1}{2}", command.get_name(), shell_word(word),
                    hint.empty() ? fmt::format(" ('hessq {} --help' lists them)", command.get_name()) : hint));
}

/// CLI11 says which option has too many or too few values in words of its own; the command line tells which it was.
InputError wrong_number_of_values(const CLI::ArgumentMismatch& error, int argc, char** argv) {
    const std::string message = error.what();
    std::string option = message.substr(0, message.find_first_of(": "));
    if (!option.starts_with('-')) option = "--" + option; // a flag is named without
    const std::string with_value = option + "=";
    int times = 0;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == option || word.starts_with(with_value)) ++times;
    }
    if (times > 1) return InputError(fmt::format("{}: expected once; got it {} times", option, times));
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with(with_value) && word != with_value)
            return InputError(
                fmt::format("{}: expected no value; got {}", option, shell_word(word.substr(with_value.size()))));
    }
    return InputError(fmt::format("{}: expected a value; got none", option));
}

/// `hessq --completion SHELL` and `hessq --manual` write what is installed beside the program, while it is built; help
/// does not mention them. Nothing for any other command line.
std::string for_installation(const CLI::App& app, int argc, char** argv) {
    const std::string word = argv[1], shell = argc > 2 ? argv[2] : "";
    if (word == "--manual") return manual(app, HESSQ_VERSION);
    if (word != "--completion") return "";
    if (shell == "bash") return bash_completion(app);
    if (shell == "zsh") return zsh_completion(app);
    throw InputError(fmt::format("--completion: expected bash or zsh; got {}", shell_word(shell)));
}

void run(int argc, char** argv) {
    CLI::App app("hessq measures the curvature of machine-learning losses, exactly where that is\n"
                 "possible, and shows what Adam's second moment really measures.\n");
    app.name("hessq");
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_help_flag("-h,--help", "print this text");
    app.set_version_flag("--version", "hessq " HESSQ_VERSION, "print the version");
    app.require_subcommand(1);
    app.footer("'hessq COMMAND --help' explains the options of a command. To begin with:\n"
               "  hessq compare --problem iris-mlp\n"
               "  hessq compare --data mine.csv --target label --model mlp --standardize");
    const std::string line = command_line(argc, argv);
    std::vector<std::string> names;
    for (const Command& command : commands) {
        CLI::App* const sub = app.add_subcommand(command.name, command.summary);
        sub->allow_extras();
        sub->group("Commands");
        sub->footer("");
        const Action action = command.declare(*sub);
        sub->footer(fmt::format("{}Example: hessq {} {}", sub->get_footer(), command.name, command.example));
        sub->callback([sub, action, line] {
            refuse_extras(*sub);
            action(line);
        });
        names.emplace_back(command.name);
    }
    check_first_word(argc, argv, names);
    const std::string installed = for_installation(app, argc, argv);
    if (!installed.empty()) {
        std::cout << installed;
        require_written(std::cout);
        return;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help_or_version) {
        app.exit(help_or_version);
        require_written(std::cout);
    } catch (const CLI::ArgumentMismatch& error) {
        throw wrong_number_of_values(error, argc, argv);
    } catch (const CLI::ValidationError& error) {
        throw InputError(error.what()); // "--steps: expected ...; got ..."
    } catch (const CLI::ExtrasError&) {
        throw InputError(fmt::format("hessq {}: expected nothing but options; got {}", argv[1],
                                     shell_word(app.remaining(true).front())));
    } catch (const CLI::ParseError& error) {
        throw InputError(fmt::format("hessq: {}", error.what()));
    }
}

/// Matrices of some thousand parameters come and go; their memory is kept instead of being cleared by the system, page
/// by page, each time.
void keep_freed_memory() {
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

/// One line, whatever a name in the message contains.
int report(const std::string& message, int status) {
    std::string line;
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        line += byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    std::cerr << line << '\n';
    return status;
}

} // namespace
} // namespace hessq::app

int main(int argc, char** argv) {
    using namespace hessq::app;
    // OpenBLAS starts a thread for every core when it is loaded, and hangs where the address space is too small for
    // their buffers. hessq never calls it but in one thread, so it is loaded again without those.
    if (std::getenv("OPENBLAS_NUM_THREADS") == nullptr && setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0)
        execv("/proc/self/exe", argv); // returns only if it fails; then the first load has to do
    keep_freed_memory();
    // A file-size limit then shows as a write error with a reason instead of killing the program.
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        run(argc, argv);
        return 0;
    } catch (const hessq::InputError& error) {
        return report(error.what(), mistake);
    } catch (const std::bad_alloc&) {
        return report("hessq: expected enough memory for this problem; got an allocation that failed", failed);
    } catch (const std::exception& error) {
        return report(error.what(), failed);
    }
}
