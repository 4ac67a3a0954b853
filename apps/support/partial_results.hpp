#pragma once

#include "hessq/core/types.hpp"
#include "support/run.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace hessq::app {

/// A name for everything that determines a result: two computations with the same fingerprint end with the same bytes.
class Fingerprint {
public:
    /// Each entry counts with its length, so that "ab", "c" is not "a", "bc".
    Fingerprint& add(std::string_view text);
    Fingerprint& add(double number);
    Fingerprint& add(MatrixView numbers);
    /// 16 hexadecimal digits (64-bit FNV-1a).
    std::string str() const;

private:
    void add_bytes(const void* bytes, std::size_t size);
    std::uint64_t hash_ = 0xcbf29ce484222325;
};

/// The problem, its data and its start, and how the arithmetic of this build treats them.
Fingerprint fingerprint(const Run& run);

/// What a long command has finished so far, in a file of its own beside its output folder: one line for each piece, so
/// that an interrupted run loses nothing but the pieces that were under way. A line that was cut off is as if it had
/// never been begun; one whose key nobody asks for does no harm.
class PartialResults {
public:
    /// Reads what a former run has left.
    ///
    /// Throws     InputError if there is something at `path` that is no such file.
    explicit PartialResults(std::filesystem::path path);

    const std::filesystem::path& path() const { return path_; }

    /// The piece with this key, or null. Numbers come back with the bits they had; those that were not finite are null.
    const Json* find(const std::string& key) const;

    /// Appends a piece and hands it to the system. From any thread.
    ///
    /// Throws     std::runtime_error if it cannot be written.
    void add(const std::string& key, const Json& piece);

    /// Deletes the file, when the result is in place.
    void remove();

private:
    std::filesystem::path path_;
    std::map<std::string, Json> pieces_;
    bool ends_in_line_ = true;
    std::mutex mutex_;
};

} // namespace hessq::app
