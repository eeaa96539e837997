// SPDX-License-Identifier: Apache-2.0
// Tells programs what has become of servers and quorums: keepalived's notify_up, notify_down,
// quorum_up and quorum_down. Of one server, or one service, one program runs at a time, and the
// last word counts: what has changed back meanwhile is not told.
#pragma once

#include <chrono>
#include <memory>

#include "control/event_log.h"
#include "model/config.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace isobar::isobard {

class Notifier {
public:
    // Programs run beside the loop, and are killed after `limit`. What goes wrong with them is
    // logged.
    explicit Notifier(boost::asio::io_context& loop,
                      std::chrono::milliseconds limit = std::chrono::seconds(60));

    // These are told from now on.
    void follow(const model::Config& config);
    void tell(const control::Event& event);

private:
    class Desk;
    std::shared_ptr<Desk> desk_;
};

}  // namespace isobar::isobard
