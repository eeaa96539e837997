// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

namespace isobar::ipvsadm {
namespace {

const char* protocol_name(ServiceKind kind) {
    switch (kind) {
        case ServiceKind::Udp:
            return "udp";
        case ServiceKind::Sctp:
            return "sctp";
        case ServiceKind::Tcp:
        case ServiceKind::FirewallMark:
            return "tcp";
    }
    return "tcp";
}

// The name of the host, if it has one.
template <typename Socket>
std::optional<std::string> name_of(const Socket& address) {
    std::array<char, NI_MAXHOST> text{};
    const int status = getnameinfo(reinterpret_cast<const sockaddr*>(&address), sizeof address,
                                   text.data(), text.size(), nullptr, 0, NI_NAMEREQD);
    if (status != 0) return std::nullopt;
    return text.data();
}

std::optional<std::string> name_of(const model::Address& address) {
    if (address.family == model::Family::V6) {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        std::copy_n(address.bytes.begin(), 16, reinterpret_cast<std::uint8_t*>(&in.sin6_addr));
        return name_of(in);
    }
    sockaddr_in in{};
    in.sin_family = AF_INET;
    std::copy_n(address.bytes.begin(), 4, reinterpret_cast<std::uint8_t*>(&in.sin_addr));
    return name_of(in);
}

}  // namespace

SystemNames::SystemNames() {
    // One question of two seconds to each name server; the default is two of five.
    if (res_init() == 0) {
        _res.retrans = 2;
        _res.retry = 1;
    }
}

std::optional<model::Address> SystemNames::find_address(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    model::Address address;
    const auto* in = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&in->sin_addr), 4, address.bytes.begin());
    return address;
}

std::optional<model::Port> SystemNames::find_port(const std::string& name, ServiceKind kind) {
    const servent* entry = getservbyname(name.c_str(), protocol_name(kind));
    if (entry == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(entry->s_port));
}

std::optional<std::string> SystemNames::find_host(const model::Address& address) {
    const auto known = hosts_.find(address);
    if (known != hosts_.end()) return known->second;
    if (spent_ >= kPatience) return std::nullopt;

    const auto start = std::chrono::steady_clock::now();
    auto name = name_of(address);
    spent_ += std::chrono::steady_clock::now() - start;

    hosts_.emplace(address, name);
    return name;
}

std::optional<std::string> SystemNames::find_port_name(model::Port port, ServiceKind kind) {
    const servent* entry = getservbyport(htons(port), protocol_name(kind));
    if (entry == nullptr) return std::nullopt;
    return entry->s_name;
}

}  // namespace isobar::ipvsadm
