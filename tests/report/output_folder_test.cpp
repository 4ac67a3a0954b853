#include "hessq/report/output_folder.hpp"

#include "hessq/core/require.hpp"

#include <boost/test/unit_test.hpp>

#include "support/messages.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace hessq;
using namespace hessq::test;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(output_folder)

namespace {

/// A folder for one test, gone afterwards.
class Scratch {
public:
    Scratch() {
        std::string name = (fs::temp_directory_path() / "hessq-test-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = fs::canonical(name);
    }
    ~Scratch() { fs::remove_all(path_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    fs::path operator/(const std::string& name) const { return path_ / name; }
    std::string operator+(const std::string& tail) const { return path_.string() + tail; }

private:
    fs::path path_;
};

std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> names(const fs::path& folder) {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder)) found.insert(entry.path().filename().string());
    return found;
}

using Names = std::set<std::string>;

void commit_result(const fs::path& path, const std::string& content) {
    OutputFolder folder(path);
    folder.add("result.json", content);
    folder.commit();
}

/// Runs the body in a child process, which must not return to the tests. Returns how it ended.
template <class Body>
pid_t start_child(Body body) {
    const pid_t child = fork();
    BOOST_REQUIRE(child >= 0);
    if (child > 0) return child;
    try {
        body();
    } catch (...) {
        _exit(99);
    }
    _exit(0);
}

int wait_for(pid_t child) {
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

} // namespace

BOOST_AUTO_TEST_CASE(nothing_exists_before_commit_and_everything_after) {
    const Scratch scratch;
    OutputFolder folder(scratch / "a/b/out/");
    BOOST_TEST(folder.path() == scratch / "a/b/out");
    BOOST_TEST((names(scratch / "a/b") == Names{}));
    folder.add("result.json", "{}\n");
    folder.add("theta.npy", [](const fs::path& path) { std::ofstream(path) << "numbers"; });

    folder.commit();

    BOOST_TEST((names(scratch / "a/b") == Names{"out"}));
    BOOST_TEST((names(scratch / "a/b/out") == Names{"result.json", "theta.npy"}));
    BOOST_TEST(read(scratch / "a/b/out/result.json") == "{}\n");
    BOOST_TEST(read(scratch / "a/b/out/theta.npy") == "numbers");
}

BOOST_AUTO_TEST_CASE(a_former_result_is_replaced_whole) {
    const Scratch scratch;
    {
        OutputFolder folder(scratch / "out");
        folder.add("result.json", "hessq/old");
        folder.add("report.html", "old");
        folder.commit();
    }
    commit_result(scratch / "out", "new");

    BOOST_TEST((names(scratch / "") == Names{"out"}));
    BOOST_TEST((names(scratch / "out") == Names{"result.json"}));
    BOOST_TEST(read(scratch / "out/result.json") == "new");
}

BOOST_AUTO_TEST_CASE(an_empty_folder_and_a_link_to_a_folder_are_taken) {
    const Scratch scratch;
    fs::create_directory(scratch / "real");
    fs::create_symlink("real", scratch / "link");

    commit_result(scratch / "link", "x");

    BOOST_TEST(fs::is_symlink(scratch / "link"));
    BOOST_TEST(read(scratch / "real/result.json") == "x");
}

BOOST_AUTO_TEST_CASE(a_name_alone_is_a_folder_in_the_working_folder) {
    const Scratch scratch;
    const fs::path before = fs::current_path();
    fs::current_path(scratch / "");
    OutputFolder folder("out");
    BOOST_TEST(folder.path() == scratch / "out");
    folder.add("result.json", "{}");
    folder.commit();
    fs::current_path(before);
    BOOST_TEST(read(scratch / "out/result.json") == "{}");
}

BOOST_AUTO_TEST_CASE(files_and_folders_have_the_permissions_the_user_wants) {
    const Scratch scratch;
    const mode_t former = umask(027);
    commit_result(scratch / "out", "x");
    umask(former);

    struct stat details {};
    BOOST_REQUIRE(stat((scratch / "out").c_str(), &details) == 0);
    BOOST_TEST((details.st_mode & 0777) == 0750);
    BOOST_REQUIRE(stat((scratch / "out/result.json").c_str(), &details) == 0);
    BOOST_TEST((details.st_mode & 0777) == 0640);
}

BOOST_AUTO_TEST_CASE(a_folder_with_other_files_is_refused_early_and_left_alone) {
    const Scratch scratch;
    fs::create_directories(scratch / "out/theta.npy");
    for (const char* name : {"notes.txt", "result.json", "b", "c"}) write_file(scratch / "out" / name, "mine");

    BOOST_CHECK_EXCEPTION(OutputFolder(scratch / "out"), InputError,
                          says(scratch + "/out: expected a new folder, an empty one or one that hessq wrote; got a "
                                         "folder with other files (b, c, notes.txt and 1 more)"));
    fs::remove(scratch / "out/b");
    fs::remove(scratch / "out/c");
    fs::remove(scratch / "out/theta.npy");
    BOOST_CHECK_EXCEPTION(OutputFolder(scratch / "out"), InputError,
                          says(scratch + "/out: expected a new folder, an empty one or one that hessq wrote; got a "
                                         "folder with other files (notes.txt)"));
    BOOST_TEST((names(scratch / "out") == Names{"notes.txt", "result.json"}));
}

BOOST_AUTO_TEST_CASE(a_result_of_another_program_is_left_alone) {
    const Scratch scratch;
    const std::string foreign = "{\"accuracy\": 0.97}";
    fs::create_directory(scratch / "out");
    for (const char* name : {"result.json", "theta.npy"}) write_file(scratch / "out" / name, foreign);

    BOOST_CHECK_EXCEPTION(OutputFolder(scratch / "out"), InputError,
                          says(scratch + "/out: expected a new folder, an empty one or one that hessq wrote; got a "
                                         "folder with other files (result.json, theta.npy)"));
    BOOST_TEST(read(scratch / "out/result.json") == foreign);
    BOOST_TEST(read(scratch / "out/theta.npy") == foreign);
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_a_result_folder_is_refused_in_one_line) {
    const Scratch scratch;
    write_file(scratch / "file", "x");
    fs::create_symlink("nowhere", scratch / "dangling");
    fs::create_symlink("loop", scratch / "loop");
    const std::string long_name(300, 'x');

    BOOST_CHECK_EXCEPTION(OutputFolder(""), InputError, says("'': expected the name of a folder; got an empty name"));
    BOOST_CHECK_EXCEPTION(OutputFolder(scratch / "file"), InputError,
                          says(scratch + "/file: expected a folder; got a file"));
    BOOST_CHECK_EXCEPTION(OutputFolder(scratch / "file/out"), InputError,
                          says(scratch + "/file/out: expected a folder that can be made; got Not a directory"));
    BOOST_CHECK_EXCEPTION(OutputFolder(scratch / "dangling"), InputError,
                          says(scratch + "/dangling: expected a folder; got a symbolic link to nowhere (nowhere)"));
    BOOST_CHECK_EXCEPTION(
        OutputFolder(scratch / "loop"), InputError,
        says(scratch + "/loop: expected a folder that can be made; got Too many levels of symbolic links"));
    BOOST_CHECK_EXCEPTION(
        OutputFolder(scratch / long_name), InputError,
        says(scratch + "/" + long_name + ": expected a folder that can be made; got File name too long"));
    BOOST_CHECK_EXCEPTION(OutputFolder("."), InputError,
                          says(".: expected a folder that can be replaced; got the working folder"));
    BOOST_CHECK_EXCEPTION(OutputFolder("/"), InputError,
                          says("/: expected a folder that can be replaced; got the root folder"));
    BOOST_CHECK_EXCEPTION(
        OutputFolder("/proc"), InputError,
        says("/proc: expected a folder that can be replaced; got a mount point; name a folder inside it"));
}

BOOST_AUTO_TEST_CASE(a_parent_that_cannot_be_written_is_refused_early) {
    // Root may write anywhere but to /proc, where nobody can make a folder; others are kept out by permissions.
    const Scratch scratch;
    const bool is_root = geteuid() == 0;
    const fs::path parent = is_root ? fs::path("/proc") : scratch / "closed";
    if (!is_root) BOOST_REQUIRE(mkdir(parent.c_str(), 0555) == 0);
    const std::string reason = is_root ? "No such file or directory" : "Permission denied";

    BOOST_CHECK_EXCEPTION(OutputFolder(parent / "out"), InputError,
                          says(parent.string() + ": expected a folder that can be written; got " + reason));
    BOOST_CHECK_EXCEPTION(OutputFolder(parent / "new/out"), InputError,
                          says(parent.string() + "/new/out: expected a folder that can be made; got " + reason));
}

BOOST_AUTO_TEST_CASE(a_former_result_survives_a_writer_that_fails) {
    const Scratch scratch;
    commit_result(scratch / "out", "hessq/old");
    OutputFolder folder(scratch / "out");
    folder.add("result.json", "new");
    folder.add("theta.npy",
               [](const fs::path& path) { throw std::runtime_error(path.string() + ": expected to write it"); });

    BOOST_CHECK_EXCEPTION(folder.commit(), std::runtime_error, says(scratch + "/out/theta.npy: expected to write it"));

    BOOST_TEST((names(scratch / "") == Names{"out"}));
    BOOST_TEST(read(scratch / "out/result.json") == "hessq/old");
}

BOOST_AUTO_TEST_CASE(a_file_size_limit_is_reported_and_leaves_the_former_result) {
    const Scratch scratch;
    commit_result(scratch / "out", "hessq/old");
    OutputFolder folder(scratch / "out");
    folder.add("report.html", std::string(100000, 'x'));

    rlimit former{};
    BOOST_REQUIRE(getrlimit(RLIMIT_FSIZE, &former) == 0);
    const rlimit low = {5000, former.rlim_max};
    const auto former_handler = std::signal(SIGXFSZ, SIG_IGN);
    BOOST_REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    std::string message;
    try {
        folder.commit();
    } catch (const std::runtime_error& error) {
        message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &former);
    std::signal(SIGXFSZ, former_handler);

    BOOST_TEST(message == scratch + "/out/report.html: expected to write 100000 bytes; got File too large");
    BOOST_TEST((names(scratch / "") == Names{"out"}));
    BOOST_TEST(read(scratch / "out/result.json") == "hessq/old");
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_reported) {
    BOOST_CHECK_EXCEPTION(write_file("/dev/full", "abc"), std::runtime_error,
                          says("/dev/full: expected to write 3 bytes; got No space left on device"));
}

BOOST_AUTO_TEST_CASE(a_file_put_beside_the_former_result_during_the_work_is_not_lost) {
    const Scratch scratch;
    commit_result(scratch / "out", "hessq/old");
    OutputFolder folder(scratch / "out");
    folder.add("result.json", "new");
    write_file(scratch / "out/notes.txt", "mine");

    BOOST_CHECK_EXCEPTION(folder.commit(), std::runtime_error,
                          says(scratch + "/out: expected a new folder, an empty one or one that hessq wrote; got a "
                                         "folder with other files (notes.txt)"));
    BOOST_TEST((names(scratch / "out") == Names{"notes.txt", "result.json"}));
    BOOST_TEST(read(scratch / "out/result.json") == "hessq/old");
}

BOOST_AUTO_TEST_CASE(names_hessq_does_not_write_and_names_given_twice_are_refused) {
    const Scratch scratch;
    OutputFolder folder(scratch / "out");
    folder.add("result.json", "x");
    BOOST_CHECK_EXCEPTION(folder.add("notes.txt", "x"), std::invalid_argument,
                          says("OutputFolder::add: name must be that of a file hessq writes; got notes.txt"));
    BOOST_CHECK_EXCEPTION(folder.add("result.json", "x"), std::invalid_argument,
                          says("OutputFolder::add: each name can be added once; got result.json"));
}

BOOST_AUTO_TEST_CASE(ctrl_c_during_commit_waits_for_the_complete_result_and_then_ends_the_process) {
    const Scratch scratch;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        const int status = wait_for(start_child([&] {
            // A second thread would take the signal if it were only masked in this one.
            std::thread([] {
                while (true) pause();
            }).detach();
            OutputFolder folder(scratch / "out");
            folder.add("result.json", [&](const fs::path& path) {
                kill(getpid(), signal);
                write_file(path, "hessq/" + std::to_string(signal));
            });
            folder.commit();
        }));

        BOOST_REQUIRE(WIFSIGNALED(status));
        BOOST_TEST(WTERMSIG(status) == signal);
        BOOST_TEST((names(scratch / "") == Names{"out"}));
        BOOST_TEST(read(scratch / "out/result.json") == "hessq/" + std::to_string(signal));
    }
}

BOOST_AUTO_TEST_CASE(a_process_killed_at_any_moment_leaves_a_complete_folder) {
    const Scratch scratch;
    const auto commit_number = [&](int number) {
        // Two files with the same long content: half a result would show as a difference or as a short file.
        const std::string content = "hessq/" + std::string(199'994, static_cast<char>('a' + number % 26));
        OutputFolder folder(scratch / "out");
        folder.add("result.json", content);
        folder.add("report.html", content);
        folder.commit();
    };
    commit_number(0);

    for (int round = 0; round < 30; ++round) {
        const pid_t child = start_child([&] {
            for (int number = 1;; ++number) commit_number(number);
        });
        std::this_thread::sleep_for(std::chrono::microseconds(500 + 397 * round));
        kill(child, SIGKILL);
        BOOST_REQUIRE(WIFSIGNALED(wait_for(child)));

        const std::string result = read(scratch / "out/result.json");
        BOOST_TEST((names(scratch / "out") == Names{"report.html", "result.json"}));
        BOOST_TEST(result.size() == 200000u);
        BOOST_TEST((read(scratch / "out/report.html") == result));
    }
}

BOOST_AUTO_TEST_SUITE_END()
