// SPDX-License-Identifier: Apache-2.0
// The programs of a real server, by BPF_PROG_TEST_RUN on lo: its MAC address is all zeros, so
// frames to that are for this host.
//
//   client 10.0.0.100, fd00::100 --> [director] --tunnel--> here 10.0.0.5, fd00::5; VIPs .2, ::2
#include "agent/programs.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/packet.h"
#include "support/packet6.h"

namespace isobar::test {
namespace {

using agent::Programs;
using agent::Tunnel;
using model::Address;

constexpr int kLo = 1;
constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kIpv6 = 0x86dd;
constexpr std::uint8_t kIpip = 4, kTcp = 6, kUdp = 17, kIpv6InIp = 41, kGre = 47, kIcmp6 = 58;
constexpr V4 kClient4 = v4(10, 0, 0, 100), kDirector4 = v4(10, 0, 0, 1), kHere4 = v4(10, 0, 0, 5),
             kVip4 = v4(10, 0, 0, 2);
constexpr std::uint16_t kMss4 = 1400, kMss6 = 1380;
constexpr Macs kMacs{{}, {2, 0, 0, 0, 0, 1}};

Address address(std::string_view text) {
    return *Address::parse(text);
}
const Address kClient6 = address("fd00::100"), kDirector6 = address("fd00::1"),
              kHere6 = address("fd00::5"), kVip6 = address("fd00::2"),
              kLinkLocal = address("fe80::5");

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void put16(Bytes& bytes, std::size_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

Bytes ipv6(const Address& source, const Address& destination, std::uint8_t next,
           const Bytes& payload, std::uint8_t ecn = 0) {
    Bytes header{0x60, static_cast<std::uint8_t>(ecn << 4), 0, 0};
    put16(header, payload.size());
    header.push_back(next);
    header.push_back(64);
    header.insert(header.end(), source.bytes.begin(), source.bytes.end());
    header.insert(header.end(), destination.bytes.begin(), destination.bytes.end());
    return header + payload;
}

Bytes ipv4(std::uint8_t protocol, const Bytes& payload, std::uint8_t tos = 0,
           V4 destination = kHere4) {
    // built as UDP, then relabelled: the builder knows no tunnels
    Bytes whole = packet(Ip{.source = kDirector4, .destination = destination, .tos = tos},
                         Udp{.payload = Bytes(payload.size(), 0)});
    whole.resize(20);
    whole[9] = protocol;
    set16(whole, 2, static_cast<std::uint16_t>(20 + payload.size()));
    Bytes frame = on_wire(kMacs, whole + payload);
    fix_ip_checksum(frame);
    return Bytes(frame.begin() + 14, frame.end());
}

Bytes udp(std::uint16_t port, const Bytes& payload) {
    Bytes header;
    put16(header, 50000);
    put16(header, port);
    put16(header, 8 + payload.size());
    put16(header, 0);
    return header + payload;
}

const Bytes kInner4 = packet(Ip{.source = kClient4, .destination = kVip4, .ttl = 60},
                             Tcp{.source = 1234, .destination = 80, .flags = kSyn});
// Sum of 16-bit words, as checksums add them.
std::uint32_t sum(const Bytes& bytes) {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        total += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return total;
}

// Of an IPv6 packet: 0xffff if the checksum inside is right.
std::uint32_t ipv6_sum(const Bytes& packet) {
    Bytes covered(packet.begin() + 8, packet.end());  // addresses and payload
    put16(covered, packet.size() - 40);
    put16(covered, packet[6]);
    return sum(covered);
}

void set_ipv6_checksum(Bytes& packet, std::size_t at) {
    set16(packet, at, 0);
    set16(packet, at, static_cast<std::uint16_t>(~ipv6_sum(packet)));
}

const Bytes kInner6 = [] {
    Bytes packet = ipv6(kClient6, kVip6, kTcp, Bytes(20, 0x5a));
    set_ipv6_checksum(packet, 40 + 16);
    return packet;
}();

// GRE with its checksum.
Bytes summed_gre(const Bytes& type, const Bytes& inner) {
    Bytes whole = Bytes{0x80, 0} + type + Bytes(4) + inner;
    set16(whole, 4, static_cast<std::uint16_t>(~sum(whole)));
    return whole;
}

struct Sent {
    int action = -2;
    Bytes frame;
};

// BPF_PROG_TEST_RUN takes no frame whose IP header is cut off.
std::size_t shortest(std::uint16_t ether_type) {
    return ether_type == kIpv4 ? 14 + 20 : 14 + 40;
}

class AgentDatapath : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto loaded = Programs::load();
        ASSERT_TRUE(loaded) << loaded.error().message;
        programs = std::make_unique<Programs>(*std::move(loaded));
        ASSERT_TRUE(programs->set_work({Tunnel::Ipip, Tunnel::Gue, Tunnel::Gre}, 6080, true));
        ASSERT_TRUE(programs->set_addresses({{address("10.0.0.5"), true, false},
                                             {kHere6, true, false},
                                             {address("10.0.0.2"), true, true},
                                             {kVip6, true, true}}));
        ASSERT_TRUE(programs->set_link(kLo, {kMss4, kMss6, kLinkLocal}));
    }

    [[nodiscard]] static Sent run(int program, const Bytes& frame) {
        Bytes out(frame.size() + 256);
        __sk_buff context{};
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
                    .data_size_in = static_cast<std::uint32_t>(frame.size()),
                    .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
                    .ctx_size_in = sizeof context);
        if (bpf_prog_test_run_opts(program, &options) != 0) return {};
        out.resize(options.data_size_out);
        return {static_cast<int>(options.retval), out};
    }
    [[nodiscard]] Sent arrive(const Bytes& frame) const { return run(programs->ingress(), frame); }
    [[nodiscard]] Sent leave(const Bytes& frame) const { return run(programs->egress(), frame); }
    [[nodiscard]] std::uint64_t count(std::string_view what) const {
        const auto counts = programs->counts().value();
        const auto found = std::find_if(counts.begin(), counts.end(),
                                        [&](const auto& each) { return each.what == what; });
        return found == counts.end() ? ~0ULL : found->packets;
    }

    void expect_untouched(const Bytes& frame, const std::string& what) const {
        const Sent result = arrive(frame);
        EXPECT_EQ(result.action, TC_ACT_UNSPEC) << what;
        EXPECT_EQ(result.frame, frame) << what;
    }

    std::unique_ptr<Programs> programs;
};

struct TunnelCase {
    std::string name;
    Bytes outer;
    std::uint16_t outer_type;
    const Bytes* inner;
};

std::vector<TunnelCase> tunnel_cases() {
    std::vector<TunnelCase> cases;
    for (const bool inner_v6 : {false, true}) {
        const Bytes& inner = inner_v6 ? kInner6 : kInner4;
        const std::uint8_t number = inner_v6 ? kIpv6InIp : kIpip;
        const Bytes type = inner_v6 ? Bytes{0x86, 0xdd} : Bytes{0x08, 0x00};
        const struct {
            const char* name;
            std::uint8_t protocol;
            Bytes payload;
        } kinds[] = {{"ipip", number, inner},
                     {"gue", kUdp, udp(6080, Bytes{0, number, 0, 0} + inner)},
                     {"gre", kGre, Bytes{0, 0} + type + inner},
                     {"gre with checksum", kGre, summed_gre(type, inner)}};
        for (const auto& kind : kinds) {
            const std::string name = std::string(inner_v6 ? "IPv6" : "IPv4") + " in " + kind.name;
            cases.push_back(
                {name + " over IPv4", ipv4(kind.protocol, kind.payload), kIpv4, &inner});
            cases.push_back({name + " over IPv6",
                             ipv6(kDirector6, kHere6, kind.protocol, kind.payload), kIpv6, &inner});
        }
    }
    return cases;
}

TEST_F(AgentDatapath, TakesPacketsForTheVipOutOfTheirTunnel) {
    for (const TunnelCase& c : tunnel_cases()) {
        const Sent result = arrive(on_wire(kMacs, c.outer, c.outer_type));

        EXPECT_EQ(result.action, TC_ACT_UNSPEC) << c.name;
        EXPECT_EQ(result.frame, on_wire(kMacs, *c.inner, c.inner == &kInner6 ? kIpv6 : kIpv4))
            << c.name;
    }
    EXPECT_EQ(count("packets taken out of a tunnel"), tunnel_cases().size());
}

TEST_F(AgentDatapath, WhatIsCutOffIsLeftAlone) {
    for (const TunnelCase& c : tunnel_cases()) {
        const Bytes frame = on_wire(kMacs, c.outer, c.outer_type);
        for (std::size_t length = shortest(c.outer_type); length < frame.size(); ++length)
            expect_untouched(cut(frame, length), c.name + " of " + std::to_string(length));
    }
}

TEST_F(AgentDatapath, LengthsThatTheOuterHeaderAgreesWithAreCheckedInside) {
    for (const TunnelCase& c : tunnel_cases()) {
        const bool outer_v6 = c.outer_type == kIpv6;
        for (std::size_t length = outer_v6 ? 40 : 20; length < c.outer.size(); ++length) {
            Bytes frame = on_wire(kMacs, cut(c.outer, length), c.outer_type);
            set16(frame, outer_v6 ? 18 : 16,
                  static_cast<std::uint16_t>(outer_v6 ? length - 40 : length));
            if (!outer_v6) fix_ip_checksum(frame);
            expect_untouched(frame, c.name + " of " + std::to_string(length));
        }
    }
}

TEST_F(AgentDatapath, OnlyWhatEndsHereAndIsForAVipIsTaken) {
    const Bytes other = packet(Ip{.source = kClient4, .destination = v4(10, 0, 0, 7)},
                               Tcp{.source = 1, .destination = 80, .flags = kSyn});
    const Bytes own = packet(Ip{.source = kClient4, .destination = kHere4},
                             Tcp{.source = 1, .destination = 80, .flags = kSyn});
    expect_untouched(on_wire(kMacs, ipv4(kIpip, other)), "inner is nobody's");
    expect_untouched(on_wire(kMacs, ipv4(kIpip, own)), "inner is ours, but no VIP");
    expect_untouched(on_wire(kMacs, ipv4(kIpip, kInner4, 0, v4(10, 0, 0, 7))), "outer is nobody's");
    expect_untouched(on_wire({{2, 0, 0, 0, 0, 9}, {}}, ipv4(kIpip, kInner4)), "another host's MAC");
    expect_untouched(on_wire(kMacs, kInner4), "no tunnel");
}

TEST_F(AgentDatapath, OuterHeadersThatMeanSomethingElseAreLeftAlone) {
    const auto changed = [](std::size_t at, std::uint8_t value, bool fix = true) {
        Bytes frame = on_wire(kMacs, ipv4(kIpip, kInner4));
        frame[at] = value;
        if (fix) fix_ip_checksum(frame);
        return frame;
    };
    expect_untouched(changed(14, 0x46), "options");
    expect_untouched(changed(14, 0x55), "version 5");
    expect_untouched(changed(kIpFragmentAt, 0x20), "first fragment");
    expect_untouched(changed(kIpFragmentAt + 1, 1), "later fragment");
    expect_untouched(changed(kTtlAt, 9, false), "wrong checksum");
    expect_untouched(changed(kProtocolAt, kIpv6InIp), "IPv4 labelled IPv6");
    for (const Bytes& head : {Bytes{0x20, 4, 0, 0}, Bytes{0x01, 4, 0, 0}, Bytes{0, 4, 0, 1},
                              Bytes{0, 4, 0x80, 0}, Bytes{0x40, 4, 0, 0}, Bytes{0, 6, 0, 0}})
        expect_untouched(on_wire(kMacs, ipv4(kUdp, udp(6080, head + kInner4))), "GUE");
    expect_untouched(on_wire(kMacs, ipv4(kUdp, udp(6081, Bytes{0, 4, 0, 0} + kInner4))), "port");
    for (const Bytes& head : {Bytes{0, 1, 8, 0}, Bytes{0x20, 0, 8, 0}, Bytes{0x10, 0, 8, 0},
                              Bytes{0x40, 0, 8, 0}, Bytes{0, 0, 0x88, 0xcc}, Bytes{0x80, 0, 8, 0}})
        expect_untouched(on_wire(kMacs, ipv4(kGre, head + kInner4)), "GRE");
}

// In tunnels with a checksum.
std::vector<TunnelCase> summed_cases() {
    static const std::vector<Bytes> kInners = {
        kInner4, kInner6,
        packet(Ip{.source = kClient4, .destination = kVip4}, Udp{1234, 80, text("odd")}),
        packet(Ip{.source = kClient4, .destination = kVip4},
               Udp{1234, 80, Bytes(1201, 'x'), UdpChecksum::None}),
        packet(Ip{.source = kClient4, .destination = kVip4, .fragment = kMoreFragments},
               Udp{1234, 80, Bytes(600, 'x')})};
    std::vector<TunnelCase> cases;
    for (const Bytes& inner : kInners) {
        const bool inner_v6 = inner[0] == 0x60;
        const std::uint8_t number = inner_v6 ? kIpv6InIp : kIpip;
        const Udp gue{50000, 6080, Bytes{0, number, 0, 0} + inner};
        const auto gre = summed_gre(inner_v6 ? Bytes{0x86, 0xdd} : Bytes{8, 0}, inner);
        cases.push_back({"gue over IPv4",
                         packet(Ip{.source = kDirector4, .destination = kHere4}, gue), kIpv4,
                         &inner});
        cases.push_back({"gue over IPv6", packet(Ip6{kDirector6, kHere6}, gue), kIpv6, &inner});
        cases.push_back({"gre over IPv4", ipv4(kGre, gre), kIpv4, &inner});
        cases.push_back({"gre over IPv6", ipv6(kDirector6, kHere6, kGre, gre), kIpv6, &inner});
    }
    return cases;
}

TEST_F(AgentDatapath, AChecksumOfTheTunnelMustBeRight) {
    for (const TunnelCase& c : summed_cases()) {
        SCOPED_TRACE(c.name + " of " + std::to_string(c.inner->size()));
        const Bytes frame = on_wire(kMacs, c.outer, c.outer_type);
        const auto result = arrive(frame);
        EXPECT_EQ(result.action, TC_ACT_UNSPEC);
        EXPECT_EQ(result.frame, on_wire(kMacs, *c.inner, c.inner->at(0) == 0x60 ? kIpv6 : kIpv4));

        const std::size_t shim = c.outer_type == kIpv6 ? 54 : 34;
        const bool gue = c.name.starts_with("gue");
        Bytes broken = frame;
        broken[shim + (gue ? 6 : 4)] ^= 1;  // the checksum itself
        EXPECT_EQ(arrive(broken).action, TC_ACT_SHOT);
        if (gue) {
            broken = frame;
            broken[shim] ^= 1;  // source port
            EXPECT_EQ(arrive(broken).action, TC_ACT_SHOT);
        }
    }
    const auto dropped = count("tunnelled packets dropped: wrong checksum");
    EXPECT_EQ(dropped, summed_cases().size() / 2 * 3);
}

// A sender of this host leaves it to the device, and on a veth there is none.
TEST_F(AgentDatapath, AChecksumThatIsStillMissingIsNotWrong) {
    for (const TunnelCase& c : summed_cases()) {
        if (!c.name.starts_with("gue")) continue;
        SCOPED_TRACE(c.name + " of " + std::to_string(c.inner->size()));
        Bytes frame = on_wire(kMacs, c.outer, c.outer_type);
        const bool v6 = c.outer_type == kIpv6;
        const std::size_t shim = v6 ? 54 : 34, addresses = v6 ? 22 : 26;
        std::uint32_t pseudo = 17u + get16(frame, shim + 4);
        for (std::size_t at = addresses; at < shim; at += 2) pseudo += get16(frame, at);
        pseudo = (pseudo & 0xffff) + (pseudo >> 16);
        pseudo = (pseudo & 0xffff) + (pseudo >> 16);
        frame[shim + 6] = static_cast<std::uint8_t>(pseudo >> 8);
        frame[shim + 7] = static_cast<std::uint8_t>(pseudo);

        EXPECT_EQ(arrive(frame).frame,
                  on_wire(kMacs, *c.inner, c.inner->at(0) == 0x60 ? kIpv6 : kIpv4));
    }
}

// There the sum over the data says all; elsewhere the stack looks at the packet's own.
TEST_F(AgentDatapath, DataWithoutAChecksumOfItsOwnIsLookedAt) {
    const Bytes inner = packet(Ip{.source = kClient4, .destination = kVip4},
                               Udp{1234, 80, Bytes(1201, 'x'), UdpChecksum::None});
    Bytes frame = on_wire(kMacs, ipv4(kGre, summed_gre({8, 0}, inner)));
    frame.back() ^= 1;
    EXPECT_EQ(arrive(frame).action, TC_ACT_SHOT);
}

TEST_F(AgentDatapath, CongestionOfTheOuterPathReachesTheInnerHeader) {
    const auto inner = [](std::uint8_t ecn) {
        return packet(Ip{.source = kClient4, .destination = kVip4, .tos = ecn},
                      Tcp{.source = 1234, .destination = 80, .flags = kAck});
    };
    EXPECT_EQ(arrive(on_wire(kMacs, ipv4(kIpip, inner(2), 3))).frame, on_wire(kMacs, inner(3)));
    EXPECT_EQ(arrive(on_wire(kMacs, ipv6(kDirector6, kHere6, kIpip, inner(1), 3), kIpv6)).frame,
              on_wire(kMacs, inner(3)));
    EXPECT_EQ(arrive(on_wire(kMacs, ipv4(kIpip, inner(0), 3))).action, TC_ACT_SHOT);
    EXPECT_EQ(count("tunnelled packets dropped for congestion"), 1u);
}

// ---- ARP, neighbour discovery ----

Bytes arp(std::uint8_t operation, V4 sender, V4 target) {
    Bytes body{0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1};
    put16(body, sender >> 16);
    put16(body, sender & 0xffff);
    body.resize(body.size() + 6);
    put16(body, target >> 16);
    put16(body, target & 0xffff);
    return on_wire(kMacs, body, kArp);
}

Bytes neighbour(std::uint8_t type, const Address& source, const Address& target) {
    Bytes body{type, 0, 0, 0, 0, 0, 0, 0};
    body.insert(body.end(), target.bytes.begin(), target.bytes.end());
    body = body + Bytes{1, 1, 2, 0, 0, 0, 0, 1};
    Bytes whole = ipv6(source, address("ff02::1:ff00:2"), kIcmp6, body);
    set_ipv6_checksum(whole, 42);
    return on_wire(kMacs, whole, kIpv6);
}

TEST_F(AgentDatapath, QuestionsAboutTheVipAreNotHeard) {
    EXPECT_EQ(arrive(arp(1, kClient4, kVip4)).action, TC_ACT_SHOT);
    EXPECT_EQ(arrive(arp(1, 0, kVip4)).action, TC_ACT_SHOT);
    EXPECT_EQ(arrive(arp(1, kClient4, kHere4)).action, TC_ACT_UNSPEC);
    EXPECT_EQ(arrive(arp(2, kClient4, kHere4)).action, TC_ACT_UNSPEC);
    EXPECT_EQ(arrive(neighbour(135, kClient6, kVip6)).action, TC_ACT_SHOT);
    EXPECT_EQ(arrive(neighbour(135, kClient6, kHere6)).action, TC_ACT_UNSPEC);
    EXPECT_EQ(arrive(neighbour(136, kVip6, kVip6)).action, TC_ACT_UNSPEC) << "the director's";
}

TEST_F(AgentDatapath, NothingLeavesInTheNameOfTheVip) {
    EXPECT_EQ(leave(arp(2, kVip4, kClient4)).action, TC_ACT_SHOT) << "an answer";
    EXPECT_EQ(leave(arp(1, kVip4, kVip4)).action, TC_ACT_SHOT) << "a claim";
    EXPECT_EQ(leave(arp(1, kHere4, kClient4)).frame, arp(1, kHere4, kClient4));
    EXPECT_EQ(leave(arp(1, kVip4, kClient4)).frame, arp(1, 0, kClient4)) << "becomes a probe";

    EXPECT_EQ(leave(neighbour(136, kHere6, kVip6)).action, TC_ACT_SHOT);
    EXPECT_EQ(leave(neighbour(135, address("::"), kVip6)).action, TC_ACT_SHOT);
    EXPECT_EQ(leave(neighbour(135, kHere6, kClient6)).frame, neighbour(135, kHere6, kClient6));
    EXPECT_EQ(leave(neighbour(135, kVip6, kClient6)).frame, neighbour(135, kLinkLocal, kClient6));
}

TEST_F(AgentDatapath, WithoutALinkLocalAddressASolicitationOfTheVipStays) {
    ASSERT_TRUE(programs->set_link(kLo, {kMss4, kMss6, std::nullopt}));

    EXPECT_EQ(leave(neighbour(135, kVip6, kClient6)).action, TC_ACT_SHOT);
}

// ---- MSS ----

Bytes syn_ack(V4 source, Bytes options, std::uint8_t flags = kSyn | kAck) {
    return on_wire(
        kMacs,
        packet(
            Ip{.source = source, .destination = kClient4},
            Tcp{.source = 80, .destination = 1234, .flags = flags, .options = std::move(options)}));
}

Bytes mss_option(std::uint16_t value) {
    Bytes option{2, 4};
    put16(option, value);
    return option;
}

TEST_F(AgentDatapath, TheMssOfTheVipIsLoweredWhereverItStands) {
    const Bytes sack{4, 2, 1, 1}, timestamps{8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    const auto check = [&](const Bytes& before, const Bytes& after, const Bytes& end) {
        // the builder works the checksum out from the whole packet
        EXPECT_EQ(difference(syn_ack(kVip4, before + mss_option(kMss4) + after + end),
                             leave(syn_ack(kVip4, before + mss_option(1460) + after + end)).frame),
                  "");
    };
    check({}, {}, {});
    check({}, sack, {});
    check(sack, timestamps, {1, 1});
    check({1}, {}, {1, 1, 0});              // odd offset
    check({1, 3, 3, 7, 1}, {}, {1, 1, 0});  // odd offset
    check(timestamps + Bytes{1, 1}, sack, {});
    check(Bytes(35, 1), {}, {0});  // the last place there is
    EXPECT_EQ(count("MSS options lowered"), 7u);
}

TEST_F(AgentDatapath, TheMssOfIpv6HasItsOwnLimit) {
    const auto with = [](std::uint16_t mss) {
        const Bytes tcp{0, 80, 4, 210, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, kSyn | kAck, 2, 0, 0, 0, 0, 0};
        Bytes whole = ipv6(kVip6, kClient6, kTcp, tcp + mss_option(mss));
        set_ipv6_checksum(whole, 56);
        return on_wire(kMacs, whole, kIpv6);
    };
    EXPECT_EQ(leave(with(1440)).frame, with(kMss6));
    EXPECT_EQ(leave(with(1000)).frame, with(1000));
}

TEST_F(AgentDatapath, AllElseThatLeavesIsAsItWas) {
    const Bytes frames[] = {
        syn_ack(kVip4, mss_option(kMss4)),             // fits
        syn_ack(kHere4, mss_option(1460)),             // no VIP
        syn_ack(kVip4, mss_option(1460), kAck),        // no SYN
        syn_ack(kVip4, {}),                            // no option
        syn_ack(kVip4, {0, 2, 4, 0xff}),               // behind the end
        syn_ack(kVip4, {3, 0, 2, 4, 5, 0xb4, 1, 1}),   // an option of no length
        syn_ack(kVip4, {3, 1, 2, 4, 5, 0xb4, 1, 1}),   // one of less than its head
        syn_ack(kVip4, {2, 3, 0xff, 1}),               // an MSS of the wrong length
        syn_ack(kVip4, {1, 1, 2, 4}),                  // cut off by the header's end
        syn_ack(kVip4, {3, 40, 2, 4, 5, 0xb4, 1, 1}),  // longer than the header
    };
    for (const Bytes& frame : frames) {
        const Sent result = leave(frame);
        EXPECT_EQ(result.action, TC_ACT_UNSPEC);
        EXPECT_EQ(difference(frame, result.frame), "");
    }
    const Bytes whole = syn_ack(kVip4, mss_option(1460));
    for (std::size_t length = shortest(kIpv4); length < whole.size(); ++length)
        EXPECT_EQ(leave(cut(whole, length)).frame, cut(whole, length)) << length;
    EXPECT_EQ(count("MSS options lowered"), 0u);
}

TEST_F(AgentDatapath, TheVerifierLooksAtNoMoreInstructionsThanBudgeted) {
    const struct {
        const char* program;
        int fd;
        std::uint32_t budget;  // measured on 6.18, and 30 % more
    } cases[] = {{"agent_ingress", programs->ingress(), 7400},
                 {"agent_egress", programs->egress(), 6400}};
    for (const auto& c : cases) {
        bpf_prog_info info{};
        std::uint32_t length = sizeof info;
        ASSERT_EQ(bpf_obj_get_info_by_fd(c.fd, &info, &length), 0);
        EXPECT_LE(info.verified_insns, c.budget) << c.program;
        EXPECT_GT(info.verified_insns, 0u) << c.program;
        RecordProperty(c.program, static_cast<int>(info.verified_insns));
    }
}

}  // namespace
}  // namespace isobar::test
