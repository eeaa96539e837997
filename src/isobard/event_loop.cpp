// SPDX-License-Identifier: Apache-2.0
#include "isobard/event_loop.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <utility>

#include "base/fd.h"

namespace isobar::isobard {
namespace {

namespace asio = boost::asio;

// A burst of changes (a bridge with fifty ports) costs one look.
constexpr std::chrono::milliseconds kLinkPause{50};
constexpr std::chrono::milliseconds kTendPause{100};

Result<Fd> link_socket() {
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!socket.valid()) return system_failure("netlink socket", errno);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return system_failure("watch interfaces and addresses", errno);
    }
    return socket;
}

// What the messages say does not matter, nor whether some were lost (ENOBUFS): interfaces and
// addresses are looked at as they are now.
void drain(int fd) {
    std::array<char, 16384> block{};
    while (::recv(fd, block.data(), block.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
           errno == EINTR) {
    }
}

}  // namespace

struct EventLoop::Impl {
    explicit Impl(Fd links_socket) : signals(loop, SIGHUP), links(loop, links_socket.release()) {}

    asio::io_context loop{1};
    asio::signal_set signals;
    asio::posix::stream_descriptor links;
    Events events;
    int ended_by = 0;
};

namespace {

// Coroutines are plain functions with parameters by value: what g++ 12 compiles right.
// `impl` outlives them: it owns the loop that they run on.
template <typename Impl>
asio::awaitable<void> take_signals(Impl* impl) {
    for (;;) {
        const int signal = co_await impl->signals.async_wait(asio::use_awaitable);
        if (signal != SIGHUP) {
            impl->ended_by = signal;
            impl->loop.stop();
            co_return;
        }
        impl->events.hang_up();
    }
}

template <typename Impl>
asio::awaitable<void> watch_links(Impl* impl) {
    asio::steady_timer pause(impl->loop);
    for (;;) {
        co_await impl->links.async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::use_awaitable);
        drain(impl->links.native_handle());
        impl->events.network_changed();
        pause.expires_after(kLinkPause);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

template <typename Impl>
asio::awaitable<void> tend(Impl* impl) {
    asio::steady_timer timer(impl->loop);
    for (;;) {
        timer.expires_after(kTendPause);
        co_await timer.async_wait(asio::use_awaitable);
        impl->events.tend();
    }
}

template <typename Impl>
asio::awaitable<void> ping_watchdog(Impl* impl, std::chrono::microseconds limit) {
    asio::steady_timer timer(impl->loop);
    for (;;) {
        ::sd_notify(0, "WATCHDOG=1");
        timer.expires_after(limit / 3);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

// A coroutine ends by exception only when the loop is broken: that ends the daemon, and
// the service manager starts it again.
void rethrow(const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
}

}  // namespace

Result<EventLoop> EventLoop::make() {
    auto links = link_socket();
    if (!links) return tl::unexpected(std::move(links.error()));
    return EventLoop(std::make_unique<Impl>(*std::move(links)));
}

EventLoop::EventLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLoop::EventLoop(EventLoop&&) noexcept = default;
EventLoop& EventLoop::operator=(EventLoop&&) noexcept = default;
EventLoop::~EventLoop() = default;

asio::io_context& EventLoop::context() {
    return impl_->loop;
}

int EventLoop::run(Events events) {
    impl_->events = std::move(events);
    // Not before: while it starts, the daemon ends as by kill -9, which is as good, even if
    // it waits for somebody's lock.
    impl_->signals.add(SIGTERM);
    impl_->signals.add(SIGINT);
    asio::co_spawn(impl_->loop, take_signals(impl_.get()), rethrow);
    asio::co_spawn(impl_->loop, watch_links(impl_.get()), rethrow);
    asio::co_spawn(impl_->loop, tend(impl_.get()), rethrow);
    std::uint64_t limit = 0;
    if (::sd_watchdog_enabled(0, &limit) > 0) {
        asio::co_spawn(impl_->loop, ping_watchdog(impl_.get(), std::chrono::microseconds(limit)),
                       rethrow);
    }
    impl_->loop.run();
    return impl_->ended_by;
}

}  // namespace isobar::isobard
