// SPDX-License-Identifier: Apache-2.0
// Endpoints as TCP sockets know them.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "model/address.h"

namespace isobar::api {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

SocketAddress to_socket_address(const model::Endpoint& endpoint);

// Who is at the other end; nothing if that is no host (a unix socket) or has gone.
std::optional<model::Address> peer_of(int socket);

// A listening TCP socket. The address need not be here yet: it may move from one director to
// another.
Result<Fd> listen_tcp(const model::Endpoint& endpoint);

}  // namespace isobar::api
