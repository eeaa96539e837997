// SPDX-License-Identifier: Apache-2.0
#include "isobar/arp_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "base/fd.h"

namespace isobar::cli {
namespace {

using Clock = std::chrono::steady_clock;
// A question may be lost, and a neighbour asleep.
constexpr std::chrono::milliseconds kAgain{300};

struct ArpPacket {
    arphdr head;
    Mac sender_mac;
    std::array<std::uint8_t, 4> sender;
    Mac target_mac;
    std::array<std::uint8_t, 4> target;
} __attribute__((packed));
static_assert(sizeof(ArpPacket) == 28);

std::array<std::uint8_t, 4> bytes_of(const model::Address& address) {
    return {address.bytes[0], address.bytes[1], address.bytes[2], address.bytes[3]};
}

std::optional<Mac> own_mac(int socket, int link) {
    ifreq request{};
    if (::if_indextoname(static_cast<unsigned>(link), request.ifr_name) == nullptr ||
        ::ioctl(socket, SIOCGIFHWADDR, &request) != 0)
        return std::nullopt;
    Mac mac{};
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
    return mac;
}

// An interface that has just gone down has no neighbours: no error.
void ask(int socket, const ArpQuestion& question) {
    const auto mac = own_mac(socket, question.link);
    if (!mac) return;
    ArpPacket packet{};
    packet.head.ar_hrd = htons(ARPHRD_ETHER);
    packet.head.ar_pro = htons(ETH_P_IP);
    packet.head.ar_hln = ETH_ALEN;
    packet.head.ar_pln = 4;
    packet.head.ar_op = htons(ARPOP_REQUEST);
    packet.sender_mac = *mac;
    packet.sender = bytes_of(question.source);
    packet.target = bytes_of(question.target);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_ARP);
    to.sll_ifindex = question.link;
    to.sll_halen = ETH_ALEN;
    std::fill_n(to.sll_addr, ETH_ALEN, std::uint8_t{0xff});
    (void)::sendto(socket, &packet, sizeof packet, 0, reinterpret_cast<const sockaddr*>(&to),
                   sizeof to);
}

// What has come and is one; nothing more is there: nothing.
std::optional<ArpAnswer> receive(int socket) {
    for (;;) {
        ArpPacket packet{};
        sockaddr_ll from{};
        socklen_t length = sizeof from;
        const ssize_t got = ::recvfrom(socket, &packet, sizeof packet, MSG_DONTWAIT,
                                       reinterpret_cast<sockaddr*>(&from), &length);
        if (got < 0) return std::nullopt;
        if (got < static_cast<ssize_t>(sizeof packet) || from.sll_pkttype == PACKET_OUTGOING ||
            packet.head.ar_op != htons(ARPOP_REPLY) || packet.head.ar_pro != htons(ETH_P_IP))
            continue;
        const auto& sender = packet.sender;
        return ArpAnswer{from.sll_ifindex,
                         model::Address::v4(sender[0], sender[1], sender[2], sender[3]),
                         packet.sender_mac};
    }
}

}  // namespace

std::string text(const Mac& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                       mac[4], mac[5]);
}

Result<std::vector<ArpAnswer>> ask_arp(const std::vector<ArpQuestion>& questions,
                                       std::chrono::milliseconds patience) {
    if (questions.empty()) return std::vector<ArpAnswer>{};
    const Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP)));
    if (!socket.valid()) return system_failure("a socket for ARP", errno);
    std::set<std::pair<int, model::Address>> asked;
    for (const ArpQuestion& each : questions) asked.emplace(each.link, each.target);
    std::set<ArpAnswer> answers;
    const auto end = Clock::now() + patience;
    for (auto next = Clock::now(); Clock::now() < end; next += kAgain) {
        for (const ArpQuestion& each : questions) ask(socket.get(), each);
        const auto until = std::min(end, next + kAgain);
        for (auto now = Clock::now(); now < until; now = Clock::now()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
            pollfd waited{socket.get(), POLLIN, 0};
            (void)::poll(&waited, 1, static_cast<int>(left.count()));
            while (const auto answer = receive(socket.get()))
                if (asked.contains({answer->link, answer->address})) answers.insert(*answer);
        }
    }
    return std::vector<ArpAnswer>(answers.begin(), answers.end());
}

}  // namespace isobar::cli
