// SPDX-License-Identifier: Apache-2.0
#include "dataplane/server_record.h"

#include <linux/ip.h>
#include <linux/ipv6.h>

#include <atomic>

#include "dataplane/convert.h"
#include "dataplane/routes.h"

namespace isobar::dataplane {
namespace {

// A higher limit, or none, ends the overload at once (__ip_vs_update_dest).
void set_thresholds(isobar_server& record, const model::RealServer& server) {
    const auto put = [](std::uint32_t& word, std::uint32_t value) {
        std::atomic_ref(word).store(value, std::memory_order_release);
    };
    const bool raised =
        server.upper_threshold == 0 || server.upper_threshold > record.upper_threshold;
    put(record.upper_threshold, server.upper_threshold);
    put(record.lower_threshold, server.lower_threshold);
    if (raised) put(record.overloaded, 0);
}

// What bpf/tunnel.h and bpf/tunnel_any.h put before a packet.
std::uint8_t overhead_of(const model::Tunnel& tunnel, model::Family family) {
    const unsigned outer = family == model::Family::V4 ? sizeof(iphdr) : sizeof(ipv6hdr);
    constexpr unsigned kGue = 12, kGre = 4, kGreWithChecksum = 8;
    switch (tunnel.type) {
        case model::Encapsulation::Ipip:
            return static_cast<std::uint8_t>(outer);
        case model::Encapsulation::Gue:
            return static_cast<std::uint8_t>(outer + kGue);
        case model::Encapsulation::Gre:
            return static_cast<std::uint8_t>(
                outer + (tunnel.checksum == model::TunnelChecksum::None ? kGre : kGreWithChecksum));
    }
    return 0;
}

}  // namespace

void begin_record(isobar_server& record, const model::Endpoint& address,
                  const model::ServiceKey& key, std::uint32_t service) {
    record = {};
    record.address = to_abi(address.address);
    record.listed_port = to_network(address.port);
    // behind a service for all ports, the client's port is the server's
    if (key.mark != 0 || key.address.port != 0) record.port = record.listed_port;
    const auto abi_key = to_abi(key);
    record.virtual_address = abi_key.address;
    record.virtual_port = abi_key.port;
    record.protocol = abi_key.protocol;
    record.service = service;
}

model::ServiceKey service_of(const isobar_server& record) {
    return from_abi(
        isobar_service_key{record.virtual_address, record.virtual_port, record.protocol, 0});
}

// How a tunnel is made stands there before the method says that there is one.
Result<void> describe_server(isobar_server& record, const model::RealServer& server) {
    record.weight = server.weight;
    set_thresholds(record, server);
    record.tunnel_port = to_network(server.tunnel.port);
    record.tunnel_checksum = to_abi(server.tunnel.checksum);
    record.tunnel_overhead = overhead_of(server.tunnel, server.address.address.family);
    std::atomic_ref(record.tunnel).store(to_abi(server.tunnel.type), std::memory_order_release);
    if (auto done = find_way(record); !done) return done;
    std::atomic_ref(record.method).store(to_abi(server.method), std::memory_order_release);
    return {};
}

Result<void> find_way(isobar_server& record) {
    const auto route = find_route(from_abi(record.address));
    if (!route) return tl::unexpected(route.error());
    record.tunnel_source = to_abi(route->source);
    std::atomic_ref(record.flags)
        .store(static_cast<std::uint16_t>(ISOBAR_SERVER_USED | ISOBAR_SERVER_AVAILABLE |
                                          (route->local ? ISOBAR_SERVER_LOCAL : 0)),
               std::memory_order_release);
    return {};
}

}  // namespace isobar::dataplane
