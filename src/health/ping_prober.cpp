// SPDX-License-Identifier: Apache-2.0
// ICMP or ICMPv6 echo.
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "health/ping_sockets.h"
#include "health/prober.h"

namespace isobar::health {
namespace {

class PingProber : public Prober {
public:
    Task<Outcome> probe(Attempt& attempt) override {
        // Kept: the checker may end before the attempt does.
        const auto pings = attempt.around().pings;
        co_return co_await pings->ping(attempt);
    }
};

}  // namespace

MadeProber make_ping_prober() {
    return std::make_unique<PingProber>();
}

}  // namespace isobar::health
