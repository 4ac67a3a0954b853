#include "hessq/datasets/bundled.hpp"

#include "data_paths.hpp"
#include "file.hpp"
#include "hessq/core/text.hpp"
#include "hessq/datasets/csv.hpp"

#include <algorithm>
#include <array>
#include <dlfcn.h>
#include <fmt/format.h>
#include <system_error>

namespace hessq {
namespace {

struct Bundled {
    std::string_view name;
    TargetKind kind;
    double unit; ///< inputs are divided by it
    std::string_view origin;
};

constexpr std::array<Bundled, 4> bundled = {{
    {"digits", TargetKind::category, 16.0,
     "E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits (test part), UCI Machine Learning "
     "Repository, doi:10.24432/C50P49"},
    {"iris", TargetKind::category, 1.0,
     "R. A. Fisher (1936), Iris, UCI Machine Learning Repository, doi:10.24432/C56C76"},
    {"breast_cancer", TargetKind::category, 1.0,
     "W. Wolberg et al. (1995), Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, "
     "doi:10.24432/C5DW2B"},
    {"diabetes", TargetKind::number, 1.0,
     "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani (2004), Least Angle Regression, Annals of Statistics 32(2), "
     "407-499"},
}};

/// The file that holds this code: the shared library, or a program that was linked with the static one.
std::filesystem::path library_file(const std::filesystem::path& executable) {
    Dl_info info{};
    if (dladdr(&bundled, &info) == 0 || info.dli_fname == nullptr) return executable;
    std::error_code error; // the name of a program may be one that was looked for in PATH
    const std::filesystem::path file = std::filesystem::canonical(info.dli_fname, error);
    return error ? executable : file;
}

bool lies_under(const std::filesystem::path& path, const std::filesystem::path& root) {
    return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

} // namespace

std::vector<std::filesystem::path> bundled_data_candidates(const std::filesystem::path& executable,
                                                           const std::filesystem::path& library) {
    std::error_code ignored; // a build tree that is gone holds no program
    const std::filesystem::path build = std::filesystem::weakly_canonical(HESSQ_BUILD_ROOT, ignored);
    if (lies_under(executable, build) || lies_under(library, build)) return {HESSQ_DATA_SOURCE};
    return {executable.parent_path().parent_path() / "share/hessq/data",
            (library.parent_path() / HESSQ_DATA_FROM_LIBRARY).lexically_normal(), HESSQ_DATA_INSTALL};
}

std::filesystem::path bundled_data_directory() {
    std::error_code error;
    const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::vector<std::filesystem::path> candidates = bundled_data_candidates(executable, library_file(executable));
    std::string looked;
    for (const std::filesystem::path& candidate : candidates) {
        if (std::filesystem::is_directory(candidate, error)) return candidate;
        looked += (looked.empty() ? "" : " or ") + candidate.string();
    }
    throw InputError(fmt::format("bundled data: expected a directory {}; got none", looked));
}

std::vector<std::string> bundled_dataset_names() {
    std::vector<std::string> names;
    for (const Bundled& set : bundled) names.emplace_back(set.name);
    return names;
}

Dataset bundled_dataset(std::string_view name) {
    const auto set = std::find_if(bundled.begin(), bundled.end(), [&](const Bundled& b) { return b.name == name; });
    if (set == bundled.end()) {
        const std::vector<std::string> names = bundled_dataset_names();
        const std::string nearest = nearest_name(name, names);
        const std::string hint = nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest);
        throw std::invalid_argument(fmt::format("bundled_dataset: the name must be one of {}; got {}{}",
                                                fmt::join(names, ", "), in_quotes(name), hint));
    }
    Dataset data = load_csv(bundled_data_directory() / fmt::format("{}.csv", name), {.target_kind = set->kind});
    data.name = name;
    data.origin = set->origin;
    data.inputs /= set->unit;
    return data;
}

} // namespace hessq
