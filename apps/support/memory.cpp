#include "support/memory.hpp"

#include "hessq/core/require.hpp"
#include "hessq/report/table.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <limits>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace hessq::app {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

double number_in(const char* path) {
    std::ifstream file(path);
    double number = 0.0;
    return file >> number ? number : unlimited; // cgroup v2 writes "max" for no limit
}

/// The number behind a key in a file of "key number" lines.
double entry_in(const char* path, const std::string& wanted, double otherwise) {
    std::ifstream file(path);
    std::string key;
    double number = 0.0;
    while (file >> key >> number) {
        if (key == wanted) return number;
        file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return otherwise;
}

double kernel_available() { return 1024.0 * entry_in("/proc/meminfo", "MemAvailable:", unlimited / 1024.0); }

double container_left() {
    const double limit = number_in("/sys/fs/cgroup/memory.max");
    const double used = number_in("/sys/fs/cgroup/memory.current");
    if (limit == unlimited || used == unlimited) return unlimited;
    // Cached files count as used, but the kernel drops them when memory is asked for.
    return limit - used + entry_in("/sys/fs/cgroup/memory.stat", "inactive_file", 0.0);
}

double address_space() {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
    std::ifstream file("/proc/self/statm");
    double used_pages = 0.0;
    file >> used_pages;
    const double used = used_pages * static_cast<double>(sysconf(_SC_PAGESIZE)) + blas_buffer_bytes;
    return std::max(0.0, static_cast<double>(limit.rlim_cur) - used);
}

} // namespace

double available_memory() { return std::min({kernel_available(), container_left(), address_space()}); }

double eigen_bytes(Index parameters) {
    const auto n = static_cast<double>(parameters);
    return 8.0 * (3.0 * n * n + 10.0 * n);
}

void require_memory(const std::string& command, double bytes, double parameters) {
    const double available = available_memory();
    if (bytes > available)
        throw NumericalError(fmt::format("hessq {}: expected to need at most the {} of memory that are free; got {} "
                                         "for {:.15g} parameters",
                                         command, format_bytes(available), format_bytes(bytes), parameters));
}

} // namespace hessq::app
