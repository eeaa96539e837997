// SPDX-License-Identifier: Apache-2.0
// TLS over a socket that is connected, within the attempt's time.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "health/attempt.h"
#include "health/socket.h"
#include "health/task.h"
#include "model/check.h"

namespace isobar::health {

// OpenSSL's contexts, one for all that verify alike: one that knows the system's authorities takes
// a megabyte, and 50 ms to make.
class TlsContexts {
public:
    TlsContexts();
    TlsContexts(const TlsContexts&) = delete;
    TlsContexts& operator=(const TlsContexts&) = delete;
    ~TlsContexts();

    struct Cache;
    [[nodiscard]] Cache& cache() { return *cache_; }

private:
    std::unique_ptr<Cache> cache_;
};

class TlsSession {
public:
    // Verifies the chain and the name, if wanted. `socket` outlives the session.
    static Result<TlsSession> make(Attempt& attempt, Socket& socket, const model::TlsProbe& probe);
    TlsSession(TlsSession&&) noexcept;
    TlsSession& operator=(TlsSession&&) noexcept;
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    ~TlsSession();

    Task<Io> handshake();
    // Of what failed last, for people: "certificate: self-signed certificate"; empty if it was
    // the connection.
    [[nodiscard]] const std::string& trouble() const;
    // "TLSv1.3"
    [[nodiscard]] std::string version() const;
    // "certificate ends 2026-12-01", if it ends within `limit` from `now`.
    [[nodiscard]] std::string warning(std::chrono::system_clock::time_point now,
                                      std::chrono::days limit) const;
    Task<Io> send(std::string_view bytes, std::string_view shown = {});
    Task<Io> receive(std::span<char> into);

private:
    struct State;
    explicit TlsSession(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Of an Io that is not Done.
Outcome outcome_of(const Io& io, const TlsSession& session, const Attempt& attempt);

}  // namespace isobar::health
