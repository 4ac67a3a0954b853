#include "hessq/report/progress.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(progress)

namespace {

/// Both ends of a pseudo-terminal: what is drawn on one is read from the other.
class Terminal {
public:
    explicit Terminal(unsigned short columns = 80) : reader_(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
        BOOST_REQUIRE(reader_ >= 0);
        BOOST_REQUIRE(grantpt(reader_) == 0);
        BOOST_REQUIRE(unlockpt(reader_) == 0);
        writer_ = open(ptsname(reader_), O_RDWR | O_NOCTTY);
        BOOST_REQUIRE(writer_ >= 0);
        winsize size{};
        size.ws_col = columns;
        size.ws_row = 24;
        BOOST_REQUIRE(ioctl(writer_, TIOCSWINSZ, &size) == 0);
    }
    ~Terminal() {
        close(writer_);
        close(reader_);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    int writer() const { return writer_; }
    std::string seen() const {
        std::string text;
        std::array<char, 4096> buffer;
        for (ssize_t got; (got = read(reader_, buffer.data(), buffer.size())) > 0;)
            text.append(buffer.data(), static_cast<std::size_t>(got));
        return text;
    }

private:
    int reader_;
    int writer_ = -1;
};

const std::string erased = "\r\x1b[K";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

BOOST_AUTO_TEST_CASE(the_first_advance_is_drawn_with_share_and_label_and_the_bar_is_erased_at_the_end) {
    const Terminal terminal;
    {
        Progress progress(4.0, {.file_descriptor = terminal.writer()});
        progress.advance(1.0, "step 1");
        const std::string drawn = terminal.seen();
        BOOST_TEST(contains(drawn, "\r[######..................]  25 %  "));
        BOOST_TEST(contains(drawn, " left  step 1"));
    }
    BOOST_TEST(terminal.seen() == erased);
}

BOOST_AUTO_TEST_CASE(a_burst_of_updates_is_drawn_once_in_a_tenth_of_a_second) {
    const Terminal terminal;
    const auto start = std::chrono::steady_clock::now();
    Progress progress(1000.0, {.file_descriptor = terminal.writer()});
    for (int i = 0; i < 1000; ++i) progress.advance();
    const std::string drawn = terminal.seen();
    const double tenths = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() * 10.0;

    const auto redraws = std::count(drawn.begin(), drawn.end(), '\r');
    BOOST_TEST(redraws >= 1);
    BOOST_TEST(static_cast<double>(redraws) <= 1.0 + tenths);
}

BOOST_AUTO_TEST_CASE(erasing_makes_room_for_other_output_and_the_next_advance_draws_again) {
    const Terminal terminal;
    Progress progress(2.0, {.file_descriptor = terminal.writer()});
    progress.erase();
    BOOST_TEST(terminal.seen() == "");
    progress.advance();
    static_cast<void>(terminal.seen());
    progress.erase();
    BOOST_TEST(terminal.seen() == erased);
    progress.advance();
    BOOST_TEST(contains(terminal.seen(), "100 %"));
}

BOOST_AUTO_TEST_CASE(a_narrow_terminal_gets_a_line_that_does_not_wrap) {
    const Terminal terminal(20);
    Progress progress(2.0, {.file_descriptor = terminal.writer()});
    progress.advance(1.0, "a long label");
    BOOST_TEST(terminal.seen() == "\r[############......\x1b[K");
}

BOOST_AUTO_TEST_CASE(nothing_is_drawn_when_quiet_or_when_the_output_is_no_terminal) {
    const Terminal terminal;
    {
        Progress progress(1.0, {.quiet = true, .file_descriptor = terminal.writer()});
        progress.advance();
    }
    BOOST_TEST(terminal.seen() == "");

    std::array<int, 2> ends{};
    BOOST_REQUIRE(pipe2(ends.data(), O_NONBLOCK) == 0);
    {
        Progress progress(1.0, {.file_descriptor = ends[1]});
        progress.advance();
    }
    char byte = 0;
    BOOST_TEST(read(ends[0], &byte, 1) == -1);
    close(ends[0]);
    close(ends[1]);
}

BOOST_AUTO_TEST_CASE(many_threads_add_up_to_the_whole) {
    const Terminal terminal;
    Progress progress(8000.0, {.file_descriptor = terminal.writer()});
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) progress.advance();
        });
    for (std::thread& thread : threads) thread.join();
    static_cast<void>(terminal.seen());

    progress.erase();
    progress.advance(0.0);

    BOOST_TEST(contains(terminal.seen(), "[########################] 100 %"));
}

BOOST_AUTO_TEST_CASE(a_total_that_is_not_positive_is_refused) {
    BOOST_CHECK_EXCEPTION(Progress(0.0), std::invalid_argument, [](const auto& error) {
        return std::string(error.what()) == "Progress: total must be positive and finite; got 0";
    });
}

BOOST_AUTO_TEST_SUITE_END()
