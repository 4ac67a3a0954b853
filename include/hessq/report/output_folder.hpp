#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace hessq {

/// Writes the file and checks every step, closing included.
///
/// Throws     std::runtime_error("<path>: expected to write <n> bytes; got <reason>").
void write_file(const std::filesystem::path& path, std::string_view content);

/// The folder of a command's results: either complete or absent, whatever happens.
///
/// Nothing is kept on disk before commit(), except parents that were missing. A former result of hessq is replaced
/// in one step; nothing that hessq did not write is ever removed. A process killed outright (SIGKILL) may leave a
/// hidden folder ".hessq-XXXXXX" beside the result.
class OutputFolder {
public:
    using Writer = std::function<void(const std::filesystem::path&)>;

    /// Checks, before any computing, that the folder can be written.
    ///
    /// Throws     InputError if its parent cannot be made or written, or if the path exists and is neither an empty
    ///            folder nor one with nothing but files that hessq writes, among them a result.json with "hessq/", of
    ///            its schema, in its first 256 bytes.
    explicit OutputFolder(const std::filesystem::path& path);

    /// Where the result will be: absolute, symbolic links resolved.
    const std::filesystem::path& path() const { return path_; }

    /// A file of the result, as text or as something that writes it to the path it is given.
    ///
    /// Throws     std::invalid_argument unless the name is result.json, report.html, theta.npy, inputs.npy,
    ///            targets.npy, gradient.npy, hessian.npy, second_moment.npy, second_moment_matrix.npy or
    ///            noise_covariance.npy, and new.
    void add(const std::string& name, std::string content);
    void add(const std::string& name, Writer writer);

    /// Writes the files into a folder beside the final one and swaps it into place. SIGINT, SIGTERM and SIGHUP wait
    /// until that is done. On failure the former result stays and nothing else is left.
    ///
    /// Throws     std::runtime_error with the file and the reason: a full disk, a folder that is no longer hessq's,
    ///            or whatever a writer threw.
    void commit();

private:
    std::filesystem::path path_;
    std::vector<std::pair<std::string, Writer>> files_;
};

} // namespace hessq
#pragma GCC visibility pop
