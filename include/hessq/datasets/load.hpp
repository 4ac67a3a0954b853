#pragma once

#include "hessq/datasets/dataset.hpp"

#include <filesystem>
#include <string>

#pragma GCC visibility push(default)
namespace hessq {

struct LoadOptions {
    std::string target = {};            ///< .csv: name of the target column; empty: the last column
    std::filesystem::path targets = {}; ///< .npy and IDX: the file of targets
    TargetKind target_kind = TargetKind::number;
};

/// Reads a file in the format that its name says: .csv, .npy, .libsvm or .svm, .idx or -ubyte (upper or lower case).
///
/// Throws     InputError as the loaders do, and if the name says no format, or an option is missing or does not apply.
Dataset load_dataset(const std::filesystem::path& path, const LoadOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
