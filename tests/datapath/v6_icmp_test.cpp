// SPDX-License-Identifier: Apache-2.0
// ICMPv6: errors of others, mapped to their connection, and the errors that we send.
#include "fixture6.h"

namespace isobar::test {
namespace {

constexpr std::uint8_t kUnreachable = 1, kTooBig = 2, kTimeExceeded = 3, kParameterProblem = 4;

class Icmp6 : public WithIpv6<Datapath> {
protected:
    // TCP from port 40000 (80 -> 8080) to server 1.
    void serve() {
        add_service6(kWeb6, {1}, 8080);
        ASSERT_EQ(ISOBAR_FORWARDED,
                  from_outside(packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn})).verdict);
    }
    Outcome from_outside(const Bytes& packet, std::uint32_t segment = 0) {
        return bed().send(Hook::Ingress, Side::Outside, arriving(kClient, packet), segment);
    }
    Outcome from_inside(const Bytes& packet) {
        return bed().send(Hook::Ingress, Side::Inside, arriving(kServers[0], packet));
    }
};

TEST_F(Icmp6, ErrorsAreMappedToTheirConnectionInBothDirections) {
    serve();
    const struct {
        const char* description;
        std::uint8_t type;
        std::uint8_t code;
        std::uint32_t rest;
    } kinds[] = {{"unreachable", kUnreachable, 3, 0},
                 {"too big", kTooBig, 0, 1400},
                 {"too big, below 1280", kTooBig, 0, 68},
                 {"hop limit", kTimeExceeded, 0, 0},
                 {"parameter problem", kParameterProblem, 1, 40}};
    const std::vector<Extension> chains[] = {{}, {padding(kDestination, 16)}};
    for (const auto& kind : kinds) {
        for (const auto& chain : chains) {
            SCOPED_TRACE(kind.description);
            const auto error = [&](const Bytes& quoted) {
                return Icmp{kind.type, kind.code, kind.rest, quoted};
            };
            const auto quote = [&](const model::Address& from, const model::Address& to, Tcp tcp) {
                tcp.payload = text("page");
                return cut(packet(Ip6{from, to, 60, 0, 0, chain}, tcp),
                           40 + 16u * chain.size() + 8);
            };

            const auto to_server = from_outside(packet(
                Ip6{kRouterOutside6, kVip6}, error(quote(kVip6, kClient6, {80, 40000, kAck}))));
            const auto to_client =
                from_inside(packet(Ip6{kRouterInside6, kClient6},
                                   error(quote(kClient6, kServers6[0], {40000, 8080, kAck}))));

            EXPECT_TRUE(became(to_server, ISOBAR_ICMP_FORWARDED, Action::Redirect,
                               arriving(kClient, packet(Ip6{kRouterOutside6, kServers6[0], 63},
                                                        error(quote(kServers6[0], kClient6,
                                                                    {8080, 40000, kAck}))))));
            EXPECT_TRUE(became(
                to_client, ISOBAR_ICMP_REPLIED, Action::Redirect,
                arriving(kServers[0], packet(Ip6{kVip6, kClient6, 63},
                                             error(quote(kClient6, kVip6, {40000, 80, kAck}))))));
        }
    }
}

TEST_F(Icmp6, AnErrorThatQuotesTooLittleOrNobodysPacketIsLeftToTheStack) {
    serve();
    const auto whole = packet(Ip6{kVip6, kClient6}, Tcp{80, 40000, kAck});
    for (std::size_t length = 0; length < 48; ++length) {
        const auto error =
            packet(Ip6{kRouterOutside6, kVip6}, Icmp{kTooBig, 0, 1400, cut(whole, length)});
        EXPECT_TRUE(passed(from_outside(error), ISOBAR_NOT_OURS, arriving(kClient, error)))
            << length;
    }
    const auto other = packet(Ip6{kVip6, kClient6}, Tcp{80, 40001, kAck});
    const auto error = packet(Ip6{kRouterOutside6, kVip6}, Icmp{kTooBig, 0, 1400, other});
    EXPECT_TRUE(passed(from_outside(error), ISOBAR_NOT_OURS, arriving(kClient, error)));
}

TEST_F(Icmp6, NeighbourDiscoveryAndPingAreLeftToTheStack) {
    serve();
    for (const auto type : std::initializer_list<std::uint8_t>{128, 133, 134, 135, 136, 137}) {
        const auto message =
            packet(Ip6{kClient6, kVip6, 255},
                   Icmp{type, 0, 0, Bytes(kVip6.bytes.begin(), kVip6.bytes.end())});
        EXPECT_TRUE(passed(from_outside(message), ISOBAR_NOT_OURS, arriving(kClient, message)));
    }
}

struct Refusal {
    const char* description;
    Bytes packet;
    isobar_verdict verdict;
    Icmp error;
};

TEST_F(Icmp6, WhatIsRefusedIsToldToItsSender) {
    serve();
    ip("route change fd00::/64 dev inside mtu lock 1400\n");
    bed().forget_nexthops();
    add_service6({model::Protocol::Tcp, {kVip6, 81}}, {0}, 81);
    add_service6({model::Protocol::Udp, {kVip6, 54}}, {0}, 54);
    Ip6 chained{kClient6, kVip6};
    chained.extensions = {padding(kDestination, 16)};
    const Bytes much(1400, 'x');
    const Refusal cases[] = {
        {"no server, TCP", packet(Ip6{kClient6, kVip6}, Tcp{40000, 81, kSyn}), ISOBAR_NO_SERVER,
         Icmp{kUnreachable, 4}},
        {"no server, UDP", packet(Ip6{kClient6, kVip6}, Udp{40000, 54, text("?")}),
         ISOBAR_NO_SERVER, Icmp{kUnreachable, 4}},
        {"no server, behind an extension", packet(chained, Tcp{40000, 81, kSyn}), ISOBAR_NO_SERVER,
         Icmp{kUnreachable, 4}},
        {"hop limit", packet(Ip6{kClient6, kVip6, 1}, Tcp{40000, 80, kAck}), ISOBAR_TTL_EXPIRED,
         Icmp{kTimeExceeded, 0}},
        {"too big", packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kAck, much}), ISOBAR_TOO_BIG,
         Icmp{kTooBig, 0, 1400}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        auto error = c.error;
        error.quoted = cut(c.packet, c.packet[6] == kDestination ? 64 : 48);

        const auto outcome = from_outside(c.packet);

        EXPECT_TRUE(became(outcome, c.verdict, Action::Redirect,
                           arriving(kClient, packet(Ip6{kVip6, kClient6}, error))));
    }
}

// VS/DR: only the hop limit changes. The local node: nothing does.
class Methods6 : public WithIpv6<DatapathOnHook> {};
ISOBAR_ON_BOTH_HOOKS(Methods6);

TEST_P(Methods6, DirectRoutingCountsTheHopAndNothingElse) {
    add_service6(kWeb6, {1}, 80, model::ForwardingMethod::Dr);

    const auto outcome =
        bed().send(hook(), Side::Outside,
                   arriving(kClient, packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn})));

    EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                       leaving(hook(), kClient, kServers[0],
                               packet(Ip6{kClient6, kVip6, 63}, Tcp{40000, 80, kSyn}))));
}

TEST_P(Methods6, AServerThatIsThisHostIsLeftToItsStack) {
    ip("route add local fd00::100 dev lo\n");
    add_service6(kWeb6, {1}, 80, model::ForwardingMethod::Dr);
    const auto frame = arriving(kClient, packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}));

    const auto outcome = bed().send(hook(), Side::Outside, frame);

    EXPECT_TRUE(passed(outcome, is_tc() ? ISOBAR_TO_SELF : ISOBAR_TO_TC, frame));
}

}  // namespace
}  // namespace isobar::test
