// SPDX-License-Identifier: Apache-2.0
// isobar-bench-health [--http] [--checks N] [--seconds S] [--check]: what health checks cost.
// N checks (10,000) at 5 s on as many loopback addresses, answered by one other process; prints
// the CPU time of the checker, its memory, and how exactly each check keeps its interval.
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "health/checker.h"

namespace {

using namespace isobar;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kInterval{5000};
constexpr double kMostShare = 0.25;  // of a core
constexpr double kMostOff = 0.10;    // of the interval

struct Arguments {
    bool http = false;
    bool check = false;
    std::uint32_t checks = 10000;
    int seconds = 30;
};

Arguments read_arguments(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--http") {
            arguments.http = true;
        } else if (name == "--check") {
            arguments.check = true;
        } else if (name == "--checks" && i + 1 < argc) {
            arguments.checks = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        } else if (name == "--seconds" && i + 1 < argc) {
            arguments.seconds = static_cast<int>(std::strtol(argv[++i], nullptr, 10));
        } else {
            fmt::print(
                stderr,
                "usage: isobar-bench-health [--http] [--checks N] [--seconds S] [--check]\n");
            std::exit(2);
        }
    }
    return arguments;
}

void raise_limit() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

// At one port of all addresses.
Fd listen_everywhere(std::uint16_t* port) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    socklen_t size = sizeof any;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), size) != 0 ||
        ::listen(socket.get(), 4096) != 0) {
        fmt::print(stderr, "cannot listen\n");
        std::exit(1);
    }
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&any), &size);
    *port = ntohs(any.sin_port);
    return socket;
}

// Answers whatever it is told by a page, and closes after the other side.
[[noreturn]] void respond(int listening) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    constexpr std::string_view kPage = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    const int events = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.fd = listening}};
    ::epoll_ctl(events, EPOLL_CTL_ADD, listening, &event);
    std::array<epoll_event, 256> ready{};
    std::array<char, 4096> block{};
    for (;;) {
        const int count = ::epoll_wait(events, ready.data(), static_cast<int>(ready.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = ready.at(static_cast<std::size_t>(i)).data.fd;
            if (fd == listening) {
                const int accepted = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK);
                if (accepted < 0) continue;
                event.data.fd = accepted;
                ::epoll_ctl(events, EPOLL_CTL_ADD, accepted, &event);
            } else if (::read(fd, block.data(), block.size()) > 0) {
                (void)::send(fd, kPage.data(), kPage.size(), MSG_NOSIGNAL);
            } else {
                ::close(fd);
            }
        }
    }
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double user_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec) / 1e6;
}

double resident_mib() {
    std::ifstream file("/proc/self/statm");
    std::size_t pages = 0;
    file >> pages >> pages;
    return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

// 127.1.0.1 and on.
std::vector<health::Subject> subjects_at(std::uint16_t port, const Arguments& arguments) {
    std::vector<health::Subject> subjects;
    for (std::uint32_t i = 0; i < arguments.checks; ++i) {
        health::Subject subject{};
        subject.server = {model::Address::v4(127, static_cast<std::uint8_t>(1 + i / 62500),
                                             static_cast<std::uint8_t>(i / 250 % 250),
                                             static_cast<std::uint8_t>(1 + i % 250)),
                          port};
        subject.check.interval = kInterval;
        if (arguments.http) subject.check.probe = model::HttpProbe{};
        subjects.push_back(std::move(subject));
    }
    return subjects;
}

std::size_t number_of(const health::Subject& subject) {
    const auto& bytes = subject.server.address.bytes;
    return (bytes[1] - 1U) * 62500U + bytes[2] * 250U + bytes[3] - 1U;
}

struct Measured {
    double share = 0;     // of a core
    double user = 0;      // the part of it that is not the kernel's
    double off = 0;       // the worst interval, as a share of the interval
    double off_most = 0;  // 99.9 % of them are not worse
    std::uint64_t attempts = 0;
    std::size_t up = 0;
    double memory = 0;  // KiB a check
};

Measured measure(const Arguments& arguments, std::uint16_t port) {
    const auto subjects = subjects_at(port, arguments);
    std::vector<std::vector<Clock::time_point>> times(subjects.size());
    boost::asio::io_context loop{1};
    const double before = resident_mib();
    health::Checker checker(
        loop, {}, {.seed = 1, .prepare = [&](int, const health::Subject& subject) -> Result<void> {
                       times.at(number_of(subject)).push_back(Clock::now());
                       return {};
                   }});
    checker.follow(subjects);
    // The first attempts, and those that bring each to its own place, are not counted.
    const auto begin = Clock::now() + 2 * kInterval;
    loop.run_until(begin);
    const double cpu = cpu_seconds();
    const double user = user_seconds();
    const auto end = begin + std::chrono::seconds(arguments.seconds);
    loop.run_until(end);

    Measured measured;
    measured.share = (cpu_seconds() - cpu) / arguments.seconds;
    measured.user = (user_seconds() - user) / arguments.seconds;
    measured.memory = (resident_mib() - before) * 1024 / arguments.checks;
    std::vector<double> off;
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        const auto state = checker.state(subjects[i]);
        if (state && state->health == health::Health::Up) ++measured.up;
        Clock::time_point last;
        for (const auto time : times[i]) {
            if (time < begin) continue;
            ++measured.attempts;
            if (last != Clock::time_point()) {
                off.push_back(std::abs(std::chrono::duration<double>(time - last) /
                                           std::chrono::duration<double>(kInterval) -
                                       1));
            }
            last = time;
        }
        // One that was not made at all for so long is as late as can be.
        if (last == Clock::time_point() || end - last > kInterval * 11 / 10) off.push_back(1);
    }
    std::sort(off.begin(), off.end());
    if (!off.empty()) {
        measured.off = off.back();
        measured.off_most = off[off.size() * 999 / 1000];
    }
    return measured;
}

std::string bound(bool good) {
    return good ? "ok" : "MISSED";
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments = read_arguments(argc, argv);
    raise_limit();
    std::uint16_t port = 0;
    Fd listening = listen_everywhere(&port);
    const pid_t responder = ::fork();
    if (responder == 0) respond(listening.get());
    listening.reset();

    const Measured measured = measure(arguments, port);
    ::kill(responder, SIGKILL);
    ::waitpid(responder, nullptr, 0);

    const double a_second = static_cast<double>(measured.attempts) / arguments.seconds;
    const bool share_good = measured.share < kMostShare;
    const bool off_good = measured.off <= kMostOff && measured.up == arguments.checks;
    fmt::print("{} {} checks at {} s, for {} s: {:.0f} a second, {} up\n", arguments.checks,
               arguments.http ? "HTTP" : "TCP", kInterval.count() / 1000, arguments.seconds,
               a_second, measured.up);
    fmt::print(
        "CPU of the checker        {:6.1f} % of a core  < 25 {}  ({:.1f} us a check, {:.1f} of "
        "them outside the kernel)\n",
        measured.share * 100, bound(share_good), measured.share / a_second * 1e6,
        measured.user / a_second * 1e6);
    fmt::print(
        "off its interval, worst   {:6.2f} %            <= 10 {}  (99.9 % of them: {:.2f} %)\n",
        measured.off * 100, bound(off_good), measured.off_most * 100);
    fmt::print("memory                    {:6.1f} KiB a check\n", measured.memory);
    return arguments.check && !(share_good && off_good) ? 1 : 0;
}
