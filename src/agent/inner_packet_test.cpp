// SPDX-License-Identifier: Apache-2.0
#include "agent/inner_packet.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobar::agent {
namespace {

using Packet = std::vector<std::uint8_t>;

// 20 bytes of header, 4 of data, to 10.0.0.2.
Packet ipv4() {
    return {0x45, 2, 0, 24, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9, 10, 0, 0, 2, 1, 2, 3, 4};
}

// 40 bytes of header, 3 of data, to fd00::2.
Packet ipv6() {
    Packet packet(43);
    packet[0] = 0x60;
    packet[1] = 0x20;  // ECT(0)
    packet[5] = 3;
    packet[24] = 0xfd;
    packet[39] = 2;
    return packet;
}

Packet behind(Packet head, const Packet& packet) {
    head.insert(head.end(), packet.begin(), packet.end());
    return head;
}

std::optional<Packet> taken(Tunnel tunnel, int protocol, Packet payload) {
    const auto inner = take_out(tunnel, protocol, payload);
    if (!inner) return std::nullopt;
    return Packet(inner->begin(), inner->end());
}

Packet with_gre_checksum() {
    Packet packet = behind({0x80, 0, 0x08, 0, 0, 0, 0, 0}, ipv4());
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < packet.size(); i += 2)
        sum += std::uint32_t{packet[i]} << 8 | packet[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    packet[4] = static_cast<std::uint8_t>(~sum >> 8);
    packet[5] = static_cast<std::uint8_t>(~sum);
    return packet;
}

TEST(InnerPacket, IsTakenOutOfEachTunnel) {
    EXPECT_EQ(taken(Tunnel::Ipip, 4, ipv4()), ipv4());
    EXPECT_EQ(taken(Tunnel::Ipip, 41, ipv6()), ipv6());
    EXPECT_EQ(taken(Tunnel::Gue, 17, behind({0, 4, 0, 0}, ipv4())), ipv4());
    EXPECT_EQ(taken(Tunnel::Gue, 17, behind({0, 41, 0, 0}, ipv6())), ipv6());
    EXPECT_EQ(taken(Tunnel::Gre, 47, behind({0, 0, 0x08, 0}, ipv4())), ipv4());
    EXPECT_EQ(taken(Tunnel::Gre, 47, behind({0, 0, 0x86, 0xdd}, ipv6())), ipv6());
    EXPECT_EQ(taken(Tunnel::Gre, 47, with_gre_checksum()), ipv4());
}

TEST(InnerPacket, WhatFollowsItIsLeft) {
    EXPECT_EQ(taken(Tunnel::Ipip, 4, behind(ipv4(), {7, 7})), ipv4());
    EXPECT_EQ(taken(Tunnel::Ipip, 41, behind(ipv6(), {7, 7})), ipv6());
}

TEST(InnerPacket, EveryTruncationIsRefused) {
    const std::vector<std::pair<Tunnel, Packet>> all = {
        {Tunnel::Ipip, ipv4()},
        {Tunnel::Gue, behind({0, 4, 0, 0}, ipv4())},
        {Tunnel::Gue, behind({0, 41, 0, 0}, ipv6())},
        {Tunnel::Gre, behind({0, 0, 0x08, 0}, ipv4())},
        {Tunnel::Gre, behind({0, 0, 0x86, 0xdd}, ipv6())},
        {Tunnel::Gre, with_gre_checksum()},
    };
    for (const auto& [tunnel, packet] : all)
        for (std::size_t length = 0; length < packet.size(); ++length)
            EXPECT_FALSE(taken(tunnel, 4, {packet.begin(), packet.begin() + length})) << length;
}

TEST(InnerPacket, WhatIsNotKnownHereIsRefused) {
    for (const Packet& head : {Packet{0x20, 4, 0, 0},
                               {1, 4, 0, 0},
                               {0, 4, 0, 1},
                               {0, 6, 0, 0},
                               {0x40, 4, 0, 0},
                               {0, 41, 0, 0}})
        EXPECT_FALSE(taken(Tunnel::Gue, 17, behind(head, ipv4())));
    for (const Packet& head : {Packet{0, 1, 8, 0},
                               {0x20, 0, 8, 0},
                               {0x10, 0, 8, 0},
                               {0x40, 0, 8, 0},
                               {0, 0, 0x88, 0xcc},
                               {0, 0, 0x86, 0xdd}})
        EXPECT_FALSE(taken(Tunnel::Gre, 47, behind(head, ipv4())));
    EXPECT_FALSE(taken(Tunnel::Ipip, 41, ipv4()));
    EXPECT_FALSE(taken(Tunnel::Ipip, 4, ipv6()));
    Packet wrong = with_gre_checksum();
    wrong.back() ^= 1;
    EXPECT_FALSE(taken(Tunnel::Gre, 47, wrong));
    Packet short_header = ipv4();
    short_header[0] = 0x44;
    EXPECT_FALSE(taken(Tunnel::Ipip, 4, short_header));
}

TEST(InnerPacket, HasADestination) {
    Packet v4 = ipv4(), v6 = ipv6();

    EXPECT_EQ(destination_of(v4).text(), "10.0.0.2");
    EXPECT_EQ(destination_of(v6).text(), "fd00::2");
}

TEST(InnerPacket, CongestionIsMarkedWhereItsEndsKnowTheMark) {
    Packet v4 = ipv4(), v6 = ipv6();
    EXPECT_TRUE(mark_congestion(v4));
    EXPECT_TRUE(mark_congestion(v6));
    EXPECT_EQ(v4[1], 3);
    EXPECT_EQ(v6[1], 0x30);

    v4[1] = 0xfc;
    v6[1] = 0;
    EXPECT_FALSE(mark_congestion(v4));
    EXPECT_FALSE(mark_congestion(v6));
}

}  // namespace
}  // namespace isobar::agent
