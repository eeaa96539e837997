// SPDX-License-Identifier: Apache-2.0
// Echo requests and their replies. All pings of a family share one socket: an ICMP datagram socket
// where this user may have one (net.ipv4.ping_group_range), else a raw one (CAP_NET_RAW).
#pragma once

#include <memory>

#include "health/outcome.h"
#include "health/task.h"

namespace isobar::health {

class Attempt;

class PingSockets {
public:
    explicit PingSockets(boost::asio::io_context& loop);
    PingSockets(const PingSockets&) = delete;
    PingSockets& operator=(const PingSockets&) = delete;
    ~PingSockets();

    // To the attempt's target. One that goes through its service has a socket of its own, for that
    // is marked. This lives until it is over.
    Task<Outcome> ping(Attempt& attempt);

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace isobar::health
