// SPDX-License-Identifier: Apache-2.0
// A connection that opens is enough.
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "health/prober.h"
#include "health/socket.h"

namespace isobar::health {
namespace {

class TcpProber : public Prober {
public:
    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_STREAM);
        if (!socket) co_return not_made(socket.error().message);
        const Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt, "connection");
        co_return good("connected");
    }
};

}  // namespace

MadeProber make_tcp_prober() {
    return std::make_unique<TcpProber>();
}

}  // namespace isobar::health
