// SPDX-License-Identifier: Apache-2.0
#include "dataplane/connection_walk.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "dataplane/convert.h"
#include "dataplane/maps.h"

namespace isobar::dataplane {
namespace {

// What the template is for; nobody knows if there was no room to note it down.
isobar_call call_of(const Maps& maps, const isobar_conn& conn) {
    isobar_call call{};
    if (bpf_map_lookup_elem(maps.fd("isobar_calls"), &conn.client, &call) != 0)
        call.client = to_abi(model::Address{from_abi(conn.virtual_address).family, {}});
    return call;
}

// Nothing for a record that is free.
std::optional<model::ConnectionStatus> status_of(const Maps& maps, isobar_conn& record,
                                                 std::uint32_t now) {
    const auto life = std::atomic_ref(record.life).load(std::memory_order_acquire);
    if (!(life & ISOBAR_LIFE_KEPT)) return std::nullopt;
    auto conn = record;
    if (conn.server >= maps.servers().size()) return std::nullopt;
    const auto& server = maps.servers()[conn.server];
    const auto left = static_cast<std::int32_t>(conn.expires - now);
    // Over, and not retired yet; who controls others stays for them.
    if (left < 0 && !(life & ISOBAR_LIFE_VOID) && conn.controlled == 0) return std::nullopt;
    auto port = server_port(server, conn);
    const bool is_template = (life & ISOBAR_LIFE_TEMPLATE) != 0;
    if (is_template) conn.protocol = static_cast<std::uint8_t>(~conn.protocol);
    if (life & ISOBAR_LIFE_VOID) port = conn.virtual_port = 0xffff;  // as IPVS has them
    std::optional<std::string> call_id;
    if (is_template && (conn.flags & ISOBAR_CONN_CALL)) {
        const auto call = call_of(maps, conn);
        conn.client = call.client;
        call_id.emplace(call.id, call.length);
    }
    return model::ConnectionStatus{
        protocol_of(conn.protocol),
        std::chrono::seconds(std::max(left, 0) / static_cast<std::int32_t>(maps.settings().hz)),
        is_template ? template_state(life) : state_name(life & ISOBAR_LIFE_STATE),
        {from_abi(conn.client), from_network(conn.client_port)},
        {from_abi(conn.virtual_address), from_network(conn.virtual_port)},
        {from_abi(server.address), port},
        std::move(call_id)};
}

}  // namespace

struct ConnectionWalk::Place {
    Place(const Maps& of, std::uint32_t at)
        : maps(of),
          now(at),
          segments(of.segments()),
          conns(segments.conns()),
          next(conns.begin()) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() = default;

    const Maps& maps;
    std::uint32_t now;
    Segments segments;
    decltype(std::declval<const Segments&>().conns()) conns;
    decltype(conns.begin()) next;
};

ConnectionWalk::ConnectionWalk(const Maps& maps, std::uint32_t now)
    : place_(std::make_unique<Place>(maps, now)) {}
ConnectionWalk::ConnectionWalk(ConnectionWalk&&) noexcept = default;
ConnectionWalk& ConnectionWalk::operator=(ConnectionWalk&&) noexcept = default;
ConnectionWalk::~ConnectionWalk() = default;

bool ConnectionWalk::step(std::size_t records, const Visit& visit) {
    Place& place = *place_;
    for (; records > 0 && place.next != place.conns.end(); ++place.next, --records)
        if (auto status = status_of(place.maps, *place.next, place.now)) visit(*std::move(status));
    return place.next != place.conns.end();
}

}  // namespace isobar::dataplane
