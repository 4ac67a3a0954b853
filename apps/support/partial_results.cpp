#include "support/partial_results.hpp"

#include "hessq/core/require.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <system_error>
#include <unistd.h>

namespace hessq::app {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
    throw std::runtime_error(fmt::format("{}: expected to write what is finished; got {}", path.string(),
                                         std::generic_category().message(error)));
}

} // namespace

void Fingerprint::add_bytes(const void* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        hash_ ^= static_cast<const unsigned char*>(bytes)[i];
        hash_ *= 0x100000001b3;
    }
}

Fingerprint& Fingerprint::add(std::string_view text) {
    const std::size_t size = text.size();
    add_bytes(&size, sizeof size);
    add_bytes(text.data(), size);
    return *this;
}

Fingerprint& Fingerprint::add(double number) {
    add_bytes(&number, sizeof number);
    return *this;
}

Fingerprint& Fingerprint::add(MatrixView numbers) {
    const Index shape[2] = {numbers.rows(), numbers.cols()};
    add_bytes(shape, sizeof shape);
    for (Index j = 0; j < numbers.cols(); ++j)
        add_bytes(numbers.col(j).data(), sizeof(double) * static_cast<std::size_t>(numbers.rows()));
    return *this;
}

std::string Fingerprint::str() const { return fmt::format("{:016x}", hash_); }

Fingerprint fingerprint(const Run& run) {
    Fingerprint result;
    result.add(HESSQ_VERSION).add(run.problem().name).add(run.problem().summary).add(run.problem().loss);
    result.add(run.problem().conventions).add(run.start());
    if (run.problem().data) result.add(run.problem().data->inputs).add(run.problem().data->targets);
    // A build for another vector unit rounds differently.
    const Vector gradient = run.objective().gradient(run.start());
    return result.add(gradient);
}

PartialResults::PartialResults(std::filesystem::path path) : path_(std::move(path)) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::file_status status = fs::status(path_, ignored);
    if (status.type() == fs::file_type::not_found) return;
    if (!fs::is_regular_file(status))
        throw InputError(fmt::format("{}: expected a file of finished cells or nothing; got {}", path_.string(),
                                     fs::is_directory(status) ? "a folder" : "something else"));
    std::ifstream stream(path_, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) throw InputError(fmt::format("{}: expected a file that can be read; got an error", path_.string()));
    // It will be deleted in the end, so it must be hessq's.
    const auto foreign = [&]() {
        throw InputError(fmt::format("{}: expected a file of finished cells or nothing; got a file of something else",
                                     path_.string()));
    };
    ends_in_line_ = text.empty() || text.ends_with('\n');
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
        const Json line = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                      text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
        begin = end + 1;
        if (!line.is_object() || !line.contains("key") || !line["key"].is_string() || !line.contains("piece"))
            foreign();
        pieces_[line["key"].get<std::string>()] = line["piece"];
    }
    // What an interruption left of a last line is ours if it begins as ours do.
    if (begin < text.size() && text[begin] != '{') foreign();
}

const Json* PartialResults::find(const std::string& key) const {
    const auto found = pieces_.find(key);
    return found == pieces_.end() ? nullptr : &found->second;
}

void PartialResults::add(const std::string& key, const Json& piece) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::error_code ignored; // a parent that is missing shows where the file is opened
    std::filesystem::create_directories(path_.parent_path(), ignored);
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) fail(path_, errno);
    // One write: a signal ends the program before it or after it.
    const std::string line =
        (ends_in_line_ ? "" : "\n") + Json{{"key", key}, {"piece", piece}}.dump(-1, ' ', true) + "\n";
    const ssize_t written = write(file, line.data(), line.size());
    const int error = written < 0 ? errno : ENOSPC;
    const bool whole = written == static_cast<ssize_t>(line.size());
    if (close(file) != 0 || !whole) fail(path_, error);
    ends_in_line_ = true;
}

void PartialResults::remove() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

} // namespace hessq::app
