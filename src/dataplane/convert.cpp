// SPDX-License-Identifier: Apache-2.0
#include "dataplane/convert.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace isobar::dataplane {
std::uint8_t to_abi(model::ForwardingMethod method) {
    switch (method) {
        case model::ForwardingMethod::Nat:
            return ISOBAR_METHOD_NAT;
        case model::ForwardingMethod::Dr:
            return ISOBAR_METHOD_DR;
        case model::ForwardingMethod::Tun:
            return ISOBAR_METHOD_TUN;
        case model::ForwardingMethod::FullNat:
            return ISOBAR_METHOD_FULLNAT;
    }
    return ISOBAR_METHOD_NAT;
}

std::uint8_t to_abi(model::Encapsulation type) {
    switch (type) {
        case model::Encapsulation::Ipip:
            return ISOBAR_TUNNEL_IPIP;
        case model::Encapsulation::Gue:
            return ISOBAR_TUNNEL_GUE;
        case model::Encapsulation::Gre:
            return ISOBAR_TUNNEL_GRE;
    }
    return ISOBAR_TUNNEL_IPIP;
}

std::uint8_t to_abi(model::TunnelChecksum checksum) {
    switch (checksum) {
        case model::TunnelChecksum::None:
            return ISOBAR_TUNNEL_NOCSUM;
        case model::TunnelChecksum::Full:
            return ISOBAR_TUNNEL_CSUM;
        case model::TunnelChecksum::Remote:
            return ISOBAR_TUNNEL_REMCSUM;
    }
    return ISOBAR_TUNNEL_NOCSUM;
}

std::uint8_t to_abi(model::ClientAddress way) {
    switch (way) {
        case model::ClientAddress::None:
            return ISOBAR_CLIENT_UNTOLD;
        case model::ClientAddress::Toa:
            return ISOBAR_CLIENT_TOA;
        case model::ClientAddress::Proxy:
            return ISOBAR_CLIENT_PROXY;
    }
    return ISOBAR_CLIENT_UNTOLD;
}

std::uint8_t to_abi(model::PersistenceEngine engine) {
    return engine == model::PersistenceEngine::Sip ? ISOBAR_ENGINE_SIP : ISOBAR_ENGINE_NONE;
}

model::PersistenceEngine engine_of(std::uint8_t number) {
    return number == ISOBAR_ENGINE_SIP ? model::PersistenceEngine::Sip
                                       : model::PersistenceEngine::None;
}

model::ClientAddress client_address_of(std::uint8_t number) {
    if (number == ISOBAR_CLIENT_TOA) return model::ClientAddress::Toa;
    return number == ISOBAR_CLIENT_PROXY ? model::ClientAddress::Proxy : model::ClientAddress::None;
}

model::RealServer to_model(const isobar_server& server, model::Weight weight) {
    model::RealServer out;
    out.address = {from_abi(server.address), from_network(server.listed_port)};
    out.weight = weight;
    out.upper_threshold = server.upper_threshold;
    out.lower_threshold = server.lower_threshold;
    out.method = method_of(server.method);
    if (server.tunnel == ISOBAR_TUNNEL_GUE) out.tunnel.type = model::Encapsulation::Gue;
    if (server.tunnel == ISOBAR_TUNNEL_GRE) out.tunnel.type = model::Encapsulation::Gre;
    out.tunnel.port = from_network(server.tunnel_port);
    if (server.tunnel_checksum == ISOBAR_TUNNEL_CSUM)
        out.tunnel.checksum = model::TunnelChecksum::Full;
    if (server.tunnel_checksum == ISOBAR_TUNNEL_REMCSUM)
        out.tunnel.checksum = model::TunnelChecksum::Remote;
    return out;
}

// In the IPv6 form of an address, the prefix is that much longer.
constexpr std::uint8_t kMappedBits = 96;

std::uint8_t to_abi_prefix(const model::Network& network) {
    const bool mapped = network.address.family == model::Family::V4;
    return static_cast<std::uint8_t>(network.prefix + (mapped ? kMappedBits : 0));
}

model::Network network_of(const isobar_address& address, std::uint8_t prefix) {
    const auto plain = from_abi(address);
    const bool mapped = plain.family == model::Family::V4;
    return {plain, static_cast<unsigned>(prefix - (mapped ? kMappedBits : 0))};
}

isobar_rule to_abi(const model::MarkRule& rule) {
    isobar_rule out{};
    out.source = to_abi(rule.source.address);
    out.source_prefix = to_abi_prefix(rule.source);
    out.destination = to_abi(rule.destination.address);
    out.destination_prefix = to_abi_prefix(rule.destination);
    out.protocol = protocol_number(rule.protocol);
    out.first_port = rule.first_port;
    out.last_port = rule.last_port;
    out.mark = rule.mark;
    return out;
}

model::MarkRule from_abi(const isobar_rule& rule) {
    return {protocol_of(rule.protocol),
            network_of(rule.source, rule.source_prefix),
            network_of(rule.destination, rule.destination_prefix),
            rule.first_port,
            rule.last_port,
            rule.mark};
}

void set_persistence(isobar_service& service, const std::optional<model::Persistence>& persistence,
                     std::uint32_t hz) {
    const bool mapped = from_abi(service.key.address).family == model::Family::V4;
    const auto wanted = persistence.value_or(model::Persistence{std::chrono::seconds(0), 0});
    service.prefix = static_cast<std::uint8_t>(wanted.prefix + (mapped ? kMappedBits : 0));
    service.persistence_s = static_cast<std::uint32_t>(wanted.timeout.count());
    service.persistence = jiffies_of(wanted.timeout, hz);
}

std::optional<model::Persistence> persistence_of(const isobar_service& service) {
    if (service.persistence == 0) return std::nullopt;
    const bool mapped = from_abi(service.key.address).family == model::Family::V4;
    return model::Persistence{
        std::chrono::seconds(service.persistence_s),
        static_cast<std::uint8_t>(service.prefix - (mapped ? kMappedBits : 0))};
}

std::uint32_t jiffies_of(std::chrono::seconds time, std::uint32_t hz) {
    constexpr std::uint64_t kLongest = 0x7fffffff;
    const auto jiffies = static_cast<std::uint64_t>(time.count()) * hz;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(jiffies, kLongest));
}

std::uint32_t jiffies_now(const isobar_settings& settings) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now).count() -
                        static_cast<std::int64_t>(settings.moment_ns / 1'000'000);
    return static_cast<std::uint32_t>(settings.moment_jiffies) +
           static_cast<std::uint32_t>(passed * settings.hz / 1000);
}

std::uint8_t protocol_number(model::Protocol protocol) {
    switch (protocol) {
        case model::Protocol::Tcp:
            return IPPROTO_TCP;
        case model::Protocol::Udp:
            return IPPROTO_UDP;
        case model::Protocol::Any:
            return 0;
        case model::Protocol::Sctp:
            return IPPROTO_SCTP;
    }
    return 0;
}

model::Protocol protocol_of(std::uint8_t number) {
    switch (number) {
        case IPPROTO_TCP:
            return model::Protocol::Tcp;
        case IPPROTO_UDP:
            return model::Protocol::Udp;
        case IPPROTO_SCTP:
            return model::Protocol::Sctp;
        default:
            return model::Protocol::Any;
    }
}

std::uint16_t to_network(model::Port port) {
    return htons(port);
}

model::Port from_network(std::uint16_t port) {
    return ntohs(port);
}

isobar_service_key to_abi(const model::ServiceKey& key) {
    isobar_service_key out{};
    if (key.mark != 0) {
        out.address = to_abi(model::Address{key.address.address.family, {}});
        out.address.word[3] = htonl(key.mark);
        return out;
    }
    out.address = to_abi(key.address.address);
    out.port = to_network(key.address.port);
    out.protocol = protocol_number(key.protocol);
    return out;
}

model::ServiceKey from_abi(const isobar_service_key& key) {
    if (key.protocol == 0)
        return model::ServiceKey::by_mark(ntohl(key.address.word[3]), from_abi(key.address).family);
    return {protocol_of(key.protocol), {from_abi(key.address), from_network(key.port)}};
}

std::string state_name(std::uint32_t state) {
    static constexpr const char* kNames[] = {
#define X(name, timeout, active) #name,
        ISOBAR_STATE_LIST(X)
#undef X
    };
    if (state >= ISOBAR_STATES) return "?";
    // IPVS's names of SCTP's states
    constexpr std::string_view kSctp = "SCTP_";
    std::string text = kNames[state];
    if (!text.starts_with(kSctp)) return text;
    text.erase(0, kSctp.size());
    std::ranges::replace(text, '_', '-');
    return text;
}

const char* template_state(std::uint32_t life) {
    return (life & ISOBAR_LIFE_STATE) == ISOBAR_STATE_NONE ? "NONE" : "ASSURED";
}

model::Port server_port(const isobar_server& server, const isobar_conn& conn) {
    if (server.port == 0 || (conn.flags & ISOBAR_CONN_SAME_PORT) != 0)
        return from_network(conn.virtual_port);
    const model::Port own = from_network(server.port);
    return (conn.flags & ISOBAR_CONN_PORT_BELOW) != 0 ? static_cast<model::Port>(own - 1) : own;
}

model::ForwardingMethod method_of(std::uint8_t number) {
    using enum model::ForwardingMethod;
    for (const auto method : {Nat, Dr, Tun, FullNat})
        if (to_abi(method) == number) return method;
    return Nat;
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace isobar::dataplane
