// SPDX-License-Identifier: Apache-2.0
#include "api/socket_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "model/socket_address.h"

namespace isobar::api {
namespace {

// Callers that wait to be accepted.
constexpr int kBacklog = 128;

int domain_of(const model::Address& address) {
    return address.family == model::Family::V4 ? AF_INET : AF_INET6;
}

bool switch_on(int socket, int level, int option) {
    const int on = 1;
    return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

// IP_FREEBIND serves both families.
bool prepare(int socket) {
    return switch_on(socket, SOL_SOCKET, SO_REUSEADDR) &&
           switch_on(socket, IPPROTO_IP, IP_FREEBIND);
}

}  // namespace

std::optional<model::Address> peer_of(int socket) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0)
        return std::nullopt;
    return model::address_of(storage);
}

Result<Fd> listen_tcp(const model::Endpoint& endpoint) {
    const auto address = model::to_socket_address(endpoint);
    Fd socket(::socket(domain_of(endpoint.address), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid() || !prepare(socket.get()) ||
        ::bind(socket.get(), address.get(), address.length) != 0 ||
        ::listen(socket.get(), kBacklog) != 0)
        return system_failure("listen at " + endpoint.text(), errno);
    return socket;
}

}  // namespace isobar::api
