// SPDX-License-Identifier: Apache-2.0
// What wakes the daemon: signals, interfaces and addresses that come and go, the API's sockets, the
// watchdog. One thread, one Asio loop.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace isobar::isobard {

class EventLoop {
public:
    struct Events {
        std::function<void()> hang_up;          // SIGHUP
        std::function<void()> network_changed;  // an interface or address came, went or changed
        std::function<void()> tend;             // ten times a second
    };

    // From here on SIGHUP and link changes wait until run() takes them: none is lost while
    // the daemon starts.
    static Result<EventLoop> make();

    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    EventLoop(EventLoop&&) noexcept;
    EventLoop& operator=(EventLoop&&) noexcept;
    ~EventLoop();

    [[nodiscard]] boost::asio::io_context& context();

    // Returns the signal that ended it: SIGTERM or SIGINT. Pings systemd's watchdog
    // meanwhile, if there is one.
    int run(Events events);

private:
    struct Impl;
    explicit EventLoop(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace isobar::isobard
