// SPDX-License-Identifier: Apache-2.0
#include "agent/reassembly.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/inner_packet.h"
#include "base/fd.h"

namespace isobar::agent {
namespace {

constexpr std::size_t kLargestPacket = 65535;
constexpr int kReceiveBuffer = 4 << 20;  // bursts of large datagrams
constexpr int kCongested = 3;            // ECN: CE
constexpr int kBurst = 64;

// One kind of tunnel over IPv4 or IPv6.
struct End {
    Tunnel tunnel;
    int domain;
    int protocol;        // of the outer IP header
    const char* device;  // what would take its packets in the kernel
};

// tunl0 and its like are ends of ipip; sit also takes IPv4. What is in front of a device (fou) has
// a socket of its own, so that ours finds the port taken.
constexpr std::array kEnds = {
    End{Tunnel::Ipip, AF_INET, kIpv4InIp, "ipip"},
    End{Tunnel::Ipip, AF_INET, kIpv6InIp, "sit"},
    End{Tunnel::Ipip, AF_INET6, kIpv4InIp, "ip6tnl"},
    End{Tunnel::Ipip, AF_INET6, kIpv6InIp, "ip6tnl"},
    End{Tunnel::Gre, AF_INET, IPPROTO_GRE, "gre"},
    End{Tunnel::Gre, AF_INET6, IPPROTO_GRE, "ip6gre"},
    End{Tunnel::Gue, AF_INET, IPPROTO_UDP, ""},
    End{Tunnel::Gue, AF_INET6, IPPROTO_UDP, ""},
};

struct Receiver {
    End end;
    Fd socket;
};

bool set_option(int socket, int level, int option, int value = 1) {
    return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

// Each packet with its interface and its congestion mark. A UDP checksum may be left out.
bool prepare(const End& end, int socket) {
    (void)set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer);
    if (end.domain == AF_INET)
        return set_option(socket, IPPROTO_IP, IP_PKTINFO) &&
               set_option(socket, IPPROTO_IP, IP_RECVTOS);
    constexpr int kNoChecksum = 102;  // UDP_NO_CHECK6_RX, <linux/udp.h>
    return set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO) &&
           set_option(socket, IPPROTO_IPV6, IPV6_RECVTCLASS) &&
           (end.tunnel != Tunnel::Gue || (set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY) &&
                                          set_option(socket, IPPROTO_UDP, kNoChecksum)));
}

bool bind_to_port(int socket, int domain, model::Port port) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return domain == AF_INET
               ? ::bind(socket, reinterpret_cast<const sockaddr*>(&v4), sizeof v4) == 0
               : ::bind(socket, reinterpret_cast<const sockaddr*>(&v6), sizeof v6) == 0;
}

// None, not valid, if the kernel has no IPv6, or the port is somebody else's.
Result<Fd> open_end(const End& end, model::Port gue_port) {
    const bool udp = end.tunnel == Tunnel::Gue;
    Fd socket(::socket(end.domain, (udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                       end.protocol));
    if (!socket.valid() && errno == EAFNOSUPPORT) return Fd();
    if (!socket.valid() || !prepare(end, socket.get()))
        return system_failure("open a socket for tunnels", errno);
    if (udp && !bind_to_port(socket.get(), end.domain, gue_port)) {
        if (errno == EADDRINUSE) return Fd();
        return system_failure("open a socket for GUE", errno);
    }
    return socket;
}

// Sends whole packets, headers and all.
Result<Fd> open_sender(int domain) {
    Fd socket(::socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    if (!socket.valid() && errno != EAFNOSUPPORT)
        return system_failure("open a socket for packets", errno);
    return socket;
}

struct Received {
    Bytes payload;  // behind the outer IP or UDP header
    int link = 0;
    bool congested = false;
};

// Raw sockets of IPv4 tell the outer header, all others do not.
std::optional<Bytes> payload_of(const End& end, Bytes all) {
    if (end.domain != AF_INET || end.tunnel == Tunnel::Gue) return all;
    if (all.empty()) return std::nullopt;
    const std::size_t header = std::size_t{all[0] & 15U} * 4;
    if (header > all.size()) return std::nullopt;
    return all.subspan(header);
}

template <typename Value>
Value value_of(const cmsghdr* part) {
    Value value{};
    std::memcpy(&value, CMSG_DATA(part), sizeof value);
    return value;
}

// Nothing: no (more) packet, or none that is whole.
std::optional<Received> receive(const End& end, int socket, Bytes room, bool& more) {
    alignas(cmsghdr) std::array<char, 256> control{};
    iovec block{room.data(), room.size()};
    msghdr message{};
    message.msg_iov = &block;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket, &message, 0);
    more = got >= 0 || errno == EINTR;
    if (got < 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return std::nullopt;
    const auto payload = payload_of(end, room.first(static_cast<std::size_t>(got)));
    if (!payload) return std::nullopt;

    Received received{*payload};
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO)
            received.link = value_of<in_pktinfo>(part).ipi_ifindex;
        if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO)
            received.link = static_cast<int>(value_of<in6_pktinfo>(part).ipi6_ifindex);
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_TOS)
            received.congested = (value_of<std::uint8_t>(part) & kCongested) == kCongested;
        if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_TCLASS)
            received.congested = (value_of<int>(part) & kCongested) == kCongested;
    }
    return received;
}

// To a VIP of this host, by the loopback interface: no route is looked up for who sent it.
bool send_to(const model::Address& vip, int sender, Bytes packet) {
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    const bool ipv4 = vip.family == model::Family::V4;
    v4.sin_family = AF_INET;
    v6.sin6_family = AF_INET6;
    std::memcpy(&v4.sin_addr, vip.bytes.data(), sizeof v4.sin_addr);
    std::memcpy(&v6.sin6_addr, vip.bytes.data(), sizeof v6.sin6_addr);
    const auto* to =
        ipv4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
    const socklen_t length = ipv4 ? sizeof v4 : sizeof v6;
    return ::sendto(sender, packet.data(), packet.size(), 0, to, length) >= 0;
}

}  // namespace

struct Reassembly::Worker {
    Worker() = default;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        const std::uint64_t one = 1;
        if (thread.joinable() && ::write(stop.get(), &one, sizeof one) == sizeof one) thread.join();
    }

    void run() {
        std::vector<pollfd> ready;
        for (const Receiver& receiver : receivers)
            ready.push_back({receiver.socket.get(), POLLIN, 0});
        ready.push_back({stop.get(), POLLIN, 0});
        for (;;) {
            if (::poll(ready.data(), ready.size(), -1) < 0) continue;
            if (ready.back().revents != 0) return;
            for (std::size_t i = 0; i < receivers.size(); ++i)
                if (ready[i].revents != 0) take_some(receivers[i]);
        }
    }

    // Not all: under a flood the end must be seen, too.
    void take_some(const Receiver& receiver) {
        bool more = true;
        for (int i = 0; i < kBurst && more; ++i) {
            const auto received = receive(receiver.end, receiver.socket.get(), room, more);
            if (received) take(receiver.end, *received);
        }
    }

    void take(const End& end, const Received& received) {
        const auto packet = take_out(end.tunnel, end.protocol, received.payload);
        if (!packet) return;
        const model::Address vip = destination_of(*packet);
        {
            const std::lock_guard lock(mutex);
            if (!vips.contains(vip) || !links.contains(received.link)) return;
        }
        if (received.congested && !mark_congestion(*packet)) return;
        const Fd& sender = vip.family == model::Family::V4 ? sender4 : sender6;
        if (sender.valid() && send_to(vip, sender.get(), *packet)) ++taken;
    }

    std::vector<Receiver> receivers;
    Fd sender4, sender6, stop;
    std::vector<std::uint8_t> room = std::vector<std::uint8_t>(kLargestPacket);
    std::mutex mutex;  // of the next two
    std::set<model::Address> vips;
    std::set<int> links;
    std::atomic<std::uint64_t> taken = 0;
    std::thread thread;
};

Reassembly::Reassembly(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
Reassembly::Reassembly(Reassembly&&) noexcept = default;
Reassembly& Reassembly::operator=(Reassembly&&) noexcept = default;
Reassembly::~Reassembly() = default;

Result<Reassembly> Reassembly::start(const Plan& plan) {
    auto worker = std::make_unique<Worker>();
    for (const End& end : kEnds) {
        if (!plan.tunnels.contains(end.tunnel) || plan.kernel_kinds.contains(end.device)) continue;
        auto socket = open_end(end, plan.gue_port);
        if (!socket) return tl::unexpected(std::move(socket.error()));
        if (socket->valid()) worker->receivers.push_back({end, *std::move(socket)});
    }
    auto sender4 = open_sender(AF_INET);
    auto sender6 = open_sender(AF_INET6);
    if (!sender4 || !sender6)
        return tl::unexpected(sender4 ? std::move(sender6.error()) : std::move(sender4.error()));
    worker->sender4 = *std::move(sender4);
    worker->sender6 = *std::move(sender6);
    worker->stop = Fd(::eventfd(0, EFD_CLOEXEC));
    if (!worker->stop.valid()) return system_failure("eventfd", errno);
    worker->thread = std::thread([worker = worker.get()] { worker->run(); });
    return Reassembly(std::move(worker));
}

void Reassembly::set_work(std::set<model::Address> vips, std::set<int> links) {
    const std::lock_guard lock(worker_->mutex);
    worker_->vips = std::move(vips);
    worker_->links = std::move(links);
}

std::uint64_t Reassembly::taken() const {
    return worker_->taken;
}

}  // namespace isobar::agent
