// SPDX-License-Identifier: Apache-2.0
#include "support/packet6.h"

#include <stdexcept>
#include <string>

namespace isobar::test {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::size_t kV4Header = 20;

void append(Bytes& out, const Bytes& more) {
    out.insert(out.end(), more.begin(), more.end());
}

std::uint32_t sum(const std::uint8_t* bytes, std::size_t length) {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < length; ++i)
        total += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i] << 8) : bytes[i];
    return total;
}

// RFC 8200, 8.1
std::uint16_t checksum(const Ip6& ip, std::uint8_t protocol, const Bytes& body) {
    auto total = sum(ip.source.bytes.data(), 16) + sum(ip.destination.bytes.data(), 16) + protocol +
                 static_cast<std::uint32_t>(body.size()) + sum(body.data(), body.size());
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~total);
}

Bytes with_header(const Ip6& ip, std::uint8_t protocol, const Bytes& body) {
    Bytes rest;
    for (std::size_t i = 0; i < ip.extensions.size(); ++i) {
        Bytes bytes = ip.extensions[i].bytes;
        bytes[0] = i + 1 < ip.extensions.size() ? ip.extensions[i + 1].type : protocol;
        append(rest, bytes);
    }
    append(rest, body);
    const auto first = ip.extensions.empty() ? protocol : ip.extensions[0].type;
    Bytes out{static_cast<std::uint8_t>(0x60 | ip.traffic_class >> 4),
              static_cast<std::uint8_t>(ip.traffic_class << 4 | (ip.flow >> 16 & 0xf)),
              static_cast<std::uint8_t>(ip.flow >> 8),
              static_cast<std::uint8_t>(ip.flow),
              static_cast<std::uint8_t>(rest.size() >> 8),
              static_cast<std::uint8_t>(rest.size()),
              first,
              ip.hop_limit};
    out.insert(out.end(), ip.source.bytes.begin(), ip.source.bytes.end());
    out.insert(out.end(), ip.destination.bytes.begin(), ip.destination.bytes.end());
    append(out, rest);
    return out;
}

// What stands behind the IPv4 header is the same but for its checksum.
template <typename Transport>
Bytes body_of(const Transport& transport) {
    const auto whole = packet(Ip{}, transport);
    return {whole.begin() + kV4Header, whole.end()};
}

}  // namespace

model::Address v6(std::string_view text) {
    const auto address = model::Address::parse(text);
    if (!address) throw std::runtime_error("no address: " + std::string(text));
    return *address;
}

Extension padding(std::uint8_t type, std::size_t length) {
    Bytes bytes(length);  // Pad1 options
    bytes[1] = static_cast<std::uint8_t>(length / 8 - 1);
    return {type, bytes};
}

Extension routing(std::uint8_t type, std::uint8_t segments_left) {
    return {kRouting, {0, 0, type, segments_left, 0, 0, 0, 0}};
}

Extension fragment(std::uint16_t offset, bool more) {
    return {kFragment,
            {0, 0, static_cast<std::uint8_t>(offset >> 8),
             static_cast<std::uint8_t>((offset & 0xf8) | (more ? 1 : 0)), 0, 0, 0, 7}};
}

Bytes packet(const Ip6& ip, const Tcp& tcp) {
    auto body = body_of(tcp);
    set16(body, 16, 0);
    set16(body, 16, checksum(ip, kTcp, body));
    return with_header(ip, kTcp, body);
}

Bytes packet(const Ip6& ip, const Udp& udp) {
    auto body = body_of(udp);
    set16(body, 6, 0);
    if (udp.checksum == UdpChecksum::Right) {
        const auto value = checksum(ip, kUdp, body);
        set16(body, 6, value != 0 ? value : 0xffff);
    }
    return with_header(ip, kUdp, body);
}

Bytes packet(const Ip6& ip, const Icmp& icmp) {
    auto body = body_of(icmp);
    set16(body, 2, 0);
    set16(body, 2, checksum(ip, kProtocolIcmp6, body));
    return with_header(ip, kProtocolIcmp6, body);
}

Bytes packet(const Ip6& ip, const Raw& raw) {
    return with_header(ip, raw.protocol, raw.body);
}

}  // namespace isobar::test
