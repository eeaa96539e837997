// SPDX-License-Identifier: Apache-2.0
// model::Endpoint as the kernel takes it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "model/address.h"

namespace isobar::health {

struct SocketAddress {
    explicit SocketAddress(const model::Endpoint& endpoint) {
        if (endpoint.address.family == model::Family::V4) {
            sockaddr_in v4{};
            v4.sin_family = AF_INET;
            v4.sin_port = htons(endpoint.port);
            std::memcpy(&v4.sin_addr, endpoint.address.bytes.data(), sizeof v4.sin_addr);
            std::memcpy(&storage, &v4, size = sizeof v4);
        } else {
            sockaddr_in6 v6{};
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(endpoint.port);
            std::memcpy(&v6.sin6_addr, endpoint.address.bytes.data(), sizeof v6.sin6_addr);
            std::memcpy(&storage, &v6, size = sizeof v6);
        }
    }
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }

    sockaddr_storage storage{};
    socklen_t size = 0;
};

}  // namespace isobar::health
