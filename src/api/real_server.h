// SPDX-License-Identifier: Apache-2.0
// What a director says to one of its real servers, which need not know it otherwise: the value
// behind GET /api/v1/real-server, what it is made of, and its two conversions. Pure.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/address.h"
#include "model/service.h"

namespace isobar::api {

// Raised when a field changes its meaning or goes away; new fields do not count.
inline constexpr int kRealServerVersion = 1;

// Packets that come to a real server, and how.
struct Served {
    model::Protocol protocol = model::Protocol::Tcp;
    model::Endpoint address;    // of the virtual service; port 0: all ports
    model::Port last_port = 0;  // of a range that begins with address.port; 0: the port alone
    model::ForwardingMethod forward = model::ForwardingMethod::Nat;
    model::Tunnel tunnel{};  // of forward Tun
    model::Port server_port =
        0;  // of forward Nat: the real server's own; 0: it is not told, or all

    auto operator<=>(const Served&) const = default;
};

struct RealServer {
    model::Address address;
    std::vector<Served> services;  // sorted, none twice

    bool operator==(const RealServer&) const = default;
};

// Of all services, what concerns the host `address`. `marks` say which addresses belong to a
// service by mark, as far as they name single addresses.
RealServer real_server(const model::Address& address,
                       const std::vector<model::ServiceStatus>& services,
                       const std::vector<model::MarkRule>& marks);

std::string real_server_json(const RealServer& server);

// The reverse. Unknown fields are passed over; Fault::Unsupported for another version.
Result<RealServer> parse_real_server(std::string_view json);

}  // namespace isobar::api
