#pragma once

#include "hessq/datasets/dataset.hpp"

#include <filesystem>
#include <string>

#pragma GCC visibility push(default)
namespace hessq {

struct CsvOptions {
    std::string target = {}; ///< name of the target column; empty: the last column
    TargetKind target_kind = TargetKind::number;
};

/// Reads comma-separated values: a header line of column names, then one sample a line, every column a number but
/// for a target of classes. Cells may be quoted as RFC 4180 says; blanks around a cell do not count; LF or CRLF.
///
/// Cost       One pass over the text, which is held in memory.
/// Throws     InputError("<path>:<line>: expected ...; got ...") for whatever is not so: unreadable files, text that is
///            not UTF-8, a header of numbers, columns without a name or with the same one, ragged lines, cells that are
///            empty, not a number or not finite, no column called options.target, fewer than two classes.
/// Source     RFC 4180 (2005).
Dataset load_csv(const std::filesystem::path& path, const CsvOptions& options = {});

} // namespace hessq
#pragma GCC visibility pop
