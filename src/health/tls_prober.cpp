// SPDX-License-Identifier: Apache-2.0
// A handshake is enough.
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "health/prober.h"
#include "health/socket.h"
#include "health/tls.h"

namespace isobar::health {
namespace {

class TlsProber : public Prober {
public:
    explicit TlsProber(model::TlsProbe probe) : probe_(std::move(probe)) {}

    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_STREAM);
        if (!socket) co_return not_made(socket.error().message);
        Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt, "connection");
        auto session = TlsSession::make(attempt, *socket, probe_);
        if (!session) co_return not_made(session.error().message);
        io = co_await session->handshake();
        if (!io.done()) co_return outcome_of(io, *session, attempt);
        Outcome outcome = good(session->version());
        outcome.warning = session->warning(std::chrono::system_clock::now(), probe_.expiry_warning);
        co_return outcome;
    }

private:
    model::TlsProbe probe_;
};

}  // namespace

MadeProber make_tls_prober(const model::TlsProbe& probe) {
    return std::make_unique<TlsProber>(probe);
}

}  // namespace isobar::health
