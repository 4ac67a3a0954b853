#pragma once

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace hessq::test {

/// What a run of the program left: its exit status, or the signal that ended it, and what it printed.
struct Outcome {
    int status = -1;
    int signal = 0;
    std::string out, err;
};

struct Surroundings {
    rlim_t file_size = RLIM_INFINITY;     ///< no file may become larger: a full disk
    rlim_t address_space = RLIM_INFINITY; ///< of memory
    int signal_at_first_message = 0;      ///< sent when the first line appears on standard error
    bool folder_is_deleted = false;       ///< under the program's feet; it must be empty
};

/// Runs HESSQ_PROGRAM with the arguments in the folder and waits for its end.
inline Outcome run_hessq(const std::filesystem::path& folder, const std::vector<std::string>& arguments,
                         const Surroundings& surroundings = {}) {
    std::vector<char*> argv = {const_cast<char*>(HESSQ_PROGRAM)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    int pipes[2][2];
    if (pipe2(pipes[0], O_CLOEXEC) != 0 || pipe2(pipes[1], O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("no child process");
    if (child == 0) {
        dup2(pipes[0][1], STDOUT_FILENO);
        dup2(pipes[1][1], STDERR_FILENO);
        const auto limit = [](auto resource, rlim_t most) {
            const rlimit both{most, most};
            return most == RLIM_INFINITY || setrlimit(resource, &both) == 0;
        };
        // The threads that OpenBLAS starts when it is loaded do not fit, on a machine with many cores.
        if (surroundings.address_space != RLIM_INFINITY) setenv("OPENBLAS_NUM_THREADS", "1", 1);
        if (chdir(folder.c_str()) == 0 && (!surroundings.folder_is_deleted || rmdir(folder.c_str()) == 0) &&
            limit(RLIMIT_FSIZE, surroundings.file_size) && limit(RLIMIT_AS, surroundings.address_space))
            execv(HESSQ_PROGRAM, argv.data());
        _exit(127);
    }

    Outcome outcome;
    std::string* const texts[2] = {&outcome.out, &outcome.err};
    pollfd watched[2];
    for (int i = 0; i < 2; ++i) {
        close(pipes[i][1]);
        watched[i] = {pipes[i][0], POLLIN, 0};
    }
    bool signaled = surroundings.signal_at_first_message == 0;
    while (watched[0].fd >= 0 || watched[1].fd >= 0) {
        if (poll(watched, 2, -1) < 0) continue;
        for (int i = 0; i < 2; ++i) {
            if (watched[i].revents == 0) continue;
            char bytes[4096];
            const ssize_t got = read(watched[i].fd, bytes, sizeof bytes);
            if (got > 0) {
                texts[i]->append(bytes, static_cast<std::size_t>(got));
            } else {
                close(watched[i].fd);
                watched[i].fd = -1;
            }
        }
        if (!signaled && outcome.err.find('\n') != std::string::npos) {
            kill(child, surroundings.signal_at_first_message);
            signaled = true;
        }
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
    return outcome;
}

} // namespace hessq::test
