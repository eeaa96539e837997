// SPDX-License-Identifier: Apache-2.0
#include "model/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace isobar::model {

SocketAddress to_socket_address(const Endpoint& endpoint) {
    SocketAddress address;
    const auto& bytes = endpoint.address.bytes;
    if (endpoint.address.family == Family::V4) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
        std::memcpy(&address.storage, &v4, sizeof v4);
        address.length = sizeof v4;
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
        std::memcpy(&address.storage, &v6, sizeof v6);
        address.length = sizeof v6;
    }
    return address;
}

std::optional<Address> address_of(const sockaddr_storage& socket_address) {
    Address address;
    if (socket_address.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &socket_address, sizeof v4);
        std::memcpy(address.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
        return address;
    }
    if (socket_address.ss_family != AF_INET6) return std::nullopt;
    sockaddr_in6 v6{};
    std::memcpy(&v6, &socket_address, sizeof v6);
    address.family = Family::V6;
    std::memcpy(address.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    return address;
}

}  // namespace isobar::model
