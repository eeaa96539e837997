// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 on a listening stream socket, in the caller's event loop. Bounded: so many
// connections, so large a request, so much time. Who may connect is the socket's business: the
// mode of a unix socket, the address of a TCP socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "api/routes.h"
#include "base/fd.h"

// Asio stays in the .cpp files: it costs seconds to compile.
namespace boost::asio {
class io_context;
}

namespace isobar::api {

// What callers may take.
struct Limits {
    int sessions = 64;                             // connections at a time; more are closed
    std::uint64_t body = std::uint64_t{64} << 10;  // bytes of a request
    // A request must arrive, and an answer leave, within this; so must the next request.
    std::chrono::seconds patience{10};
    bool one_request = false;  // then the connection is closed
};

// A socket that is served. At its end nobody is let in any more; who is in already gets an answer.
class Serving {
public:
    Serving(Serving&&) noexcept;
    Serving& operator=(Serving&&) noexcept;
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;
    ~Serving();

    struct Door;
    explicit Serving(std::unique_ptr<Door> door);

private:
    std::unique_ptr<Door> door_;
};

// `handler` runs on the loop, once for every request; what it throws becomes a 500.
using Handler = std::function<Response(const Request&)>;
[[nodiscard]] Serving serve(boost::asio::io_context& loop, Fd listening, Handler handler,
                            Limits limits = {});

}  // namespace isobar::api
