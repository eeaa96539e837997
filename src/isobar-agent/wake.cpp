// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/wake.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace isobar::agent {
namespace {

Result<Fd> open_network() {
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!socket.valid()) return system_failure("netlink socket", errno);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return system_failure("watch interfaces and addresses", errno);
    return socket;
}

// What the messages say does not matter, nor whether some were lost (ENOBUFS): the host is
// looked at as it is now.
void drain(int socket) {
    std::array<char, 16384> block{};
    while (::recv(socket, block.data(), block.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
           errno == EINTR) {
    }
}

// For poll: milliseconds, -1: for ever.
int until(std::optional<Wake::Clock::time_point> due) {
    if (!due) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - Wake::Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

Result<Fd> open_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return system_failure("block signals", errno);
    Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.valid()) return system_failure("wait for signals", errno);
    return signals;
}

Result<Wake> Wake::open() {
    auto signals = open_signals();
    if (!signals) return tl::unexpected(std::move(signals.error()));
    auto network = open_network();
    if (!network) return tl::unexpected(std::move(network.error()));
    return Wake(*std::move(signals), *std::move(network));
}

Result<Event> Wake::next(std::optional<Clock::time_point> due) {
    for (;;) {
        std::array<pollfd, 2> ready{pollfd{signals_.get(), POLLIN, 0},
                                    pollfd{network_.get(), POLLIN, 0}};
        if (::poll(ready.data(), ready.size(), until(due)) < 0 && errno != EINTR)
            return system_failure("poll", errno);
        signalfd_siginfo signal{};
        if (::read(signals_.get(), &signal, sizeof signal) == sizeof signal)
            return signal.ssi_signo == SIGINT ? Event::Interrupted : Event::Terminated;
        if (ready[1].revents != 0) {
            drain(network_.get());
            return Event::NetworkChanged;
        }
        if (due && Clock::now() >= *due) return Event::Due;
    }
}

}  // namespace isobar::agent
