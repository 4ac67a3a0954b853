#include "hessq/datasets/load.hpp"

#include "file.hpp"
#include "hessq/datasets/csv.hpp"
#include "hessq/datasets/idx.hpp"
#include "hessq/datasets/libsvm.hpp"
#include "hessq/datasets/npy.hpp"

#include <algorithm>

namespace hessq {
namespace {

enum class Format { csv, npy, libsvm, idx };

Format format_of(const std::filesystem::path& path) {
    std::string name = path.filename().string();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (name.ends_with(".csv")) return Format::csv;
    if (name.ends_with(".npy")) return Format::npy;
    if (name.ends_with(".libsvm") || name.ends_with(".svm")) return Format::libsvm;
    if (name.ends_with(".idx") || name.ends_with("-ubyte")) return Format::idx;
    throw file_error(path, "a name that ends in .csv, .npy, .libsvm, .svm, .idx or -ubyte", in_quotes(name));
}

} // namespace

Dataset load_dataset(const std::filesystem::path& path, const LoadOptions& options) {
    const Format format = format_of(path);
    const bool targets_apart = format == Format::npy || format == Format::idx;
    if (targets_apart && options.targets.empty())
        throw file_error(path, "a second file with the targets (--targets FILE)", "none");
    if (!targets_apart && !options.targets.empty())
        throw file_error(path, "no file of targets, which this format holds itself",
                         in_quotes(options.targets.string()));
    if (format != Format::csv && !options.target.empty())
        throw file_error(path, "no target column, which only .csv files have", in_quotes(options.target));
    switch (format) {
    case Format::csv:
        return load_csv(path, {.target = options.target, .target_kind = options.target_kind});
    case Format::npy:
        return load_npy_dataset(path, options.targets, options.target_kind);
    case Format::libsvm:
        return load_libsvm(path, options.target_kind);
    case Format::idx:
        break;
    }
    return load_idx(path, options.targets, options.target_kind);
}

} // namespace hessq
