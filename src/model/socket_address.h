// SPDX-License-Identifier: Apache-2.0
// An endpoint as the kernel's sockets take it.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "model/address.h"

namespace isobar::model {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

SocketAddress to_socket_address(const Endpoint& endpoint);

// Nothing if it is of another family than IPv4 and IPv6.
std::optional<Address> address_of(const sockaddr_storage& socket_address);

}  // namespace isobar::model
