// SPDX-License-Identifier: Apache-2.0
// The forwarding methods beside NAT: by the server's MAC address (VS/DR), in a tunnel
// (VS/TUN), and the director itself as a real server.
#include <set>
#include <sstream>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr std::uint8_t kProtocolIpip = 4, kProtocolUdp = 17, kProtocolGre = 47;

class Methods : public DatapathOnHook {
protected:
    void serve(const model::ServiceKey& key, model::RealServer server) {
        bed().apply({model::AddService{key, model::Scheduler::Rr}, model::AddServer{key, server}});
    }
    static model::RealServer server(model::ForwardingMethod method, model::Tunnel tunnel = {},
                                    model::Port port = 80) {
        return {endpoint(kServerIp, port), 1, method, tunnel};
    }
    Outcome from_client(const Bytes& packet) {
        return bed().send(hook(), Side::Outside, arriving(kClient, packet));
    }
    // From the director's other side; ICMP, which is tc's alone.
    Outcome error_from_outside(const Bytes& packet) {
        return bed().send(Hook::Ingress, Side::Outside, arriving(kClient, packet));
    }
    Bytes to_server(const Bytes& packet) { return leaving(hook(), kClient, kServers[0], packet); }
    // What tc alone can do, XDP hands on.
    testing::AssertionResult tc_made(const Outcome& outcome, isobar_verdict verdict, Action action,
                                     const Bytes& before, const Bytes& after) {
        if (!is_tc()) return passed(outcome, ISOBAR_TO_TC, before);
        return became(outcome, verdict, action, after);
    }
};
ISOBAR_ON_BOTH_HOOKS(Methods);

constexpr auto kDr = model::ForwardingMethod::Dr;
constexpr auto kTun = model::ForwardingMethod::Tun;
constexpr auto kNat = model::ForwardingMethod::Nat;

Bytes syn(Ip ip, std::uint16_t port = 40000) {
    return packet(ip, Tcp{port, 80, kSyn});
}

// ---- direct routing ----------------------------------------------------------------

TEST_P(Methods, DirectRoutingChangesNothingButTheMacAddressesAndTheTimeToLive) {
    serve(kWeb, server(kDr));
    serve(kDns, server(kDr, {}, 53));
    const Udp query{40000, 53, text("who is it?")};

    const auto first = from_client(syn({kClientIp, kVip, 64, 0x10}));
    const auto datagram = from_client(packet(Ip{kClientIp, kVip}, query));

    EXPECT_TRUE(became(first, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(syn({kClientIp, kVip, 63, 0x10}))));
    EXPECT_TRUE(became(datagram, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip{kClientIp, kVip, 63}, query))));
}

// It answers its client from the virtual address; what it sends from its own is not ours.
TEST_P(Methods, AServerThatAnswersItsClientItselfIsLeftAlone) {
    serve(kWeb, server(kDr));
    (void)from_client(syn({kClientIp, kVip}));

    for (const auto source : {kServerIp, kVip}) {
        const auto own =
            arriving(kServers[0], packet(Ip{source, kClientIp}, Tcp{80, 40000, kSyn | kAck}));
        EXPECT_EQ(Action::Pass, bed().send(hook(), Side::Inside, own).action);
    }
    EXPECT_EQ(0u, bed().count(ISOBAR_REPLIED));
}

// tcp_states[] of ip_vs_proto_tcp.c, INPUT_ONLY.
TEST_P(Methods, StatesFollowTheClientAlone) {
    using Names = std::vector<std::string>;
    const Names columns{"NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA"};
    const struct {
        std::uint8_t flags;
        const char* next;
    } rows[] = {{kSyn, "SR ES ES SR SR SR SR SR SR SR SR"},
                {kFin, "CL FW SS TW FW TW CL CW LA LI TW"},
                {kAck, "ES ES SS ES FW TW CL CW CL LI ES"},
                {kRst, "CL CL CL SR CL CL CL CL LA LI CL"}};
    for (const auto method : {kDr, kTun}) {
        const auto key = service(model::Protocol::Tcp, method == kDr ? 80 : 81);
        serve(key, server(method, {}, key.address.port));
        for (const auto& row : rows) {
            std::istringstream wanted(row.next);
            for (std::uint32_t state = 0; state < columns.size(); ++state) {
                SCOPED_TRACE(columns[state]);
                (void)from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, key.address.port, kSyn}));
                auto& conn = *bed().connections().at(0);
                conn.life = ISOBAR_LIFE_LIVE | state;
                (void)from_client(
                    packet(Ip{kClientIp, kVip}, Tcp{40000, key.address.port, row.flags}));
                std::string next;
                wanted >> next;
                EXPECT_EQ(next, columns.at(bed().connections().at(0)->life & ISOBAR_LIFE_STATE));
                bed().connections().at(0)->expires = bed().jiffies() - 1;
                (void)bed().plane().connections();  // sweeps
            }
        }
        bed().apply({model::RemoveService{key}});
    }
}

TEST_P(Methods, CountsWhatComesIn) {
    serve(kWeb, server(kDr));
    (void)from_client(syn({kClientIp, kVip}));
    (void)from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck}));

    const auto status = bed().plane().services().value().at(0);

    EXPECT_EQ(1u, status.traffic.connections);
    EXPECT_EQ(2u, status.traffic.in_packets);
    EXPECT_EQ(80u, status.traffic.in_bytes);
    EXPECT_EQ(0u, status.traffic.out_packets);
    EXPECT_EQ(kDr, status.servers.at(0).server.method);
}

// The stack cannot cut it up: it would take the packet for its own.
TEST_P(Methods, DirectRoutingRefusesWhatIsTooBigEvenIfItMayBeCutUp) {
    ip("link set dev inside mtu 1300\n");
    serve(kWeb, server(kDr));
    for (const std::uint16_t fragment : {std::uint16_t{0}, kDontFragment}) {
        const auto big =
            packet(Ip{kClientIp, kVip, 64, 0, 7, fragment}, Tcp{40000, 80, kSyn, Bytes(1261, 'x')});
        const auto outcome = from_client(big);
        EXPECT_STREQ(is_tc() ? "TOO_BIG" : "TO_TC", name(outcome.verdict));
    }
}

TEST_P(Methods, AnIcmpErrorAboutAReplyGoesToTheServerAsItIs) {
    serve(kWeb, server(kDr));
    (void)from_client(syn({kClientIp, kVip}));
    const auto seen = cut(packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck}), 28);
    const Icmp error{3, 4, 1400, seen};

    const auto outcome = error_from_outside(packet(Ip{v4(10, 0, 0, 7), kVip}, error));

    EXPECT_TRUE(became(outcome, ISOBAR_ICMP_FORWARDED, Action::Redirect,
                       arriving(kClient, packet(Ip{v4(10, 0, 0, 7), kVip, 63}, error))));
}

// Connections keep the method that they began with, as in IPVS.
TEST_P(Methods, AnotherMethodHoldsForNewConnections) {
    serve(kWeb, server(kNat));
    (void)from_client(syn({kClientIp, kVip}));
    bed().apply({model::EditServer{kWeb, server(kDr)}});

    const auto old = from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck}));
    const auto fresh = from_client(syn({kClientIp, kVip}, 40001));

    EXPECT_TRUE(became(old, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip{kClientIp, kServerIp, 63}, Tcp{40000, 80, kAck}))));
    EXPECT_TRUE(became(fresh, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(syn({kClientIp, kVip, 63}, 40001))));
}

// ---- tunnels -----------------------------------------------------------------------

Bytes joined(Bytes head, const Bytes& tail) {
    head.insert(head.end(), tail.begin(), tail.end());
    return head;
}

struct Encapsulated {
    const char* name;
    model::Tunnel tunnel;
    std::uint8_t protocol;
    Bytes shim;  // between the headers; GUE: behind the UDP header
    std::size_t overhead;

    // The source port of GUE is whatever hash: it is taken from `made`.
    [[nodiscard]] Bytes wrap(Ip outer, const Bytes& inner, const Bytes& made) const {
        if (protocol != kProtocolUdp) return packet(outer, Raw{protocol, joined(shim, inner)});
        const auto port = made.size() < kL4At + 2 ? std::uint16_t{0} : get16(made, kL4At);
        return packet(outer, Udp{port, tunnel.port, joined(shim, inner), UdpChecksum::None});
    }
};

const std::vector<Encapsulated>& encapsulations() {
    using enum model::Encapsulation;
    static const std::vector<Encapsulated> all{
        {"ipip", {Ipip, 0}, kProtocolIpip, {}, 20},
        {"gue", {Gue, 6080}, kProtocolUdp, {0, 4, 0, 0}, 32},
        {"gre", {Gre, 0}, kProtocolGre, {0, 0, 8, 0}, 24},
    };
    return all;
}

TEST_P(Methods, ATunnelWrapsThePacketAndTakesOverItsTosTtlAndDf) {
    for (const auto& each : encapsulations()) {
        SCOPED_TRACE(each.name);
        serve(kWeb, server(kTun, each.tunnel));
        for (const std::uint16_t fragment : {std::uint16_t{0}, kDontFragment}) {
            // ECN: congestion experienced, which the outer header has yet to experience
            const auto outcome = from_client(syn({kClientIp, kVip, 9, 0x2b, 77, fragment}));

            const auto inner = syn({kClientIp, kVip, 8, 0x2b, 77, fragment});
            const Ip outer{kOwnInside, kServerIp, 8, 0x2a, 77, fragment};
            EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                               to_server(each.wrap(outer, inner, outcome.frame))));
        }
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Methods, FlowsInAGueTunnelDifferInTheirSourcePort) {
    serve(kWeb, server(kTun, {model::Encapsulation::Gue, 6080}));
    std::set<std::uint16_t> ports;
    for (std::uint16_t client = 40000; client < 40100; ++client) {
        const auto first = from_client(syn({kClientIp, kVip}, client));
        const auto again = from_client(packet(Ip{kClientIp, kVip}, Tcp{client, 80, kAck}));
        EXPECT_EQ(get16(first.frame, kL4At), get16(again.frame, kL4At)) << "one flow, one queue";
        EXPECT_GE(get16(first.frame, kL4At), 0xc000);
        ports.insert(get16(first.frame, kL4At));
    }
    EXPECT_GE(ports.size(), 90u);
}

TEST_P(Methods, WhatDoesNotFitTheTunnelTellsTheClientSo) {
    for (const auto& each : encapsulations()) {
        SCOPED_TRACE(each.name);
        serve(kWeb, server(kTun, each.tunnel));
        const auto largest = 1500 - each.overhead - 40;
        const Ip from{kClientIp, kVip, 64, 0, 7, kDontFragment};
        EXPECT_STREQ(
            "FORWARDED",
            name(from_client(packet(from, Tcp{40000, 80, kSyn, Bytes(largest, 'x')})).verdict));
        const auto big = packet(from, Tcp{40000, 80, kAck, Bytes(largest + 1, 'x')});

        const auto outcome = from_client(big);

        const auto mtu = static_cast<std::uint32_t>(1500 - each.overhead);
        EXPECT_TRUE(tc_made(outcome, ISOBAR_TOO_BIG, Action::Redirect, arriving(kClient, big),
                            arriving(kClient, packet(Ip{kVip, kClientIp, 64, 0xc0, 0},
                                                     Icmp{3, 4, mtu, cut(big, 28)}))));
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Methods, WhatMayBeCutUpIsCutUpInItsTunnelByTheStack) {
    for (const auto& each : encapsulations()) {
        SCOPED_TRACE(each.name);
        serve(kWeb, server(kTun, each.tunnel));
        const Tcp data{40000, 80, kSyn, Bytes(1460, 'x')};
        const auto big = packet(Ip{kClientIp, kVip}, data);

        const auto outcome = from_client(big);

        const auto wrapped = each.wrap({kOwnInside, kServerIp, 63},
                                       packet(Ip{kClientIp, kVip, 63}, data), outcome.frame);
        EXPECT_TRUE(tc_made(outcome, ISOBAR_TO_FRAGMENT, Action::Redirect, arriving(kClient, big),
                            to_lo(kClient, wrapped)));
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Methods, AnIcmpErrorAboutAReplyGoesThroughTheTunnelToo) {
    for (const auto& each : encapsulations()) {
        SCOPED_TRACE(each.name);
        serve(kWeb, server(kTun, each.tunnel));
        (void)from_client(syn({kClientIp, kVip}));
        const Icmp error{3, 4, 1400,
                         cut(packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck}), 28)};
        const V4 router = v4(10, 0, 0, 7);

        const auto outcome = error_from_outside(packet(Ip{router, kVip}, error));

        EXPECT_TRUE(became(
            outcome, ISOBAR_ICMP_FORWARDED, Action::Redirect,
            arriving(kClient, each.wrap({kOwnInside, kServerIp, 63},
                                        packet(Ip{router, kVip, 63}, error), outcome.frame))));
        bed().apply({model::RemoveService{kWeb}});
    }
}

// RFC 1191 for the outer packet: a router behind us says that it is too big.
TEST_P(Methods, AnIcmpErrorAboutTheTunnelTellsTheClientWhatFits) {
    const V4 router = v4(192, 168, 10, 7);
    for (const auto& each : encapsulations()) {
        SCOPED_TRACE(each.name);
        serve(kWeb, server(kTun, each.tunnel));
        const Ip from{kClientIp, kVip, 64, 0, 7, kDontFragment};
        const auto sent = from_client(packet(from, Tcp{40000, 80, kSyn, Bytes(600, 'x')}));
        const Bytes outer(sent.frame.begin() + kIpAt, sent.frame.end());
        const auto inner = packet(Ip{kClientIp, kVip, 63, 0, 7, kDontFragment},
                                  Tcp{40000, 80, kSyn, Bytes(600, 'x')});
        const auto error = [&](std::uint32_t mtu, std::size_t quoted) {
            return arriving(kServers[0],
                            packet(Ip{router, kOwnInside}, Icmp{3, 4, mtu, cut(outer, quoted)}));
        };

        const auto outcome = bed().send(Hook::Ingress, Side::Inside, error(576, 548));

        const auto fits = static_cast<std::uint32_t>(576 - each.overhead);
        EXPECT_TRUE(became(outcome, ISOBAR_TOO_BIG, Action::Redirect,
                           arriving(kServers[0], packet(Ip{kVip, kClientIp, 64, 0xc0, 0},
                                                        Icmp{3, 4, fits, cut(inner, 28)}))));
        // RFC 792 asks for 8 bytes behind the outer header only; and a mad router
        for (const auto& useless : {error(576, 28), error(576, each.overhead + 27), error(60, 548)})
            EXPECT_TRUE(
                passed(bed().send(Hook::Ingress, Side::Inside, useless), ISOBAR_NOT_OURS, useless));
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Methods, AnIcmpErrorAboutATunnelOfOthersIsLeftToTheStack) {
    serve(kWeb, server(kTun));
    const auto never = packet(Ip{kClientIp, kVip, 63}, Tcp{41000, 80, kAck});
    const auto outer = packet(Ip{kOwnInside, kServerIp}, Raw{kProtocolIpip, never});
    const auto error =
        arriving(kServers[0], packet(Ip{v4(192, 168, 10, 7), kOwnInside}, Icmp{3, 4, 576, outer}));

    EXPECT_TRUE(passed(bed().send(Hook::Ingress, Side::Inside, error), ISOBAR_NOT_OURS, error));
}

TEST_P(Methods, ServersOfAllMethodsWorkInOneService) {
    bed().apply({model::AddService{kWeb, model::Scheduler::Rr},
                 model::AddServer{kWeb, {endpoint(kServers[0].address, 80), 1, kNat, {}}},
                 model::AddServer{kWeb, {endpoint(kServers[1].address, 80), 1, kDr, {}}},
                 model::AddServer{kWeb, {endpoint(kServers[2].address, 80), 1, kTun, {}}}});
    std::multiset<std::string> seen;
    for (std::uint16_t port = 40000; port < 40006; ++port) {
        const auto outcome = from_client(syn({kClientIp, kVip}, port));
        EXPECT_EQ(Action::Redirect, outcome.action);
        const auto grown = outcome.frame.size() > 54;
        seen.insert(grown ? "tun" : get16(outcome.frame, 30) == (kVip >> 16) ? "dr" : "nat");
    }
    EXPECT_EQ((std::multiset<std::string>{"dr", "dr", "nat", "nat", "tun", "tun"}), seen);
}

// ---- the director as a real server ---------------------------------------------------

model::RealServer director(model::ForwardingMethod method, model::Port port) {
    return {endpoint(kOwnInside, port), 1, method, {}};
}

TEST_P(Methods, TheDirectorItselfServesByNatOnAnotherPort) {
    serve(kWeb, director(kNat, 8080));
    const auto before = arriving(kClient, syn({kClientIp, kVip}));

    const auto outcome = bed().send(hook(), Side::Outside, before);

    EXPECT_TRUE(
        tc_made(outcome, ISOBAR_TO_SELF, Action::Pass, before,
                arriving(kClient, packet(Ip{kClientIp, kOwnInside, 63}, Tcp{40000, 8080, kSyn}))));
}

TEST_P(Methods, TheDirectorItselfServesByTheOtherMethodsWithoutAChange) {
    for (const auto method : {kDr, kTun}) {
        serve(kWeb, director(method, 80));
        // the last hop: what is meant for us may have no time left
        const auto before = arriving(kClient, syn({kClientIp, kVip, 1}));

        const auto outcome = bed().send(hook(), Side::Outside, before);

        EXPECT_TRUE(tc_made(outcome, ISOBAR_TO_SELF, Action::Pass, before, before));
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Methods, AnAddressThatMovesToThisHostIsSeen) {
    if (!is_tc()) return;  // as above
    serve(kWeb, server(kDr));
    EXPECT_STREQ("FORWARDED", name(from_client(syn({kClientIp, kVip})).verdict));

    ip("addr add 192.168.10.100/24 dev inside\n");
    ASSERT_TRUE(bed().plane().addresses_changed());
    EXPECT_STREQ("TO_SELF", name(from_client(syn({kClientIp, kVip})).verdict));

    ip("addr del 192.168.10.100/24 dev inside\n");
    ASSERT_TRUE(bed().plane().addresses_changed());
    EXPECT_STREQ("FORWARDED", name(from_client(syn({kClientIp, kVip})).verdict));
}

// ---- bad input -----------------------------------------------------------------------

TEST_P(Methods, APortThatIsNotTheServicesIsRefusedWhereNothingIsRewritten) {
    for (const auto method : {kDr, kTun}) {
        const std::vector<model::Change> changes{model::AddService{kWeb, model::Scheduler::Rr},
                                                 model::AddServer{kWeb, server(method, {}, 8080)}};
        const auto done = bed().plane().apply(changes);
        ASSERT_FALSE(done);
        EXPECT_EQ(Fault::Invalid, done.error().fault);
    }
    const std::vector<model::Change> no_port{
        model::AddService{kWeb, model::Scheduler::Rr},
        model::AddServer{kWeb, server(kTun, {model::Encapsulation::Gue, 0})}};
    EXPECT_FALSE(bed().plane().apply(no_port));
}

}  // namespace
}  // namespace isobar::test
