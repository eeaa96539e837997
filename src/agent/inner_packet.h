// SPDX-License-Identifier: Apache-2.0
// Taking a packet out of its tunnel in user space, by the rules of bpf/agent_tunnel.h. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "agent/settings.h"
#include "model/address.h"

namespace isobar::agent {

using Bytes = std::span<std::uint8_t>;

// IP protocol numbers of a packet in a tunnel.
inline constexpr int kIpv4InIp = 4;
inline constexpr int kIpv6InIp = 41;

// The inner packet, without what may follow it. `payload` is what the outer IP header carries, of
// GUE what the UDP header does; `protocol` is what Ipip says of it. Nothing: it is not whole, has
// options that are not known here, or its checksum (of GRE; that of UDP was looked at before) is
// wrong.
std::optional<Bytes> take_out(Tunnel tunnel, int protocol, Bytes payload);

// Of an inner packet.
model::Address destination_of(Bytes packet);

// A router saw congestion (RFC 6040): says so in the packet. False: its ends do not know the mark,
// and must feel a loss. The header checksum of IPv4 is wrong then: the kernel works it out anew.
bool mark_congestion(Bytes packet);

}  // namespace isobar::agent
