// SPDX-License-Identifier: Apache-2.0
// What a trace is asked for, and what it tells of a packet: as it came, what was decided, as it
// went.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.h"
#include "model/service.h"

namespace isobar::model {

// All that is said must hold of a packet, as it came or as it went.
struct TraceWish {
    std::optional<Network> client;
    std::vector<ServiceKey> services;  // one of them; none: any
    std::optional<Endpoint> server;    // port 0: any
    std::optional<Protocol> protocol;
    std::optional<Port> port;
    std::uint64_t verdicts = 0;  // by number, a bit each
};

struct TracedPacket {
    enum class Hook : std::uint8_t { Xdp, Ingress, Egress };
    // A frame, as much of it as was kept.
    struct Frame {
        std::size_t length = 0;
        std::vector<std::uint8_t> bytes;

        bool operator==(const Frame&) const = default;
    };
    struct Way {
        std::string interface;
        std::optional<Address> neighbour;

        bool operator==(const Way&) const = default;
    };

    std::chrono::sys_time<std::chrono::nanoseconds> at;
    std::string interface;
    Hook hook = Hook::Ingress;
    std::string_view verdict;  // "forwarded"
    std::string_view meaning;  // for the packet, in words
    bool lost = false;         // it is not what a client or server should see happen
    Frame came, went;
    std::optional<Way> way;  // if it was sent
};

std::string_view name(TracedPacket::Hook hook);  // "xdp", "ingress", "egress"

}  // namespace isobar::model
