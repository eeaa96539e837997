// SPDX-License-Identifier: Apache-2.0
#include "isobard/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/temporary_folder.h"

namespace isobar::isobard {
namespace {

EventLoop::Events ignoring() {
    return {[] {}, [] {}, [] {}};
}

TEST(EventLoop, SighupOfBeforeItRanIsNotLost) {
    auto loop = EventLoop::make().value();
    int hang_ups = 0;
    EventLoop::Events events = ignoring();
    events.hang_up = [&] {
        ++hang_ups;
        std::raise(SIGTERM);
    };

    std::raise(SIGHUP);

    EXPECT_EQ(loop.run(events), SIGTERM);
    EXPECT_EQ(hang_ups, 1);
}

TEST(EventLoop, SigintEndsIt) {
    auto loop = EventLoop::make().value();
    EventLoop::Events events = ignoring();
    events.hang_up = [] { std::raise(SIGINT); };
    std::raise(SIGHUP);

    EXPECT_EQ(loop.run(events), SIGINT);
}

// Stands in for systemd's end of NOTIFY_SOCKET.
class NotifySocket {
public:
    explicit NotifySocket(const std::filesystem::path& path)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        const auto* target = reinterpret_cast<const sockaddr*>(&address);
        EXPECT_EQ(::bind(socket_.get(), target, sizeof address), 0);
    }
    [[nodiscard]] std::string receive() const {
        std::array<char, 256> block{};
        const ssize_t got = ::recv(socket_.get(), block.data(), block.size(), 0);
        return {block.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
    }

private:
    Fd socket_;
};

TEST(EventLoop, PingsTheWatchdogAgainAndAgain) {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder.path() / "notify";
    const NotifySocket systemd(path);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "30000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    auto loop = EventLoop::make().value();

    std::string first;
    std::string second;
    std::thread watcher([&] {
        first = systemd.receive();
        second = systemd.receive();
        ::kill(::getpid(), SIGTERM);
    });
    const int ended_by = loop.run(ignoring());
    watcher.join();

    EXPECT_EQ(ended_by, SIGTERM);
    EXPECT_EQ(first, "WATCHDOG=1");
    EXPECT_EQ(second, "WATCHDOG=1");
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
}

}  // namespace
}  // namespace isobar::isobard
