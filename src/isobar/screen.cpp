// SPDX-License-Identifier: Apache-2.0
#include "isobar/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

namespace isobar::cli {
namespace {

// The alternate screen without a cursor, and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return;  // nobody looks any more
        text.remove_prefix(static_cast<std::size_t>(put));
    }
}

Result<Fd> take_signals() {
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&ours, signal);
    ::sigprocmask(SIG_BLOCK, &ours, nullptr);
    Fd signals(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.valid()) return system_failure("signalfd", errno);
    return signals;
}

}  // namespace

Result<Screen> Screen::open() {
    termios before{};
    if (::tcgetattr(STDIN_FILENO, &before) != 0) return system_failure("the terminal", errno);
    auto signals = take_signals();
    if (!signals) return tl::unexpected(std::move(signals.error()));
    termios raw = before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    // Stopped, it would leave the shell with a terminal like this.
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    write_all(kEnter);
    return Screen(*std::move(signals), before);
}

Screen::Screen(Screen&& other) noexcept
    : signals_(std::move(other.signals_)),
      before_(other.before_),
      ours_(std::exchange(other.ours_, false)) {}

Screen::~Screen() {
    if (!ours_) return;
    write_all(kLeave);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

Screen::Size Screen::size() const {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
    return {size.ws_col, size.ws_row};
}

void Screen::draw(const std::string& text) const {
    std::string screen = "\x1b[H";
    std::size_t left = size().rows;
    for (const char c : text) {
        if (c == '\n' && --left == 0) break;  // a line more would scroll the first one away
        if (c == '\n') screen += "\x1b[K";
        screen += c;
    }
    write_all(screen + "\x1b[J");
}

char Screen::key(std::chrono::steady_clock::time_point until) const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    std::array<pollfd, 2> waited{{{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    const auto most = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    if (::poll(waited.data(), waited.size(), most) <= 0) return kNothing;
    signalfd_siginfo signal{};
    if (::read(signals_.get(), &signal, sizeof signal) == sizeof signal)
        return signal.ssi_signo == SIGWINCH ? kNothing : kEnd;
    char typed = kNothing;
    if ((waited[0].revents & POLLIN) != 0 && ::read(STDIN_FILENO, &typed, 1) == 1) return typed;
    return kEnd;  // the terminal is gone
}

}  // namespace isobar::cli
