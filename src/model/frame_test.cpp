// SPDX-License-Identifier: Apache-2.0
#include "model/frame.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace isobar::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

Bytes ethernet(std::uint16_t type) {
    Bytes bytes(14, 0);
    bytes[12] = static_cast<std::uint8_t>(type >> 8);
    bytes[13] = static_cast<std::uint8_t>(type);
    return bytes;
}

// From 10.0.0.100 to 10.0.0.2.
Bytes ip4(std::uint8_t protocol, std::uint16_t fragment = 0) {
    return {0x45,
            0,
            0,
            40,
            0,
            0,
            static_cast<std::uint8_t>(fragment >> 8),
            static_cast<std::uint8_t>(fragment),
            64,
            protocol,
            0,
            0,
            10,
            0,
            0,
            100,
            10,
            0,
            0,
            2};
}

// From fd00::1 to fd00::2.
Bytes ip6(std::uint8_t next) {
    Bytes bytes(40, 0);
    bytes[0] = 0x60;
    bytes[6] = next;
    bytes[8] = bytes[24] = 0xfd;
    bytes[23] = 1;
    bytes[39] = 2;
    return bytes;
}

Bytes tcp(std::uint8_t flags) {
    Bytes bytes(20, 0);
    bytes[0] = 0x9c;  // 40000
    bytes[1] = 0x40;
    bytes[3] = 80;
    bytes[13] = flags;
    return bytes;
}

std::string read(const Bytes& bytes, UdpMayBe udp = UdpMayBe::Itself) {
    return text(read_frame(bytes, udp));
}

const std::string kSyn = "tcp 10.0.0.100:40000 > 10.0.0.2:80 [S]";

TEST(Frame, SaysWhoSpeaksToWhom) {
    const auto eth = ethernet(0x0800);
    EXPECT_EQ(read(joined({eth, ip4(6), tcp(2)})), kSyn);
    EXPECT_EQ(read(joined({eth, ip4(6), tcp(0x18)})), "tcp 10.0.0.100:40000 > 10.0.0.2:80 [P.]");
    EXPECT_EQ(read(joined({eth, ip4(17), tcp(0)})), "udp 10.0.0.100:40000 > 10.0.0.2:80");
    EXPECT_EQ(read(joined({ethernet(0x86dd), ip6(6), tcp(0x12)})),
              "tcp [fd00::1]:40000 > [fd00::2]:80 [S.]");
    EXPECT_EQ(read(joined({eth, ip4(50)})), "protocol 50 10.0.0.100 > 10.0.0.2");
    EXPECT_EQ(read(ethernet(0x0806)), "arp");
    EXPECT_EQ(read(ethernet(0x88cc)), "ethertype 0x88cc");
}

TEST(Frame, LooksIntoTunnelsAndErrors) {
    const auto eth = ethernet(0x0800);
    const auto inner = joined({ip4(6), tcp(2)});
    EXPECT_EQ(read(joined({eth, ip4(4), inner})), "ipip 10.0.0.100 > 10.0.0.2 (" + kSyn + ")");
    EXPECT_EQ(read(joined({eth, ip4(47), {0x80, 0, 8, 0, 1, 2, 0, 0}, inner})),
              "gre 10.0.0.100 > 10.0.0.2 (" + kSyn + ")");
    EXPECT_EQ(read(joined({eth, ip4(1), {3, 3, 0, 0, 0, 0, 0, 0}, inner})),
              "icmp 10.0.0.100 > 10.0.0.2 port unreachable (" + kSyn + ")");
    EXPECT_EQ(read(joined({eth, ip4(1), {3, 4, 0, 0, 0, 0, 5, 0xdc}, inner})),
              "icmp 10.0.0.100 > 10.0.0.2 fragmentation needed, mtu 1500 (" + kSyn + ")");
    EXPECT_EQ(read(joined({eth, ip4(1), {8, 0, 0, 0, 0, 0, 0, 0}, inner})),
              "icmp 10.0.0.100 > 10.0.0.2 echo");

    const auto gue = joined({eth, ip4(17), {0x10, 0, 0x17, 0xc0, 0, 0, 0, 0}, {0, 4, 0, 0}, inner});
    EXPECT_EQ(read(gue, UdpMayBe::Gue), "gue 10.0.0.100:4096 > 10.0.0.2:6080 (" + kSyn + ")");
    EXPECT_EQ(read(gue), "udp 10.0.0.100:4096 > 10.0.0.2:6080") << "somebody else's";
}

TEST(Frame, FragmentsHaveNoPortsButTheFirst) {
    const auto eth = ethernet(0x0800);
    EXPECT_EQ(read(joined({eth, ip4(17, 185), tcp(0)})),
              "udp 10.0.0.100 > 10.0.0.2 fragment at 1480");
    EXPECT_EQ(read(joined({eth, ip4(17, 0x2000), tcp(0)})),
              "udp 10.0.0.100:40000 > 10.0.0.2:80 first fragment");
    Bytes later{17, 0, 5, 0xc8, 0, 0, 0, 1};
    EXPECT_EQ(read(joined({ethernet(0x86dd), ip6(44), later, tcp(0)})),
              "udp fd00::1 > fd00::2 fragment at 1480");
}

TEST(Frame, MayBeCutOffAnywhereAndNestedWithoutEnd) {
    Bytes nested = ethernet(0x0800);
    for (int i = 0; i < 20; ++i) nested = joined({nested, ip4(4)});
    EXPECT_EQ(read_frame(nested).size(), 4U);
    const auto whole = joined({ethernet(0x0800), ip4(47), {0, 0, 8, 0}, ip4(6), tcp(2)});
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_FALSE(read_frame(part).empty());
    }
    EXPECT_EQ(read({}), "cut off");
    EXPECT_EQ(read(joined({ethernet(0x0800), Bytes(20, 0)})), "ip, malformed");
}

}  // namespace
}  // namespace isobar::model
