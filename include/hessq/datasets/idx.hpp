#pragma once

#include "hessq/datasets/dataset.hpp"

#include <filesystem>

#pragma GCC visibility push(default)
namespace hessq {

/// Reads a pair of IDX files, the format of MNIST. Every image is flattened to one column of features, with the
/// numbers of the file (0 to 255 for MNIST).
///
/// Throws     InputError("<path>: expected ...; got ..."). The announced shape is compared with the file's size
///            before memory is taken.
/// Source     LeCun, Cortes, Burges: The MNIST database, "The IDX file format".
Dataset load_idx(const std::filesystem::path& images, const std::filesystem::path& labels, TargetKind kind);

} // namespace hessq
#pragma GCC visibility pop
