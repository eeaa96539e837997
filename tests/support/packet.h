// SPDX-License-Identifier: Apache-2.0
// Frames for tests: built from plain values with right checksums, and compared field by
// field. Checksums are always worked out from the whole packet, so that they check the
// data plane's incremental ones. All values are in host order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace isobar::test {

using Bytes = std::vector<std::uint8_t>;
using Mac = std::array<std::uint8_t, 6>;
using V4 = std::uint32_t;

constexpr V4 v4(V4 a, V4 b, V4 c, V4 d) {
    return a << 24 | b << 16 | c << 8 | d;
}

inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;
inline constexpr std::uint16_t kDontFragment = 0x4000, kMoreFragments = 0x2000;

// Offsets in a frame without VLAN tag; those behind the IP header hold without IP options.
inline constexpr std::size_t kIpAt = 14, kIpLengthAt = 16, kIpFragmentAt = 20, kTtlAt = 22,
                             kProtocolAt = 23, kIpChecksumAt = 24, kL4At = 34, kUdpLengthAt = 38,
                             kUdpChecksumAt = 40, kTcpOffsetAt = 46, kTcpChecksumAt = 50;

struct Macs {
    Mac target{};
    Mac source{};
};

struct Ip {
    V4 source = 0;
    V4 destination = 0;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 0x1234;
    std::uint16_t fragment = 0;  // flags and offset / 8
    Bytes options{};             // a multiple of 4
};

struct Tcp {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    std::uint8_t flags = 0;
    Bytes payload{};
    Bytes options{};  // a multiple of 4
    std::uint32_t sequence = 0x01020304;
    std::uint32_t acknowledged = 0x05060708;
};

enum class UdpChecksum { Right, None };

struct Udp {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    Bytes payload{};
    UdpChecksum checksum = UdpChecksum::Right;
};

struct Icmp {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;  // the second word: identifier, MTU ...
    Bytes quoted{};
};

// Any other protocol; the body is as it is.
struct Raw {
    std::uint8_t protocol = 0;
    Bytes body{};
};

// From the IP header on.
Bytes packet(const Ip& ip, const Tcp& tcp);
Bytes packet(const Ip& ip, const Udp& udp);
Bytes packet(const Ip& ip, const Icmp& icmp);
Bytes packet(const Ip& ip, const Raw& raw);

Bytes on_wire(const Macs& macs, const Bytes& packet, std::uint16_t ether_type = 0x0800);

Bytes text(std::string_view words);
// The first `length` bytes.
Bytes cut(const Bytes& bytes, std::size_t length);

// ---- changing a frame ----

std::uint16_t get16(const Bytes& frame, std::size_t offset);
void set16(Bytes& frame, std::size_t offset, std::uint16_t value);
// Makes the checksum of the frame's IP header right for the length that the header claims.
void fix_ip_checksum(Bytes& frame);

// The fields in which two frames differ, a line each; empty if they are equal.
std::string difference(const Bytes& expected, const Bytes& actual);

}  // namespace isobar::test
