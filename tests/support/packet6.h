// SPDX-License-Identifier: Apache-2.0
// IPv6 packets for tests: as packet.h builds those of IPv4, with chains of extension headers.
#pragma once

#include <string_view>

#include "model/address.h"
#include "support/packet.h"

namespace isobar::test {

model::Address v6(std::string_view text);

inline constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kNoNext = 59,
                              kDestination = 60, kProtocolIcmp6 = 58;

// Offsets in a frame without extension headers.
inline constexpr std::size_t kIp6LengthAt = 18, kIp6NextAt = 20, kHopLimitAt = 21, kL4At6 = 54;

struct Extension {
    std::uint8_t type = 0;
    Bytes bytes;  // the first one, the type of what follows, is filled in
};
// Of 8 bytes: padding, a routing header, a fragment header.
Extension padding(std::uint8_t type, std::size_t length = 8);
Extension routing(std::uint8_t type, std::uint8_t segments_left);
Extension fragment(std::uint16_t offset, bool more);

struct Ip6 {
    model::Address source;
    model::Address destination;
    std::uint8_t hop_limit = 64;
    std::uint8_t traffic_class = 0;
    std::uint32_t flow = 0;
    std::vector<Extension> extensions{};
};

// From the IP header on.
Bytes packet(const Ip6& ip, const Tcp& tcp);
Bytes packet(const Ip6& ip, const Udp& udp);
Bytes packet(const Ip6& ip, const Icmp& icmp);
Bytes packet(const Ip6& ip, const Raw& raw);

}  // namespace isobar::test
