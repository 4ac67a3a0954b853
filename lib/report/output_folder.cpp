#include "hessq/report/output_folder.hpp"

#include "hessq/core/require.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace hessq {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 10> written_by_hessq = {
    "result.json",         "report.html",       "theta.npy",
    "inputs.npy",          "targets.npy",       "gradient.npy",
    "hessian.npy",         "second_moment.npy", "second_moment_matrix.npy",
    "noise_covariance.npy"};

bool is_written_by_hessq(std::string_view name) {
    return std::find(written_by_hessq.begin(), written_by_hessq.end(), name) != written_by_hessq.end();
}

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void refuse(const fs::path& path, std::string_view expected, std::string_view got) {
    throw InputError(fmt::format("{}: expected {}; got {}", path.string(), expected, got));
}

[[noreturn]] void fail(const fs::path& path, std::string_view expected, int error) {
    throw std::runtime_error(fmt::format("{}: expected {}; got {}", path.string(), expected, reason(error)));
}

/// `shown` is the path that the message names.
void write_file_as(const fs::path& path, std::string_view content, const fs::path& shown) {
    const auto fail_here = [&] { fail(shown, fmt::format("to write {} bytes", content.size()), errno); };
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) fail_here();
    for (std::size_t done = 0; done < content.size();) {
        const ssize_t written = write(file, content.data() + done, content.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const int error = errno;
            close(file);
            errno = error;
            fail_here();
        }
        done += static_cast<std::size_t>(written);
    }
    if (close(file) != 0) fail_here();
}

/// The path of the folder itself, with its parent made and symbolic links resolved.
fs::path resolved(const fs::path& given) {
    if (given.empty()) refuse("''", "the name of a folder", "an empty name");
    std::error_code error;
    const fs::file_status link = fs::symlink_status(given, error);
    if (error && link.type() == fs::file_type::none) refuse(given, "a folder that can be made", error.message());
    if (fs::exists(given, error)) return fs::canonical(given);
    if (error) refuse(given, "a folder that can be made", error.message());
    if (fs::is_symlink(link))
        refuse(given, "a folder", fmt::format("a symbolic link to nowhere ({})", fs::read_symlink(given).string()));

    fs::path path = fs::weakly_canonical(fs::absolute(given)); // of "out" alone it would not make an absolute path
    if (!path.has_filename()) path = path.parent_path();       // "out/"
    fs::create_directories(path.parent_path(), error);
    if (error) refuse(given, "a folder that can be made", error.message());
    return path;
}

/// A new, private folder beside the result: on its file system, so that renaming works.
fs::path make_work_folder(const fs::path& path) {
    std::string name = (path.parent_path() / ".hessq-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail(path.parent_path(), "a folder that can be written", errno);
    return name;
}

/// What hessq wrote has a result.json that names its schema, "hessq/compare/1" or another, at the beginning. A lone
/// theta.npy, or the result.json of another program, is somebody's own.
bool is_result(const fs::path& folder) {
    std::string head(256, '\0');
    std::ifstream file(folder / "result.json", std::ios::binary);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    return head.find("hessq/") != std::string::npos;
}

/// Refuses a path that holds anything but a former result. `shown` is how the caller named it.
void check_replaceable(const fs::path& path, const fs::path& shown) {
    const fs::file_status status = fs::symlink_status(path);
    if (!fs::exists(status)) return;
    if (!fs::is_directory(status)) refuse(shown, "a folder", "a file");
    if (path == fs::current_path()) refuse(shown, "a folder that can be replaced", "the working folder");
    if (path == path.root_path()) refuse(shown, "a folder that can be replaced", "the root folder");

    struct statx details {};
    if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &details) == 0 &&
        (details.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
        refuse(shown, "a folder that can be replaced", "a mount point; name a folder inside it");

    constexpr int needed = R_OK | W_OK | X_OK;
    if (faccessat(AT_FDCWD, path.c_str(), needed, AT_EACCESS) != 0)
        refuse(shown, "a folder that can be replaced", reason(errno));

    std::vector<std::string> others;
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
        const std::string name = entry.path().filename().string();
        if (!is_written_by_hessq(name) || !fs::is_regular_file(entry.symlink_status())) others.push_back(name);
    }
    if (others.empty() && !is_result(path))
        for (const fs::directory_entry& entry : fs::directory_iterator(path))
            others.push_back(entry.path().filename().string());
    if (others.empty()) return;
    std::sort(others.begin(), others.end());
    const std::size_t named = std::min<std::size_t>(others.size(), 3);
    std::string list = others[0];
    for (std::size_t i = 1; i < named; ++i) list += ", " + others[i];
    if (others.size() > named) list += fmt::format(" and {} more", others.size() - named);
    refuse(shown, "a new folder, an empty one or one that hessq wrote",
           fmt::format("a folder with other files ({})", list));
}

/// While it lives, signals that would end the process only leave a mark; the process gets them afterwards. Handlers
/// and not a signal mask, because a mask holds for one thread and the others would still take the signal.
class DeferredSignals {
public:
    DeferredSignals() : lock_(mutex) {
        struct sigaction mark {};
        mark.sa_handler = [](int signal) { pending[signal].store(true); };
        mark.sa_flags = SA_RESTART;
        for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &mark, &former_[i]);
    }
    ~DeferredSignals() {
        for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &former_[i], nullptr);
        for (const int signal : signals)
            if (pending[signal].exchange(false)) raise(signal);
    }
    DeferredSignals(const DeferredSignals&) = delete;
    DeferredSignals& operator=(const DeferredSignals&) = delete;

private:
    static constexpr std::array signals = {SIGINT, SIGTERM, SIGHUP};
    static inline std::mutex mutex;
    static inline std::atomic<bool> pending[NSIG] = {};
    static_assert(std::atomic<bool>::is_always_lock_free);

    std::lock_guard<std::mutex> lock_;
    struct sigaction former_[signals.size()] = {};
};

/// Removes what hessq writes and then the folder, so that nothing else can get lost. Returns whether it is gone.
bool remove_result(const fs::path& folder) {
    for (const std::string_view name : written_by_hessq) unlink((folder / name).c_str());
    return rmdir(folder.c_str()) == 0;
}

/// Puts `fresh` at `path`; a former folder there ends up at `fresh`.
void swap_into_place(const fs::path& fresh, const fs::path& path) {
    constexpr std::string_view expected = "to move the result into place";
    if (rename(fresh.c_str(), path.c_str()) == 0) return;
    if (errno != ENOTEMPTY && errno != EEXIST) fail(path, expected, errno);
    if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS) fail(path, expected, errno);

    // A file system that cannot exchange: for a moment there is no result, but never half of one.
    const fs::path former = fresh.parent_path() / "former";
    if (rename(path.c_str(), former.c_str()) != 0) fail(path, expected, errno);
    if (rename(fresh.c_str(), path.c_str()) != 0) {
        const int error = errno;
        rename(former.c_str(), path.c_str());
        fail(path, expected, error);
    }
    if (rename(former.c_str(), fresh.c_str()) != 0) fail(former, "to remove the former result", errno);
}

} // namespace

void write_file(const fs::path& path, std::string_view content) { write_file_as(path, content, path); }

OutputFolder::OutputFolder(const fs::path& path) : path_(resolved(path)) {
    check_replaceable(path_, path);
    try {
        rmdir(make_work_folder(path_).c_str());
    } catch (const std::runtime_error& error) {
        throw InputError(error.what());
    }
}

void OutputFolder::add(const std::string& name, std::string content) {
    const fs::path shown = path_ / name;
    add(name, [content = std::move(content), shown](const fs::path& file) { write_file_as(file, content, shown); });
}

void OutputFolder::add(const std::string& name, Writer writer) {
    require(is_written_by_hessq(name), "OutputFolder::add", "name must be that of a file hessq writes", name);
    const bool is_new =
        std::none_of(files_.begin(), files_.end(), [&](const auto& file) { return file.first == name; });
    require(is_new, "OutputFolder::add", "each name can be added once", name);
    files_.emplace_back(name, std::move(writer));
}

void OutputFolder::commit() {
    const DeferredSignals deferred;
    std::error_code ignored; // a parent that is missing still shows below, where the work folder is made
    fs::create_directories(path_.parent_path(), ignored);
    check_replaceable(path_, path_);
    const fs::path work = make_work_folder(path_);
    // The work folder is private; the one inside it gets the permissions of any new folder of this user.
    const fs::path fresh = work / "result";
    try {
        if (mkdir(fresh.c_str(), 0777) != 0) fail(path_, "to make a folder", errno);
        for (const auto& [name, writer] : files_) writer(fresh / name);
        swap_into_place(fresh, path_);
    } catch (const std::exception& error) {
        fs::remove_all(fresh, ignored);
        rmdir(work.c_str());
        // A writer knows the file by its passing name; the reader of the message knows only the final one.
        std::string message = error.what();
        if (const auto at = message.find(fresh.string()); at != std::string::npos)
            message.replace(at, fresh.string().size(), path_.string());
        throw std::runtime_error(message);
    }
    const bool former_is_gone = !fs::exists(fresh) || remove_result(fresh);
    if (!former_is_gone || rmdir(work.c_str()) != 0) fail(work, "to remove the former result", errno);
}

} // namespace hessq
