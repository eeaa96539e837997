// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace isobar::bench {
namespace {

constexpr std::size_t kIp = 14;
// 2^32 / golden ratio: multiples of it, modulo a power of two, visit every flow once.
constexpr std::uint32_t kScatter = 2654435761u;

// All of an IPv4 address, the end of an IPv6 address.
std::uint32_t number(const model::Address& address) {
    const auto* at = address.bytes.data() + (address.family == model::Family::V6 ? 12 : 0);
    return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
           static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

std::size_t segment_at(const bench_control& control) {
    return kIp + (control.is_v6 != 0 ? sizeof(ip6_hdr) : sizeof(iphdr));
}

std::size_t segment_length(const bench_control& control) {
    return control.is_udp != 0 ? sizeof(udphdr) + 16 : sizeof(tcphdr);
}

void put16(std::uint8_t* at, std::size_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

// Of 16-bit words as they lie in memory.
std::uint32_t sum_of(const std::uint8_t* from, std::size_t length) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < length; i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, from + i, sizeof(word));
        sum += word;
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

enum class End : std::uint8_t { Source, Destination };

// All of the address, or what all flows have in common; the rest is 0.
void put_address(bench_control& control, End end, const model::Address& address, bool changes) {
    const bool v6 = control.is_v6 != 0;
    const std::size_t length = v6 ? 16 : 4;
    auto* at = control.frame + kIp + (v6 ? 8 : 12) + (end == End::Source ? 0 : length);
    std::copy_n(address.bytes.begin(), changes ? length - 4 : length, at);
}

std::uint8_t ip_protocol(const bench_control& control) {
    return control.is_udp != 0 ? IPPROTO_UDP : IPPROTO_TCP;
}

// Addresses and ports are left 0.
bench_control make(const Clients& clients, model::Protocol protocol, Segment segment,
                   const Mac& director) {
    assert(std::has_single_bit(clients.flows));
    bench_control control{};
    control.is_udp = protocol == model::Protocol::Udp ? 1 : 0;
    control.is_v6 = clients.first.family == model::Family::V6 ? 1 : 0;
    control.client = number(clients.first);
    control.client_port = clients.first_port;
    control.flow_mask = clients.flows - 1;
    control.flow_stride = 1;

    auto* frame = control.frame;
    std::copy(director.begin(), director.end(), frame);
    frame[6] = 2;
    put16(frame + 12, control.is_v6 != 0 ? 0x86dd : 0x0800);
    auto* ip = frame + kIp;
    const auto length = segment_length(control);
    if (control.is_v6 != 0) {
        ip[0] = 0x60;
        put16(ip + 4, length);
        ip[6] = ip_protocol(control);
        ip[7] = 64;
    } else {
        ip[0] = 0x45;
        put16(ip + 2, sizeof(iphdr) + length);
        ip[8] = 64;
        ip[9] = ip_protocol(control);
    }
    auto* l4 = frame + segment_at(control);
    if (control.is_udp != 0) {
        put16(l4 + 4, length);
    } else {
        l4[12] = 5 << 4;
        l4[13] = segment == Segment::Syn ? 0x02 : 0x10;
        put16(l4 + 14, 0xffff);
    }
    return control;
}

void sum_up(bench_control& control) {
    const auto length = segment_length(control);
    const auto* ip = control.frame + kIp;
    const auto addresses = control.is_v6 != 0 ? sum_of(ip + 8, 32) : sum_of(ip + 12, 8);
    if (control.is_v6 == 0) control.ip_sum = sum_of(ip, sizeof(iphdr));
    control.l4_sum = sum_of(control.frame + segment_at(control), length) + addresses +
                     htons(ip_protocol(control)) + htons(static_cast<std::uint16_t>(length));
}

}  // namespace

bench_control requests(const Clients& clients, const model::ServiceKey& service, Segment segment,
                       Order order, const Mac& director) {
    auto control = make(clients, service.protocol, segment, director);
    if (order == Order::Scattered) control.flow_stride = kScatter;
    put_address(control, End::Source, clients.first, true);
    put_address(control, End::Destination, service.address.address, false);
    put16(control.frame + segment_at(control) + 2, service.address.port);
    sum_up(control);
    return control;
}

bench_control replies(const Clients& clients, const Repliers& from, model::Protocol protocol,
                      const Mac& director) {
    auto control = make(clients, protocol, Segment::Ack, director);
    control.flow_stride = kScatter;
    control.reply = 1;
    control.server = number(from.first.address);
    control.server_mask = from.servers - 1;
    control.server_shift = from.shift;
    put_address(control, End::Source, from.first.address, true);
    put_address(control, End::Destination, clients.first, true);
    put16(control.frame + segment_at(control), from.first.port);
    sum_up(control);
    return control;
}

}  // namespace isobar::bench
