// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace isobar::bench {
namespace {

constexpr std::size_t kIp = 14;
constexpr std::size_t kSegment = kIp + 20;
constexpr std::uint32_t kFirstPort = 1024;
// 2^32 / golden ratio: multiples of it, modulo a power of two, visit every flow once.
constexpr std::uint32_t kScatter = 2654435761u;

std::uint32_t number(const model::Address& address) {
    return static_cast<std::uint32_t>(address.bytes[0]) << 24 |
           static_cast<std::uint32_t>(address.bytes[1]) << 16 |
           static_cast<std::uint32_t>(address.bytes[2]) << 8 | address.bytes[3];
}

void put16(std::uint8_t* at, std::uint32_t value) {
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

// Addresses and ports that change are left 0.
bench_control make(const Clients& clients, model::Protocol protocol, Segment segment,
                   const Mac& director) {
    assert(std::has_single_bit(clients.flows));
    bench_control control{};
    control.is_udp = protocol == model::Protocol::Udp ? 1 : 0;
    control.client = number(clients.first);
    control.client_port = kFirstPort;
    control.flow_mask = clients.flows - 1;
    control.flow_stride = 1;

    auto* frame = control.frame;
    std::copy(director.begin(), director.end(), frame);
    frame[6] = 2;
    put16(frame + 12, 0x0800);
    auto* ip = frame + kIp;
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = control.is_udp != 0 ? IPPROTO_UDP : IPPROTO_TCP;
    auto* l4 = frame + kSegment;
    if (control.is_udp != 0) {
        put16(ip + 2, 20 + 8 + 16);
        put16(l4 + 4, 8 + 16);
    } else {
        put16(ip + 2, 20 + 20);
        l4[12] = 5 << 4;
        l4[13] = segment == Segment::Syn ? 0x02 : 0x10;
        put16(l4 + 14, 0xffff);
    }
    return control;
}

void sum_up(bench_control& control) {
    const std::size_t length = control.is_udp != 0 ? 24 : 20;
    const auto* ip = control.frame + kIp;
    control.ip_sum = sum_of(ip, 20);
    control.l4_sum =
        sum_of(control.frame + kSegment, length) + sum_of(ip + 12, 8) +
        htons(static_cast<std::uint16_t>(control.is_udp != 0 ? IPPROTO_UDP : IPPROTO_TCP)) +
        htons(static_cast<std::uint16_t>(length));
}

}  // namespace

bench_control requests(const Clients& clients, const model::ServiceKey& service, Segment segment,
                       Order order, const Mac& director) {
    auto control = make(clients, service.protocol, segment, director);
    if (order == Order::Scattered) control.flow_stride = kScatter;
    std::copy_n(service.address.address.bytes.begin(), 4, control.frame + kIp + 16);
    put16(control.frame + kSegment + 2, service.address.port);
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
    put16(control.frame + kSegment, from.first.port);
    sum_up(control);
    return control;
}

}  // namespace isobar::bench
