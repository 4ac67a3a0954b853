#pragma once

#include "hessq/datasets/dataset.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// Where the data that comes with hessq is looked for, in order, by a program at this path with the library at that
/// one: in the source tree if either lies in the build tree, which may be that of another project with hessq in it;
/// else in ../share/hessq/data beside the program, in the same place as seen from the library, and where it was
/// installed. An installation finds its data wherever it was moved.
std::vector<std::filesystem::path> bundled_data_candidates(const std::filesystem::path& executable,
                                                           const std::filesystem::path& library);

/// The first of these that exists, for the running program.
///
/// Throws     InputError that says where it looked.
std::filesystem::path bundled_data_directory();

/// The names that bundled_dataset knows.
std::vector<std::string> bundled_dataset_names();

/// "digits" (1797 x 64 in [0, 1], classes 0 to 9), "iris" (150 x 4, three species), "breast_cancer" (569 x 30, class 1
/// is malignant), "diabetes" (442 x 10, a number). Features are not standardized.
///
/// Throws     std::invalid_argument for another name, with the nearest of these; InputError if the data is not there.
Dataset bundled_dataset(std::string_view name);

} // namespace hessq
#pragma GCC visibility pop
