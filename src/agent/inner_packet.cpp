// SPDX-License-Identifier: Apache-2.0
#include "agent/inner_packet.h"

#include <algorithm>
#include <cstddef>

namespace isobar::agent {
namespace {

constexpr std::size_t kIpv4Header = 20, kIpv6Header = 40;
constexpr std::uint8_t kCongested = 3;  // ECN: CE
constexpr int kGreIpv4 = 0x0800, kGreIpv6 = 0x86dd;

int number_at(Bytes bytes, std::size_t offset) {
    return bytes[offset] << 8 | bytes[offset + 1];
}

std::optional<Bytes> whole_ipv4(Bytes packet) {
    if (packet.size() < kIpv4Header || packet[0] >> 4 != 4) return std::nullopt;
    const std::size_t header = std::size_t{packet[0] & 15U} * 4;
    const auto length = static_cast<std::size_t>(number_at(packet, 2));
    if (header < kIpv4Header || length < header || length > packet.size()) return std::nullopt;
    return packet.first(length);
}

std::optional<Bytes> whole_ipv6(Bytes packet) {
    if (packet.size() < kIpv6Header || packet[0] >> 4 != 6) return std::nullopt;
    const std::size_t length = kIpv6Header + static_cast<std::size_t>(number_at(packet, 4));
    if (length > packet.size()) return std::nullopt;
    return packet.first(length);
}

std::optional<Bytes> whole(int protocol, Bytes packet) {
    if (protocol == kIpv4InIp) return whole_ipv4(packet);
    if (protocol == kIpv6InIp) return whole_ipv6(packet);
    return std::nullopt;
}

// RFC 1071: all that a right checksum covers, and itself.
bool adds_up(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

// Version 0, no control message, no options: header length, flags.
std::optional<Bytes> behind_gue(Bytes payload) {
    constexpr std::size_t kHeader = 4;
    if (payload.size() < kHeader || payload[0] != 0 || number_at(payload, 2) != 0)
        return std::nullopt;
    return whole(payload[1], payload.subspan(kHeader));
}

// RFC 2784: no flag but that of the checksum, version 0.
std::optional<Bytes> behind_gre(Bytes payload) {
    constexpr int kHasChecksum = 0x8000;
    if (payload.size() < 4) return std::nullopt;
    const int flags = number_at(payload, 0);
    const std::size_t header = flags == kHasChecksum ? 8 : 4;
    if ((flags & ~kHasChecksum) != 0 || payload.size() < header) return std::nullopt;
    if (flags == kHasChecksum && !adds_up(payload)) return std::nullopt;
    switch (number_at(payload, 2)) {
        case kGreIpv4:
            return whole_ipv4(payload.subspan(header));
        case kGreIpv6:
            return whole_ipv6(payload.subspan(header));
        default:
            return std::nullopt;
    }
}

bool is_ipv4(Bytes packet) {
    return packet[0] >> 4 == 4;
}

}  // namespace

std::optional<Bytes> take_out(Tunnel tunnel, int protocol, Bytes payload) {
    switch (tunnel) {
        case Tunnel::Ipip:
            return whole(protocol, payload);
        case Tunnel::Gue:
            return behind_gue(payload);
        case Tunnel::Gre:
            return behind_gre(payload);
    }
    return std::nullopt;
}

model::Address destination_of(Bytes packet) {
    model::Address address;
    address.family = is_ipv4(packet) ? model::Family::V4 : model::Family::V6;
    const Bytes bytes = is_ipv4(packet) ? packet.subspan(16, 4) : packet.subspan(24, 16);
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return address;
}

// The mark is the low half of IPv4's second byte; IPv6 has its traffic class four bits earlier.
bool mark_congestion(Bytes packet) {
    const int shift = is_ipv4(packet) ? 0 : 4;
    if ((packet[1] >> shift & kCongested) == 0) return false;
    packet[1] = static_cast<std::uint8_t>(packet[1] | kCongested << shift);
    return true;
}

}  // namespace isobar::agent
