#pragma once

#include "hessq/datasets/dataset.hpp"

#include <filesystem>

#pragma GCC visibility push(default)
namespace hessq {

/// Reads sparse text, one sample a line: "label index:value index:value ... # comment", indices ascending from 1;
/// entries that are not listed are 0. The inputs become a dense matrix with as many features as the largest index.
///
/// Throws     InputError("<path>:<line>: expected ...; got ..."), also if the dense inputs would need more than half of
///            this machine's memory.
/// Source     Chang, Lin (2011), LIBSVM: a library for support vector machines, ACM TIST 2(3).
Dataset load_libsvm(const std::filesystem::path& path, TargetKind kind);

} // namespace hessq
#pragma GCC visibility pop
