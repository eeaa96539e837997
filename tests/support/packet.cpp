// SPDX-License-Identifier: Apache-2.0
#include "support/packet.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

namespace isobar::test {
namespace {

constexpr std::uint8_t kProtocolIcmp = 1, kProtocolTcp = 6, kProtocolUdp = 17;

void put16(Bytes& out, std::uint32_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}

void append(Bytes& out, const Bytes& more) {
    out.insert(out.end(), more.begin(), more.end());
}

// RFC 1071, over bytes [from, from + length).
std::uint16_t sum(const Bytes& bytes, std::size_t from, std::size_t length, std::uint32_t start) {
    std::uint64_t total = start;
    for (std::size_t i = 0; i < length && from + i < bytes.size(); ++i)
        total += i % 2 == 0 ? bytes[from + i] << 8 : bytes[from + i];
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~total);
}

std::uint32_t pseudo_header(const Ip& ip, std::uint8_t protocol, std::size_t length) {
    return (ip.source >> 16) + (ip.source & 0xffff) + (ip.destination >> 16) +
           (ip.destination & 0xffff) + protocol + static_cast<std::uint32_t>(length);
}

Bytes with_header(const Ip& ip, std::uint8_t protocol, const Bytes& body) {
    Bytes out;
    const auto header = 20 + ip.options.size();
    out.push_back(static_cast<std::uint8_t>(0x40 | header / 4));
    out.push_back(ip.tos);
    put16(out, static_cast<std::uint32_t>(header + body.size()));
    put16(out, ip.id);
    put16(out, ip.fragment);
    out.push_back(ip.ttl);
    out.push_back(protocol);
    put16(out, 0);
    put32(out, ip.source);
    put32(out, ip.destination);
    append(out, ip.options);
    set16(out, 10, sum(out, 0, header, 0));
    append(out, body);
    return out;
}

// ---- taking a frame apart ----

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string hex(const Bytes& bytes, std::size_t from, std::size_t length) {
    std::string out;
    char digits[4];
    const auto end = std::min(bytes.size(), from + length);
    for (auto i = from; i < end; ++i) {
        std::snprintf(digits, sizeof(digits), "%02x ", bytes[i]);
        out += digits;
    }
    return out;
}

std::string address(const Bytes& bytes, std::size_t at) {
    std::string out;
    for (std::size_t i = at; i < at + 4; ++i)
        out += (i == at ? "" : ".") + std::to_string(bytes[i]);
    return out;
}

void take_apart_ip(const Bytes& bytes, std::size_t at, const std::string& prefix, Fields& fields);

void take_apart_transport(const Bytes& b, std::size_t at, std::uint8_t protocol,
                          const std::string& prefix, Fields& fields) {
    const auto half = [&](const char* name, std::size_t offset) {
        fields.emplace_back(prefix + name, hex(b, at + offset, 2));
    };
    const auto port = [&](const char* name, std::size_t offset) {
        fields.emplace_back(prefix + name, std::to_string(get16(b, at + offset)));
    };
    const auto rest = [&](std::size_t offset) {
        fields.emplace_back(prefix + "rest", hex(b, at + offset, b.size()));
    };
    if (protocol == kProtocolTcp && b.size() >= at + 20) {
        port("tcp.source", 0);
        port("tcp.destination", 2);
        fields.emplace_back(prefix + "tcp.sequence", hex(b, at + 4, 8));
        half("tcp.offset+flags", 12);
        half("tcp.window", 14);
        half("tcp.checksum", 16);
        rest(18);
    } else if (protocol == kProtocolUdp && b.size() >= at + 8) {
        port("udp.source", 0);
        port("udp.destination", 2);
        half("udp.length", 4);
        half("udp.checksum", 6);
        rest(8);
    } else if (protocol == kProtocolIcmp && b.size() >= at + 8) {
        half("icmp.type+code", 0);
        half("icmp.checksum", 2);
        fields.emplace_back(prefix + "icmp.rest", hex(b, at + 4, 4));
        if (b.size() >= at + 8 + 20 && prefix.empty())
            take_apart_ip(b, at + 8, "quoted ", fields);
        else
            rest(8);
    } else if (b.size() >= at + 4 && (protocol == kProtocolTcp || protocol == kProtocolUdp)) {
        port("source port", 0);
        port("destination port", 2);
        rest(4);
    } else {
        rest(0);
    }
}

void take_apart_ip(const Bytes& b, std::size_t at, const std::string& prefix, Fields& fields) {
    const auto add = [&](const char* name, std::string value) {
        fields.emplace_back(prefix + name, std::move(value));
    };
    const std::size_t header = std::max<std::size_t>(20, (b[at] & 15u) * 4);
    add("ip.version+ihl", hex(b, at, 1));
    add("ip.tos", hex(b, at + 1, 1));
    add("ip.length", std::to_string(get16(b, at + 2)));
    add("ip.id", hex(b, at + 4, 2));
    add("ip.fragment", hex(b, at + 6, 2));
    add("ip.ttl", std::to_string(b[at + 8]));
    add("ip.protocol", std::to_string(b[at + 9]));
    add("ip.checksum", hex(b, at + 10, 2));
    add("ip.source", address(b, at + 12));
    add("ip.destination", address(b, at + 16));
    if (header > 20) add("ip.options", hex(b, at + 20, header - 20));
    take_apart_transport(b, at + header, b[at + 9], prefix, fields);
}

Fields take_apart(const Bytes& frame) {
    Fields fields{{"length of the frame", std::to_string(frame.size())}};
    if (frame.size() < kIpAt) {
        fields.emplace_back("bytes", hex(frame, 0, frame.size()));
        return fields;
    }
    fields.emplace_back("eth.destination", hex(frame, 0, 6));
    fields.emplace_back("eth.source", hex(frame, 6, 6));
    fields.emplace_back("eth.type", hex(frame, 12, 2));
    if (frame.size() >= kL4At && get16(frame, 12) == 0x0800)
        take_apart_ip(frame, kIpAt, "", fields);
    else
        fields.emplace_back("rest", hex(frame, kIpAt, frame.size()));
    return fields;
}

}  // namespace

Bytes packet(const Ip& ip, const Tcp& tcp) {
    Bytes out;
    put16(out, tcp.source);
    put16(out, tcp.destination);
    put32(out, tcp.sequence);
    put32(out, tcp.acknowledged);
    out.push_back(static_cast<std::uint8_t>((20 + tcp.options.size()) / 4 << 4));
    out.push_back(tcp.flags);
    put16(out, 0x7210);
    put16(out, 0);
    put16(out, 0);
    append(out, tcp.options);
    append(out, tcp.payload);
    set16(out, 16, sum(out, 0, out.size(), pseudo_header(ip, kProtocolTcp, out.size())));
    return with_header(ip, kProtocolTcp, out);
}

Bytes packet(const Ip& ip, const Udp& udp) {
    Bytes out;
    put16(out, udp.source);
    put16(out, udp.destination);
    put16(out, static_cast<std::uint32_t>(8 + udp.payload.size()));
    put16(out, 0);
    append(out, udp.payload);
    if (udp.checksum == UdpChecksum::Right) {
        const auto right = sum(out, 0, out.size(), pseudo_header(ip, kProtocolUdp, out.size()));
        set16(out, 6, right == 0 ? 0xffff : right);  // 0 means "none" (RFC 768)
    }
    return with_header(ip, kProtocolUdp, out);
}

Bytes packet(const Ip& ip, const Raw& raw) {
    return with_header(ip, raw.protocol, raw.body);
}

Bytes packet(const Ip& ip, const Icmp& icmp) {
    Bytes out{icmp.type, icmp.code};
    put16(out, 0);
    put32(out, icmp.rest);
    append(out, icmp.quoted);
    set16(out, 2, sum(out, 0, out.size(), 0));
    return with_header(ip, kProtocolIcmp, out);
}

Bytes on_wire(const Macs& macs, const Bytes& packet, std::uint16_t ether_type) {
    Bytes frame(macs.target.begin(), macs.target.end());
    frame.insert(frame.end(), macs.source.begin(), macs.source.end());
    put16(frame, ether_type);
    append(frame, packet);
    return frame;
}

Bytes text(std::string_view words) {
    return {words.begin(), words.end()};
}

Bytes cut(const Bytes& bytes, std::size_t length) {
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)};
}

std::uint16_t get16(const Bytes& frame, std::size_t offset) {
    return static_cast<std::uint16_t>(frame.at(offset) << 8 | frame.at(offset + 1));
}

void set16(Bytes& frame, std::size_t offset, std::uint16_t value) {
    frame.at(offset) = static_cast<std::uint8_t>(value >> 8);
    frame.at(offset + 1) = static_cast<std::uint8_t>(value);
}

void fix_ip_checksum(Bytes& frame) {
    set16(frame, kIpChecksumAt, 0);
    set16(frame, kIpChecksumAt, sum(frame, kIpAt, (frame.at(kIpAt) & 15u) * 4, 0));
}

std::string difference(const Bytes& expected, const Bytes& actual) {
    if (expected == actual) return {};
    const auto wanted = take_apart(expected);
    const auto got_list = take_apart(actual);
    const std::map<std::string, std::string> got(got_list.begin(), got_list.end());
    std::string out;
    for (const auto& [name, value] : wanted) {
        const auto found = got.find(name);
        const std::string is = found == got.end() ? "(missing)" : found->second;
        if (is != value) out += "  " + name + ": expected " + value + ", is " + is + "\n";
    }
    return out.empty() ? "  fields that the expected frame has not\n" : out;
}

}  // namespace isobar::test
