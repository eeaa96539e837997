// SPDX-License-Identifier: Apache-2.0
// ICMP and ICMPv6 echo (RFC 792, RFC 4443), as sockets give and take them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/address.h"

namespace isobar::health {

struct Echo {
    std::uint16_t id = 0;  // the kernel sets and checks that of a datagram socket
    std::uint16_t sequence = 0;
    std::uint64_t token = 0;  // the payload: who does not know it, did not get the request
    bool operator==(const Echo&) const = default;
};

// With its checksum; the kernel works out that of IPv6, which covers addresses.
std::string write_echo_request(model::Family family, const Echo& echo);

// Nothing if it is no echo reply. `has_ip_header`: of a raw socket of IPv4.
std::optional<Echo> read_echo_reply(model::Family family, std::string_view packet,
                                    bool has_ip_header);

}  // namespace isobar::health
