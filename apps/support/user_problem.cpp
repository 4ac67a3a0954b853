#include "support/user_problem.hpp"

#include "hessq/core/require.hpp"
#include "hessq/datasets/load.hpp"
#include "hessq/objectives/mlp.hpp"
#include "support/memory.hpp"

#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <map>

namespace hessq::app {
namespace {

bool given(const CLI::App& command, const char* option) { return command.get_option(option)->count() > 0; }

std::vector<Index> widths(const std::string& text) {
    std::vector<Index> result;
    for (const std::string& word : split_list(text)) {
        Index width = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), width);
        if (error != std::errc{} || end != word.data() + word.size() || width < 1)
            throw InputError(
                fmt::format("--hidden: expected whole numbers of at least 1 with commas between; got {}", text));
        result.push_back(width);
    }
    return result;
}

/// How many parameters the network will have; as a real number, which no product of widths overflows.
double parameters(const Dataset& data, const std::vector<Index>& hidden, bool single_logit) {
    double inputs = static_cast<double>(data.features()), sum = 0.0;
    const auto append = [&](Index width) {
        sum += (inputs + 1.0) * static_cast<double>(width);
        inputs = static_cast<double>(width);
    };
    for (const Index width : hidden) append(width);
    append(single_logit ? 1 : data.class_names.empty() ? data.targets.rows() : data.classes());
    return sum;
}

const std::map<std::string, Activation> activations = {
    {"tanh", Activation::tanh},         {"relu", Activation::relu},       {"gelu", Activation::gelu},
    {"softplus", Activation::softplus}, {"sigmoid", Activation::sigmoid}, {"identity", Activation::identity}};

/// Hidden layers, activation and loss belong to an mlp alone.
void refuse_mlp_options(const CLI::App& command, const std::string& model) {
    for (const char* option : {"--hidden", "--activation", "--loss"})
        if (given(command, option))
            throw InputError(fmt::format("{}: expected with --model mlp; got --model {}", option, model));
}

} // namespace

void refuse_model_options(const CLI::App& command) {
    for (const char* option :
         {"--model", "--hidden", "--activation", "--loss", "--l2", "--standardize", "--targets", "--target"})
        if (given(command, option))
            throw InputError(fmt::format("{}: expected together with --data; got a bundled problem", option));
}

Problem user_problem(const CLI::App& command, const ProblemOptions& options) {
    if (given(command, "--problem"))
        throw InputError(
            fmt::format("hessq: expected --problem or --data; got both ({} and {})", options.problem, options.data));
    if (options.model.empty())
        throw InputError("--data: expected --model linear, logistic, softmax or mlp beside it; got none");
    const bool mlp = options.model == "mlp";
    if (!mlp) refuse_mlp_options(command, options.model);
    const bool squared = options.model == "linear" || (mlp && options.loss == "squared");

    Dataset data = load_dataset(options.data, {.target = options.target,
                                               .targets = options.targets,
                                               .target_kind = squared ? TargetKind::number : TargetKind::category});
    // Real numbers taken for labels would train without complaint: nearly every sample would be its own class.
    if (!squared && data.classes() >= 10 && 2 * data.classes() > data.samples())
        throw InputError(
            fmt::format("{}: expected classes, with two samples each or more; got {} different targets of {} "
                        "samples (for numbers: --model linear, or --model mlp --loss squared)",
                        options.data, data.classes(), data.samples()));
    if (options.model == "logistic" && data.classes() != 2)
        throw InputError(
            fmt::format("{}: expected two classes for --model logistic; got {}", options.data, data.classes()));
    if (options.standardize) data = standardize_inputs(std::move(data));

    // Eight vectors of this length are the least that any command needs.
    const std::vector<Index> hidden = mlp ? widths(options.hidden) : std::vector<Index>{};
    const double size = parameters(data, hidden, options.model == "logistic");
    require_memory(command.get_name(), 8.0 * 8.0 * size, size);

    const MlpOptions settings{.hidden = hidden,
                              .activation = mlp ? activations.at(options.activation) : Activation::identity,
                              .loss = squared ? Loss::squared : Loss::cross_entropy,
                              .l2 = options.l2};
    const std::string shape = mlp ? fmt::format("mlp with hidden layers {} ({})", options.hidden, options.activation)
                                  : options.model + " regression";
    return mlp_problem(std::filesystem::path(options.data).stem().string() + "-" + options.model,
                       shape + " on " + options.data, Mlp(std::move(data), settings, options.model == "logistic"));
}

} // namespace hessq::app
